"""One bundle for all tests of it, made once; each test changes copies. A log with entries, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from evidence.issuing import Issuing
from evidence.log import Log
from rehearsal.stage import NOTARY as REHEARSED
from store.database import Database
from tests.evidence.bundles import base, bundle, files, known
from tests.postgres import database, database_url, postgres_url, sqlite_url
from tests.store.situations import MONDAY

__all__ = ["base", "bundle", "database", "database_url", "files", "known", "postgres_url", "sqlite_url"]


@pytest.fixture
def the_log(database: Database) -> Log:
    """A log without any entry."""
    return Log(database, REHEARSED, lambda: MONDAY)


@pytest.fixture
def issuing(database: Database, the_log: Log) -> Issuing:
    """Who issues receipts."""
    return Issuing(database, the_log)
