"""The schema's version: up, down, where it stands. Plain calls, not to be made from a running event loop's thread for long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from models.errors import Unreachable
from store.database import place_of

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 7_277_355


def upgrade(url: str) -> None:
    """Bring the schema to its newest version; a file of SQLite and its folder are made when they are not there.

    Raises:
        Unreachable: the database is away.
    """
    with _connected(url) as connection:
        command.upgrade(_config(connection), "head")


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a version; `base` is the empty database.

    Raises:
        Unreachable: the database is away.
    """
    with _connected(url) as connection:
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The version the schema stands at; None before the first.

    Raises:
        Unreachable: the database is away.
    """
    place = place_of(url)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").exists():
        return None
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest version."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """One transaction on the database; on PostgreSQL only one at a time changes or reads the version."""
    place = place_of(url)
    if place.get_backend_name() == "sqlite":
        assert place.database is not None
        Path(place.database).parent.mkdir(parents=True, exist_ok=True)
        place = place.set(drivername="sqlite")
    engine = create_engine(place, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield connection
    except OperationalError as error:
        raise Unreachable(f"the database cannot be reached: {error.orig}") from error
    finally:
        engine.dispose()


def _leave_transactions_alone(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 10000")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
