"""Values of a wrong kind in a bundle, signed all the same: they give findings, never a traceback."""

from __future__ import annotations

import json
import random
from base64 import b64decode, b64encode
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.bundle import LOG, PROGRAMME, RECEIPTS, STATE
from evidence.receipts import Receipt
from tests.evidence.golden import NOTARY, Known, rewrite
from tests.evidence.tampering import Files, checked, faults, resigned, signed, unzipped

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 2**53, 2**64, 10**400, 1.5, 1e300, "", "x", "\ud800", "\x00\x1b[2J", "0" * 64, "9" * 5000),
    *([], [[]], {}, {"": {}}, ["x", 1], {"a": [None]}, "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "2031-01-14T09:00:00"),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value of JSON: what holds it, and its name or number there."""
    waiting = [value]
    while waiting:
        held = waiting.pop()
        for name in held if isinstance(held, dict) else range(len(held)):
            yield held, name
            if isinstance(held[name], dict | list) and held[name]:
                waiting.append(held[name])


def put_anything(value: Any, seed: int) -> None:
    """Put another value somewhere in a value of JSON, or take one out."""
    chance = random.Random(seed)
    held, name = chance.choice(list(places(value)))
    if chance.random() < 0.2:
        del held[name]
    else:
        held[name] = chance.choice(VALUES)


def state_with_anything(known: Known, seed: int) -> bytes:
    """The bundle of a case whose state holds a value of another kind."""
    put_anything(known.state, seed)
    return signed(known)


def history_with_anything(known: Known, seed: int) -> bytes:
    """The bundle of a case of which a history holds a value of another kind, in its events or in what they say."""
    at = seed % len(known.histories)
    run_id, history = known.histories[at]
    read = json.loads(history)
    if seed % 2:
        put_anything(read, seed)
    else:
        rewrite(read, lambda said: said_with_anything(said, seed))
    files = unzipped(signed(known))
    files[f"data/history/{at + 1:02}-{run_id}.json"] = json.dumps(read).encode()
    return resigned(files)


def said_with_anything(said: bytes, seed: int) -> bytes:
    """What a payload says, with a value of another kind."""
    try:
        read = json.loads(said)
        put_anything(read, seed)
    except (ValueError, TypeError, IndexError):
        return said
    return json.dumps(read).encode()


def statement_with_anything(known: Known, seed: int) -> bytes:
    """The bundle of a case whose statement holds a value of another kind, of those that it can be written with."""

    def change(said: dict[str, Any]) -> None:
        before = deepcopy(said)
        put_anything(said, seed)
        if not canonical(said):
            said.update(before)

    def whole_statement(statement: dict[str, Any]) -> None:
        before = deepcopy(statement)
        put_anything(statement, seed)
        if not canonical(statement):
            statement.update(before)

    return resigned(unzipped(signed(known)), whole_statement if seed % 2 else change)


def canonical(value: Any) -> bool:
    """Whether a value has a canonical form."""
    try:
        return "\\ud800" not in json.dumps(value) and all(abs(number) < 2**53 for number in numbers(value))
    except ValueError:
        return False


def numbers(value: Any) -> Iterator[float]:
    """Every number in a value."""
    for held, name in places([value]):
        if isinstance(held[name], int | float):
            yield held[name]


def receipt_with_anything(known: Known, seed: int) -> bytes:
    """The bundle of a case with a receipt, signed, that holds a value of another kind."""
    said = json.loads(known.receipts[0].body)
    put_anything(said, seed)
    body = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
    receipt = Receipt(body, NOTARY.sign(body))
    files = unzipped(signed(known))
    first, *rows = files[RECEIPTS].splitlines(keepends=True)
    assert first
    line = {"receipt": b64encode(receipt.body).decode(), "signature": b64encode(receipt.signature).decode()}
    files[RECEIPTS] = b"".join([(json.dumps(line, separators=(",", ":")) + "\n").encode(), *rows])
    return resigned(files)


def excerpt_with_anything(known: Known, seed: int) -> bytes:
    """The bundle of a case whose excerpt of the log holds a value of another kind."""
    files = unzipped(signed(known))
    rows = [json.loads(line) for line in files[LOG].splitlines()]
    if seed % 2:
        put_anything(rows, seed)
    else:
        leaf = json.loads(b64decode(rows[1]["leaf"]))
        put_anything(leaf, seed)
        rows[1]["leaf"] = b64encode(json.dumps(leaf, separators=(",", ":"), sort_keys=True).encode()).decode()
    files[LOG] = b"".join(json.dumps(row, separators=(",", ":"), sort_keys=True).encode() + b"\n" for row in rows)
    return resigned(files)


KINDS = (state_with_anything, history_with_anything, statement_with_anything, receipt_with_anything, excerpt_with_anything)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS))
def test_a_value_of_a_wrong_kind_gives_findings_and_no_traceback(seed: int, kind: Any, base: Known) -> None:
    for finding in checked(kind(deepcopy(base), seed)).findings:
        assert finding.text.isprintable()


@pytest.mark.soak
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS))
def test_many_values_of_a_wrong_kind_give_findings_and_no_traceback(seed: int, kind: Any, base: Known) -> None:
    for finding in checked(kind(deepcopy(base), seed)).findings:
        assert finding.text.isprintable()


@pytest.mark.parametrize("name", [STATE, PROGRAMME, RECEIPTS, LOG, "checkpoint", "data/events.ndjson"])
@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 30_000, b'{"a":' * 3000, b"0", b"null\n", b'"\\ud800"\n'])
def test_a_file_of_another_kind_is_a_fault(name: str, data: bytes, files: Files) -> None:
    assert faults(resigned({**files, name: data}))


def test_what_is_said_to_a_terminal_cannot_steer_it(known: Known) -> None:
    known.mails[0] = type(known.mails[0])(
        known.mails[0].said.model_copy(update={"message_id": "<\x1b[2J\u202e>"}), known.mails[0].eml
    )
    text = " ".join(finding.text for finding in checked(signed(known)).findings)
    assert "\x1b" not in text
    assert "\u202e" not in text
