"""Whether the histories of cases fit the procedure in hand: each is checked to be whole, then replayed, many by one replayer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

from google.protobuf.json_format import ParseError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowReplayResult

from audit.plain import events_of, opening_of
from audit.recorder import Tracer
from audit.whole import fault_in, name_of
from models.message import Message
from models.words import PROCEDURE, Phase
from workflows.converter import CONVERTER
from workflows.exchange import Exchange

NONDETERMINISM = "[TMPRL1100] Nondeterminism error: "
MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
EVENT = re.compile(r"HistoryEvent\(id: (\d+)")
RECORDED = re.compile(r"of (?:scheduled event|recorded marker) '([^']*)'")


class Outcome(StrEnum):
    """What became of a history that was replayed."""

    REPLAYS = "replays"
    DIFFERS = "differs"
    NEWER = "newer"
    BROKEN = "broken"
    UNFINISHED = "unfinished"
    MISSING = "missing"


class Asked(Message):
    """A run whose history is to be replayed: its case, its id, whether it is closed; the history itself comes with it."""

    case: str
    run_id: str = ""
    closed: bool = False


class Fit(Message):
    """Whether a run fits the procedure in hand.

    `run` and `phase` are where the case stands, `procedure` the version it follows, `events` how long its history is; `event` is
    the first event that is not as the procedure would have it, `kind` what it is, `says` what differs, in a sentence.
    """

    case: str
    run_id: str = ""
    run: int = 0
    phase: str = ""
    procedure: int = 0
    events: int = 0
    outcome: Outcome
    event: int = 0
    kind: str = ""
    says: str = ""

    @property
    def fits(self) -> bool:
        """Whether the code in hand can go on with the run."""
        return self.outcome is Outcome.REPLAYS


class Fitting:
    """Replays one history after another; a history that makes the replay wait for ever makes it wait for ever."""

    def __init__(self) -> None:
        self._tracer = Tracer()
        self._waiting: list[WorkflowHistory] = []

    async def fits(self, runs: AsyncIterator[tuple[Asked, bytes]]) -> AsyncIterator[Fit]:
        """Whether each of these runs fits, in their order; the next is asked for when one was told."""
        replayer = Replayer(workflows=[Exchange], data_converter=CONVERTER, workflow_runner=self._tracer)
        async with replayer.workflow_replay_iterator(self._handed_over()) as results:
            async for asked, history in runs:
                yield await self._fit(asked, history, results)

    async def _handed_over(self) -> AsyncIterator[WorkflowHistory]:
        while True:
            yield self._waiting.pop()

    async def _fit(self, asked: Asked, history: bytes, results: AsyncIterator[WorkflowReplayResult]) -> Fit:
        said: dict[str, Any] = {"case": asked.case, "run_id": asked.run_id}
        try:
            events = events_of(history)
            said |= {"events": len(events)}
            if fault := fault_in(events, closed=asked.closed):
                return Fit(**said, outcome=Outcome.BROKEN, says=fault)
            case = opening_of(events)["case"]
        except (ParseError, ValueError) as error:
            return Fit(**said, outcome=Outcome.BROKEN, says=f"it cannot be read: {error}")
        follows = int(case.get("procedure", 1))
        said |= {"run": int(case.get("run", 1)), "phase": str(case.get("phase", Phase.REQUEST)), "procedure": follows}
        if follows > PROCEDURE:
            return Fit(**said, outcome=Outcome.NEWER, says=f"it follows procedure {follows}, this code knows {PROCEDURE}")
        self._tracer.forget()
        self._waiting.append(WorkflowHistory(asked.case, events))
        failure = (await anext(results)).replay_failure
        if failure is None:
            return Fit(**said, outcome=Outcome.REPLAYS)
        says = self._tracer.fault or sentence_of(str(failure))
        event = differing(says, events, self._tracer.task)
        return Fit(**said, outcome=Outcome.DIFFERS, event=event, kind=name_of(events[event - 1]), says=says)


def sentence_of(failure: str) -> str:
    """The sentence in what the replayer says of a failure."""
    found = MESSAGE.search(failure)
    said = found[1].replace('\\"', '"') if found else failure
    return said.removeprefix(NONDETERMINISM)


def differing(says: str, events: Sequence[HistoryEvent], task: int) -> int:
    """The event that differs: the one a sentence names by its id or by what was recorded, else the start of the task at work."""
    if named := EVENT.search(says):
        return int(named[1])
    if recorded := RECORDED.search(says):
        name = recorded[1].encode()
        return next((event.event_id for event in events[task:] if name in event.SerializeToString()), task)
    return task
