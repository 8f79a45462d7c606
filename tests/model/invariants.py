"""What must hold after every turn of every case, whatever was done to it (I1, I2, I4 to I8 of the reliability goals)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from models.case import Case, Step
from models.orders import Rest
from models.words import OPTIONS, DecisionKind, State, Verb
from tests.model.light import Light


def faults_of(light: Light, live: bytes | None, rest: Rest) -> list[str]:
    """What does not hold; `live` is the state as the running case tells it, None while nobody works on it."""
    case = light.case
    assert case is not None
    found = [*outcomes(light, case), *answers(light, case), *copies(light, case, live), *personal(case)]
    if live is not None:
        found += [*waits(case, rest)]
    return found


def outcomes(light: Light, case: Case) -> Iterator[str]:
    """I1: a closed step has one outcome, an open or withdrawn one has none."""
    said = Counter(s.step for s in light.timeline.values() if s.kind and s.verb in (*OPTIONS[s.kind].values(), Verb.LAPSED))
    for step in case.steps:
        expected = 1 if step.state in (State.ANSWERED, State.LAPSED) else 0
        if said[step.id] != expected:
            yield f"I1: {step.id} is {step.state} and has {said[step.id]} outcomes"
    if Counter(step.id for step in case.steps).most_common(1)[0][1] > 1:
        yield "I1: two steps have the same id"


def answers(light: Light, case: Case) -> Iterator[str]:
    """I2, I7: what was said to be recorded stands on its step, and nowhere is an answer that nobody gave. I4: in time."""
    held = {step.decision.response: step for step in case.steps if step.decision and step.decision.response}
    for response, told in light.told.items():
        recorded = told.startswith("recorded")
        if recorded != (response in held):
            yield f"I2: {response} was told {told!r} and is{'' if response in held else ' not'} on a step"
    for response, step in held.items():
        if response in light.received and not in_time(step):
            yield f"I4: {response} on {step.id} was taken although it came after the closing"


def in_time(step: Step) -> bool:
    """Whether a decision was received by the closing instant that then held."""
    decision, schedule = step.decision, step.schedule
    if decision is None or decision.received is None or schedule is None or step.stopped is not None:
        return True
    return decision.received <= schedule.closes or decision.kind is DecisionKind.OVERRIDDEN or not step.escalated_to and escalates(step)


def escalates(step: Step) -> bool:
    """Whether the question would only have moved up."""
    return any(tick.do == "alert" for tick in step.schedule.ticks) if step.schedule else False


def copies(light: Light, case: Case, live: bytes | None) -> Iterator[str]:
    """I5: the published state is the running case's, its timeline complete and in order."""
    if live is not None and case.__pydantic_serializer__.to_json(case, exclude_defaults=True) != live:
        yield f"I5: the published state is not the case's: {live.decode()}"
    if sorted(light.timeline) != list(range(1, case.seq + 1)):
        yield "I5: the timeline has holes"
    at = [said.at for _, said in sorted(light.timeline.items())]
    if at != sorted(at):
        yield "I5: the timeline is not in order"
    numbers = [letter.number for letter in light.letters]
    if numbers != list(range(1, case.posted + 1)):
        yield "I3: the letters are not numbered through"


def waits(case: Case, rest: Rest) -> Iterator[str]:
    """I6: an open case has an instant, or says whom it waits for."""
    waiting = case.hold is not None or any(step.is_open for step in case.steps) or case.resting_until is not None
    if case.ended is None and not (rest.next_instant is not None and waiting):
        yield f"I6: the case waits for nobody: {[step.id for step in case.steps if step.is_open]}, {rest}"
    if case.ended is not None and any(step.is_open for step in case.steps):
        yield "I6: the case has ended and asks on"


def personal(case: Case) -> Iterator[str]:
    """I8: neither mailbox nor name is in the state."""
    if "@" in case.model_dump_json():
        yield "I8: a mailbox is in the state"
