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


def said(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """What the last of some statements gives."""
    place = make_url(url)
    engine = create_engine(place.set(drivername="sqlite") if place.get_backend_name() == "sqlite" else place)
    with engine.begin() as connection:
        last = [connection.exec_driver_sql(statement) for statement in statements][-1]
        rows = [tuple(row) for row in last] if last.returns_rows else []
    engine.dispose()
    return rows


MAILBOXES = "SELECT institution, rank, email FROM contacts ORDER BY rank"


def test_mailboxes_become_appointments_and_go_back_as_those_in_office(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, "0002")
    said(
        empty_url,
        "INSERT INTO countries VALUES ('SN', 'partner', '{}', '[]', '[]', 'Africa/Dakar', '[]')",
        "INSERT INTO institutions VALUES ('SN-POSTE', 'SN', 'post_office', 'fr', '[]', 'La Poste')",
        "INSERT INTO contacts VALUES ('SN-POSTE', 1, 'Focal point', 'first@sn.example', 'fr')",
        "INSERT INTO contacts VALUES ('SN-POSTE', 2, 'Alternate', 'second@sn.example', 'fr')",
    )
    before = said(empty_url, MAILBOXES)
    migrate.upgrade(empty_url)
    held = said(empty_url, "SELECT id, institution, rank, email, starts, ends FROM appointments ORDER BY id")
    assert held == [
        ("SN-POSTE/1", "SN-POSTE", 1, "first@sn.example", None, None),
        ("SN-POSTE/2", "SN-POSTE", 2, "second@sn.example", None, None),
    ]
    said(
        empty_url,
        "UPDATE appointments SET ends = '2020-01-31' WHERE rank = 1",
        "INSERT INTO appointments VALUES ('a', 'SN-POSTE', 1, 'F', 'now@sn.example', 'fr', '2020-02-01', NULL)",
        "INSERT INTO appointments VALUES ('b', 'SN-POSTE', 1, 'F', 'then@sn.example', 'fr', '2999-02-01', NULL)",
        "INSERT INTO appointments VALUES ('c', 'SN-POSTE', 3, 'F', 'later@sn.example', 'fr', '2999-02-01', '2999-03-01')",
        "INSERT INTO appointments VALUES ('d', 'SN-POSTE', 3, 'F', 'last@sn.example', 'fr', '2999-03-02', NULL)",
    )
    migrate.downgrade(empty_url, "0002")
    assert said(empty_url, MAILBOXES) == [
        ("SN-POSTE", 1, "now@sn.example"),
        before[1],
        ("SN-POSTE", 3, "later@sn.example"),
    ]
    migrate.upgrade(empty_url)
    assert look(empty_url)[0] == []


def test_asking_for_the_version_makes_no_file(tmp_path: Path) -> None:
    assert migrate.current(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}") is None
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_away_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        migrate.upgrade("postgresql+psycopg://postgres@127.0.0.1:1/none")
