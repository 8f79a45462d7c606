"""The migrations make the tables the program speaks of, and take them away again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url

from models.errors import Unreachable
from store import migrate
from store.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind; SQLite's folder is not there yet."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'var' / 'new.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def look(url: str) -> tuple[list[Any], set[str]]:
    """How the database differs from the program's tables, and the tables it has."""
    place = make_url(url)
    engine = create_engine(place.set(drivername="sqlite") if place.get_backend_name() == "sqlite" else place)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, metadata), set(inspect(connection).get_table_names())
    engine.dispose()
    return found


def test_the_migrated_schema_is_the_programs(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    differences, tables = look(empty_url)
    assert differences == []
    assert tables == {*metadata.tables, "alembic_version"}


def test_migrating_again_changes_nothing_and_the_version_is_told(empty_url: str) -> None:
    assert migrate.current(empty_url) is None
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.head()


def test_the_way_back_leaves_an_empty_database(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, "base")
    assert migrate.current(empty_url) is None
    assert look(empty_url)[1] <= {"alembic_version"}
    migrate.upgrade(empty_url)
    assert look(empty_url)[0] == []


def test_asking_for_the_version_makes_no_file(tmp_path: Path) -> None:
    assert migrate.current(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}") is None
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_away_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        migrate.upgrade("postgresql+psycopg://postgres@127.0.0.1:1/none")
