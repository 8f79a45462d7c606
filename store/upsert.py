"""INSERT … ON CONFLICT, spelled alike by SQLite and PostgreSQL; each statement is built once."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.ext.asyncio import AsyncConnection

Insert = SqliteInsert | PostgresInsert


def insert_new(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that leaves a row alone whose key, or another unique column, is there."""
    return _new(connection.dialect.name, table)


def insert_or_replace(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that gives a row whose key is there the new values."""
    return _or_replace(connection.dialect.name, table)


def insert_into(dialect: str, table: Table) -> Insert:
    """An insert that can be told what follows when the key is there."""
    return SqliteInsert(table) if dialect == "sqlite" else PostgresInsert(table)


@cache
def _new(dialect: str, table: Table) -> Insert:
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def _or_replace(dialect: str, table: Table) -> Insert:
    insert = insert_into(dialect, table)
    key = {column.name for column in table.primary_key}
    values = {name: value for name, value in insert.excluded.items() if name not in key}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=values)
