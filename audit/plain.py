"""What an exported history says, read as people would: its payloads neither in base64 nor deflated."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory


def events_of(history: bytes) -> list[HistoryEvent]:
    """The events of an exported history."""
    return list(WorkflowHistory.from_json("history", history.decode()).events)


def plain(history: bytes) -> str:
    """The text of a history with its payloads as they read."""
    events = events_of(history)
    deflated = [payload for event in events for payload in payloads(event) if payload.metadata["encoding"] == b"json/zlib"]
    read = [*(event.SerializeToString() for event in events), *(zlib.decompress(payload.data) for payload in deflated)]
    return "\n".join(part.decode("utf-8", errors="replace") for part in read)


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
