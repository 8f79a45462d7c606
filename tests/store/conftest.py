"""Databases, and what is kept in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from store.cases import Launches, ReadModel
from store.contents import Contents
from store.database import Database
from store.inbox import Inbox
from store.mails import Mails
from store.persons import Persons
from store.reference import Reference
from store.seed import seed
from tests.postgres import database, database_url, empty_postgres_url, postgres_url, sqlite_url

__all__ = ["database", "database_url", "empty_postgres_url", "postgres_url", "sqlite_url"]

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def contents(database: Database) -> Contents:
    """Empty contents."""
    return Contents(database)


@pytest.fixture
def persons(database: Database) -> Persons:
    """Nobody yet."""
    return Persons(database)


@pytest.fixture
def inbox(database: Database) -> Inbox:
    """An empty inbox."""
    return Inbox(database)


@pytest.fixture
def mails(database: Database) -> Mails:
    """An empty queue."""
    return Mails(database)


@pytest.fixture
def launches(database: Database) -> Launches:
    """No case numbered yet."""
    return Launches(database)


@pytest.fixture
def read_model(database: Database) -> ReadModel:
    """No case published yet."""
    return ReadModel(database)


@pytest_asyncio.fixture
async def reference(database: Database) -> Reference:
    """The reference data of `data/`."""
    await seed(database, DATA)
    return Reference(database)
