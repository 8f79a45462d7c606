"""Writers wait for one another, readers do not, and a database that is away is said to be."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from models.errors import Unreachable, WrongSetting
from store import migrate, tables
from store.database import Database
from tests.store.situations import MONDAY


async def counted(database: Database) -> int:
    """How many rows the counters have."""
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(tables.counters)) or 0)


async def write(database: Database, name: str) -> None:
    """Add one counter."""
    async with database.begin() as connection:
        await connection.execute(insert(tables.counters).values(name=name, last=1))
        await asyncio.sleep(0)


async def write_both(database: Database, *names: str) -> None:
    """Add counters one after the other in one transaction."""
    async with database.begin() as connection:
        for name in names:
            await connection.execute(insert(tables.counters).values(name=name, last=1))


async def test_a_hundred_writers_at_once_all_get_through(database: Database) -> None:
    await asyncio.gather(*(write(database, f"c{n}") for n in range(100)))
    assert await counted(database) == 100


async def test_two_processes_write_to_the_same_file(sqlite_url: str) -> None:
    first, second = Database.open(sqlite_url), Database.open(sqlite_url)
    await asyncio.gather(*(write((first, second)[n % 2], f"c{n}") for n in range(40)))
    assert await counted(first) == 40
    await first.close()
    await second.close()


async def test_a_reader_does_not_wait_for_a_writer_and_sees_what_is_committed(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(tables.counters).values(name="a", last=1))
        assert await counted(database) == 0
    assert await counted(database) == 1


async def test_a_failed_transaction_leaves_nothing_and_the_next_one_works(database: Database) -> None:
    await write(database, "a")
    with pytest.raises(IntegrityError):
        await write_both(database, "b", "a")
    assert await counted(database) == 1
    await write(database, "b")
    assert await counted(database) == 2


async def test_a_cancelled_writer_leaves_nothing_and_lets_the_next_one_in(database: Database) -> None:
    entered = asyncio.Event()

    async def write_and_hang() -> None:
        async with database.begin() as connection:
            await connection.execute(insert(tables.counters).values(name="a", last=1))
            entered.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write_and_hang())
    await entered.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    assert await counted(database) == 0
    await write(database, "b")
    assert await counted(database) == 1


async def test_a_transaction_inside_another_is_refused_instead_of_waiting_for_ever(database: Database) -> None:
    async with database.begin():
        with pytest.raises(RuntimeError, match="inside another"):
            await write(database, "a")


async def test_an_instant_comes_back_in_utc_whatever_its_zone(database: Database) -> None:
    row = {"case_id": "c", "key": "k", "state": "reserved", "request": "", "opening": b""}
    local = MONDAY.astimezone(timezone(timedelta(hours=3)))
    async with database.begin() as connection:
        await connection.execute(insert(tables.launches).values(opened=local, **row))
    async with database.read() as connection:
        opened = await connection.scalar(select(tables.launches.c.opened))
    assert opened == MONDAY
    assert opened.tzinfo is UTC


async def test_an_instant_without_a_zone_is_not_taken(database: Database) -> None:
    query = select(tables.launches).where(tables.launches.c.opened < datetime(2027, 1, 4))
    with pytest.raises(StatementError, match="needs its zone"):
        async with database.read() as connection:
            await connection.execute(query)


async def test_a_cases_commit_waits_for_the_disk_unless_it_is_a_rehearsal(sqlite_url: str) -> None:
    for durable, synchronous in ((True, 2), (False, 0)):
        db = Database.open(sqlite_url, durable=durable)
        async with db.begin() as connection:
            assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar() == synchronous
            assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
            assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
        await db.close()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:////nowhere/none.db", "postgresql+psycopg://postgres@127.0.0.1:1/none"])
async def test_a_database_that_is_away_is_unreachable(url: str) -> None:
    db = Database.open(url)
    with pytest.raises(Unreachable):
        await db.ping()
    with pytest.raises(Unreachable):
        await write(db, "a")
    await db.close()


async def test_a_database_in_use_by_somebody_else_for_too_long_is_unreachable(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database.BUSY_SECONDS", 0)
    first, second = Database.open(sqlite_url), Database.open(sqlite_url)
    async with first.begin():
        with pytest.raises(Unreachable, match="locked"):
            await write(second, "a")
    await write(second, "a")
    await first.close()
    await second.close()


async def test_more_readers_than_connections_for_too_long_is_unreachable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database.POOL_SECONDS", 0)
    db = Database.open(database_url)

    async def read_thirty_times_at_once() -> None:
        async with AsyncExitStack() as readers:
            for _ in range(30):
                await readers.enter_async_context(db.read())

    with pytest.raises(Unreachable, match="too busy"):
        await read_thirty_times_at_once()
    await db.ping()
    await db.close()


async def test_a_database_without_its_schema_is_not_called_away(database_url: str) -> None:
    migrate.downgrade(database_url, "base")
    db = Database.open(database_url)
    with pytest.raises(DBAPIError, match="counters"):
        await counted(db)
    await db.close()


@pytest.mark.parametrize(
    "url", ["", "mysql://host/name", "sqlite:///file.db", "sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"]
)
def test_a_wrong_address_stops_the_start(url: str) -> None:
    with pytest.raises(WrongSetting, match="database address"):
        Database.open(url)


async def test_a_file_that_is_no_database_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"a letter, not a database, and long enough to be read as one" * 20)
    db = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(DBAPIError, match="not a database"):
        await db.ping()
    await db.close()
