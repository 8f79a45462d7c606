"""A party's code leads to whoever holds the office on the day, to a post, a colleague, a desk of the programme's office."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest
import pytest_asyncio

from activities.appointments import Appointments
from activities.deadlines import Deadlines
from activities.parties import Parties
from models.case import Case
from models.errors import Missing
from models.orders import Asking, ScheduleOrder, StandinOrder
from models.programme import Programme, load_programme
from models.schedule import Wanted
from models.words import Kind, Verb
from store.database import Database
from store.offices import Offices
from store.persons import Person, Persons
from store.reference import Reference, Snapshot
from tests.store.situations import a_case

APRIL = date(2027, 4, 1)
EVE, DAY = datetime(2027, 3, 31, 12, tzinfo=UTC), datetime(2027, 4, 1, 12, tzinfo=UTC)


@cache
def amedip() -> Programme:
    """The rules of the programme in the tree."""
    return load_programme(Path(__file__).parents[2] / "programmes" / "amedip.toml")


@pytest.fixture
def parties(reference: Reference, persons: Persons) -> Parties:
    """The parties of the reference data, on the first of April."""
    return Parties(reference, persons, lambda: DAY)


@pytest_asyncio.fixture
async def offices(database: Database, reference: Reference) -> Offices:
    """The Moroccan post office gets a new focal point, who reads Arabic, on the first of April."""
    made = Offices(database, reference, lambda: EVE)
    await made.succeed("MA-POSTE", 1, "International focal point", "new@poste-ma.example", "ar", APRIL)
    return made


def a_case_at(at: datetime, *, coordinator: str = "") -> Case:
    """A case in which something happened last at an instant."""
    case = a_case(seq=1)
    case.clock, case.coordinator = at, coordinator
    return case


@pytest.mark.usefixtures("offices")
async def test_an_institution_is_whoever_holds_its_first_office_on_the_day(parties: Parties) -> None:
    before = await parties.party(amedip(), a_case_at(DAY), "MA-POSTE", EVE)
    after = await parties.party(amedip(), a_case_at(EVE), "MA-POSTE", DAY)
    assert (before.mailbox, before.language) == ("services.financiers@poste-ma.example", "fr")
    assert (after.mailbox, after.language, after.role) == ("new@poste-ma.example", "ar", "International focal point")
    assert after.languages == ("ar", "fr")
    assert before.alternate == after.alternate == "alternate@poste-ma.example"
    assert before.name == after.name == "Poste Maroc"


@pytest.mark.usefixtures("offices")
async def test_without_an_instant_the_party_is_as_when_the_case_moved_last(parties: Parties) -> None:
    assert (await parties.party(amedip(), a_case_at(EVE), "MA-POSTE")).mailbox == "services.financiers@poste-ma.example"
    assert (await parties.party(amedip(), a_case_at(DAY), "MA-POSTE")).mailbox == "new@poste-ma.example"


@pytest.mark.usefixtures("offices")
async def test_the_day_is_that_of_the_institution(parties: Parties) -> None:
    midnight = datetime(2027, 3, 31, 23, 30, tzinfo=UTC)  # half past midnight of the first of April in Casablanca
    assert (await parties.party(amedip(), a_case_at(midnight), "MA-POSTE")).mailbox == "new@poste-ma.example"


@pytest.mark.usefixtures("offices")
async def test_an_institution_by_itself_is_as_of_today_or_of_the_day_named(parties: Parties) -> None:
    assert (await parties.institution("MA-POSTE")).mailbox == "new@poste-ma.example"
    assert (await parties.institution("MA-POSTE", date(2027, 3, 31))).mailbox == "services.financiers@poste-ma.example"


@pytest.mark.usefixtures("offices")
async def test_a_post_is_its_own_mailbox_in_office_or_not(parties: Parties) -> None:
    case = a_case_at(DAY)
    alternate = await parties.party(amedip(), case, "MA-POSTE/2")
    assert (alternate.code, alternate.mailbox, alternate.alternate) == ("MA-POSTE/2", "alternate@poste-ma.example", "")
    assert (alternate.role, alternate.institution) == ("Alternate to the financial services focal point", "Poste Maroc")
    assert (alternate.zone, alternate.is_person) == ("Africa/Casablanca", False)
    former = await parties.party(amedip(), case, "MA-POSTE/1")
    assert (former.mailbox, former.language) == ("services.financiers@poste-ma.example", "fr")
    for code in ("MA-POSTE/9", "XX-NONE/1"):
        with pytest.raises(Missing, match=code.partition("/")[0]):
            await parties.party(amedip(), case, code)


async def test_a_colleague_is_written_to_in_person(parties: Parties, persons: Persons) -> None:
    case = a_case_at(DAY)
    colleague = Person(
        id="p-1", name="Colleague 1", function="Head", language="ar", email="c1@poste-ma.example", institution="MA-POSTE"
    )
    await persons.add(case.id, [colleague])
    party = await parties.party(amedip(), case, "MA-POSTE/p-1")
    assert (party.code, party.name, party.role, party.mailbox) == ("MA-POSTE/p-1", "Colleague 1", "Head", "c1@poste-ma.example")
    assert (party.person, party.language, party.languages, party.alternate) == ("p-1", "ar", ("ar", "fr"), "")
    for code in ("SN-POSTE/p-1", "MA-POSTE/p-9"):
        with pytest.raises(Missing, match=code):
            await parties.party(amedip(), case, code)


async def test_the_office_is_the_desk_that_looks_after_the_case(parties: Parties) -> None:
    office = await parties.party(amedip(), a_case_at(DAY), "OFFICE")
    desk = await parties.party(amedip(), a_case_at(DAY, coordinator="west-africa"), "OFFICE")
    assert (office.mailbox, office.role, office.language) == ("coordination@amedip.example", "coordinator", "en")
    assert (desk.mailbox, desk.role, desk.language) == ("west-africa@amedip.example", "Coordinator, West Africa desk", "fr")
    assert desk.name == "Bureau de coordination du programme"
    above = await parties.party(amedip(), a_case_at(DAY, coordinator="west-africa"), "OFFICE/supervisor")
    assert (above.mailbox, above.role, above.language) == ("direction@amedip.example", "supervisor", "en")


async def test_a_desk_that_is_no_more_leaves_the_case_to_the_office(database: Database, reference: Reference) -> None:
    snapshot = await reference._all()
    desk = snapshot.coordinators["west-africa"].model_copy(update={"ends": date(2027, 3, 31)})
    reference._snapshot = snapshot.model_copy(update={"coordinators": {"west-africa": desk}})
    parties = Parties(reference, Persons(database))
    case = a_case_at(EVE, coordinator="west-africa")
    assert (await parties.party(amedip(), case, "OFFICE")).mailbox == "west-africa@amedip.example"
    assert (await parties.party(amedip(), case, "OFFICE", DAY)).mailbox == "coordination@amedip.example"
    with pytest.raises(Missing, match="north-pole"):
        await parties.party(amedip(), a_case_at(DAY, coordinator="north-pole"), "OFFICE")


def a_wanted(step: str, asked: str, country: str, kind: str = "host_offer") -> Wanted:
    """A schedule to compute for somebody."""
    rules = amedip()
    return Wanted(
        step=step,
        rule=rules.step(Kind.HOST_OFFER),
        country=country,
        opened=EVE,
        closing_time=rules.closing_time,
        reminder_time=rules.reminder_time,
        kind=kind,
        asked=asked,
    )


async def test_who_stands_in_comes_with_the_schedule(offices: Offices, reference: Reference) -> None:
    await offices.delegate("MA-POSTE", "MA-POSTE/2", date(2027, 4, 5), date(2027, 4, 9), [Kind.HOST_OFFER])
    wanted = [
        a_wanted("S1", "MA-POSTE", "MA"),
        a_wanted("S2", "MA-POSTE", "MA", "agenda"),
        a_wanted("S2b", "MA-POSTE", "MA", "agenda").model_copy(update={"opened": DAY}),
        a_wanted("S3", "TN-OTE", "TN"),
        a_wanted("S4", "N1", "MA"),
        a_wanted("S5", "MA-POSTE/2", "MA"),
        a_wanted("S6", "OFFICE", "FR"),
        a_wanted("S7", "MA-POSTE", "MA", ""),
    ]
    found = await Deadlines(reference).schedule(ScheduleOrder(wanted=tuple(wanted)))
    assert len(found.schedules) == 8
    assert {step: [change.verb for change in changes] for step, changes in found.standins.items()} == {
        "S1": [Verb.SUCCEEDED, Verb.DELEGATED, Verb.DELEGATION_ENDED],
        "S2": [Verb.SUCCEEDED],
    }
    assert found.standins["S1"][0].at == datetime(2027, 3, 31, 23, tzinfo=UTC)


async def test_a_review_sees_what_another_process_has_just_entered(database: Database, reference: Reference) -> None:
    await reference.institutions()
    await Offices(database, Reference(database), lambda: DAY).delegate("TN-OTE", "TN-OTE/2", APRIL, APRIL)
    order = StandinOrder(asking=(Asking(step="S1", kind=Kind.CLEARANCE, asked="TN-OTE", since=DAY),))
    (delegated, ended) = (await Appointments(reference).standins(order)).standins["S1"]
    assert (delegated.at, delegated.to) == (DAY, "TN-OTE/2")
    assert (ended.at, ended.verb) == (datetime(2027, 4, 1, 23, tzinfo=UTC), Verb.DELEGATION_ENDED)


async def test_a_schedule_reads_nothing_more_than_the_days_and_what_is_in_memory(
    reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reference.institutions()
    reads: list[str] = []
    real = Database.read

    def counted(db: Database) -> object:
        reads.append("read")
        return real(db)

    async def never(self: Reference) -> Snapshot:
        raise AssertionError("the reference data is in memory")

    monkeypatch.setattr(Database, "read", counted)
    monkeypatch.setattr(Reference, "_read", never)
    deadlines = Deadlines(reference)
    await deadlines.schedule(ScheduleOrder(wanted=(a_wanted("S1", "MA-POSTE", "MA").model_copy(update={"asked": "", "kind": ""}),)))
    unasked = len(reads)
    await deadlines.schedule(ScheduleOrder(wanted=(a_wanted("S1", "MA-POSTE", "MA"),)))
    assert len(reads) == 2 * unasked
