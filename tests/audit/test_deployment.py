"""Which cases are replayed before a deployment: the open ones, their current run; with their closed runs, all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from audit.apart import Apart
from audit.deployment import Deployment, open_cases
from audit.fitting import Asked, Fit, Outcome
from cases import Cases
from models.errors import Missing
from models.words import PROCEDURE
from tests.audit.test_fitting import FIRST, STANDARD
from tests.command_line.conftest import Passerelle, environment, installed, passerelle
from tests.command_line.test_refusals import request_file, started

__all__ = ["environment", "installed", "passerelle", "request_file", "started"]

SECOND = (STANDARD / "2.json").read_bytes()
ENDED = datetime(2031, 1, 13, 9, tzinfo=UTC)


class Listed:
    """Cases as lists: number, when it ended, its runs."""

    def __init__(self, *cases: tuple[str, datetime | None, list[bytes]]) -> None:
        self.cases = cases

    async def numbers(self) -> list[str]:
        """Every number."""
        return [number for number, _, _ in self.cases]

    async def listing(self, *, limit: int, offset: int) -> list[Any]:
        """The published ones, a few at a time: a case nobody has worked on is not among them."""
        rows = [SimpleNamespace(id=number, ended=ended) for number, ended, runs in self.cases if runs]
        return rows[offset : offset + min(limit, 2)]

    async def histories(self, number: str) -> list[tuple[str, bytes, int]]:
        """Every run of a case."""
        (runs,) = [runs for found, _, runs in self.cases if found == number]
        if not runs:
            raise Missing(f"Temporal holds no history of {number}")
        return [(f"run-{at}", history, 1) for at, history in enumerate(runs, start=1)]


class Noted(Apart):
    """Replays nothing, and notes what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, bool]] = []

    async def fits(self, runs: AsyncIterator[tuple[Asked, bytes, int]]) -> AsyncIterator[Fit]:
        """Everything fits."""
        async for asked, _, _ in runs:
            self.asked.append((asked.case, asked.run_id, asked.closed))
            yield Fit(case=asked.case, outcome=Outcome.REPLAYS)


CASES = Listed(
    ("T-1", None, [FIRST, SECOND]), ("T-2", ENDED, [FIRST]), ("T-3", None, []), ("T-4", None, [FIRST]), ("T-5", ENDED, [FIRST])
)


async def test_open_cases_are_those_that_have_not_ended_worked_on_or_not() -> None:
    assert await open_cases(cast(Cases, CASES)) == ["T-1", "T-3", "T-4"]


async def test_of_an_open_case_the_current_run_is_replayed_and_a_case_without_a_history_is_named() -> None:
    noted = Noted()
    found = [fit async for fit in Deployment(cast(Cases, CASES), noted).fits(["T-1", "T-3", "T-4"])]
    assert noted.asked == [("T-1", "run-2", False), ("T-4", "run-1", False)]
    assert [(fit.case, fit.outcome) for fit in found] == [
        ("T-1", Outcome.REPLAYS),
        ("T-3", Outcome.MISSING),
        ("T-4", Outcome.REPLAYS),
    ]
    assert found[1].says == "Temporal holds no history of T-3"


async def test_with_its_closed_runs_every_run_is_replayed_and_those_must_have_an_end() -> None:
    noted = Noted()
    found = [fit async for fit in Deployment(cast(Cases, CASES), noted).fits(["T-1", "T-2", "T-3"], closed=True)]
    assert noted.asked == [("T-1", "run-1", True), ("T-1", "run-2", False), ("T-2", "run-1", False)]
    assert [fit.case for fit in found] == ["T-1", "T-1", "T-2", "T-3"]


@pytest.mark.parametrize("said", [(), ("AMEDIP-2031-0001", "--all"), ("--everything",)])
def test_a_case_or_all_of_them_are_named(passerelle: Passerelle, said: tuple[str, ...]) -> None:
    told = passerelle("audit", "replay", *said)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith("Usage: ")


def test_without_open_cases_there_is_nothing_that_would_not_replay(installed: Passerelle) -> None:
    told = installed("audit", "replay", "--all", "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"procedure": PROCEDURE, "fits": True, "counts": {}, "runs": []})
    assert installed("audit", "replay", "--all").stdout.splitlines()[-1] == f"procedure {PROCEDURE}: no case is open"


def test_while_temporal_is_away_nothing_is_said_of_any_case(installed: Passerelle, started: str) -> None:
    for said in (("--all",), (started, "--json")):
        told = installed("audit", "replay", *said)
        assert (told.exit_code, told.stdout) == (3, "")
        assert f"the history of {started} cannot be fetched now" in told.stderr


def test_each_case_that_does_not_fit_is_named_on_standard_error(installed: Passerelle, monkeypatch: pytest.MonkeyPatch) -> None:
    at = {"run": 2, "phase": "hosting", "procedure": 1, "events": 42}
    found = [
        Fit(case="T-1", outcome=Outcome.REPLAYS, **at),
        Fit(case="T-2", outcome=Outcome.DIFFERS, event=5, kind="timer started", says="No command scheduled", **at),
        Fit(case="T-3", outcome=Outcome.MISSING, says="Temporal holds no history of T-3"),
    ]

    async def opened(cases: Cases) -> list[str]:
        return [fit.case for fit in found]

    async def fits(self: Deployment, numbers: list[str], *, closed: bool) -> AsyncIterator[Fit]:
        for fit in found:
            yield fit

    monkeypatch.setattr("cli.audit.open_cases", opened)
    monkeypatch.setattr("cli.audit.Deployment.fits", fits)
    told = installed("audit", "replay", "--all")
    assert told.exit_code == 1
    assert told.stderr.splitlines() == [
        "T-2, run 2 would not replay at event 5 (timer started): No command scheduled",
        "T-3 has no history: Temporal holds no history of T-3",
    ]
    lines = [line.split() for line in told.stdout.splitlines()]
    assert lines[1:3] == [
        ["T-1", "2", "hosting", "1", "42", "replays"],
        ["T-2", "2", "hosting", "1", "42", "would", "not", "replay"],
    ]
    assert told.stdout.splitlines()[-1] == f"procedure {PROCEDURE}: 1 replays, 1 would not replay, 1 has no history"
    told = installed("audit", "replay", "--all", "--json")
    document = json.loads(told.stdout)
    assert (told.exit_code, document["fits"], document["counts"]) == (1, False, {"replays": 1, "differs": 1, "missing": 1})
    assert document["runs"][1] == {**at, "case": "T-2", "run_id": "", "outcome": "differs", "event": 5} | {
        "kind": "timer started",
        "says": "No command scheduled",
    }
