"""What is owed is made up for: closed runs are exported and logged, acts and receipts that the log missed are put there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import pytest_asyncio

from activities.archive import RunArchive
from audit.replay import states
from audit.sweep import Sweep
from cases import Cases
from evidence.entries import EntryKind, entry_of
from evidence.events import root_of_run
from evidence.issuing import Issuing
from evidence.log import Log
from models.case import Case
from models.errors import Missing, Unreachable
from rehearsal.stage import NOTARY
from store.archive import Archive
from store.cases import ReadModel
from store.contents import Contents
from store.database import Database
from tests.audit.kept import CASE, kept
from tests.postgres import sqlite_url

__all__ = ["sqlite_url"]

NOW = datetime(2031, 1, 1, tzinfo=UTC)


class Held:
    """The cases of an installation, as the sweep sees them: one, with its runs."""

    def __init__(self, case: Case, runs: list[tuple[str, bytes, int]]) -> None:
        self.state = case
        self.runs = runs
        self.fault: Exception | None = None

    async def histories(self, number: str) -> list[tuple[str, bytes, int]]:
        """Every run."""
        if self.fault is not None:
            raise self.fault
        return self.runs

    async def case(self, number: str) -> Case:
        """The case."""
        return self.state

    async def open_numbers(self) -> list[str]:
        """Its number, while it is open."""
        return [self.state.id] if self.state.ended is None else []


class Stage:
    """A database with one case, and the sweep that goes over it."""

    def __init__(self, database: Database, held: Held) -> None:
        self.held = held
        self.log = Log(database, NOTARY, lambda: NOW)
        self.archive = Archive(database)
        self.contents = Contents(database)

        async def fetch(case: str, run: str) -> tuple[bytes, int]:
            raise AssertionError("the sweep brings the history")

        runs = RunArchive(self.archive, self.log, fetch, lambda: NOW)
        self.sweep = Sweep(cast(Cases, held), self.archive, runs, Issuing(database, self.log))

    async def entries(self, kind: EntryKind) -> list[Any]:
        """The entries of a kind."""
        return [entry_of(row.leaf.encode()) for row in await self.log.leaves.of_kind(kind)]


RUNS = list(kept("ten-interventions"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ends() -> list[Case]:
    """The case at the end of each of its runs."""
    return await states(CASE, RUNS)


@pytest_asyncio.fixture
async def stage(sqlite_url: str, ends: list[Case]) -> AsyncIterator[Stage]:
    """The case has ended, and nothing of it was exported."""
    database = Database.open(sqlite_url, durable=False)
    case = ends[-1].model_copy(update={"ended": ends[-1].clock})
    await ReadModel(database).publish(case)
    yield Stage(database, Held(case, RUNS))
    await database.close()


async def test_the_last_run_of_an_ended_case_is_exported_once_with_its_entry(stage: Stage) -> None:
    assert await stage.sweep.closed() == 1
    case = stage.held.state
    [kept] = await stage.archive.runs(case.id)
    assert await stage.contents.get(kept.sha256) == RUNS[-1][1]
    [entry] = await stage.entries(EntryKind.RUN)
    assert entry.facts == {
        "run": case.run,
        "events": RUNS[-1][2],
        "sha256": kept.sha256,
        "root": root_of_run(RUNS[-1][1])[0],
    }
    assert await stage.sweep.closed() == 0
    assert len(await stage.entries(EntryKind.RUN)) == 1


async def test_a_run_that_is_about_to_close_is_exported_when_it_has(stage: Stage) -> None:
    run_id, history, events = RUNS[-1]
    cut = json.loads(history)
    cut["events"].pop()
    stage.held.runs = [*RUNS[:-1], (run_id, json.dumps(cut).encode(), events - 1)]
    assert await stage.sweep.closed() == 0
    stage.held.runs = RUNS
    assert await stage.sweep.closed() == 1


async def test_a_case_without_a_history_holds_up_nobody_and_a_server_that_is_away_everybody(stage: Stage) -> None:
    stage.held.fault = Missing("Temporal holds no history")
    assert await stage.sweep.closed() == 0
    stage.held.fault = Unreachable("away")
    with pytest.raises(Unreachable):
        await stage.sweep.closed()


async def test_acts_of_an_open_case_that_the_log_missed_are_put_there_once(stage: Stage) -> None:
    stage.held.state = stage.held.state.model_copy(update={"ended": None})
    await stage.sweep.whole()
    entries = await stage.entries(EntryKind.INTERVENTION)
    assert {entry.ref for entry in entries} == {f"{stage.held.state.id}/{act}" for act in stage.held.state.acted}
    assert len(entries) >= 10
    stage.held.fault = AssertionError("nothing is missing: no history is fetched")
    await stage.sweep.whole()


async def test_the_keys_that_sign_are_in_the_log(stage: Stage) -> None:
    await stage.sweep.whole()
    assert [entry.ref for entry in await stage.entries(EntryKind.KEY)] == [NOTARY.key_id]
