"""Where a case left the usual way is derived from what it recorded: silence, answers on behalf, rules set aside, lateness."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from audit.exceptions import Exceptional, departures
from models.case import Case, Transition
from models.words import DecisionKind, Kind, Verb
from tests.audit.kept import replayed_here

START = datetime(2031, 1, 13, 9, tzinfo=UTC)


@cache
def ended(name: str) -> tuple[list[Transition], Case]:
    """All that happened in a golden case, and the state it led to."""
    moments = asyncio.run(replayed_here(name)).moments
    ends = {moment.run: moment for moment in moments}
    return [said for end in ends.values() for said in end.case.said], moments[-1].case


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("tacit-consent", [("tacit", "consultation-1"), ("tacit", "consultation-2")]),
        ("answered-on-behalf", [("on_behalf", "nomination-1")]),
        ("consultee-overridden", [("waived", "consultation-2"), ("overridden", "consultation-2")]),
        ("decision-escalates", [("escalated", "decision-1")]),
    ],
)
def test_a_golden_case_has_the_departures_of_its_name(name: str, ways: list[tuple[str, str]]) -> None:
    found = [(str(one.way), one.step) for one in departures(*ended(name))]
    assert set(ways) <= set(found), found


def test_an_answer_on_behalf_brings_its_proof_and_an_override_its_reason() -> None:
    said, case = ended("answered-on-behalf")
    (one,) = [one for one in departures(said, case) if one.way is Exceptional.ON_BEHALF]
    step = case.step(one.step)
    assert step is not None
    assert step.decision is not None
    assert len(one.proof) == 64
    assert (one.proof, one.on_behalf_of) == (step.decision.proof, step.decision.on_behalf_of)
    said, case = ended("consultee-overridden")
    (waiver,) = case.waivers
    given = [(one.reason, one.by) for one in departures(said, case) if one.way in (Exceptional.OVERRIDDEN, Exceptional.WAIVED)]
    assert set(given) == {(waiver.reason, waiver.by)}


def transitions(*verbs: Verb, **more: object) -> list[Transition]:
    """Things that happened to one step, an hour after the other."""
    given = {"run": 1, "step": "consultation-1", "kind": Kind.CONSULTATION, **more}
    return [
        Transition.model_validate({"seq": n, "at": START + timedelta(hours=n), "event": n, "verb": verb, **given})
        for n, verb in enumerate(verbs, start=1)
    ]


@pytest.mark.parametrize(
    ("verbs", "way"),
    [
        ((Verb.OPENED, Verb.REMINDED, Verb.EXTENDED), Exceptional.EXTENDED),
        ((Verb.OPENED, Verb.CHASED, Verb.EXTENDED), Exceptional.EXTENDED_LATE),
        ((Verb.OPENED, Verb.LAPSED), Exceptional.LAPSED),
        ((Verb.HELD,), Exceptional.HELD),
        ((Verb.RECALLED,), Exceptional.RECALLED),
        ((Verb.SET_ASIDE,), Exceptional.RECALLED),
        ((Verb.REASSIGNED,), Exceptional.REASSIGNED),
    ],
)
def test_a_verb_says_in_which_way(verbs: tuple[Verb, ...], way: Exceptional) -> None:
    _, case = ended("tacit-consent")
    assert [one.way for one in departures(transitions(*verbs), case)] == [way]


def test_an_answer_after_the_due_date_is_late_and_only_it() -> None:
    _, case = ended("tacit-consent")
    case = case.model_copy(deep=True)
    step = case.step("consultation-1")
    assert step is not None
    assert step.decision is not None
    step.decision = step.decision.model_copy(update={"late": True, "kind": DecisionKind.EXPLICIT})
    said = transitions(Verb.OPENED, Verb.CHASED, Verb.CONSENTED)
    assert [(one.way, one.event) for one in departures(said, case)] == [(Exceptional.LATE, 3)]


def test_a_plain_case_has_no_departure() -> None:
    _, case = ended("tacit-consent")
    assert departures(transitions(Verb.OPENED, Verb.REMINDED, Verb.CONSENTED), case) == []
