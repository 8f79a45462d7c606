"""Whether an exported history is a whole one: one that is cut or has holes can make a replay wait for ever."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

CLOSING = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)
"""What the last event of a closed run is."""


def fault_in(events: Sequence[HistoryEvent], *, closed: bool) -> str:
    """What keeps a history from being whole, as a sentence; empty when nothing does.

    Ids count from 1 without a hole, the first event begins the run, a task was asked for, nothing follows the end; a `closed` run
    has an end. That the last events of an open run were cut off cannot be seen in its history.
    """
    if not events:
        return "it holds no event"
    for number, event in enumerate(events, start=1):
        if event.event_id != number:
            return f"event {number} is missing: event {event.event_id} stands in its place"
    if events[0].event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        return f"it begins with {name_of(events[0])}, not with the start of a run"
    ends = [event for event in events if event.event_type in CLOSING]
    if ends and ends[0] is not events[-1]:
        return f"event {ends[0].event_id} ends the run, and {len(events) - ends[0].event_id} more follow"
    if closed and not ends:
        return f"the run is closed, and its history ends at event {len(events)} with {name_of(events[-1])}"
    if all(event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED for event in events):
        return "no workflow task was ever scheduled"
    return ""


def name_of(event: HistoryEvent) -> str:
    """What kind of event it is, `activity task scheduled`."""
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").replace("_", " ").lower()
