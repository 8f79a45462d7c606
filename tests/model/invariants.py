"""What must hold after every turn of every case, whatever was done to it (I1 to I8 of the reliability goals)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from models.case import Case, Step
from models.orders import Rest
from models.programme import Programme
from models.words import OPTIONS, DecisionKind, Kind, Lapse, State, Verb
from tests.model.light import Light


def faults_of(light: Light, rules: Programme, live: bytes | None, rest: Rest | None) -> list[str]:
    """What does not hold; `live` is the state as the running case tells it, `rest` None while nobody works on it."""
    case = light.case
    found = [*outcomes(light, case), *answers(light, case, rules), *copies(light, case, live), *personal(light)]
    return [*found, *waits(case, rest)] if rest is not None else found


def outcomes(light: Light, case: Case) -> Iterator[str]:
    """I1: a closed step has one outcome, an open or withdrawn one has none."""
    closing = {kind: {*verbs.values(), Verb.LAPSED} for kind, verbs in OPTIONS.items()}
    said = Counter(s["step"] for s in light.said.values() if "kind" in s and s["verb"] in closing[Kind(s["kind"])])
    for step in case.steps:
        expected = 1 if step.state in (State.ANSWERED, State.LAPSED) else 0
        if said[step.id] != expected:
            yield f"I1: {step.id} is {step.state} and has {said[step.id]} outcomes"
    if len({step.id for step in case.steps}) < len(case.steps):
        yield "I1: two steps have the same id"


def answers(light: Light, case: Case, rules: Programme) -> Iterator[str]:
    """I2, I7: what was said to be recorded stands on its step, what was refused stands on none. I4: it came in time."""
    held = {step.decision.response: step for step in case.steps if step.decision and step.decision.response}
    for response, told in light.told.items():
        if told.startswith("recorded") != (response in held):
            yield f"I2: {response} was told {told!r} and is{'' if response in held else ' not'} on a step"
    for response, step in held.items():
        if response in light.received and not in_time(step, rules):
            yield f"I4: {response} on {step.id} was taken although it came after the closing"


def in_time(step: Step, rules: Programme) -> bool:
    """Whether a decision was received by the closing instant; a question that would only have moved up closes for nobody."""
    decision, schedule = step.decision, step.schedule
    if decision is None or decision.received is None or schedule is None or step.stopped is not None:
        return True
    moves_up = rules.step(step.kind).lapse is Lapse.ESCALATE and not step.escalated_to
    return moves_up or decision.kind is DecisionKind.OVERRIDDEN or decision.received <= schedule.closes


def copies(light: Light, case: Case, live: bytes | None) -> Iterator[str]:
    """I3, I5: the published state is the running case's, its timeline complete and in order, no letter is missing."""
    if live is not None and json.loads(live) != light.published:
        yield f"I5: the published state is not the case's: {live.decode()}"
    if sorted(light.said) != list(range(1, case.seq + 1)):
        yield "I5: the timeline has holes"
    at = [light.said[number]["at"] for number in sorted(light.said)]
    if at != sorted(at):
        yield "I5: the timeline is not in order"
    if sorted(light.letters) != list(range(1, case.posted + 1)):
        yield "I3: the letters are not numbered through"


def waits(case: Case, rest: Rest) -> Iterator[str]:
    """I6: an open case has an instant at which it goes on, and says whom or what it waits for."""
    waiting = case.hold is not None or any(step.is_open for step in case.steps) or case.resting_until is not None
    if case.ended is None and not (rest.next_instant is not None and waiting):
        yield f"I6: the case waits for nobody: {rest}"
    if case.ended is not None and any(step.is_open for step in case.steps):
        yield "I6: the case has ended and asks on"


def personal(light: Light) -> Iterator[str]:
    """I8: no mailbox is in the state; names and texts never come near it, for forms stay in the store."""
    if "@" in json.dumps(light.published):
        yield "I8: a mailbox is in the state"
