"""The database: one writer at a time on SQLite, a pool on PostgreSQL, the same statements on both."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.errors import Unreachable, WrongSetting
from store.onehop import OneHop
from store.sealing import Vault

READERS = 4
BUSY_SECONDS = 10
POOL_SECONDS = 60
AWAY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL)
AWAY_STATES = ("08", "53", "57P", "58")

Transaction = AsyncConnection
"""What is handed on to whoever writes in the same transaction."""

Then = Callable[[Transaction], Awaitable[object]]
"""Something to be written in the same transaction."""


class Database:
    """Connections to one database: `begin` for writes, `read` for reads.

    SQLite has one writing connection behind a lock, so writers queue here instead of meeting "database is locked",
    and readers that cannot write. Errors of a database that is away come out as `Unreachable`.
    """

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, vault: Vault | None = None) -> None:
        self._writer = writer
        self._vault = vault
        self._reader = reader
        self._lock = asyncio.Lock() if writer.dialect.name == "sqlite" else nullcontext()
        self._writing: set[asyncio.Task[object] | None] = set()

    @classmethod
    def open(cls, url: str, *, durable: bool = True, vault: Vault | None = None) -> Database:
        """The database at `url`; nothing is connected yet. Without `durable` SQLite does not wait for the disk (rehearsals).

        `vault` has the data key; without it nothing that belongs to a person is kept or read.

        Raises:
            WrongSetting: the address is not one of SQLite in a file or of PostgreSQL.
        """
        place = place_of(url)
        if place.get_backend_name() == "sqlite":
            return cls(_sqlite(place, 1, durable, reading=False), _sqlite(place, READERS, durable, reading=True), vault)
        engine = create_async_engine(place, pool_size=10, max_overflow=10, pool_timeout=POOL_SECONDS, pool_pre_ping=True)
        return cls(engine, engine.execution_options(isolation_level="AUTOCOMMIT"), vault)

    @property
    def vault(self) -> Vault:
        """What wraps the keys of persons.

        Raises:
            WrongSetting: the database was opened without one.
        """
        if self._vault is None:
            raise WrongSetting("PASSERELLE_DATA_KEY_FILE: what belongs to a person cannot be kept or read without the data key")
        return self._vault

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: committed at the end, rolled back on any error.

        Raises:
            RuntimeError: this task has one already; on SQLite it would wait for itself for ever.
        """
        task = asyncio.current_task()
        if task in self._writing:
            raise RuntimeError("a write transaction inside another: hand its connection on")
        async with self._lock:
            self._writing.add(task)
            try:
                with _away():
                    async with self._writer.begin() as connection:
                        yield connection
            finally:
                self._writing.discard(task)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from; each statement sees what is committed when it starts."""
        with _away():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def within(self, connection: AsyncConnection | None) -> AsyncIterator[AsyncConnection]:
        """The transaction the caller already has, or one of its own."""
        if connection is not None:
            yield connection
            return
        async with self.begin() as own:
            yield own

    @asynccontextmanager
    async def looking(self, connection: Transaction | None) -> AsyncIterator[Transaction]:
        """The transaction the caller already has, or a connection to read from."""
        if connection is not None:
            yield connection
            return
        async with self.read() as own:
            yield own

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            Unreachable: it gave none.
        """
        async with self.read() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def settle(self) -> None:
        """Have SQLite write its log into the file and empty it, so that what was deleted stands in neither; others do so alone."""
        if self._writer.dialect.name != "sqlite":
            return
        async with self._lock, self.read() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()


def place_of(url: str) -> URL:
    """The parsed address of a database.

    Raises:
        WrongSetting: it cannot be read, names another kind of database, or SQLite without a file.
    """
    try:
        place = make_url(url)
    except ArgumentError as error:
        raise WrongSetting("the database address cannot be read") from error
    if place.drivername not in ("sqlite+aiosqlite", "postgresql+psycopg"):
        raise WrongSetting(f"the database address begins with {place.drivername}; sqlite+aiosqlite or postgresql+psycopg is needed")
    if place.get_backend_name() == "sqlite" and place.database in (None, "", ":memory:"):
        raise WrongSetting("the database address names no file: sqlite+aiosqlite:///FILE")
    return place


def _sqlite(place: URL, size: int, durable: bool, *, reading: bool) -> AsyncEngine:
    level = "AUTOCOMMIT" if reading else "SERIALIZABLE"
    engine = create_async_engine(
        place, module=OneHop(), pool_size=size, max_overflow=0, pool_timeout=POOL_SECONDS, isolation_level=level
    )

    @event.listens_for(engine.sync_engine, "connect")
    def settle(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")
        if reading:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    if not reading:

        @event.listens_for(engine.sync_engine, "begin")
        def begin_immediate(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _is_away(error):
            raise Unreachable(f"the database cannot be reached: {error.orig}") from error
        raise
    except PoolTimeout as error:
        raise Unreachable(f"the database is too busy: no connection within {POOL_SECONDS} seconds") from error


def _is_away(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.OperationalError):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in AWAY_CODES
    state = getattr(error.orig, "sqlstate", None)
    return type(error.orig).__name__ == "OperationalError" and (state is None or state.startswith(AWAY_STATES))
