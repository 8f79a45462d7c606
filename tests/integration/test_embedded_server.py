"""A case on a real Temporal server with real mail: launched, asked, answered; and whatever is away, waited for."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import Invalid, Missing, Refused
from models.words import State, Verb
from rehearsal.stage import VAULT
from store.cases import LaunchState
from store.inbox import InboxState
from tests.integration.situations import Flaky, Installation, a_request, given, workplace_on

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.xdist_group("embedded-server")]


async def test_a_launched_case_asks_by_mail_and_its_link_leads_to_the_next_step(there: Installation) -> None:
    async with there.working():
        launched = await there.cases.launch(a_request(), key="a key")
        assert (launched.created, launched.started) == (True, True)
        letter = await there.box.letter("ask_completeness")
        link = there.link_in(letter)
        assert (link.case, link.step, link.party) == (launched.case, "completeness-1", "OFFICE")
        outcome = await there.cases.answer(given(link.case, "complete", step=link.step, by=link.party))
        assert outcome.state == "recorded"
        assert outcome.recorded is not None
        assert (outcome.recorded.option, outcome.recorded.late) == ("complete", False)
        case = await there.cases.case(launched.case)
        assert [(step.id, step.state) for step in case.steps] == [
            ("completeness-1", State.ANSWERED),
            ("consultation-1", State.OPEN),
            ("consultation-2", State.OPEN),
        ]
        receipt = await there.box.letter("recorded")
        assert outcome.response in receipt.as_string()
        asked = [await there.box.letter("ask_consultation", n) for n in (1, 2)]
        assert {there.link_in(letter).party for letter in asked} == {"FR-MINT", "CH-SDC"}


async def test_the_same_key_gives_the_same_case(there: Installation) -> None:
    launches = await asyncio.gather(*(there.cases.launch(a_request(), key="once") for _ in range(5)))
    assert len({launch.case for launch in launches}) == 1
    assert sum(launch.created for launch in launches) == 1
    other = await there.cases.launch(a_request(), key="another")
    assert other.case not in {launch.case for launch in launches}


async def test_a_broken_request_creates_nothing(here: Installation) -> None:
    with pytest.raises(Invalid) as told:
        await here.cases.launch(a_request(places=9, language="es"), key="broken")
    assert {fault.field for fault in told.value.faults} == {"places", "language"}
    assert await here.cases.numbers() == []
    launched = await here.cases.launch(a_request(), key="broken")
    assert launched.created
    assert launched.case.endswith("-0001")


async def test_a_case_launched_while_temporal_is_away_is_reserved_and_started_later(there: Installation) -> None:
    away = await there.without_temporal()
    assert not await away.is_reachable()
    launched = await away.launch(a_request(), key="early")
    assert (launched.created, launched.started) == (True, False)
    (reserved,) = await there.launches.reserved()
    assert (reserved.case_id, reserved.state) == (launched.case, LaunchState.RESERVED)
    assert await away.redeliver() == 1
    assert await there.cases.redeliver() == 0
    assert await there.launches.reserved() == []
    async with there.working():
        assert there.link_in(await there.box.letter("ask_completeness")).case == launched.case
    again = await there.cases.launch(a_request(), key="early")
    assert (again.case, again.created, again.started) == (launched.case, False, True)


async def test_an_answer_given_while_temporal_is_away_is_received_and_recorded_later(there: Installation) -> None:
    async with there.working():
        launched = await there.cases.launch(a_request())
        await there.box.letter("ask_completeness")
        away = await there.without_temporal()
        outcome = await away.answer(given(launched.case))
        assert (outcome.state, outcome.recorded) == ("received", None)
        assert (await there.cases.case(launched.case)).steps[0].state is State.OPEN
        assert await away.redeliver() == 1
        assert await there.cases.redeliver() == 0
        row = await there.cases.earlier(outcome.response)
        assert row is not None
        assert row.state is InboxState.RECORDED
        step = (await there.cases.case(launched.case)).steps[0]
        assert step.decision is not None
        assert (step.decision.response, step.decision.received) == (outcome.response, row.answer.received)


async def test_an_answer_given_while_nobody_works_is_received_and_recorded_later(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with here.working():
        launched = await here.cases.launch(a_request())
        await here.box.letter("ask_completeness")
    monkeypatch.setattr("cases.ANSWER_SECONDS", 0.3)
    outcome = await here.cases.answer(given(launched.case))
    assert outcome.state == "received"
    monkeypatch.undo()
    async with here.working():
        assert await here.cases.redeliver() == 0
    row = await here.cases.earlier(outcome.response)
    assert row is not None
    assert row.state is InboxState.RECORDED
    assert [said.verb for said in await here.cases.timeline(launched.case)].count(Verb.FOUND_COMPLETE) == 1


async def test_the_same_answer_sent_again_is_told_the_same(here: Installation) -> None:
    async with here.working():
        launched = await here.cases.launch(a_request())
        await here.box.letter("ask_completeness")
        answer = given(launched.case)
        outcomes = await asyncio.gather(*(here.cases.answer(answer) for _ in range(3)))
    assert len({outcome.model_dump_json() for outcome in outcomes}) == 1
    assert [said.verb for said in await here.cases.timeline(launched.case)].count(Verb.FOUND_COMPLETE) == 1


async def test_of_two_different_answers_the_first_stands_and_the_other_is_told_so(here: Installation) -> None:
    async with here.working():
        launched = await here.cases.launch(a_request())
        await here.box.letter("ask_completeness")
        first = given(launched.case)
        other = given(launched.case, "return", form={"remarks": "Say more."})
        outcome = await here.cases.answer(first)
        with pytest.raises(Refused) as told:
            await here.cases.answer(other)
    assert outcome.state == "recorded"
    assert (told.value.code, told.value.facts["option"], told.value.facts["by"]) == ("answered", "complete", "OFFICE")
    row = await here.cases.earlier(other.response)
    assert row is not None
    assert (row.state, row.outcome["code"]) == (InboxState.REFUSED, "answered")


async def test_an_answer_that_came_too_late_to_be_first_is_refused_when_it_is_told(here: Installation) -> None:
    async with here.working():
        launched = await here.cases.launch(a_request())
        await here.box.letter("ask_completeness")
        away = await here.without_temporal()
        waiting = await away.answer(given(launched.case, "return", form={"remarks": "Say more."}))
        assert (await here.cases.answer(given(launched.case))).state == "recorded"
        assert await here.cases.redeliver() == 0
    row = await here.cases.earlier(waiting.response)
    assert row is not None
    assert (row.state, row.outcome["option"]) == (InboxState.REFUSED, "complete")


@pytest.mark.parametrize(
    ("said", "code"),
    [({"by": "SN-POSTE"}, "not_asked"), ({"step": "decision-7", "option": "approve"}, "unknown_step")],
)
async def test_whoever_was_not_asked_is_refused_and_nothing_happens(here: Installation, said: dict[str, str], code: str) -> None:
    async with here.working():
        launched = await here.cases.launch(a_request())
        await here.box.letter("ask_completeness")
        with pytest.raises(Refused) as told:
            await here.cases.answer(given(launched.case, **said))
    assert told.value.code == code
    assert (await here.cases.case(launched.case)).steps[0].state is State.OPEN


async def test_a_badly_filled_form_is_not_kept(here: Installation) -> None:
    async with here.working():
        launched = await here.cases.launch(a_request())
        await here.box.letter("ask_completeness")
        answer = given(launched.case, "return")
        with pytest.raises(Invalid) as told:
            await here.cases.answer(answer)
    assert [fault.field for fault in told.value.faults] == ["remarks"]
    assert await here.cases.earlier(answer.response) is None


async def test_there_is_no_answering_a_case_that_is_not(here: Installation) -> None:
    with pytest.raises(Missing):
        await here.cases.answer(given("AMEDIP-1999-0001"))


async def test_while_the_database_is_away_the_case_waits_and_then_goes_on(there: Installation, flaky: type[Flaky]) -> None:
    launched = await there.cases.launch(a_request())
    database = flaky.open(there.url, durable=False, vault=VAULT)
    assert isinstance(database, Flaky)
    database.away = 3
    worked = workplace_on(database, there.workplace.task_queue)
    async with there.working(worked):
        await there.box.letter("ask_completeness")
        database.away = 2
        outcome = await there.cases.answer(given(launched.case))
        assert outcome.state == "recorded"
        assert database.away == 0
        await there.box.letter("ask_consultation", 2)
    await worked.close()
    timeline = await there.cases.timeline(launched.case)
    assert [said.seq for said in timeline] == list(range(1, len(timeline) + 1))
    assert len(there.box.letters("ask_completeness")) == 1
