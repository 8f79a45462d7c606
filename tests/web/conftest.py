"""A counter with its pages, the reference data of `data/`, and a clock in the test's hands."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from temporalio.client import Client

from rehearsal.stage import NOTARY, VAULT
from store.database import Database
from store.migrate import upgrade
from store.seed import seed
from tests.web.situations import ROOT, Clock, Counter, Desk
from web.app import build
from web.mailbox import MailFolder
from workplace import Workplace, load_programmes


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


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at the opening of the question."""
    return Clock()


@pytest_asyncio.fixture
async def workplace(seeded: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Workplace]:
    """An installation on a database of its own."""
    shutil.copy(seeded, tmp_path / "passerelle.db")
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'passerelle.db'}", durable=False, vault=VAULT)
    place = Workplace(
        database,
        load_programmes(ROOT / "programmes"),
        public_url="http://pages.example",
        task_queue="none",
        link_key=b"k" * 32,
        notary=NOTARY,
        clock=clock,
    )
    yield place
    await place.close()


@pytest.fixture
def cases(workplace: Workplace) -> Counter:
    """The counter; it needs no Temporal."""
    return Counter(
        cast(Client, None),
        workplace.database,
        workplace.reference,
        workplace.parties,
        workplace.facts,
        workplace.programmes,
        workplace.issuing,
        task_queue="none",
        clock=workplace.clock,
    )


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """A folder of caught mails, empty."""
    folder = tmp_path / "mails"
    folder.mkdir()
    return folder


@pytest.fixture
def app(cases: Counter, workplace: Workplace, mails: Path) -> FastAPI:
    """The pages."""

    async def ready() -> dict[str, bool]:
        return {"temporal": not cases.temporal_is_away, "database": not cases.database_is_away}

    return build(cases, workplace, mailbox=MailFolder(mails), ready=ready)


@pytest_asyncio.fixture
async def desk(app: FastAPI, cases: Counter, workplace: Workplace, clock: Clock) -> AsyncIterator[Desk]:
    """The counter with a browser before it."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example") as browser:
        yield Desk(cases, workplace, browser, clock)
