"""Where a case left the usual way: silence, answers on behalf, rules set aside, lateness, holds, recalls, each with its proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from models.case import Case, Step, Transition
from models.message import Instant, Message
from models.words import OPTIONS, DecisionKind, Kind, Verb


class Exceptional(StrEnum):
    """In which way."""

    LAPSED = "lapsed"
    TACIT = "tacit"
    ON_BEHALF = "on_behalf"
    OVERRIDDEN = "overridden"
    WAIVED = "waived"
    LATE = "late"
    EXTENDED = "extended"
    EXTENDED_LATE = "extended_late"
    HELD = "held"
    RECALLED = "recalled"
    REASSIGNED = "reassigned"
    ESCALATED = "escalated"


BY_VERB = {
    Verb.LAPSED: Exceptional.LAPSED,
    Verb.HELD: Exceptional.HELD,
    Verb.RECALLED: Exceptional.RECALLED,
    Verb.SET_ASIDE: Exceptional.RECALLED,
    Verb.REASSIGNED: Exceptional.REASSIGNED,
    Verb.PASSED_ON: Exceptional.REASSIGNED,
    Verb.ESCALATED: Exceptional.ESCALATED,
    Verb.WAIVED: Exceptional.WAIVED,
}
BY_DECISION = {
    DecisionKind.TACIT: Exceptional.TACIT,
    DecisionKind.ON_BEHALF: Exceptional.ON_BEHALF,
    DecisionKind.OVERRIDDEN: Exceptional.OVERRIDDEN,
}
OVERDUE = (Verb.CHASED, Verb.ALERTED, Verb.ESCALATED)
"""What happens to a step only when its due date has passed."""


class Departure(Message):
    """One departure: in which way, when, at which step, by and for whom; `reason` and `proof` are a code or a sha256."""

    way: Exceptional
    at: Instant
    run: int
    event: int
    verb: Verb
    step: str = ""
    kind: Kind | None = None
    by: str = ""
    on_behalf_of: str = ""
    about: str = ""
    reason: str = ""
    proof: str = ""


def departures(said: Sequence[Transition], case: Case) -> list[Departure]:
    """Where a case left the usual way, in order: from all that happened in it, and the state it led to."""
    overdue = set[str]()
    found: list[Departure] = []
    for one in said:
        found += [_departure(way, one, case) for way in _ways(one, case.step(one.step), one.step in overdue)]
        if one.verb in OVERDUE:
            overdue.add(one.step)
    return found


def _ways(said: Transition, step: Step | None, overdue: bool) -> Iterator[Exceptional]:
    """The ways in which one transition is a departure."""
    if said.verb in BY_VERB:
        yield BY_VERB[said.verb]
    if said.verb is Verb.EXTENDED:
        yield Exceptional.EXTENDED_LATE if overdue else Exceptional.EXTENDED
    if said.decision in BY_DECISION:
        yield BY_DECISION[said.decision]
    if _answers(said, step) and step is not None and step.decision is not None and step.decision.late:
        yield Exceptional.LATE


def _answers(said: Transition, step: Step | None) -> bool:
    """Whether a transition is the answer to its step."""
    return step is not None and said.verb in OPTIONS[step.kind].values()


def _departure(way: Exceptional, said: Transition, case: Case) -> Departure:
    step = case.step(said.step)
    reason, proof, by = said.reason, "", said.by
    if step is not None and step.decision is not None and _answers(said, step):
        proof = step.decision.proof
    for waiver in case.waivers:
        overrides = way is Exceptional.OVERRIDDEN and waiver.about == said.step
        if overrides or (way is Exceptional.WAIVED and (waiver.rule, waiver.at) == (said.about, said.at)):
            reason, proof, by = waiver.reason, waiver.proof, waiver.by
    own = said.model_dump(include={"at", "run", "event", "verb", "step", "kind", "on_behalf_of", "about"})
    return Departure(way=way, reason=reason, proof=proof, by=by, **own)
