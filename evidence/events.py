"""The events of an exported history as lines of canonical JSON (RFC 8785): the leaves of the tree whose root stands for a run.

Read without the models and without Temporal: a history may be older than either, and whoever checks it has neither.
"""

from __future__ import annotations

import json
import math
import zlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from typing import Any

import rfc8785

from evidence.merkle import leaf_hash, root_of

DEEPEST = 200
LARGEST_PAYLOAD = 16 << 20
DEFLATED = "json/zlib"

Event = dict[str, Any]
"""One event of a history, as its export has it."""


def read_json(data: bytes) -> Any:
    """What JSON in UTF-8 holds: no name twice in an object, no number that is none, no depth that is a trap.

    Raises:
        ValueError: it cannot be read so.
    """
    try:
        read = json.loads(data.decode(), object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deep") from error
    _refuse_depth(read)
    return read


def events_of(history: bytes) -> list[Event]:
    """The events of an exported history.

    Raises:
        ValueError: it is none.
    """
    read = read_json(history)
    events = read.get("events") if isinstance(read, dict) else None
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        raise ValueError("the history holds no list of events")
    return events


def lines_of(history: bytes) -> list[bytes]:
    """The canonical line of every event of an exported history, without line ends.

    Raises:
        ValueError: it is no history.
    """
    return [line_of(event) for event in events_of(history)]


def line_of(event: Event) -> bytes:
    """The canonical line of an event.

    Raises:
        ValueError: it holds a number or text that has none.
    """
    return rfc8785.dumps(event)


def root_over(lines: Iterable[bytes]) -> str:
    """The root of the tree whose leaves are these lines, in hex."""
    return root_of([leaf_hash(line) for line in lines]).hex()


def root_of_run(history: bytes) -> tuple[str, int]:
    """The root over the events of an exported history, in hex, and how many there are.

    Raises:
        ValueError: it is no history.
    """
    lines = lines_of(history)
    return root_over(lines), len(lines)


def said_in(payload: Any) -> Any:
    """What a payload of an exported history says, if it is JSON as cases write it.

    Raises:
        ValueError: it is not.
    """
    try:
        data = b64decode(payload["data"], validate=True)
        encoding = b64decode(payload["metadata"]["encoding"], validate=True)
        return read_json(_inflated(data) if encoding == DEFLATED.encode() else data)
    except (KeyError, TypeError, NotBase64, zlib.error) as error:
        raise ValueError("a payload cannot be read") from error


def opening_of(events: Sequence[Event]) -> dict[str, Any]:
    """What a run began with: the programme and the case its first event holds.

    Raises:
        ValueError: it is not there.
    """
    given = within(events[0] if events else {}, "workflowExecutionStartedEventAttributes", "input", "payloads")
    opening = said_in(given[0]) if isinstance(given, list) and given else None
    if isinstance(opening, dict) and isinstance(opening.get("case"), dict):
        return opening
    raise ValueError("the first event holds no case")


def within(value: Any, *names: str) -> Any:
    """What stands in an object under a name, in that under the next, and so on; None when one is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _inflated(data: bytes) -> bytes:
    inflating = zlib.decompressobj()
    found = inflating.decompress(data, LARGEST_PAYLOAD)
    if not inflating.eof or inflating.unused_data:
        raise ValueError("a payload is cut off, or larger than any case writes")
    return found


def _refuse_depth(read: Any) -> None:
    level = [read]
    for _ in range(DEEPEST):
        held = [value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)]
        level = [value for values in held for value in values]
        if not level:
            return
    raise ValueError("the JSON is nested too deep")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
