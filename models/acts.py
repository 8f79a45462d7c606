"""What a coordinator can do with an open case, and what each act changes: pure functions of the case's state."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from models.case import Case, Hold, Step, Wants
from models.errors import Refused
from models.message import Instant, Message, Receipt
from models.programme import Programme
from models.words import Ending, Phase, State, Verb


class Doing(StrEnum):
    """The acts."""

    EXTEND = "extend"
    HOLD = "hold"
    RESUME = "resume"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"


class Act(Message):
    """One act: who did what, on which step, why (the sha256 of the reason), received when."""

    act: str
    do: Doing
    by: str
    received: Receipt
    step: str = ""
    working_days: int = 0
    reason: str = ""


class Acted(Message):
    """What was done."""

    act: str
    do: Doing
    at: Instant


def may_act(case: Case, act: Act, rules: Programme) -> None:
    """Refuse an act that cannot be done now, saying what could be done instead.

    Raises:
        Refused: not_office, no_reason, on_hold, not_on_hold, unknown_step, closed, being_scheduled, out_of_range,
            visit_begun, ended.
    """
    if act.by != rules.office.code:
        raise Refused("not_office", f"only {rules.office.code} intervenes in a case")
    if not act.reason and act.do is not Doing.RESUME:
        raise Refused("no_reason", f"{act.do} needs a reason")
    match act.do:
        case Doing.EXTEND:
            _may_extend(case, act)
        case Doing.HOLD if case.hold is not None:
            raise Refused("on_hold", f"the case is on hold since {case.hold.since.isoformat()}; it can be resumed")
        case Doing.RESUME if case.hold is None:
            raise Refused("not_on_hold", "the case is not on hold")
        case Doing.WITHDRAW if case.phase in (Phase.VISIT, Phase.FOLLOW_UP) and case.visit_start is not None:
            _may_withdraw(case.visit_start, act)
    if case.ending is not None:
        raise Refused("ended", f"the case has ended: {case.ending}", ending=case.ending)


def _may_extend(case: Case, act: Act) -> None:
    if case.hold is not None:
        raise Refused("on_hold", "the case is on hold, its clocks stand still; resume it first")
    step = case.step(act.step)
    if step is None:
        raise Refused("unknown_step", f"case {case.id} has no step {act.step}")
    if step.state is not State.OPEN:
        raise Refused("closed", f"{step.id} is {step.state}; only an open step is extended", state=step.state)
    if step.wants not in (Wants.NOTHING, Wants.EXTENDED):
        raise Refused("being_scheduled", f"{step.id} is being escalated this very moment; extend it once that is done")
    if not 1 <= act.working_days <= 60:
        raise Refused("out_of_range", "an extension is 1 to 60 working days", low="1", high="60")


def _may_withdraw(visit_start: date, act: Act) -> None:
    if act.received.date() >= visit_start:
        text = f"the visit began on {visit_start}; a requester withdraws before it, the programme can cancel"
        raise Refused("visit_begun", text, at=visit_start.isoformat())


def carry_out(case: Case, act: Act, at: datetime) -> list[tuple[Verb, Step | None]]:
    """Change the case by an act that `may_act` has let pass; gives what happened, in order."""
    match act.do:
        case Doing.EXTEND:
            step = case.step(act.step)
            assert step is not None
            step.added_days, step.why, step.wants = step.added_days + act.working_days, act.reason, Wants.EXTENDED
            return [(Verb.EXTENDED, step)]
        case Doing.HOLD:
            return [(Verb.HELD, None), *_stop_clocks(case, act, at)]
        case Doing.RESUME:
            return [(Verb.RESUMED, None), *_start_clocks(case, act, at)]
        case Doing.WITHDRAW:
            case.ending, case.reason = Ending.WITHDRAWN, act.reason
        case Doing.CANCEL:
            case.ending, case.reason = Ending.CANCELLED, act.reason
    return [(Verb.CALLED_OFF, None)]


def _stop_clocks(case: Case, act: Act, at: datetime) -> list[tuple[Verb, Step | None]]:
    case.hold = Hold(since=at, reason=act.reason)
    stopped: list[tuple[Verb, Step | None]] = []
    for step in case.steps:
        if step.state is State.OPEN:
            step.state, step.stopped = State.PAUSED, at
            stopped.append((Verb.PAUSED, step))
    return stopped


def _start_clocks(case: Case, act: Act, at: datetime) -> list[tuple[Verb, Step | None]]:
    """Paused steps go on with what they had left; one that was to open meanwhile opens now."""
    reason = act.reason or (case.hold.reason if case.hold else "")
    case.hold = None
    started: list[tuple[Verb, Step | None]] = []
    for step in case.steps:
        if step.state is State.OPENING:
            step.opened = at
        if step.state is State.PAUSED:
            step.why = reason
            if step.wants is Wants.NOTHING:
                step.wants = Wants.RESUMED
            elif step.wants is Wants.ESCALATION:
                step.stopped = None
            started.append((Verb.RESUMED, step))
    return started
