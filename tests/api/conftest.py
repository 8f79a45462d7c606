"""The API before a hall that needs no Temporal, on the reference data of `data/`, with a clock in the test's hands."""

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
from tests.api.situations import Desk, Hall
from tests.web.situations import ROOT, Clock
from web.app import build
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
    place = workplace_on(tmp_path / "passerelle.db", clock)
    yield place
    await place.close()


def workplace_on(file: Path, clock: Clock) -> Workplace:
    """An installation on a SQLite file."""
    return Workplace(
        Database.open(f"sqlite+aiosqlite:///{file}", durable=False, vault=VAULT),
        load_programmes(ROOT / "programmes"),
        public_url="http://pages.example",
        task_queue="none",
        link_key=b"k" * 32,
        notary=NOTARY,
        clock=clock,
    )


def hall_of(place: Workplace) -> Hall:
    """The hall of an installation."""
    reference, parties, facts, programmes = place.reference, place.parties, place.facts, place.programmes
    nobody, issuing = cast(Client, None), place.issuing
    return Hall(nobody, place.database, reference, parties, facts, programmes, issuing, task_queue="none", clock=place.clock)


def app_of(place: Workplace, hall: Hall) -> FastAPI:
    """The pages and the API of an installation."""

    async def ready() -> dict[str, bool]:
        return {"database": not hall.database_is_away}

    return build(hall, place, ready=ready)


@pytest.fixture
def hall(workplace: Workplace) -> Hall:
    """The hall."""
    return hall_of(workplace)


@pytest.fixture
def app(workplace: Workplace, hall: Hall) -> FastAPI:
    """The pages and the API."""
    return app_of(workplace, hall)


@pytest_asyncio.fixture
async def desk(app: FastAPI, hall: Hall, workplace: Workplace, clock: Clock) -> AsyncIterator[Desk]:
    """The desk, with a line to the API."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example") as line:
        yield Desk(hall, workplace, line, clock)
