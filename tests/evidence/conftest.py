"""One bundle for all tests of it, made once; each test changes copies. A log with entries, on SQLite and on PostgreSQL."""

from __future__ import annotations

from copy import deepcopy

import pytest

from evidence.bundle import bundle_of
from evidence.issuing import Issuing
from evidence.log import Log
from rehearsal.stage import NOTARY as REHEARSED
from store.database import Database
from tests.evidence.golden import NOTARY, Known, golden
from tests.evidence.tampering import unzipped
from tests.postgres import database, database_url, postgres_url, sqlite_url
from tests.store.situations import MONDAY

__all__ = ["database", "database_url", "postgres_url", "sqlite_url"]

BASE = "nomination-recalled"


@pytest.fixture(scope="session")
def base() -> Known:
    """A case with three runs and an act, as its installation knows it; not to be changed."""
    return golden(BASE)


@pytest.fixture(scope="session")
def bundle(base: Known) -> bytes:
    """Its bundle."""
    return bundle_of(base.material(), NOTARY).data


@pytest.fixture
def known(base: Known) -> Known:
    """The case, to be changed."""
    return deepcopy(base)


@pytest.fixture
def files(bundle: bytes) -> dict[str, bytes]:
    """The files of its bundle, to be changed."""
    return unzipped(bundle)


@pytest.fixture
def the_log(database: Database) -> Log:
    """A log without any entry."""
    return Log(database, REHEARSED, lambda: MONDAY)


@pytest.fixture
def issuing(database: Database, the_log: Log) -> Issuing:
    """Who issues receipts."""
    return Issuing(database, the_log)
