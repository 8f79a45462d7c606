"""What was changed in Temporal's own database is found, on a real server and in its file; what it refuses to give is a finding."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from temporalio.api.history.v1 import History
from temporalio.testing import WorkflowEnvironment

from audit.timemachine import TimeMachine
from audit.verifying import Verifier
from evidence.entries import digest
from evidence.findings import Code, Severity
from models.orders import RunOrder
from rehearsal.player import binary
from tests.audit.installed import Inline
from tests.integration.situations import LONGEST, Installation, a_request, given, installation
from tests.postgres import sqlite_url
from workflows.converter import CONVERTER

__all__ = ["sqlite_url"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("temporal-tampered-with")]
Change = Callable[[History], object]


class Temporal:
    """A server, and the file in which it keeps the histories."""

    def __init__(self, environment: WorkflowEnvironment, path: Path) -> None:
        self.client = environment.client
        self.path = path

    def nodes(self, run_id: str) -> list[tuple[int, bytes]]:
        """What is kept of a run: the first event of each part, and its bytes."""
        tree = bytes.fromhex(run_id.replace("-", ""))
        with closing(sqlite3.connect(self.path, timeout=LONGEST)) as connection:
            query = "SELECT node_id, data FROM history_node WHERE tree_id = ? ORDER BY node_id"
            return connection.execute(query, [tree]).fetchall()

    def keep(self, run_id: str, node: int, data: bytes) -> None:
        """Put other bytes in the place of a part."""
        tree = bytes.fromhex(run_id.replace("-", ""))
        with closing(sqlite3.connect(self.path, timeout=LONGEST)) as connection:
            changed = connection.execute("UPDATE history_node SET data = ? WHERE tree_id = ? AND node_id = ?", [data, tree, node])
            assert changed.rowcount == 1
            connection.commit()

    def change(self, run_id: str, change: Change) -> tuple[int, bytes]:
        """Change a part of a run, the first that is changed at all; gives what it was."""
        for node, data in self.nodes(run_id):
            history = History.FromString(data)
            change(history)
            if (changed := history.SerializeToString()) != History.FromString(data).SerializeToString():
                self.keep(run_id, node, changed)
                return node, data
        raise AssertionError("nothing was changed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Temporal]:
    """An embedded server whose database is a file."""
    path = tmp_path_factory.mktemp("temporal") / "temporal.db"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        data_converter=CONVERTER,
        dev_server_log_level="never",
        dev_server_database_filename=str(path),
    ) as environment:
        yield Temporal(environment, path)


@pytest_asyncio.fixture(loop_scope="module")
async def there(temporal: Temporal, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """An installation on it; what is not given within a second is refused."""
    monkeypatch.setattr("activities.histories.TALK_SECONDS", timedelta(seconds=1))
    async with installation(temporal.client, sqlite_url) as on:
        await on.workplace.log.announce()
        yield on


async def answered(on: Installation) -> tuple[str, str]:
    """A case whose request was found complete: its number and its run's id."""
    case = (await on.cases.launch(a_request())).case
    async with on.workplace.worker(on.client, lambda: None):
        async with asyncio.timeout(LONGEST):
            while not await on.cases.steps(case):
                await asyncio.sleep(0.01)
        assert (await on.cases.answer(given(case))).state == "recorded"
    description = await on.client.get_workflow_handle(case).describe()
    assert description.run_id is not None
    return case, description.run_id


async def faults(on: Installation, case: str) -> set[Code]:
    """The codes of the faults that are found."""

    async def at_once(seconds: float) -> None:
        """Wait for nothing."""

    found = await Verifier(on.workplace, on.cases, cast(TimeMachine, Inline()), at_once).case(case)
    return {one.code for one in found.findings if one.severity is Severity.FAULT}


def answer_with_another_form(history: History) -> None:
    """The answer that the case was told names another form."""
    for event in history.events:
        for payload in event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads:
            packed = payload.metadata["encoding"] == b"json/zlib"
            said = json.loads(zlib.decompress(payload.data) if packed else payload.data)
            changed = json.dumps({**said, "form": digest(b"another form")}).encode()
            payload.data = zlib.compress(changed) if packed else changed


def another_instant(history: History) -> None:
    """An event happened a second later."""
    history.events[-1].event_time.seconds += 1


async def test_an_answer_changed_in_temporals_database_is_found_in_an_open_case(temporal: Temporal, there: Installation) -> None:
    case, run_id = await answered(there)
    assert await faults(there, case) == set()
    temporal.change(run_id, answer_with_another_form)
    contents = {Code.CONTENT_MISSING, Code.CONTENT_UNREFERENCED}
    assert await faults(there, case) == {Code.ROW_DIFFERS, Code.ANSWER_DIFFERS, Code.RECEIPT_DIFFERS, *contents}


async def test_a_closed_run_is_compared_event_by_event_and_what_temporal_refuses_is_a_finding(
    temporal: Temporal, there: Installation
) -> None:
    case, run_id = await answered(there)
    await there.client.get_workflow_handle(case).terminate()
    await there.workplace.run_archive(there.client).keep_run(RunOrder(case=case, run=1, run_id=run_id))
    assert await faults(there, case) == set()
    node, data = temporal.change(run_id, another_instant)
    assert await faults(there, case) == {Code.TEMPORAL_DIFFERS}
    temporal.keep(run_id, node, data)
    assert await faults(there, case) == set()
    temporal.keep(run_id, node, b"\x00\xff")
    assert await faults(there, case) == {Code.TEMPORAL_REFUSES}
