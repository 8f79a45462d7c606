"""How often the thread of an SQLite connection is visited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from store.database import Database

Work = Callable[[Database], Awaitable[None]]


async def a_read(database: Database) -> None:
    """Read once."""
    async with database.read() as connection:
        await connection.exec_driver_sql("SELECT 1")


async def a_write(database: Database) -> None:
    """Write once."""
    async with database.begin() as connection:
        await connection.exec_driver_sql("INSERT INTO kept VALUES (1)")


async def a_failed_write(database: Database) -> None:
    """Write, and fail before the end."""
    with suppress(ZeroDivisionError):
        async with database.begin() as connection:
            await connection.exec_driver_sql("INSERT INTO kept VALUES (2)")
            raise ZeroDivisionError


@pytest.mark.parametrize(("work", "visits"), [(a_read, 1), (a_write, 3), (a_failed_write, 3)])
async def test_a_connection_that_is_given_back_is_visited_only_to_roll_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work, visits: int
) -> None:
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    async with database.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE kept (number INTEGER)")
    await a_read(database)
    seen: list[object] = []
    visit: Any = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, act: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(act)
        return await visit(self, act, *arguments, **options)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    await work(database)
    assert len(seen) == visits
    async with database.read() as connection:
        kept = (await connection.exec_driver_sql("SELECT count(*) FROM kept")).scalar_one()
    assert kept == (1 if work is a_write else 0)
    await database.close()
