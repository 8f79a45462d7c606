"""Whatever is sent, the API says what is wrong with it: no 5xx, no hang, and the case stays as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from models.words import OPTIONS, Kind
from tests.api.served import Served, Server, serving
from tests.api.situations import PROBLEM
from tests.hostile import TEXTS
from tests.web.situations import CASE
from tests.web.situations import FORMS as FILLED
from web.api.strict import NotSound, read_json

NORMAL, SOAK = 300, 6000
"""Inputs of each of the two kinds: as described, and against the description."""

HOSTILE_VALUES: list[Any] = [
    *TEXTS.values(),
    *(None, True, False, 0, -1, 2**53 - 1, 2**53, 10**30, 1.5, -0.0, "", [], {}, [[]], [{}], "a" * 70_000, "9" * 5000, [0] * 3000),
    *("0001-01-01", "9999-12-31", "2027-02-30", "2027-05-10T00:00:00Z", "-1", "N1", "N9", "\ud800", "SN-POSTE", "00", "1e999"),
    *({key: 1} for key in ("__proto__", "\udfff", "a" * 5000, "\x00", "")),
    {str(n): n for n in range(2000)},
]
RAW = [
    *(b"", b"{", b"null", b"[]", b'"x"', b"{}{}", b"\xff\xfe{}", b'{"option":"refuse","option":"offer"}', b'{"option":NaN}'),
    *(b'{"form":{"cost":1e999}}', b'{"form":{"cost":' + b"9" * 6000 + b"}}", b'{"option":"\\ud800"}', b"\xef\xbb\xbf{}"),
    *(b"[" * 100_000, b'{"a":' * 5000, b'{"form":' * 19 + b"1" + b"}" * 19, b'{"option":"\x00"}', b"\x00" * 1000),
]
OPERATIONS = ("steps", "step", "paper", "answer", "more_time", "decline", "log_checkpoint", "log_inclusion", "log_consistency")
PLACES = ("answers", "more-time", "decline")
HEADERS = st.sampled_from(["application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data", ""])


@pytest.fixture(scope="module")
def server(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The API, served."""
    file = tmp_path_factory.mktemp("served") / "passerelle.db"
    shutil.copy(seeded, file)
    with serving(file) as found:
        yield found


@pytest.fixture(scope="module")
def there(server: Server) -> Served:
    """Where it is served."""
    assert server.served is not None
    return server.served


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A sound answer of some step in which one value, or the whole, is a hostile one."""
    kind, option = draw(st.sampled_from([(kind, option) for kind in Kind for option in OPTIONS[kind]]))
    body: dict[str, Any] = {"option": option, "form": json.loads(json.dumps(FILLED.get((kind, option), {})))}
    place, at = draw(st.sampled_from(list(paths(body)))), body
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = draw(st.sampled_from(HOSTILE_VALUES) | hostile)
    if draw(st.booleans()):
        body[draw(st.text(max_size=8))] = draw(hostile)
    return f"{kind}-1", draw(st.sampled_from(["answers", "answers", "answers", *PLACES])), body


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a value in which another can be put."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from paths(item, (*path, key))


hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(list(TEXTS.values())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None), max_size=6), inner, max_size=4),
    max_leaves=8,
)


def against_the_description(there: Served, count: int) -> None:
    """Send so many requests that break the description of the API, or what any JSON must be."""
    line = httpx.Client(base_url=there.address, timeout=30)
    bearer = {"Authorization": f"Bearer {there.secret}"}

    def send(step: str, place: str, content: bytes, media: str, key: str) -> None:
        headers = {**bearer, "Content-Type": media, "Idempotency-Key": key}
        sent = {name.encode(): value.encode("utf-8", "replace") for name, value in headers.items()}
        sound(line.post(f"/api/v1/cases/{CASE}/steps/{step}/{place}", content=content, headers=sent))

    @searching(count)
    @given(mutated(), st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=12))
    def values(said: tuple[str, str, Any], key: str) -> None:
        step, place, body = said
        send(step, place, json.dumps(body).encode("utf-8"), "application/json", key.strip() or "k")

    @searching(max(count // 10, len(RAW)))
    @given(st.sampled_from(RAW) | st.binary(max_size=200), HEADERS, st.sampled_from(PLACES), st.sampled_from(there.steps))
    def bytes_(content: bytes, media: str, place: str, step: str) -> None:
        send(step, place, content, media, "k")

    values()
    bytes_()


def as_described(there: Served, count: int) -> None:
    """Send so many requests of every operation as its description has them, to steps that are there and to others."""
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{there.address}/api/openapi.json")
    checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == len(OPERATIONS)

    @searching(count)
    @given(st.one_of([operation.as_strategy() for operation in operations]), st.sampled_from((*there.steps, "")))
    def requests(case: Any, step: str) -> None:
        if step and "case" in case.path_parameters:
            case.path_parameters |= {"case": CASE} | ({"step": step} if "step" in case.path_parameters else {})
        response = case.call(headers={"Authorization": f"Bearer {there.secret}"}, timeout=30)
        assert response.status_code < 500, (response.status_code, case)
        if leads_to_the_api(urlsplit(response.request.url).path):
            case.validate_response(response, checks=checks)

    requests()


def leads_to_the_api(path: str) -> bool:
    """Whether an address is one of the API: a name like ".." leads elsewhere, and one with a line end nowhere."""
    return path.startswith("/api/") and "%0a" not in path.lower()


def searching(count: int) -> Callable[[Any], Any]:
    """The same search every time, without a database of its own."""
    return settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def sound(response: httpx.Response) -> None:
    """Whether an answer is one that was thought of."""
    assert response.status_code < 500, response.request.content[:500]
    assert response.status_code in (200, 202) or response.headers["content-type"] == PROBLEM
    response.json()


UNSOUND = {
    b'{"a": 1, "a": 2}': "a key twice",
    b'{"a": NaN}': "not finite",
    b'{"a": -Infinity}': "not finite",
    b'{"a": 1e999}': "not finite",
    b'{"a": 9007199254740992}': "beyond",
    b'{"a": ' + b"9" * 6000 + b"}": "beyond",
    b'{"a": "\\ud800"}': "half a character",
    b'{"\\udfff": 1}': "half a character",
    b'{"a": ' * 21 + b"1" + b"}" * 21: "deeper",
    b"[" * 100_000: "no JSON",
    b"\xff": "no JSON",
    b"": "no JSON",
}


@pytest.mark.parametrize(("content", "says"), UNSOUND.items(), ids=range(len(UNSOUND)))
def test_json_that_readers_understand_differently_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(NotSound, match=says):
        read_json(content)


def test_sound_json_is_read_as_it_is() -> None:
    value: dict[str, Any] = {"a": [9007199254740991, -1.5, None, True, "\U0001f600 \u0000", {"b": {}}]}
    assert read_json(json.dumps(value).encode()) == read_json(json.dumps(value, ensure_ascii=False).encode()) == value


def test_every_hostile_value_is_answered_wherever_it_stands(there: Served) -> None:
    headers = {"Authorization": f"Bearer {there.secret}", "Content-Type": "application/json"}
    path = f"{there.address}/api/v1/cases/{CASE}/steps/"
    with httpx.Client(timeout=30) as line:
        for number, value in enumerate(HOSTILE_VALUES):
            key = value if isinstance(value, str) else "remarks"
            for place, said in (
                ("host_offer-1/answers", {"option": "offer", "form": {"start": "2027-05-10", "cost": value}}),
                ("host_offer-1/answers", {"option": "refuse", "form": {key: value}}),
                ("clearance-1/answers", {"option": "clear", "form": {"refused": value, "remarks": value}}),
                ("attendance-1/answers", {"option": "confirm", "form": {"attendance": value, "actual_end": value}}),
                ("nomination-1/answers", {"option": value, "form": value, "paper": value}),
                ("nomination-1/more-time", {"working_days": value, "reason": value}),
            ):
                sound(
                    line.post(path + place, content=json.dumps(said).encode(), headers=headers | {"Idempotency-Key": f"{number}"})
                )


def test_what_breaks_the_description_is_refused(there: Served) -> None:
    against_the_description(there, NORMAL)


def test_what_keeps_to_the_description_is_answered_as_described(there: Served) -> None:
    as_described(there, NORMAL)


@pytest.mark.soak
def test_ten_thousand_hostile_requests_change_nothing(there: Served) -> None:
    against_the_description(there, SOAK)
    as_described(there, SOAK)


def test_a_body_beyond_the_limit_is_refused_as_a_problem(there: Served) -> None:
    headers = {"Authorization": f"Bearer {there.secret}", "Content-Type": "application/json", "Idempotency-Key": "k"}
    path = f"{there.address}/api/v1/cases/{CASE}/steps/host_offer-1/answers"
    largest = json.dumps({"option": "refuse", "form": {"remarks": "x" * ((1 << 20) - 50)}}).encode()
    assert len(largest) <= 1 << 20
    assert httpx.post(path, content=largest, headers=headers).status_code == 422
    for content in (b" " * ((1 << 20) + 1), iter([b" " * (1 << 19)] * 3)):
        refused = httpx.post(path, content=content, headers=headers)
        assert (refused.status_code, refused.headers["content-type"]) == (413, PROBLEM)


def test_after_all_that_the_case_is_as_it_was(seeded: Path, tmp_path: Path) -> None:
    shutil.copy(seeded, tmp_path / "passerelle.db")
    with serving(tmp_path / "passerelle.db") as server:
        assert server.served is not None
        against_the_description(server.served, 30)
    assert server.case is not None
    assert all(step.is_open and step.decision is None for step in server.case.steps)
    assert server.case.seq == 0
