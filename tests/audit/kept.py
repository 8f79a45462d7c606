"""Golden cases as they would come from Temporal and the archive, and ways to tamper with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from activities.histories import Exported
from audit.moments import Moment
from audit.plain import events_of
from audit.recorder import Kept
from audit.replay import Recording, moments_of, runs_of
from audit.timemachine import Replayed
from tests.histories.golden import HISTORIES

CASE = "AMEDIP-2031-0001"


@cache
def kept(name: str) -> tuple[Exported, ...]:
    """The histories of a golden case, each with its run's id."""
    runs = []
    for path in sorted((HISTORIES / name).glob("*.json")):
        history = path.read_bytes()
        events = events_of(history)
        runs.append((events[0].workflow_execution_started_event_attributes.original_execution_run_id, history, len(events)))
    return tuple(runs)


def changed(name: str, run: int, change: Callable[[list[dict[str, Any]]], Any]) -> list[Exported]:
    """The same histories with the events of one run changed in place; their ids are counted anew."""
    histories = list(kept(name))
    run_id, history, length = histories[run - 1]
    document = json.loads(history)
    change(document["events"])
    for number, event in enumerate(document["events"], start=1):
        event["eventId"] = str(number)
    histories[run - 1] = (run_id, json.dumps(document).encode(), length)
    return histories


def began(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What the first event of a run says of how it began."""
    attributes: dict[str, Any] = events[0]["workflowExecutionStartedEventAttributes"]
    return attributes


async def replayed_here(name: str) -> Replayed:
    """A golden case, replayed in this process."""
    runs = runs_of(CASE, kept(name))
    moments: list[Moment] = []
    async with Recording() as recording:
        for run in runs:
            states: list[Kept] = []
            assert await recording.replay(CASE, run.events, states.append) == ""
            moments += moments_of(run, states)
    return Replayed(CASE, runs, moments)
