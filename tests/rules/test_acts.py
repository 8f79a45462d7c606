"""What a coordinator can do with an open case, and what each act changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from models import consequences
from models.acts import CHECKS, Act, Doing, may_act
from models.case import Case, Step, Wants
from models.consequences import CHANGES, Happened
from models.errors import Refused
from models.words import Ending, Kind, Phase, State, Verb
from tests.rules.situations import MONDAY, a_case, a_step, amedip

REASON = "c" * 64


def an_act(do: Doing, **said: Any) -> Act:
    """An act of the office, with a reason."""
    return Act(**{"act": "A1", "do": do, "by": "OFFICE", "received": MONDAY, "reason": REASON} | said)


def carry_out(case: Case, act: Act, at: datetime) -> list[tuple[Verb, Step | None]]:
    """What an act did, without whom it is about."""
    return [(verb, step) for verb, step, _ in carried_out(case, act, at)]


def carried_out(case: Case, act: Act, at: datetime = MONDAY) -> list[Happened]:
    """What an act did."""
    return consequences.carry_out(case, act, at, amedip())


def refusal(case: Case, act: Act) -> str:
    """The code with which an act is refused."""
    with pytest.raises(Refused) as told:
        may_act(case, act, amedip())
    return told.value.code


def on_hold() -> Case:
    """A case with one open step, put on hold."""
    case = a_case(a_step(Kind.NOMINATION))
    carry_out(case, an_act(Doing.HOLD), MONDAY)
    return case


def test_only_the_office_intervenes() -> None:
    assert refusal(a_case(), an_act(Doing.HOLD, by="SN-POSTE")) == "not_office"


@pytest.mark.parametrize("do", [Doing.EXTEND, Doing.HOLD, Doing.WITHDRAW, Doing.CANCEL])
def test_an_act_needs_a_reason(do: Doing) -> None:
    case = a_case(a_step(Kind.NOMINATION))
    assert refusal(case, an_act(do, reason="", step="nomination-1", working_days=5)) == "no_reason"


def test_a_case_is_resumed_without_a_reason() -> None:
    may_act(on_hold(), an_act(Doing.RESUME, reason=""), amedip())


@pytest.mark.parametrize("do", [Doing.HOLD, Doing.WITHDRAW, Doing.CANCEL])
def test_an_ended_case_is_left_alone(do: Doing) -> None:
    case = a_case()
    case.ending = Ending.CLOSED
    assert refusal(case, an_act(do)) == "ended"


def test_a_case_is_held_once_and_resumed_only_from_hold() -> None:
    assert refusal(on_hold(), an_act(Doing.HOLD)) == "on_hold"
    assert refusal(a_case(), an_act(Doing.RESUME)) == "not_on_hold"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"step": "other-1", "working_days": 5}, "unknown_step"),
        ({"step": "nomination-1", "working_days": 0}, "out_of_range"),
        ({"step": "nomination-1", "working_days": 61}, "out_of_range"),
    ],
)
def test_an_extension_names_an_open_step_and_one_to_sixty_working_days(said: dict[str, Any], code: str) -> None:
    assert refusal(a_case(a_step(Kind.NOMINATION)), an_act(Doing.EXTEND, **said)) == code


def test_a_closed_step_is_not_extended() -> None:
    step = a_step(Kind.NOMINATION)
    step.state = State.LAPSED
    assert refusal(a_case(step), an_act(Doing.EXTEND, step=step.id, working_days=5)) == "closed"


def test_a_step_of_a_case_on_hold_is_not_extended() -> None:
    assert refusal(on_hold(), an_act(Doing.EXTEND, step="nomination-1", working_days=5)) == "on_hold"


def test_an_extended_step_waits_for_its_new_schedule() -> None:
    step = a_step(Kind.NOMINATION)
    case = a_case(step)
    act = an_act(Doing.EXTEND, step=step.id, working_days=5)
    may_act(case, act, amedip())
    assert carry_out(case, act, MONDAY) == [(Verb.EXTENDED, step)]
    assert (step.added_days, step.why, step.wants, step.state) == (5, REASON, Wants.EXTENDED, State.OPEN)


def test_hold_stops_the_clocks_of_open_steps_only() -> None:
    open_step, closed = a_step(Kind.NOMINATION), a_step(Kind.DECISION, "OFFICE")
    closed.state = State.ANSWERED
    case = a_case(closed, open_step)
    at = MONDAY + timedelta(days=1)
    assert carry_out(case, an_act(Doing.HOLD), at) == [(Verb.HELD, None), (Verb.PAUSED, open_step)]
    assert (open_step.state, open_step.stopped, closed.state) == (State.PAUSED, at, State.ANSWERED)
    assert case.hold is not None
    assert (case.hold.since, case.hold.reason) == (at, REASON)


def test_resuming_asks_a_schedule_for_what_was_paused() -> None:
    case = on_hold()
    (step,) = case.steps
    assert carry_out(case, an_act(Doing.RESUME), MONDAY) == [(Verb.RESUMED, None), (Verb.RESUMED, step)]
    assert case.hold is None
    assert (step.wants, step.stopped) == (Wants.RESUMED, MONDAY)


@pytest.mark.parametrize(("do", "ending"), [(Doing.WITHDRAW, Ending.WITHDRAWN), (Doing.CANCEL, Ending.CANCELLED)])
def test_a_case_called_off_keeps_why(do: Doing, ending: Ending) -> None:
    case = a_case()
    assert carry_out(case, an_act(do), MONDAY) == [(Verb.CALLED_OFF, None)]
    assert (case.ending, case.reason) == (ending, REASON)


@pytest.mark.parametrize("phase", [Phase.VISIT, Phase.FOLLOW_UP])
def test_a_requester_withdraws_before_the_visit_only_and_the_programme_cancels_at_any_time(phase: Phase) -> None:
    case = a_case()
    case.phase, case.visit_start = phase, MONDAY.date()
    assert refusal(case, an_act(Doing.WITHDRAW)) == "visit_begun"
    may_act(case, an_act(Doing.WITHDRAW, received=MONDAY - timedelta(days=1)), amedip())
    may_act(case, an_act(Doing.CANCEL), amedip())


def test_a_step_that_was_to_open_during_a_hold_opens_when_the_case_goes_on() -> None:
    case = on_hold()
    waiting = a_step(Kind.AGENDA, "MA-POSTE")
    waiting.state, waiting.schedule = State.OPENING, None
    case.steps.append(waiting)
    resumed = MONDAY + timedelta(days=20)
    carry_out(case, an_act(Doing.RESUME), resumed)
    assert (waiting.opened, waiting.state) == (resumed, State.OPENING)


def test_a_case_on_hold_can_be_called_off() -> None:
    for do in (Doing.WITHDRAW, Doing.CANCEL):
        may_act(on_hold(), an_act(do), amedip())


def test_every_act_has_its_check_and_its_change() -> None:
    assert set(CHECKS) == set(CHANGES) == set(Doing)


def test_an_act_sent_again_passes_and_needs_nothing() -> None:
    case = a_case()
    case.acted.append("A1")
    case.ending = Ending.CANCELLED
    may_act(case, an_act(Doing.CANCEL), amedip())
