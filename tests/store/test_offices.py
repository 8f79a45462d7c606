"""Coordinators appoint, let succeed, delegate and revoke; what cannot be is refused and changes nothing."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from models.errors import Invalid, Missing, Refused
from models.words import Kind
from store.appointments import in_office
from store.database import Database
from store.offices import Offices
from store.persons import Person, Persons
from store.reference import Reference
from store.seed import seed
from tests.store.conftest import DATA

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)
MARCH, APRIL, MAY = date(2027, 3, 1), date(2027, 4, 1), date(2027, 5, 1)


@pytest_asyncio.fixture
async def offices(database: Database, reference: Reference) -> Offices:
    """The offices of the reference data, read a moment ago, on the first of March."""
    await reference.institutions()
    return Offices(database, reference, lambda: NOW)


async def succeed(offices: Offices, rank: int = 1, starts: date = APRIL, email: str = "new@poste-sn.example") -> str:
    """Let somebody follow at the post office."""
    return (await offices.succeed("SN-POSTE", rank, "Financial services focal point", email, "fr", starts)).id


async def test_a_successor_ends_the_predecessor_the_day_before(offices: Offices, reference: Reference) -> None:
    assert await succeed(offices) == "SN-POSTE/1-2027-04-01"
    held = (await reference.institution("SN-POSTE")).contacts
    assert [(one.id, one.ends) for one in held if one.rank == 1] == [
        ("SN-POSTE/1", date(2027, 3, 31)),
        ("SN-POSTE/1-2027-04-01", None),
    ]
    assert in_office(held, date(2027, 3, 31))[0].email == "services.financiers@poste-sn.example"
    assert in_office(held, APRIL)[0].email == "new@poste-sn.example"
    assert await succeed(offices, starts=MAY, email="newer@poste-sn.example") == "SN-POSTE/1-2027-05-01"


async def test_nobody_follows_before_the_one_who_follows_already(offices: Offices, reference: Reference) -> None:
    await succeed(offices)
    with pytest.raises(Refused, match="SN-POSTE/1-2027-04-01 holds rank 1") as refused:
        await succeed(offices, starts=MARCH)
    assert refused.value.code == "held"
    held = (await reference.institution("SN-POSTE")).contacts
    assert [one.ends for one in held if one.rank == 1] == [date(2027, 3, 31), None], "a refusal changes nothing"


async def test_a_rank_nobody_holds_has_no_successor(offices: Offices) -> None:
    with pytest.raises(Refused, match="nobody holds rank 3") as refused:
        await succeed(offices, rank=3)
    assert refused.value.code == "nobody_to_follow"


async def test_a_second_alternate_is_appointed_for_a_while(offices: Offices, reference: Reference) -> None:
    deputy = await offices.appoint("SN-POSTE", 3, "Deputy", "d@poste-sn.example", "fr", starts=MARCH, ends=APRIL, post="deputy")
    assert deputy.id == "SN-POSTE/deputy"
    assert await reference.appointment("SN-POSTE/deputy") == deputy
    with pytest.raises(Refused) as held:
        await offices.appoint("SN-POSTE", 3, "Deputy", "e@poste-sn.example", "fr", starts=APRIL)
    assert (held.value.code, held.value.facts["id"]) == ("held", "SN-POSTE/deputy")
    with pytest.raises(Refused) as same:
        await offices.appoint("SN-POSTE", 4, "Deputy", "e@poste-sn.example", "fr", post="deputy")
    assert same.value.code == "same"


async def test_every_fault_of_an_appointment_is_named(offices: Offices) -> None:
    with pytest.raises(Invalid) as invalid:
        await offices.appoint("SN-POSTE", 0, " ", "nobody", "de", starts=APRIL, ends=MARCH, post="p-1")
    found = {(fault.field, fault.code) for fault in invalid.value.faults}
    assert found == {
        ("email", "invalid"),
        ("language", "unknown"),
        ("rank", "out_of_range"),
        ("role", "required"),
        ("post", "invalid"),
        ("ends", "reversed"),
    }


@pytest.mark.parametrize("to", ["SN-POSTE/2", "SN-MAESE"])
async def test_a_colleague_or_another_institution_of_the_country_is_delegated_to(
    offices: Offices, reference: Reference, to: str
) -> None:
    code = await offices.delegate("SN-POSTE", to, MARCH, APRIL, [Kind.NOMINATION, Kind.AGENDA])
    (delegation,) = await reference.delegations("SN-POSTE")
    assert (delegation.id, delegation.to, delegation.starts, delegation.ends) == (code, to, MARCH, APRIL)
    assert set(delegation.kinds) == {Kind.NOMINATION, Kind.AGENDA}
    assert delegation.covers(Kind.AGENDA, APRIL)
    assert not delegation.covers(Kind.REPORT, APRIL)
    assert await offices.delegate("SN-POSTE", to, MARCH, APRIL, [Kind.AGENDA, Kind.NOMINATION]) == code
    assert len(await reference.delegations("SN-POSTE")) == 1


async def test_a_colleague_somebody_named_is_delegated_to(offices: Offices, database: Database) -> None:
    await Persons(database).add("AMEDIP-2027-0001", [Person(id="p-1", name="Colleague 1", institution="SN-POSTE")])
    assert await offices.delegate("SN-POSTE", "SN-POSTE/p-1", MARCH, APRIL)
    with pytest.raises(Refused, match="SN-MAESE/p-1"):
        await offices.delegate("SN-MAESE", "SN-MAESE/p-1", MARCH, APRIL)


@pytest.mark.parametrize("to", ["SN-POSTE", "SN-POSTE/9", "SN-POSTE/p-9", "MA-POSTE", "SN-MAESE/1", "OFFICE", ""])
async def test_nobody_else_is_delegated_to(offices: Offices, reference: Reference, to: str) -> None:
    with pytest.raises(Refused) as refused:
        await offices.delegate("SN-POSTE", to, MARCH, APRIL)
    assert refused.value.code == "not_a_colleague"
    assert await reference.delegations("SN-POSTE") == []


async def test_a_delegate_is_in_office_on_one_of_the_days(offices: Offices) -> None:
    await succeed(offices, rank=2, starts=APRIL)
    assert await offices.delegate("SN-POSTE", "SN-POSTE/2", MARCH, APRIL)
    with pytest.raises(Refused, match="not in office") as refused:
        await offices.delegate("SN-POSTE", "SN-POSTE/2", APRIL, MAY)
    assert refused.value.code == "not_in_office"


async def test_a_delegation_ends_no_earlier_than_it_begins(offices: Offices) -> None:
    with pytest.raises(Invalid, match="ends") as invalid:
        await offices.delegate("SN-POSTE", "SN-POSTE/2", APRIL, MARCH)
    assert invalid.value.faults[0].code == "reversed"
    assert await offices.delegate("SN-POSTE", "SN-POSTE/2", MARCH, MARCH)


async def test_a_delegation_is_revoked_once_and_can_be_given_anew(offices: Offices, reference: Reference) -> None:
    code = await offices.delegate("SN-POSTE", "SN-POSTE/2", MARCH, APRIL)
    assert (await offices.revoke(code)).revoked == NOW
    with pytest.raises(Refused, match="was revoked") as refused:
        await offices.revoke(code)
    assert refused.value.code == "revoked"
    again = await offices.delegate("SN-POSTE", "SN-POSTE/2", MARCH, APRIL)
    assert again == f"{code}-2"
    assert await offices.delegate("SN-POSTE", "SN-POSTE/2", MARCH, APRIL) == again
    assert [(one.id, one.revoked) for one in await reference.delegations("SN-POSTE")] == [(code, NOW), (again, None)]


async def test_what_is_over_is_not_revoked(offices: Offices) -> None:
    code = await offices.delegate("SN-POSTE", "SN-POSTE/2", date(2027, 2, 1), date(2027, 2, 26))
    with pytest.raises(Refused, match="ended on 2027-02-26"):
        await offices.revoke(code)
    with pytest.raises(Missing, match="D-none"):
        await offices.revoke("D-none")


async def test_an_institution_nobody_knows_has_no_offices(offices: Offices) -> None:
    with pytest.raises(Missing, match="XX-NONE"):
        await offices.delegate("XX-NONE", "XX-NONE/2", MARCH, APRIL)
    with pytest.raises(Missing, match="XX-NONE"):
        await offices.succeed("XX-NONE", 1, "Focal point", "a@b.example", "en", APRIL)


async def test_seeding_again_takes_nothing_back_that_was_entered_since(
    offices: Offices, database: Database, reference: Reference
) -> None:
    await succeed(offices)
    code = await offices.delegate("SN-POSTE", "SN-POSTE/2", MARCH, APRIL)
    await offices.revoke(code)
    before = await reference.institution("SN-POSTE"), await reference.delegations("SN-POSTE")
    await seed(database, DATA)
    reference.invalidate()
    assert (await reference.institution("SN-POSTE"), await reference.delegations("SN-POSTE")) == before


async def test_a_revoked_delegation_of_a_file_stays_revoked(
    offices: Offices, database: Database, reference: Reference, tmp_path: Path
) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    with (tmp_path / "data" / "delegations.csv").open("a", encoding="utf-8") as file:
        file.write("SN-POSTE,SN-POSTE/2,,2027-03-01,2027-03-12\n")
    await seed(database, tmp_path / "data")
    reference.invalidate()
    (delegation,) = await reference.delegations("SN-POSTE")
    await offices.revoke(delegation.id)
    await seed(database, tmp_path / "data")
    reference.invalidate()
    assert [one.revoked for one in await reference.delegations("SN-POSTE")] == [NOW]


async def test_the_desks_of_the_office_are_known(reference: Reference) -> None:
    assert {desk.code for desk in await reference.coordinators()} >= {"west-africa", "east-africa", "mediterranean"}
    west = await reference.coordinator("west-africa")
    assert (west.role, west.email) == ("Coordinator, West Africa desk", "west-africa@amedip.example")
    assert west.model_copy(update={"ends": MARCH}).serves(MARCH)
    assert not west.model_copy(update={"ends": MARCH}).serves(APRIL)
    with pytest.raises(Missing, match="north-pole"):
        await reference.coordinator("north-pole")
