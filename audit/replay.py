"""Replay: a case's histories are read, checked to be whole, and gone over again; what the case was after every task of them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

from google.protobuf.json_format import ParseError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activities.histories import Exported
from audit.fitting import sentence_of
from audit.moments import Moment
from audit.plain import events_of, opening_of
from audit.recorder import Keep, Kept, Recorder
from audit.whole import fault_in, fault_in_chain
from models.case import Case
from models.errors import PasserelleError
from models.words import PROCEDURE
from workflows.converter import CONVERTER, MessagePayloadConverter
from workflows.exchange import Exchange


class NotReplayed(PasserelleError):
    """Histories that are not whole, or that the procedure in hand does not lead to again."""


class Answering(MessagePayloadConverter):
    """Reads what a history holds; of what is said in a replay, which goes nowhere, it writes the case's answer alone."""

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """The payloads of values: those of the case as the worker writes it, of everything else null."""
        if len(values) == 1 and isinstance(values[0], Case):
            return super().to_payloads(values)
        return [NOTHING] * len(values)


NOTHING = Payload(metadata={"encoding": b"json/plain"}, data=b"null")
ANSWERING = dataclasses.replace(CONVERTER, payload_converter_class=Answering)


class Run(NamedTuple):
    """A run whose history was read: its number, its id, its events."""

    number: int
    run_id: str
    events: Sequence[HistoryEvent]


def runs_of(case_id: str, histories: Sequence[Exported]) -> list[Run]:
    """The runs of a case, read and checked: each is whole, they follow one another from the first on, and are of that case.

    Raises:
        NotReplayed: says which run is not, and why.
    """
    runs: list[Run] = []
    for number, (run_id, history, _) in enumerate(histories, start=1):
        fault, events = "", []
        try:
            events = events_of(history)
            fault = fault_in(events, closed=number < len(histories)) or foreign(case_id, number, events)
        except (ParseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            fault = f"it cannot be read: {type(error).__name__}: {str(error)[:200]}"
        if fault:
            raise NotReplayed(f"{case_id}, run {run_id}: {fault}")
        runs.append(Run(number, run_id, events))
    if not runs:
        raise NotReplayed(f"{case_id}: there is no history")
    if fault := fault_in_chain([(run.run_id, run.events) for run in runs]):
        raise NotReplayed(f"{case_id}: {fault}")
    return runs


def foreign(case_id: str, number: int, events: Sequence[HistoryEvent]) -> str:
    """What says that a history is another's: of another case, run or procedure; empty when nothing does."""
    case = opening_of(events)["case"]
    named, run, follows = case.get("id"), case.get("run", 1), case.get("procedure", 1)
    if (named, run) != (case_id, number):
        return f"it is run {run} of {named}, not run {number}"
    if follows > PROCEDURE:
        return f"it follows procedure {follows}, this code knows {PROCEDURE}"
    return ""


def completed_in(events: Sequence[HistoryEvent]) -> list[int]:
    """The workflow tasks that were completed, each by the id of its WorkflowTaskStarted event, in order."""
    done, begun = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
    return [b.event_id for b, after in pairwise(events) if b.event_type == begun and after.event_type == done]


class Recording:
    """Replays one run after another by one replayer, and tells what the case says of itself after every task that was completed.

    With `inline` the procedure runs in the caller's own thread, which is faster; one that never rests is then not broken off.
    """

    def __init__(self, *, inline: bool = False) -> None:
        recorder = Recorder("case", self._keep, late=True)
        replayer = Replayer(workflows=[Exchange], data_converter=ANSWERING, workflow_runner=recorder, debug_mode=inline)
        self._replaying = replayer.workflow_replay_iterator(self._handed_over())
        self._waiting: list[WorkflowHistory] = []
        self._completed: frozenset[int] = frozenset()
        self._last: Kept | None = None
        self._tell: Keep = lambda kept: None

    async def __aenter__(self) -> Self:
        self._results = await self._replaying.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._replaying.__aexit__(*error)

    async def replay(self, case_id: str, events: Sequence[HistoryEvent], tell: Keep) -> str:
        """Replay a whole run; of each completed task its last answer is told. Gives what keeps it from replaying, or nothing."""
        self._completed, self._last, self._tell = frozenset(completed_in(events)), None, tell
        self._waiting.append(WorkflowHistory(case_id, events))
        failure = (await anext(self._results)).replay_failure
        self._tell_last()
        return "" if failure is None else sentence_of(str(failure))

    async def _handed_over(self) -> AsyncIterator[WorkflowHistory]:
        while True:
            yield self._waiting.pop()

    def _keep(self, kept: Kept) -> None:
        if self._last is not None and self._last.length != kept.length:
            self._tell_last()
        if kept.length in self._completed:
            self._last = kept

    def _tell_last(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            self._tell(last)


def moments_of(run: Run, kept: Sequence[Kept]) -> list[Moment]:
    """The moments of a run from what was kept of it, in order."""
    ends = [*(after.length - 1 for after in kept[1:]), len(run.events)][: len(kept)]
    return [
        Moment(run=run.number, run_id=run.run_id, event=one.length, until=until, at=one.at, state=one.answer.decode())
        for one, until in zip(kept, ends, strict=True)
    ]


async def states(case_id: str, histories: Sequence[Exported]) -> list[Case]:
    """The case at the end of each run, by replaying each run's history in this process.

    Raises:
        NotReplayed: a run is not whole, does not replay, or has no completed workflow task; names it.
    """
    ends = []
    async with Recording() as recording:
        for run in runs_of(case_id, histories):
            kept: list[Kept] = []
            fault = await recording.replay(case_id, run.events, kept.append)
            if fault or not kept:
                raise NotReplayed(f"{case_id}, run {run.run_id}: {fault or 'no workflow task was completed'}")
            ends.append(Case.model_validate_json(kept[-1].answer))
    return ends
