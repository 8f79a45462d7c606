"""An institution that lets its questions lapse is dormant until it answers: who hosts and who speaks for a country heeds that."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from activities.directory import Directory
from activities.inbox import InboxDesk
from models.case import Decision, Step
from models.orders import CandidateOrder, FocalPointOrder, InTime
from models.words import DecisionKind, State
from store.cases import ReadModel
from store.database import Database
from store.inbox import Inbox
from store.reference import Reference
from store.silence import lapses_in_a_row
from tests.store.situations import CASE, MONDAY, a_case, an_answer, an_open_step, answered, days


def lapsed(step: Step, *, on: int) -> Step:
    """The step, closed so many days after Monday without an answer."""
    return step.model_copy(update={"state": State.LAPSED, "closed": MONDAY + days(on)})


def decided(step: Step, kind: DecisionKind, *, on: int) -> Step:
    """The step, decided so many days after Monday in that way."""
    closed = MONDAY + days(on)
    decision = Decision(option="offer", kind=kind, recorded=closed)
    state = State.LAPSED if kind is DecisionKind.TACIT else State.ANSWERED
    return step.model_copy(update={"state": state, "closed": closed, "decision": decision})


class Past:
    """What became of one institution's questions, in as many cases."""

    def __init__(self, read_model: ReadModel) -> None:
        self._read_model = read_model
        self._cases = 0

    async def of(self, *steps: Step) -> None:
        """Publish a case for each step."""
        for step in steps:
            self._cases += 1
            await self._read_model.publish(a_case(step, seq=1, case_id=f"AMEDIP-2027-{self._cases:04d}"))


@pytest.fixture
def past(read_model: ReadModel) -> Past:
    """Nothing has been asked yet."""
    return Past(read_model)


def asked(institution: str = "MA-POSTE") -> Step:
    """A question open since Monday."""
    return an_open_step("S1", institution)


async def counted(database: Database, institution: str = "MA-POSTE", before: datetime | None = None) -> int:
    """How often in a row it was silent."""
    return (await lapses_in_a_row(database, [institution], before))[institution]


@pytest.mark.usefixtures("reference")
async def test_lapses_of_all_cases_count_back_to_the_last_answer(database: Database, past: Past) -> None:
    assert await counted(database) == 0
    await past.of(lapsed(asked(), on=1), decided(asked(), DecisionKind.EXPLICIT, on=2), lapsed(asked(), on=3), asked())
    assert await counted(database) == 1
    await past.of(lapsed(asked(), on=4), lapsed(asked("TN-OTE"), on=5))
    assert await counted(database) == 2
    await past.of(answered(asked()))
    assert await counted(database) == 2, "the answer of Tuesday came before"
    await past.of(decided(asked(), DecisionKind.ON_BEHALF, on=6))
    assert await counted(database) == 0


@pytest.mark.usefixtures("reference")
async def test_consent_by_silence_is_silence(database: Database, past: Past) -> None:
    old = decided(asked(), DecisionKind.TACIT, on=2).model_copy(update={"state": State.ANSWERED})
    await past.of(decided(asked(), DecisionKind.TACIT, on=1), old)
    assert await counted(database) == 2


@pytest.mark.usefixtures("reference")
async def test_what_was_called_off_or_decided_over_its_head_is_neither_answer_nor_silence(database: Database, past: Past) -> None:
    withdrawn = asked().model_copy(update={"state": State.WITHDRAWN, "closed": MONDAY + days(2)})
    await past.of(lapsed(asked(), on=1), withdrawn, decided(asked(), DecisionKind.OVERRIDDEN, on=3))
    assert await counted(database) == 1


@pytest.mark.usefixtures("reference")
async def test_only_what_closed_before_counts(database: Database, past: Past) -> None:
    await past.of(lapsed(asked(), on=1), lapsed(asked(), on=2), decided(asked(), DecisionKind.EXPLICIT, on=4))
    assert await counted(database, before=MONDAY + days(2)) == 1
    assert await counted(database, before=MONDAY + days(2) + timedelta(seconds=1)) == 2
    assert await counted(database, before=MONDAY + days(5)) == 0


@pytest.mark.usefixtures("reference")
async def test_somebody_who_is_no_institution_is_never_dormant(database: Database, past: Past) -> None:
    await past.of(lapsed(asked("N1"), on=1), lapsed(asked("OFFICE"), on=1))
    assert await lapses_in_a_row(database, ["N1", "OFFICE", "MA-POSTE"]) == {"N1": 0, "OFFICE": 0, "MA-POSTE": 0}


@pytest.mark.usefixtures("reference")
async def test_a_case_learns_how_long_the_one_asked_was_silent_with_what_came_in(
    database: Database, inbox: Inbox, past: Past
) -> None:
    await past.of(lapsed(asked(), on=1), lapsed(asked(), on=2))
    await inbox.receive(CASE, an_answer("R-1"))
    closes = MONDAY + days(3)
    found = await InboxDesk(inbox).in_time(InTime(case=CASE, step="S1", closes=closes, asked="MA-POSTE"))
    assert ([answer.response for answer in found.answers], found.lapses) == (["R-1"], 2)
    assert (await InboxDesk(inbox).in_time(InTime(case=CASE, step="S1", closes=closes))).lapses == 0


async def called(reference: Reference, *, preferred: tuple[str, ...] = (), dormant_after: int = 2) -> list[tuple[str, int, str]]:
    """Who is called, with points and the last reason."""
    order = CandidateOrder(
        asked=a_case(seq=1).asked.model_copy(update={"preferred": preferred}), most=20, dormant_after=dormant_after
    )
    found = (await Directory(reference).candidates(order)).candidates
    return [(candidate.institution, candidate.score, candidate.reasons[-1]) for candidate in found]


async def test_a_dormant_institution_is_not_called_until_it_answers(reference: Reference, past: Past) -> None:
    before = await called(reference)
    assert "MA-POSTE" in {code for code, _, _ in before}
    await past.of(lapsed(asked(), on=1))
    assert await called(reference) == before
    await past.of(lapsed(asked(), on=2))
    assert await called(reference) == [one for one in before if one[0] != "MA-POSTE"]
    assert await called(reference, dormant_after=0) == before
    await past.of(decided(asked(), DecisionKind.EXPLICIT, on=3))
    assert await called(reference) == before


async def test_a_dormant_institution_the_requester_prefers_is_called_last(reference: Reference, past: Past) -> None:
    await past.of(lapsed(asked(), on=1), lapsed(asked(), on=2))
    found = await called(reference, preferred=("MA-POSTE", "TN-OTE"))
    assert found[0] == ("TN-OTE", 99, "preferred")
    assert found[-1] == ("MA-POSTE", 1, "dormant")


async def test_another_ministry_speaks_for_a_country_whose_focal_point_is_dormant(reference: Reference, past: Past) -> None:
    directory = Directory(reference)

    async def speaks(country: str, dormant_after: int = 1) -> str:
        return (await directory.focal_point(FocalPointOrder(country=country, dormant_after=dormant_after))).institution

    assert await speaks("NG") == "NG-NCFR"
    await past.of(lapsed(asked("NG-NCFR"), on=1), lapsed(asked("SN-MAESE"), on=1))
    assert await speaks("NG") == "NG-MFA"
    assert await speaks("NG", dormant_after=0) == "NG-NCFR"
    assert await speaks("SN") == "SN-MAESE", "Senegal has no other ministry"
    assert await speaks("ES") == ""
    await past.of(lapsed(asked("NG-MFA"), on=1))
    assert await speaks("NG") == "NG-NCFR"
