"""The lines of a history and the root over them: the same whoever writes the JSON, another for every other event."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from evidence.events import DEEPEST, LARGEST_PAYLOAD, events_of, lines_of, opening_of, read_json, root_of_run, said_in
from tests.histories.golden import HISTORIES

HISTORY = (HISTORIES / "standard" / "3.json").read_bytes()


def payload(said: bytes, encoding: str = "json/plain") -> dict[str, Any]:
    """A payload as an exported history holds it."""
    return {"metadata": {"encoding": b64encode(encoding.encode()).decode()}, "data": b64encode(said).decode()}


def test_the_root_is_that_of_the_events_however_the_json_is_laid_out() -> None:
    read = json.loads(HISTORY)
    turned = json.dumps({"events": [dict(reversed(event.items())) for event in read["events"]]}, indent=3, ensure_ascii=True)
    assert root_of_run(turned.encode()) == root_of_run(HISTORY)
    assert root_of_run(HISTORY)[1] == len(read["events"])


def test_the_root_of_two_events_is_that_of_rfc_6962() -> None:
    first, second = b'{"a":1,"eventId":"1"}', b'{"eventId":"2"}'
    leaves = [sha256(b"\0" + line).digest() for line in (first, second)]
    history = b'{"events":[{"eventId":"1","a":1.0},{"eventId":"2"}]}'
    assert lines_of(history) == [first, second]
    assert root_of_run(history) == (sha256(b"\1" + leaves[0] + leaves[1]).hexdigest(), 2)


def test_events_changed_left_out_added_or_in_another_order_have_another_root() -> None:
    events = json.loads(HISTORY)["events"]
    others = [events[:-1], events[1:], events[::-1], [*events, events[-1]], [{**events[0], "eventId": "0"}, *events[1:]]]
    roots = {root_of_run(json.dumps({"events": other}).encode())[0] for other in [events, *others]}
    assert len(roots) == 6


def test_the_opening_is_read_plain_or_deflated() -> None:
    assert opening_of(events_of(HISTORY))["case"]["run"] == 3
    assert said_in(payload(b'{"case":{}}')) == said_in(payload(zlib.compress(b'{"case":{}}'), "json/zlib")) == {"case": {}}


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"{}", b'{"events":[]}', b'{"events":{"eventId":"1"}}', b'{"events":[1]}', b"\xff{}", b'{"events":[NaN]}'),
        *(b'{"events":[{"a":1,"a":1}]}', b'{"events":[{"a":1e999}]}', b'{"events":[{"a":9007199254740993}]}'),
        *(b'{"events":[{"a":"\\ud800"}]}', b'\xef\xbb\xbf{"events":[{}]}', '{"events":[{}]}'.encode("utf-16")),
        *(b'{"events":[{"a":' + b"9" * 5000 + b"}]}", b'{"events":[' + b'{"a":' * 250 + b"1" + b"}" * 250 + b"]}"),
        b'{"events":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_what_is_no_history_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        lines_of(data)


def test_json_as_deep_as_allowed_is_read() -> None:
    assert read_json(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(ValueError, match="too deep"):
        read_json(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


@pytest.mark.parametrize(
    "given",
    [
        *(None, {}, [], {"data": "e30="}, {"data": 1, "metadata": {"encoding": ""}}, {"data": "!", "metadata": {"encoding": ""}}),
        payload(b"not json"),
        payload(b"{}", "json/zlib"),
        payload(zlib.compress(b"{}")[:-2], "json/zlib"),
        payload(zlib.compress(b"{}") + b"more", "json/zlib"),
        payload(zlib.compress(b" " * LARGEST_PAYLOAD + b"{}"), "json/zlib"),
    ],
)
def test_a_payload_that_is_none_of_ours_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        said_in(given)


@pytest.mark.parametrize(
    "events", [[], [{}], [{"workflowExecutionStartedEventAttributes": {"input": {"payloads": [payload(b"[]")]}}}]]
)
def test_a_first_event_without_a_case_is_refused(events: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="no case"):
        opening_of(events)
