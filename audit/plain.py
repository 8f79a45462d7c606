"""What an exported history says, read as people would: its payloads neither in base64 nor deflated."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

INFLATED = 4 << 20
"""The most bytes a payload is inflated to: Temporal takes none above half of that."""


def events_of(history: bytes) -> list[HistoryEvent]:
    """The events of an exported history."""
    return list(WorkflowHistory.from_json("history", history.decode()).events)


def opening_of(events: Sequence[HistoryEvent]) -> dict[str, Any]:
    """What a run began with, as its JSON stands in the first event: read without the models, which may be older than it.

    Raises:
        ValueError: it is not there, or is not JSON.
    """
    given = events[0].workflow_execution_started_event_attributes.input.payloads
    if not given:
        raise ValueError("the first event holds no opening")
    try:
        data = zlib.decompress(given[0].data) if given[0].metadata["encoding"] == b"json/zlib" else given[0].data
    except zlib.error as error:
        raise ValueError(f"the opening cannot be inflated: {error}") from error
    opening = json.loads(data)
    if isinstance(opening, dict) and isinstance(opening.get("case"), dict):
        return opening
    raise ValueError("the first event holds no case")


def plain(history: bytes) -> str:
    """The text of a history with its payloads as they read."""
    events = events_of(history)
    deflated = [payload for event in events for payload in payloads(event) if payload.metadata["encoding"] == b"json/zlib"]
    read = [*(event.SerializeToString() for event in events), *(zlib.decompress(payload.data) for payload in deflated)]
    return "\n".join(part.decode("utf-8", errors="replace") for part in read)


def text_of(payload: Payload) -> str:
    """What a payload says; of what is no text, what can be read."""
    data = payload.data
    if payload.metadata["encoding"] == b"json/zlib":
        try:
            data = zlib.decompressobj().decompress(data, INFLATED)
        except zlib.error as error:
            return f"cannot be inflated: {error}"
    return data.decode("utf-8", errors="replace")


def payloads(message: Any) -> Iterator[Payload]:
    """Every payload within a protobuf message."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            found = [value[key] for key in value]
        else:
            found = list(value) if field.is_repeated else [value]
        for item in found:
            if isinstance(item, Payload):
                yield item
            elif hasattr(item, "ListFields"):
                yield from payloads(item)
