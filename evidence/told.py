"""What a case was told, as its histories have it: the answers and acts that were taken, read without the models' leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from evidence.events import Event, said_in, within

ACCEPTED = "workflowExecutionUpdateAcceptedEventAttributes"
COMPLETED = "workflowExecutionUpdateCompletedEventAttributes"
ANSWER = ("response", "step", "option", "received", "by")
DIGEST = {"run_id", "events", "sha256"}


class Told(NamedTuple):
    """An act that a case was told: the run and event, what was said, and whether it was carried out; None while that is open."""

    run: int
    event: int
    said: dict[str, Any]
    done: bool | None


def acts_in(run: int, events: Sequence[Event]) -> list[Told]:
    """The acts that a run accepted."""
    ends = dict[Any, bool]()
    for event in events:
        if (end := event.get(COMPLETED)) is not None:
            ends[str(within(end, "meta", "updateId"))] = within(end, "outcome", "success") is not None
    found = []
    for at, event in enumerate(events, start=1):
        request = within(event, ACCEPTED, "acceptedRequest")
        given = within(request, "input", "args", "payloads")
        if within(request, "input", "name") != "act" or not isinstance(given, list) or not given:
            continue
        said = _said(given[0])
        if isinstance(said, dict):
            found.append(Told(run, at, said, ends.get(str(within(request, "meta", "updateId")))))
    return found


def objects_in(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Every object within what the payloads of a run say."""
    for payload in _payloads(events):
        for value in _walk(_said(payload)):
            if isinstance(value, dict):
                yield value


def is_answer(value: dict[str, Any]) -> bool:
    """Whether an object is an answer as a case is told it."""
    return all(isinstance(value.get(name), str) for name in ANSWER)


def is_digest(value: dict[str, Any]) -> bool:
    """Whether an object names a closed run with its digest."""
    return value.keys() == DIGEST


def instant_of(text: Any) -> datetime | None:
    """The instant that a text names, if it does."""
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return instant if instant.tzinfo else None


def _payloads(value: Any) -> Iterator[Any]:
    for found in _walk(value):
        if isinstance(found, dict) and "metadata" in found and "data" in found:
            yield found


def _walk(value: Any) -> Iterator[Any]:
    """A value and everything within it."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _said(payload: Any) -> Any:
    try:
        return said_in(payload)
    except ValueError:
        return None
