"""Whether an exported history is a whole one: one that is cut or has holes can make a replay wait for ever."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

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

TASK_ENDS = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    }
    | CLOSING
)
"""What follows a workflow task that was started; the server keeps everything else back until then."""


def fault_in(events: Sequence[HistoryEvent], *, closed: bool) -> str:
    """What keeps a history from being whole, as a sentence; empty when nothing does.

    Ids count from 1 without a hole, the first event begins the run, a task was asked for and ends when it was started, nothing
    follows the end; a `closed` run has an end. That the last events of an open run were cut off cannot be seen in its history.
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
    for before, after in pairwise(events):
        if before.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED and after.event_type not in TASK_ENDS:
            return f"event {after.event_id}, {name_of(after)}, stands where the workflow task of event {before.event_id} ends"
    return ""


def fault_in_chain(runs: Sequence[tuple[str, Sequence[HistoryEvent]]]) -> str:
    """What keeps whole histories, each with its run's id, from being one case's runs from the first on; empty when nothing does."""
    first = runs[0][0]
    for number, (_, events) in enumerate(runs, start=1):
        began = events[0].workflow_execution_started_event_attributes
        before = runs[number - 2][0] if number > 1 else ""
        continues = began.continued_execution_run_id
        if continues != before:
            return f"run {number} continues {continues or 'no other'}, and before it stands {before or 'none'}"
        if began.first_execution_run_id != first:
            return f"run {number} names {began.first_execution_run_id or 'none'} as the case's first run, which is {first}"
        follows = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        after = runs[number][0] if number < len(runs) else follows
        if follows != after:
            return f"run {number} goes on as {follows or 'no other'}, and after it stands {after}"
    return ""


def name_of(event: HistoryEvent) -> str:
    """What kind of event it is, `activity task scheduled`."""
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").replace("_", " ").lower()
