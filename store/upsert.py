"""INSERT … ON CONFLICT, spelled alike by SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.ext.asyncio import AsyncConnection

Insert = SqliteInsert | PostgresInsert


def insert_into(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that can say what follows when the key is there."""
    return SqliteInsert(table) if connection.dialect.name == "sqlite" else PostgresInsert(table)


def insert_new(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that leaves a row alone whose key, or another unique column, is there."""
    return insert_into(connection, table).on_conflict_do_nothing()


def insert_or_replace(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that gives a row whose key is there the new values."""
    insert = insert_into(connection, table)
    key = {column.name for column in table.primary_key}
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={name: value for name, value in insert.excluded.items() if name not in key}
    )
