"""An installation with the reference data of `data/`, its clock in the test's hands, and cases to write letters about."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from rehearsal.stage import NOTARY, VAULT
from store.database import Database
from store.migrate import upgrade
from store.seed import seed
from tests.mail.situations import OPENED, ROOT, CaseFile, amedip
from workplace import Workplace

Filing = Callable[[str], Awaitable[CaseFile]]


class Clock:
    """What time the installation thinks it is."""

    def __init__(self) -> None:
        self.now = OPENED

    def __call__(self) -> datetime:
        """That time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at the opening of the case."""
    return Clock()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and the reference data."""
    path = tmp_path_factory.mktemp("seeded") / "seeded.db"

    async def fill() -> None:
        database = Database.open(f"sqlite+aiosqlite:///{path}", durable=False, vault=VAULT)
        await seed(database, ROOT / "data")
        await database.close()

    upgrade(f"sqlite+aiosqlite:///{path}")
    asyncio.run(fill())
    return path


@pytest_asyncio.fixture
async def workplace(seeded: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Workplace]:
    """An installation on a database of its own."""
    shutil.copy(seeded, tmp_path / "passerelle.db")
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path}/passerelle.db", durable=False, vault=VAULT)
    place = Workplace(
        database,
        {"amedip": amedip()},
        public_url="https://exchanges.example/",
        task_queue="mail",
        link_key=b"k" * 32,
        notary=NOTARY,
        clock=clock,
    )
    yield place
    await place.close()


@pytest.fixture
def filing(workplace: Workplace) -> Filing:
    """Opens the case of a language."""

    async def file(language: str) -> CaseFile:
        return await CaseFile(workplace, language).open()

    return file
