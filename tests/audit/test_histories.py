"""Where histories come from: the archive, Temporal, or both; an ended case is read after Temporal forgot it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, RPCError, WorkflowHistory
from temporalio.service import RPCStatusCode

from activities.histories import Exported, Histories, Source, exported
from models.errors import Missing, Unreachable
from store.archive import Archive
from store.contents import Contents
from tests.audit.kept import CASE, kept

RUNS = kept("standard")


class Holding:
    """Temporal as a client sees it, holding some runs; or in a state of its own."""

    def __init__(self, runs: Sequence[Exported], status: RPCStatusCode = RPCStatusCode.NOT_FOUND) -> None:
        self.runs = {run_id: history for run_id, history, _ in runs}
        self.status = status
        self.fetched: list[str] = []

    def get_workflow_handle(self, case_id: str, run_id: str = "") -> Any:
        """A handle of a run, or of the newest."""

        async def describe(rpc_timeout: Any) -> Any:
            if not self.runs:
                raise RPCError("not there", self.status, b"")
            return SimpleNamespace(run_id=list(self.runs)[-1])

        async def fetch_history() -> WorkflowHistory:
            if run_id not in self.runs:
                raise RPCError("not there", self.status, b"")
            self.fetched.append(run_id)
            return WorkflowHistory.from_json(case_id, self.runs[run_id].decode())

        return SimpleNamespace(describe=describe, fetch_history=fetch_history)


class Kept:
    """An archive and its contents, holding some runs."""

    def __init__(self, held: Sequence[Exported]) -> None:
        self.held = held

    async def runs(self, case_id: str) -> list[Any]:
        """The runs of a case."""
        return [SimpleNamespace(run_id=run_id, sha256=run_id, events=events) for run_id, _, events in self.held]

    async def get(self, sha256: str) -> bytes:
        """The content of a run."""
        return next(history for run_id, history, _ in self.held if run_id == sha256)


async def found(temporal: Holding, archived: Sequence[Exported], source: Source = "either") -> list[tuple[str, int]]:
    """The runs that are found, each with its number of events."""
    archive = Kept(archived)
    histories = Histories(cast(Client, temporal), cast(Archive, archive), cast(Contents, archive))
    return [(run_id, events) for run_id, _, events in await histories.of(CASE, source)]


ALL = [(run_id, events) for run_id, _, events in RUNS]


async def test_closed_runs_come_from_the_archive_and_the_current_one_from_temporal() -> None:
    temporal = Holding(RUNS)
    assert await found(temporal, RUNS[:4]) == ALL
    assert temporal.fetched == [RUNS[4][0]]


async def test_a_closed_run_that_is_not_archived_yet_comes_from_temporal_too() -> None:
    temporal = Holding(RUNS)
    assert await found(temporal, RUNS[:3]) == ALL
    assert temporal.fetched == [RUNS[4][0], RUNS[3][0]]


async def test_a_case_whose_last_run_is_archived_is_not_fetched_again() -> None:
    temporal = Holding(RUNS)
    assert await found(temporal, RUNS) == ALL
    assert temporal.fetched == []


async def test_an_ended_case_that_temporal_forgot_comes_from_the_archive() -> None:
    assert await found(Holding([]), RUNS) == ALL


async def test_a_case_that_had_not_ended_when_temporal_lost_it_is_missing() -> None:
    for archived in (RUNS[:4], ()):
        with pytest.raises(Missing, match=f"Temporal holds no history of {CASE}"):
            await found(Holding([]), archived)


async def test_from_temporal_alone_every_run_is_fetched_back_to_the_first() -> None:
    assert await found(Holding(RUNS), (), "temporal") == ALL
    assert await found(Holding(RUNS), RUNS, "temporal") == ALL
    for held in (RUNS[1:], ()):
        with pytest.raises(Missing):
            await found(Holding(held), RUNS, "temporal")


async def test_the_archive_alone_is_asked_without_temporal() -> None:
    assert await found(Holding([], RPCStatusCode.UNAVAILABLE), RUNS[:3], "archive") == ALL[:3]
    with pytest.raises(Missing, match=f"the archive holds no run of {CASE}"):
        await found(Holding(RUNS), (), "archive")


@pytest.mark.parametrize("archived", [RUNS, ()])
async def test_temporal_that_is_away_is_no_temporal_that_forgot(archived: Sequence[Exported]) -> None:
    with pytest.raises(Unreachable):
        await found(Holding([], RPCStatusCode.UNAVAILABLE), archived)


def test_a_history_is_exported_alike_in_whatever_order_its_maps_came() -> None:
    def with_metadata(*keys: str) -> WorkflowHistory:
        event = HistoryEvent(event_id=1)
        payload = event.workflow_execution_started_event_attributes.input.payloads.add()
        for key in keys:
            payload.metadata[key] = b"x"
        return WorkflowHistory(CASE, [event])

    names = [f"key-{number}" for number in range(40)]
    assert exported(with_metadata(*names)) == exported(with_metadata(*reversed(names)))
    assert WorkflowHistory.from_json(CASE, exported(with_metadata(*names)).decode()).events == with_metadata(*names).events
