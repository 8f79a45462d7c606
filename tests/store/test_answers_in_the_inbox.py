"""An answer is in the inbox once, with the instant it came."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from models.case import Facts
from models.errors import Missing, Refused
from store import tables
from store.database import Database
from store.inbox import Inbox, InboxState
from tests.store.situations import CASE, MONDAY, an_answer, days


async def test_an_answer_waits_until_the_case_took_it_down(inbox: Inbox) -> None:
    answer = an_answer("R1")
    assert await inbox.receive(CASE, answer)
    (row,) = await inbox.waiting(10)
    assert (row.case_id, row.answer, row.state) == (CASE, answer, InboxState.RECEIVED)
    await inbox.recorded("R1")
    assert await inbox.waiting(10) == []
    assert (await inbox.of("R1")).state is InboxState.RECORDED


async def test_the_same_answer_sent_again_keeps_its_first_instant(inbox: Inbox) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    again = an_answer("R1", received=MONDAY + days(1)).model_copy(update={"facts": Facts(planned=2)})
    assert not await inbox.receive(CASE, again)
    assert (await inbox.of("R1")).answer == an_answer("R1")


async def test_another_answer_under_the_same_response_is_a_conflict(inbox: Inbox) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    with pytest.raises(Refused, match="R1") as refusal:
        await inbox.receive(CASE, an_answer("R1", option="refuse"))
    assert refusal.value.code == "conflict"
    assert refusal.value.facts["option"] == "offer"
    with pytest.raises(Refused, match="R1"):
        await inbox.receive("AMEDIP-2027-0002", an_answer("R1"))


async def test_of_twenty_copies_at_once_one_is_received(inbox: Inbox) -> None:
    taken = await asyncio.gather(*(inbox.receive(CASE, an_answer("R1")) for _ in range(20)))
    assert sorted(taken) == [False] * 19 + [True]


async def test_before_a_step_closes_the_answers_received_in_time_are_found_in_order(inbox: Inbox) -> None:
    closes = MONDAY + days(10)
    await inbox.receive(CASE, an_answer("R-late", received=closes + days(0.1)))
    await inbox.receive(CASE, an_answer("R-last", received=closes))
    await inbox.receive(CASE, an_answer("R-z", received=MONDAY))
    await inbox.receive(CASE, an_answer("R-a", received=MONDAY))
    await inbox.receive(CASE, an_answer("R-other", step="S2"))
    await inbox.receive("AMEDIP-2027-0002", an_answer("R-elsewhere"))
    await inbox.receive(CASE, an_answer("R-told"))
    await inbox.recorded("R-told")
    assert [answer.response for answer in await inbox.in_time(CASE, "S1", closes)] == ["R-z", "R-a", "R-last"]


async def test_a_refusal_is_kept_with_its_reason(inbox: Inbox) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    await inbox.refused("R1", "closed", "the step closed", {"at": "2027-01-14"})
    row = await inbox.of("R1")
    assert row.state is InboxState.REFUSED
    assert row.outcome == {"code": "closed", "text": "the step closed", "at": "2027-01-14"}
    assert await inbox.waiting(10) == []


async def test_what_the_case_took_down_stands_against_a_refusal(inbox: Inbox) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    await inbox.recorded("R1", {"late": "yes"})
    await inbox.refused("R1", "closed", "the step closed", {})
    assert (await inbox.of("R1")).state is InboxState.RECORDED
    assert (await inbox.of("R1")).outcome == {"late": "yes"}


async def test_an_answer_found_recorded_after_a_refusal_is_recorded(inbox: Inbox) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    await inbox.refused("R1", "closed", "the step closed", {})
    await inbox.recorded("R1")
    assert (await inbox.of("R1")).state is InboxState.RECORDED
    assert (await inbox.of("R1")).outcome == {}


async def test_waiting_answers_come_in_the_order_of_their_receipt(inbox: Inbox) -> None:
    for response in ("R3", "R1", "R2"):
        await inbox.receive(CASE, an_answer(response))
    assert [row.answer.response for row in await inbox.waiting(2)] == ["R3", "R1"]


async def test_a_response_that_never_came_is_missing(inbox: Inbox) -> None:
    with pytest.raises(Missing, match="R9"):
        await inbox.of("R9")
    with pytest.raises(Missing, match="R9"):
        await inbox.recorded("R9")
    with pytest.raises(Missing, match="R9"):
        await inbox.refused("R9", "closed", "the step closed", {})


async def test_waiting_answers_go_round_so_that_those_that_stay_do_not_hide_the_others(inbox: Inbox) -> None:
    for response in ("R1", "R2", "R3"):
        await inbox.receive(CASE, an_answer(response))
    first, second = await inbox.waiting(2)
    assert first.number < second.number
    assert [row.answer.response for row in await inbox.waiting(2, second.number)] == ["R3", "R1"]
    assert [row.answer.response for row in await inbox.waiting(3, 10**9)] == ["R1", "R2", "R3"]


async def test_an_unreadable_answer_is_logged_once_counted_and_hides_no_other(database: Database, inbox: Inbox) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    await inbox.receive(CASE, an_answer("R2"))
    async with database.begin() as connection:
        await connection.execute(update(tables.inbox).where(tables.inbox.c.response == "R1").values(answer="{"))
    with capture_logs() as logs:
        assert [row.answer.response for row in await inbox.waiting(10)] == ["R2"]
        assert [row.answer.response for row in await inbox.waiting(10)] == ["R2"]
    assert [(entry["event"], entry["response"]) for entry in logs] == [("answer_unreadable", "R1")]
    assert await inbox.count_waiting() == 2
