"""Keys, and what is put to an institution, on each kind of database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from models.errors import Missing, Refused
from models.words import Kind, State
from store.cases import ReadModel
from store.database import Database
from store.offices import Offices
from store.reference import Reference
from store.seed import seed
from store.tokens import Tokens
from tests.postgres import database, database_url, empty_postgres_url, postgres_url, sqlite_url
from tests.web.situations import ROOT, a_case

__all__ = ["database", "database_url", "empty_postgres_url", "postgres_url", "sqlite_url"]
NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)


async def test_a_key_is_issued_known_again_and_taken_back(database: Database) -> None:
    await seed(database, ROOT / "data")
    tokens = Tokens(database, lambda: NOW)
    token, secret = await tokens.issue("SN-POSTE", "Registry", 30)
    assert (await tokens.of(secret)).id == token.id
    assert (await tokens.listing("SN-POSTE"))[0].used == NOW
    await tokens.revoke(token.id)
    with pytest.raises(Refused, match="counts no more"):
        await tokens.of(secret)
    with pytest.raises(Missing):
        await tokens.of(secret.upper())


async def test_what_is_put_to_an_institution_is_found_in_order(database: Database) -> None:
    await seed(database, ROOT / "data")
    read_model = ReadModel(database)
    await Offices(database, Reference(database), lambda: NOW).delegate("SN-POSTE", "SN-MAESE", NOW.date(), NOW.date())
    asked: list[dict[str, Any]] = [
        {"asked": "SN-MAESE"},
        {"escalated_to": "SN-MAESE", "asked": "MA-POSTE"},
        {},
        {"asked": "MA-POSTE"},
        {"state": State.LAPSED},
    ]
    for number, changes in enumerate(asked, 1):
        case = a_case("0" * 64, Kind.NOMINATION, **changes)
        await read_model.publish(case.model_copy(update={"id": f"AMEDIP-2027-000{number}"}))
    assert [name[-1] for name in await read_model.put_to("SN-MAESE")] == ["1", "2", "3"]
    assert [name[-1] for name in await read_model.put_to("SN-MAESE", "AMEDIP-2027-0001", 1)] == ["2"]
    assert [name[-1] for name in await read_model.put_to("SN-POSTE")] == ["3"]
