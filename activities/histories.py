"""The histories of a case: exported from Temporal while it holds them, from the archive of closed runs when it no longer does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Literal, NamedTuple

from google.protobuf.message import DecodeError
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, RPCError, WorkflowHistory
from temporalio.service import RPCStatusCode

from models.errors import Missing, Unreachable
from store.archive import Archive
from store.contents import Contents

TALK_SECONDS = timedelta(seconds=5)
Exported = tuple[str, bytes, int]
"""A run's id, its history as exported JSON, and its number of events."""
Source = Literal["either", "archive", "temporal"]
"""Where histories come from: closed runs from the archive and the rest from Temporal, or all from one of them."""


class Found(NamedTuple):
    """What Temporal holds of a case: its runs, the first first; a run (or the case) it does not know; why it gives no more."""

    runs: list[Exported]
    forgotten: str = ""
    fault: str = ""


class Histories:
    """What the archive and Temporal hold of the cases."""

    def __init__(self, client: Client, archive: Archive, contents: Contents) -> None:
        self._client = client
        self._archive = archive
        self._contents = contents

    async def of(self, case_id: str, source: Source = "either") -> list[Exported]:
        """Every run's exported history, first to last; the archive alone is asked for what Temporal has forgotten of an ended case.

        Raises:
            Unreachable: Temporal cannot be asked now.
            Missing: nobody holds them, or the one who was named does not.
        """
        kept = [] if source == "temporal" else await self._archived(case_id)
        if source == "archive":
            if not kept:
                raise Missing(f"the archive holds no run of {case_id}")
            return kept
        try:
            fetched = [run async for run in self._back(case_id, {run_id for run_id, _, _ in kept})]
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise Unreachable(f"the history of {case_id} cannot be fetched now: {error}") from error
            if kept and ends_a_case(kept[-1][1]):
                return kept
            raise Missing(f"Temporal holds no history of {case_id}") from error
        except RuntimeError as error:
            raise Unreachable(f"the history of {case_id} cannot be fetched now: {error}") from error
        return kept + fetched[::-1]

    async def in_temporal(self, case_id: str) -> Found:
        """What Temporal holds of a case, back to the first run it still knows, and what kept it from giving more.

        Raises:
            Unreachable: it cannot be asked now; a run that it does not give while it answers other questions is no such thing.
        """
        runs = list[Exported]()
        run_id = ""
        try:
            run_id = (await self._client.get_workflow_handle(case_id).describe(rpc_timeout=TALK_SECONDS)).run_id
            while run_id:
                handle = self._client.get_workflow_handle(case_id, run_id=run_id)
                history = await handle.fetch_history(rpc_timeout=TALK_SECONDS)
                if not history.events:
                    return Found(runs[::-1], fault=f"the history of run {run_id} is empty")
                runs.append((run_id, exported(history), len(history.events)))
                run_id = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Found(runs[::-1], forgotten=run_id or case_id)
            return Found(runs[::-1], fault=await self._refused(case_id, run_id, error))
        except (RuntimeError, ValueError, DecodeError) as error:
            return Found(runs[::-1], fault=await self._refused(case_id, run_id, error))
        return Found(runs[::-1])

    async def _refused(self, case_id: str, run_id: str, error: Exception) -> str:
        """What Temporal says of a run that it does not give, if it answers at all."""
        with suppress(RPCError, RuntimeError):
            if await self._client.service_client.check_health(timeout=TALK_SECONDS):
                said = error.status.name if isinstance(error, RPCError) else type(error).__name__
                return f"Temporal does not give {f'run {run_id}' if run_id else case_id}: {said}: {str(error)[:200]}"
        raise Unreachable(f"the history of {case_id} cannot be fetched now: {error}") from error

    async def _archived(self, case_id: str) -> list[Exported]:
        return [(run.run_id, await self._contents.get(run.sha256), run.events) for run in await self._archive.runs(case_id)]

    async def _back(self, case_id: str, known: set[str]) -> AsyncIterator[Exported]:
        """The current run as Temporal holds it, and those before it, back to one that is known or to the first."""
        run_id = (await self._client.get_workflow_handle(case_id).describe(rpc_timeout=TALK_SECONDS)).run_id
        while run_id and run_id not in known:
            history = await self._client.get_workflow_handle(case_id, run_id=run_id).fetch_history()
            yield run_id, exported(history), len(history.events)
            run_id = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id


def exported(history: WorkflowHistory) -> bytes:
    """A history as exported JSON: the same bytes whenever it is fetched, for the order of what a map holds is not the server's."""
    return json.dumps(history.to_json_dict(), sort_keys=True, indent=2).encode()


async def fetch_history(client: Client, case_id: str, run_id: str) -> tuple[bytes, int]:
    """A run's history as exported JSON, and its number of events."""
    history = await client.get_workflow_handle(case_id, run_id=run_id).fetch_history()
    return exported(history), len(history.events)


def ends_a_case(history: bytes) -> bool:
    """Whether an exported history ends its case: its last event closes the run, and no other run follows."""
    last = WorkflowHistory.from_json("history", history.decode()).events[-1].event_type
    return last in (
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    )
