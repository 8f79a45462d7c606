"""Whether a history fits the procedure in hand is said of each by itself, with the event at which it does not."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow

from audit.fitting import Asked, Fit, Fitting, Outcome
from audit.plain import events_of, opening_of
from audit.whole import fault_in
from models.words import PROCEDURE
from tests.histories.golden import HISTORIES
from workflows.desk import Desk
from workflows.requesting import consult

STANDARD = HISTORIES / "standard"
FIRST = (STANDARD / "1.json").read_bytes()
GOLDEN = sorted(HISTORIES.glob("*/*.json"))

Document = dict[str, Any]


async def fits(*histories: bytes, closed: bool = False) -> list[Fit]:
    """What is said of each of these histories, by one replayer."""

    async def runs() -> AsyncIterator[tuple[Asked, bytes]]:
        for number, history in enumerate(histories, start=1):
            yield Asked(case=f"T-2031-{number:04d}", closed=closed), history

    return [fit async for fit in Fitting().fits(runs())]


def document(history: bytes = FIRST) -> Document:
    """A history to be tampered with."""
    loaded: Document = json.loads(history)
    return loaded


def exported(document: Document) -> bytes:
    """A tampered history as it would be exported."""
    return json.dumps(document).encode()


def without(*ids: int) -> bytes:
    """The first run of the standard case without these events."""
    kept = document()
    kept["events"] = [event for event in kept["events"] if int(event["eventId"]) not in ids]
    return exported(kept)


def cut(length: int) -> bytes:
    """The first run of the standard case, cut after so many events."""
    return exported({"events": document()["events"][:length]})


async def looked_up_first(desk: Desk) -> None:
    """A consultation that begins with a look at the directory."""
    await desk.focal_point("SN")
    await consult(desk)


async def slept_first(desk: Desk) -> None:
    """A consultation that begins with a pause."""
    await workflow.sleep(10)
    await consult(desk)


async def faulty(desk: Desk) -> None:
    """A consultation that cannot begin."""
    raise KeyError(desk.case.id)


async def test_every_golden_history_fits_by_one_replayer() -> None:
    found = await fits(*(path.read_bytes() for path in GOLDEN))
    assert len(found) == len(GOLDEN)
    assert [(fit.case, fit.says) for fit in found if not fit.fits] == []
    assert {fit.events for fit in found} == {len(events_of(path.read_bytes())) for path in GOLDEN}


async def test_of_a_run_its_number_phase_and_procedure_are_said() -> None:
    found = await fits(*((STANDARD / f"{run}.json").read_bytes() for run in range(1, 6)))
    phases = ["request", "hosting", "travelling", "visit", "follow_up"]
    assert [(fit.run, fit.phase) for fit in found] == list(enumerate(phases, start=1))
    assert {fit.procedure for fit in found} <= set(range(1, PROCEDURE + 1))


@pytest.mark.parametrize(
    ("place", "change", "event", "kind", "says"),
    [
        (
            "consult",
            looked_up_first,
            19,
            "marker recorded",
            "'deadlines.schedule' does not match .* command 'directory.focal_point'",
        ),
        ("check_completeness", slept_first, 5, "activity task scheduled", "Timer machine does not handle this event"),
        ("consult", slept_first, 16, "workflow task started", r"Failed decoding arguments \(ValidationError: 1 validation error"),
        ("consult", faulty, 16, "workflow task started", "KeyError: 'AMEDIP-2031-0001'"),
    ],
    ids=["another activity first", "a pause first", "a pause in the middle", "a fault"],
)
async def test_a_change_of_order_is_named_by_its_event_and_the_others_fit_beside_it(
    place: str, change: Any, event: int, kind: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"workflows.exchange.{place}", change)
    hosting = (STANDARD / "2.json").read_bytes()
    found = await fits(hosting, FIRST, hosting, FIRST, FIRST, hosting)
    assert [fit.outcome is Outcome.REPLAYS for fit in found] == [True, False, True, False, False, True]
    for different in (found[1], found[3], found[4]):
        assert (different.outcome, different.event, different.kind) == (Outcome.DIFFERS, event, kind)
        assert re.search(says, different.says), different.says


async def test_each_history_is_told_its_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.exchange.consult", faulty)
    monkeypatch.setattr("workflows.exchange.agree_host", looked_up_first)
    first, second = await fits(FIRST, (STANDARD / "2.json").read_bytes())
    assert first.says.startswith("KeyError")
    assert "does not match" in second.says


async def test_a_case_of_a_newer_procedure_is_named_and_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.fitting.PROCEDURE", 0)
    (found,) = await fits(FIRST)
    follows = opening_of(events_of(FIRST))["case"].get("procedure", 1)
    assert (found.outcome, found.says) == (Outcome.NEWER, f"it follows procedure {follows}, this code knows 0")


@pytest.mark.parametrize(
    ("history", "says"),
    [
        (b"", "it cannot be read"),
        (b"[1, 2", "it cannot be read"),
        (b'{"events": [{"eventId": "x"}]}', "it cannot be read"),
        (b'{"events": []}', "it holds no event"),
        (without(7), "event 7 is missing: event 8 stands in its place"),
        (without(1), "event 1 is missing: event 2 stands in its place"),
        (cut(1), "no workflow task was ever scheduled"),
    ],
)
async def test_a_history_that_is_not_whole_is_never_replayed(history: bytes, says: str) -> None:
    before, found, after = await fits(FIRST, history, FIRST)
    assert found.outcome is Outcome.BROKEN
    assert found.says.startswith(says)
    assert before.fits
    assert after.fits


def test_a_closed_run_has_an_end_and_nothing_after_it() -> None:
    events = events_of(FIRST)
    assert fault_in(events, closed=True) == ""
    assert fault_in(events[:-1], closed=False) == ""
    last = len(events)
    assert fault_in(events[:-1], closed=True) == f"the run is closed, and its history ends at event {last - 1} with marker recorded"
    more = [*events, type(events[0])(event_id=last + 1)]
    assert fault_in(more, closed=False) == f"event {last} ends the run, and 1 more follow"


def test_a_history_begins_with_the_start_of_a_run() -> None:
    events = events_of(FIRST)[1:]
    for number, event in enumerate(events, start=1):
        event.event_id = number
    assert fault_in(events, closed=True) == "it begins with workflow task scheduled, not with the start of a run"


@pytest.mark.parametrize("at", ["payloads", "data"])
async def test_an_opening_that_is_not_there_or_no_case_is_told(at: str) -> None:
    tampered = document()
    given = tampered["events"][0]["workflowExecutionStartedEventAttributes"]["input"]
    if at == "payloads":
        given["payloads"] = []
    else:
        given["payloads"][0]["data"] = "e30="
    (found,) = await fits(exported(tampered))
    assert found.outcome is Outcome.BROKEN
    assert found.says.startswith("it cannot be read: the first event holds no")


async def test_a_run_that_nobody_has_worked_on_yet_fits() -> None:
    (found,) = await fits(cut(2))
    assert (found.outcome, found.events) == (Outcome.REPLAYS, 2)
