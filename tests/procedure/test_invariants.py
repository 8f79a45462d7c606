"""What holds in every case: one outcome a step, copies equal the original, somebody is awaited, histories hold nothing personal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from audit.plain import events_of, payloads, plain
from audit.rebuild import rebuild
from audit.replay import states
from models.acts import Doing
from models.case import Transition
from models.words import OPTIONS, Ending, Kind, State, Verb
from rehearsal.plausible import TEXTS
from rehearsal.scenario import load_scenario
from tests.procedure.driven import Driven
from tests.procedure.scenarios import NAMES, PROGRAMMES, SCENARIOS, Watched

Plays = Callable[[str], Awaitable[Watched]]

every_scenario = pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES])

EVENTS_OF_TEN_INTERVENTIONS = 700
EVENTS_A_STEP, BYTES_AN_EVENT, LARGEST_PAYLOAD = 14, 700, 16 * 1024
LINK = re.compile(r"/r/([\w.~-]{20,})")
PERSON = re.compile(r"participant.?\d|expert.?[a-z]\b|\bparticipant\.", re.IGNORECASE)
MAILBOX = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2}[\w.-]*", re.ASCII)
LONG_ENOUGH = 8


@every_scenario
async def test_every_step_has_exactly_one_outcome(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    outcomes = Counter(said.step for said in played.timeline if is_outcome(said))
    withdrawn = {step.id for step in played.case.steps if step.state is State.WITHDRAWN}
    closed = {step.id for step in played.case.steps if step.state in (State.ANSWERED, State.LAPSED)}
    assert closed | withdrawn == {step.id for step in played.case.steps}
    assert outcomes == Counter(dict.fromkeys(closed, 1))


@every_scenario
async def test_an_outcome_that_no_longer_counts_was_given_first_and_is_said_to_be_undone_once(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    undone = Counter(said.step for said in played.timeline if said.verb in (Verb.RECALLED, Verb.SET_ASIDE))
    assert undone == Counter({step.id: 1 for step in played.case.steps if step.voided is not None})
    for step in played.case.steps:
        said = [said.verb in (Verb.RECALLED, Verb.SET_ASIDE) for said in played.timeline if said.step == step.id]
        assert said == sorted(said), step.id


def is_outcome(said: Transition) -> bool:
    """Whether a transition closes its step."""
    return said.kind is not None and (said.verb is Verb.LAPSED or said.verb in OPTIONS[Kind(said.kind)].values())


@every_scenario
async def test_after_every_turn_the_copy_is_the_original_and_the_case_waits_for_somebody(plays: Plays, name: str) -> None:
    assert (await plays(name)).faults == ()


@every_scenario
async def test_the_read_model_is_what_the_histories_say(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    ends = await states(played.case.id, played.histories)
    assert ends[-1].model_dump_json(exclude={"said"}) == played.case.model_dump_json(exclude={"said"})
    assert [said.model_dump_json() for end in ends for said in end.said] == [said.model_dump_json() for said in played.timeline]


async def test_a_read_model_rebuilt_from_the_histories_is_the_same(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    before = (await case.state(), await case.cases.timeline(case.id), await case.cases.steps(case.id))
    await rebuild(case.on.workplace.readmodel, case.cases, case.id)
    assert (await case.state(), await case.cases.timeline(case.id), await case.cases.steps(case.id)) == before


@every_scenario
async def test_contents_are_what_their_sha256_says_and_the_timeline_is_in_order(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    assert {key: sha256(content).hexdigest() for key, content in played.contents.items()} == {key: key for key in played.contents}
    assert [said.seq for said in played.timeline] == list(range(1, len(played.timeline) + 1))
    assert [said.at for said in played.timeline] == sorted(said.at for said in played.timeline)


@every_scenario
async def test_every_run_but_the_last_is_kept_with_its_digest(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    kept = [(run.run_id, run.events, run.sha256) for run in played.case.runs]
    assert kept == [(run_id, events, sha256(history).hexdigest()) for run_id, history, events in played.histories[:-1]]


@every_scenario
async def test_no_name_no_mailbox_no_link_and_no_text_of_a_form_is_in_any_history(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    office = PROGRAMMES["amedip"].office
    links = {
        link for message in played.messages for link in LINK.findall(message.as_string().replace("=\r\n", "").replace("=\n", ""))
    }
    assert links
    for _, history, _ in played.histories:
        text = plain(history)
        assert set(MAILBOX.findall(text)) <= {office.mailbox, office.supervisor_mailbox}
        assert PERSON.findall(text) == []
        assert [link for link in links if link in text] == []
        assert [said for said in texts_of(name) if said in text] == []


def texts_of(name: str) -> set[str]:
    """The texts that people filled in or gave as reasons: of the request, of the scenario, of plausible forms."""
    scenario, request = load_scenario(SCENARIOS / f"{name}.toml")
    codes = ("reference", "requesting_institution", "format", "theme", "level", "preferred_hosts", "programme", "language")
    said: list[Any] = [{key: value for key, value in request.items() if key not in codes}, list(TEXTS.values())]
    said += [reply.form for reply in scenario.reply]
    for act in scenario.act:
        given = act.arguments
        said += [given.reason, given.proof, given.form, *(dict(form) for form in (given.nominee, given.colleague) if form)]
    known = {"attended", "left_early"}
    return {text for text in strings(said) if len(text) >= LONG_ENOUGH and text not in known and not text[:4].isdigit()}


def strings(value: Any) -> Iterator[str]:
    """Every text within nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


@pytest.mark.xdist_group("standard")
async def test_a_step_of_the_standard_case_costs_at_most_fourteen_events(plays: Plays) -> None:
    played = (await plays("standard")).played
    assert sum(events for _, _, events in played.histories) <= EVENTS_A_STEP * len(played.case.steps)


@pytest.mark.xdist_group("ten-interventions")
async def test_a_case_with_ten_interventions_stays_under_seven_hundred_events(plays: Plays) -> None:
    played = (await plays("ten-interventions")).played
    scenario, _ = load_scenario(SCENARIOS / "ten-interventions.toml")
    interventions = [act for act in scenario.act if act.do is not Doing.RESUME and not act.refused]
    assert (len(interventions), played.case.ending) == (10, Ending.CLOSED)
    assert sum(events for _, _, events in played.histories) < EVENTS_OF_TEN_INTERVENTIONS


@every_scenario
async def test_histories_stay_small(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    events = [event for _, history, _ in played.histories for event in events_of(history)]
    assert max(len(payload.data) for event in events for payload in payloads(event)) <= LARGEST_PAYLOAD
    assert sum(event.ByteSize() for event in events) <= BYTES_AN_EVENT * len(events)
