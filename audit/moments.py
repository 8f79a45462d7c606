"""The moments of a case: its state after every workflow task of every run, and which of them an event or an instant falls on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from models.case import Case
from models.errors import Refused
from models.message import Instant, Message


class Moment(Message):
    """A case as it stood after one workflow task.

    `run` and `run_id` name the run, `event` is the id of the WorkflowTaskStarted event, `until` the last event before the next
    moment's, `at` the instant of the task, `state` the case's JSON exactly as the worker answered it, byte for byte.
    """

    run: int
    run_id: str
    event: int
    until: int
    at: Instant
    state: str

    @cached_property
    def case(self) -> Case:
        """The state, read."""
        return Case.model_validate_json(self.state)


def at_event(moments: Sequence[Moment], run: int, event: int) -> Moment:
    """The newest moment of a run that is not after an event.

    Raises:
        Refused: "no_such_run" or "no_such_event"; says from where to where they go.
    """
    of_run = [moment for moment in moments if moment.run == run]
    if not of_run:
        runs = [moment.run for moment in moments]
        raise Refused("no_such_run", f"there is no state in run {run}: {ranging(runs, 'run')}", run=str(run))
    first, last = of_run[0].event, of_run[-1].until
    if not first <= event <= last:
        text = f"run {run} has no state at event {event}: the first is at event {first}, the last event is {last}"
        raise Refused("no_such_event", text, first=str(first), last=str(last))
    return next(moment for moment in reversed(of_run) if moment.event <= event)


def at_instant(moments: Sequence[Moment], instant: datetime) -> Moment:
    """The newest moment that is not after an instant; after the last one the case stands as it did then.

    Raises:
        Refused: "no_such_instant", the case was not there yet; says since when it was.
    """
    before = [moment for moment in moments if moment.at <= instant]
    if before:
        return before[-1]
    if not moments:
        raise Refused("no_such_instant", "the case has no state yet")
    first = moments[0].at.isoformat()
    raise Refused("no_such_instant", f"there is no state at {instant.isoformat()}: the first is of {first}", first=first)


def ranging(numbers: Sequence[int], what: str) -> str:
    """Where numbers begin and end, in words."""
    if not numbers:
        return f"no {what} has one"
    return f"the first is in {what} {min(numbers)}, the last in {what} {max(numbers)}"
