"""The read model copies the state of each case and never goes back."""

from __future__ import annotations

from typing import Any, cast

import pytest

from audit.rebuild import rebuild
from models.case import Case
from models.errors import Missing, Refused
from models.orders import Reached
from models.words import DecisionKind, Ending, State
from store.cases import ReadModel
from store.database import Database
from store.mails import Mails, QueuedMail
from tests.store.situations import CASE, MONDAY, a_case, a_mail, an_open_step, answered, days

ASKED = an_open_step("S1", "MA-POSTE")


async def test_a_published_case_is_read_back_whole_with_its_timeline_apart(read_model: ReadModel) -> None:
    case = a_case(ASKED, answered(an_open_step("S0", "TN-OTE")), seq=3)
    await read_model.publish(case)
    assert await read_model.case(CASE) == case.model_copy(update={"said": []})
    assert await read_model.timeline(CASE) == case.said
    assert await read_model.exists(CASE)


async def test_a_case_never_published_is_missing(read_model: ReadModel) -> None:
    with pytest.raises(Missing, match=CASE):
        await read_model.case(CASE)
    assert not await read_model.exists(CASE)
    assert await read_model.timeline(CASE) == []


async def test_a_list_says_whom_each_case_waits_for_and_until_when(read_model: ReadModel) -> None:
    later = an_open_step("S2", "TN-OTE", opened=MONDAY + days(1))
    await read_model.publish(a_case(answered(an_open_step("S0", "EG-MOM")), later, ASKED, seq=1))
    (row,) = await read_model.cases()
    assert row.waiting_for == ("TN-OTE", "MA-POSTE")
    assert row.next_instant == MONDAY + days(5)
    assert (row.id, row.requesting, row.ending, row.opened) == (CASE, "SN-POSTE", None, MONDAY)


async def test_a_resting_case_is_listed_with_the_instant_it_goes_on(read_model: ReadModel) -> None:
    case = a_case(answered(ASKED), seq=1)
    case.resting_until = MONDAY + days(90)
    await read_model.publish(case)
    assert (await read_model.cases())[0].next_instant == MONDAY + days(90)


async def test_steps_are_listed_as_they_stand(read_model: ReadModel) -> None:
    await read_model.publish(a_case(ASKED, seq=1))
    await read_model.publish(a_case(answered(ASKED), an_open_step("S2", "TN-OTE", opened=MONDAY + days(1)), seq=2))
    first, second = await read_model.steps(CASE)
    assert (first.state, first.option, first.decision, first.next_instant) == (State.ANSWERED, "offer", DecisionKind.EXPLICIT, None)
    assert first.closed == MONDAY + days(1)
    assert (second.asked, second.due, second.closes) == ("TN-OTE", MONDAY + days(9), MONDAY + days(11))
    assert second.next_instant == MONDAY + days(6)
    assert second.decision is None


async def test_publishing_again_changes_nothing(read_model: ReadModel) -> None:
    case = a_case(ASKED, seq=3)
    await read_model.publish(case, [a_mail(1)])
    await read_model.publish(case, [a_mail(1)])
    assert len(await read_model.timeline(CASE)) == 3
    assert len(await read_model.steps(CASE)) == 1
    assert len(await read_model.mails(CASE)) == 1


async def test_an_older_state_that_comes_late_changes_nothing_but_its_mails_leave(read_model: ReadModel) -> None:
    await read_model.publish(a_case(answered(ASKED), seq=3), [a_mail(2)], Reached(event=9, seq=2, posted=1))
    await read_model.publish(a_case(ASKED, seq=2), [a_mail(1)], Reached(event=5))
    assert (await read_model.case(CASE)).seq == 3
    assert (await read_model.steps(CASE))[0].state is State.ANSWERED
    assert len(await read_model.mails(CASE)) == 2


async def test_what_a_lost_task_wrote_is_replaced_by_what_the_history_says(read_model: ReadModel) -> None:
    await read_model.publish(a_case(ASKED, seq=2), [numbered(1)], Reached(event=3))
    lost = a_case(answered(ASKED), an_open_step("S2", "TN-OTE", opened=MONDAY + days(1)), seq=5)
    await read_model.publish(lost, [numbered(2), numbered(3), numbered(4)], Reached(event=9, seq=2, posted=1))
    kept = a_case(answered(ASKED), seq=4)
    kept.said[2:] = [said.model_copy(update={"event": 12, "about": "MA-POSTE"}) for said in kept.said[2:]]
    await read_model.publish(kept, [numbered(2), numbered(3, "recorded")], Reached(event=12, seq=2, posted=1))
    assert (await read_model.case(CASE)).seq == 4
    assert [row.id for row in await read_model.steps(CASE)] == ["S1"]
    assert await read_model.timeline(CASE) == kept.said
    assert [mail.message_id for mail in await read_model.mails(CASE)] == [
        numbered(n, letter).message_id for n, letter in ((1, "asked"), (2, "asked"), (3, "recorded"))
    ]


async def test_a_letter_that_a_lost_task_sent_or_is_sending_stays(read_model: ReadModel, database: Database) -> None:
    await read_model.publish(a_case(ASKED, seq=1), [numbered(1), numbered(2)], Reached(event=3))
    [claimed] = await Mails(database).due(MONDAY + days(1), 1, lease_seconds=60)
    await read_model.publish(a_case(ASKED, seq=1), [numbered(1, "other")], Reached(event=6))
    assert {mail.message_id for mail in await read_model.mails(CASE)} == {claimed.message_id, numbered(1, "other").message_id}


def numbered(number: int, letter: str = "asked") -> QueuedMail:
    """A mail with a number in its case."""
    mail = a_mail(number)
    return mail.model_copy(
        update={"number": number, "letter": letter, "message_id": f"<{CASE}.{number:04d}.{letter}@amedip.example>"}
    )


async def test_a_state_of_an_earlier_run_is_older_whatever_its_number(read_model: ReadModel) -> None:
    await read_model.publish(a_case(seq=3, run=2))
    await read_model.publish(a_case(ASKED, seq=9, run=1))
    assert (await read_model.case(CASE)).run == 2
    assert await read_model.steps(CASE) == []


async def test_each_run_adds_its_own_transitions_to_the_timeline(read_model: ReadModel) -> None:
    first, second = a_case(seq=3), a_case(seq=5, run=2)
    second.said = second.said[3:]
    await read_model.publish(first)
    await read_model.publish(second)
    assert [(said.seq, said.run) for said in await read_model.timeline(CASE)] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]


async def test_open_and_ended_cases_are_listed_apart_the_last_opened_first(read_model: ReadModel) -> None:
    for number in (1, 2, 3):
        case = a_case(seq=1, case_id=f"AMEDIP-2027-000{number}")
        case.opened = MONDAY + days(number)
        if number == 2:
            case.ending, case.reason, case.ended = Ending.NO_HOST, "nobody offered", MONDAY + days(60)
        await read_model.publish(case)
    listed = [row.id[-1] for row in await read_model.cases()]
    assert listed == ["3", "2", "1"]
    assert [row.id[-1] for row in await read_model.cases(ending="")] == ["3", "1"]
    (ended,) = await read_model.cases(ending=Ending.NO_HOST)
    assert (ended.ending, ended.reason, ended.ended) == (Ending.NO_HOST, "nobody offered", MONDAY + days(60))
    assert [row.id[-1] for row in await read_model.cases(limit=1, offset=1)] == ["2"]
    assert await read_model.open_cases() == ["AMEDIP-2027-0001", "AMEDIP-2027-0003"]


async def test_a_case_is_written_anew_from_the_ends_of_its_runs_and_keeps_its_mails(read_model: ReadModel) -> None:
    first, second = a_case(ASKED, seq=2), a_case(answered(ASKED), seq=4, run=2)
    second.said = second.said[2:]
    wrong = a_case(an_open_step("S9", "EG-MOM"), seq=4, run=2)
    await read_model.publish(wrong, [a_mail(1)])
    assert await read_model.rebuild([first, second], 9)
    assert [row.id for row in await read_model.steps(CASE)] == ["S1"]
    assert [(said.seq, said.run) for said in await read_model.timeline(CASE)] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert len(await read_model.mails(CASE)) == 1


async def test_a_case_that_was_never_published_is_written_too(read_model: ReadModel) -> None:
    assert await read_model.rebuild([a_case(ASKED, seq=2)], 9)
    assert (await read_model.case(CASE)).seq == 2


@pytest.mark.parametrize("newer", [a_case(answered(ASKED), seq=5), a_case(answered(ASKED), seq=1, run=2)])
async def test_a_newer_state_is_never_written_over_by_older_histories(read_model: ReadModel, newer: Case) -> None:
    await read_model.publish(newer, reached=Reached(event=9))
    assert not await read_model.rebuild([a_case(ASKED, seq=4)], 8)
    assert (await read_model.steps(CASE))[0].state is State.ANSWERED
    assert len(await read_model.timeline(CASE)) == newer.seq


class Going:
    """Histories of a case that goes on while they are read, so many times."""

    def __init__(self, read_model: ReadModel, times: int) -> None:
        self.read_model = read_model
        self.times = times
        self.seq = 1

    async def histories(self, case_id: str) -> list[tuple[str, bytes, int]]:
        """How far the case was when they were read."""
        found = [("run", b"", self.seq)]
        if self.times:
            self.times -= 1
            self.seq += 1
            await self.read_model.publish(a_case(ASKED, seq=self.seq), reached=Reached(event=self.seq))
        return found


@pytest.fixture
def _replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that is as long as it says."""

    async def states(case_id: str, histories: list[tuple[str, bytes, int]]) -> list[Case]:
        return [a_case(ASKED, seq=histories[-1][2])]

    monkeypatch.setattr("audit.rebuild.states", states)


@pytest.mark.usefixtures("_replayed")
async def test_a_case_that_goes_on_while_it_is_rebuilt_is_read_again(read_model: ReadModel) -> None:
    await rebuild(read_model, cast(Any, Going(read_model, times=2)), CASE)
    assert (await read_model.case(CASE)).seq == 3
    with pytest.raises(Refused, match="ahead of its histories") as refusal:
        await rebuild(read_model, cast(Any, Going(read_model, times=0)), CASE)
    assert refusal.value.code == "newer"
    assert (await read_model.case(CASE)).seq == 3
