"""The description of the API: complete, in the field's words, and true."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from models.words import LANGUAGES, Kind
from tests.api.situations import ASKED, PROBLEM, STEPS, Desk
from tests.web.situations import ROOT
from web.api.problems import NAMES
from wording import Words
from workplace import LOCALE

WRITES = {
    "/v1/cases/{case}/steps/{step}/answers",
    "/v1/cases/{case}/steps/{step}/more-time",
    "/v1/cases/{case}/steps/{step}/decline",
}

OPEN_TO_ALL = {"/v1/log/checkpoint", "/v1/log/entries/{index}/proof", "/v1/log/consistency"}


@pytest.fixture
async def described(desk: Desk) -> Any:
    """The description as it is served, without a key."""
    response = await desk.line.get("/api/openapi.json")
    assert response.status_code == 200
    return response.json()


async def test_every_operation_has_a_summary_a_description_and_needs_a_key_but_those_of_the_log(described: Any) -> None:
    assert described["servers"] == [{"url": "/api"}]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"]
            assert operation["description"]
            assert operation.get("security", []) == ([] if path in OPEN_TO_ALL else [{"HTTPBearer": []}]), path
            assert {"4XX", "5XX"} <= set(operation["responses"])
            assert method == ("post" if path in WRITES else "get")


async def test_what_writes_needs_an_idempotency_key(described: Any) -> None:
    assert set(described["paths"]) >= WRITES
    for path in WRITES:
        (header,) = [p for p in described["paths"][path]["post"]["parameters"] if p["in"] == "header"]
        assert (header["name"], header["required"]) == ("Idempotency-Key", True)


async def test_operations_are_named_by_what_they_do(described: Any) -> None:
    names = {operation["operationId"] for operations in described["paths"].values() for operation in operations.values()}
    of_the_log = {"log_checkpoint", "log_inclusion", "log_consistency"}
    assert names == {"steps", "step", "paper", "answer", "more_time", "decline"} | of_the_log


async def test_what_is_told_is_as_described(desk: Desk, described: Any) -> None:
    step = await desk.ask(Kind.CLEARANCE)
    system = await desk.system("SN-MAESE")
    told = {
        "AskedList": await system.get(STEPS),
        "AskedWhole": await system.get(f"{ASKED}{step.id}"),
        "Problem": await system.answer(step, "clear", {"refused": "N1"}),
        "Taken": await system.answer(step, "clear", {"refused": ["N1"]}),
    }
    for name, response in told.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        Draft202012Validator(schema).validate(response.json())
        described["components"]["schemas"][name]["required"] = ["nothing of the kind"]
        assert not Draft202012Validator(schema).is_valid(response.json()), "the schema is looked at"


MISSES = [("GET", "/api/v1", 404, "not_found"), ("GET", "/api/v2/steps", 404, "not_found"), ("PUT", STEPS, 405, "not_allowed")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("method", "path", "status", "code"), MISSES)
async def test_what_is_not_there_is_a_problem_too(
    desk: Desk, method: str, path: str, status: int, code: str, language: str
) -> None:
    response = await desk.line.request(method, path, headers={"Accept-Language": language})
    assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM)
    title = desk.workplace.words.say(language, f"problem.{code}")
    named = {"type": f"urn:passerelle:problem:{code}", "title": title, "status": status, "detail": title, "code": code}
    assert response.json() == {**named, "faults": [], "facts": {}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_a_title_in_every_language(language: str) -> None:
    words = Words(LOCALE)
    assert [name for name in (*NAMES.values(), "refused", "conflict") if not words.has(language, f"problem.{name}")] == []


async def test_the_guide_names_every_operation_and_every_code_of_its_own(described: Any) -> None:
    guide = (ROOT / "docs" / "how-to-answer-by-api.md").read_text(encoding="utf-8")
    for path in described["paths"]:
        assert f"/api{path}" in guide
    for status in (200, 201, 202, 400, 401, 404, 409, 410, 413, 415, 422, 429, 503):
        assert re.search(rf"\b{status}\b", guide), status
