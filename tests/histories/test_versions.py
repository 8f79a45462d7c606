"""A change of the procedure under a waiting case: one that is guarded by its version, one that is not, and one taken back.

The changed code is a copy of the tree with lines added, run by its own command line; the code as it stands works in this process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from audit.plain import events_of, opening_of, plain
from cases import Given, Outcome
from models.case import Case, Step
from models.words import OPTIONS, PROCEDURE, Phase, State, Verb
from rehearsal.plausible import plausible
from rehearsal.player import binary
from store.inbox import InboxState
from tests.audit.deployments import GUARDED, PATIENCE, ROOT, UNGUARDED, VERSION_3, Deployment, environment_of
from tests.integration.situations import Installation, a_request, given, installation
from tests.postgres import sqlite_url
from tests.procedure.driven import POLL_SECONDS
from workflows.converter import CONVERTER

__all__ = ["sqlite_url"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("versions")]

CONSULTED = ["completeness-1"]
DECIDED = ["consultation-1", "consultation-2", "decision-1"]
SOON = 'history.defaultWorkflowTaskTimeout="2s"'
"""A task that failed again is not reported; the server waits this long and asks another worker."""


class Waiting:
    """A case on a real server, and the deployments that work on it one after the other."""

    def __init__(self, on: Installation, folder: Path) -> None:
        self.on = on
        self.folder = folder
        self.id = ""
        self.environment = environment_of(on.url, on.client.service_client.config.target_host, on.workplace.task_queue)
        self.here = Deployment(ROOT, self.environment)

    def deployment(self, name: str, **added: str) -> Deployment:
        """A deployment of changed code."""
        return Deployment.changed(self.folder / name, self.environment, **added)

    def working(self) -> Worker:
        """A worker of the code as it stands."""
        return self.on.workplace.worker(self.on.client, lambda: None)

    async def launch(self) -> None:
        """File a request and find it complete; the case then waits for opinions."""
        self.id = (await self.on.cases.launch(a_request())).case
        async with self.working():
            await self.answer(*CONSULTED)

    async def answer(self, *steps: str) -> list[str]:
        """The usual answers, each once it is asked for and told again until a worker has taken it down; what became of each."""
        return [await self._recorded(await self.on.cases.answer(await self._usual(step))) for step in steps]

    async def send(self, step: str) -> str:
        """The usual answer, told once; what whoever gave it is told."""
        return (await self.on.cases.answer(await self._usual(step))).state

    async def _recorded(self, outcome: Outcome) -> str:
        async with asyncio.timeout(PATIENCE):
            while (row := await self.on.cases.earlier(outcome.response)) is not None and row.state is InboxState.RECEIVED:
                await self.on.cases.redeliver()
                await asyncio.sleep(POLL_SECONDS)
        assert row is not None
        return row.state

    async def asked(self, name: str) -> Step:
        """A step, as soon as it is open."""
        async with asyncio.timeout(PATIENCE):
            while name not in {row.id for row in await self.on.cases.steps(self.id) if row.state is State.OPEN}:
                await asyncio.sleep(POLL_SECONDS)
        step = (await self.state()).step(name)
        assert step is not None
        return step

    async def _usual(self, name: str) -> Given:
        step, case = await self.asked(name), await self.state()
        option = next(iter(OPTIONS[step.kind]))
        form = plausible(self.on.workplace.programmes[case.programme], case, step, option, "en")
        return given(self.id, option, step=step.id, by=step.asked, form=form, paper=step.paper)

    async def state(self) -> Case:
        """The case as published."""
        return await self.on.cases.case(self.id)

    async def histories(self) -> list[bytes]:
        """Every run's history."""
        return [history for _, history, _ in await self.on.cases.histories(self.id)]

    async def said(self) -> list[str]:
        """What happened, in order."""
        return [said.verb for said in await self.on.cases.timeline(self.id)]

    async def failed_task(self) -> str:
        """Why a workflow task failed, as soon as one has."""
        handle = self.on.client.get_workflow_handle(self.id)
        async for event in handle.fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                return event.workflow_task_failed_event_attributes.failure.message
        raise AssertionError("the run ended")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """The embedded server, for all tests of this module."""
    extra = ["--dynamic-config-value", SOON]
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        data_converter=CONVERTER,
        dev_server_log_level="error",
        dev_server_extra_args=extra,
    ) as environment:
        yield environment


@pytest_asyncio.fixture(loop_scope="module")
async def case(server: WorkflowEnvironment, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Waiting]:
    """A study visit that waits for the opinions of those consulted."""
    async with installation(server.client, sqlite_url) as on:
        waiting = Waiting(on, tmp_path)
        await waiting.launch()
        yield waiting


async def test_a_waiting_case_stays_with_its_procedure_and_takes_up_the_new_one_at_the_next_phase_border(case: Waiting) -> None:
    newer = case.deployment("newer", models_words=VERSION_3, workflows_exchange=GUARDED)
    told = await newer.command("audit", "replay", "--all", "--json")
    assert (told.code, told.err) == (0, "")
    assert [(run["case"], run["procedure"], run["outcome"]) for run in json.loads(told.out)["runs"]] == [
        (case.id, PROCEDURE, "replays")
    ]
    async with newer.working():
        assert await case.answer(*DECIDED) == ["recorded"] * 3
        await case.asked("host_offer-1")
    first, second = await case.histories()
    assert (await case.state()).phase is Phase.HOSTING
    follows = [opening_of(events_of(history))["case"].get("procedure", 1) for history in (first, second)]
    assert follows == [PROCEDURE, PROCEDURE + 1]
    assert ["directory.focal_point" in plain(history) for history in (first, second)] == [False, True]
    assert (await newer.command("audit", "replay", case.id)).code == 0
    assert (await newer.command("audit", "replay", case.id, "--closed")).code == 0


async def test_a_change_that_is_not_guarded_is_named_before_it_is_deployed_and_loses_no_answer(
    case: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = case.deployment("wrong", workflows_exchange=UNGUARDED)
    told = await wrong.command("audit", "replay", "--all")
    assert told.code == 1
    assert f"{case.id}, run 1 would not replay at event " in told.err
    assert "'deadlines.schedule' does not match activity type of local activity command 'directory.focal_point'" in told.err
    before = await case.said()
    with monkeypatch.context() as hurried:
        hurried.setattr("cases.ANSWER_SECONDS", 0.5)
        async with wrong.working():
            assert await case.send("consultation-1") == "received"
            assert "Nondeterminism" in await case.failed_task()
    assert await case.said() == before
    async with case.working():
        await case.on.cases.redeliver()
        assert await case.answer(*DECIDED[1:]) == ["recorded"] * 2
        await case.asked("host_offer-1")
    said = await case.said()
    assert said.count(Verb.CONSENTED) == 2
    assert (await case.state()).phase is Phase.HOSTING
    assert (await case.here.command("audit", "replay", "--all")).code == 0


async def test_older_code_refuses_a_case_of_a_newer_procedure_and_does_nothing_to_it(
    case: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = case.deployment("newer", models_words=VERSION_3, workflows_exchange=GUARDED)
    async with newer.working():
        await case.answer(*DECIDED)
        await case.asked("host_offer-1")
    told = await case.here.command("audit", "replay", "--all")
    newer_said = f"{case.id}, run 2 is of a newer procedure: it follows procedure {PROCEDURE + 1}, this code knows {PROCEDURE}\n"
    assert (told.code, told.err) == (1, newer_said)
    before = (await case.said(), await case.state())
    with monkeypatch.context() as hurried:
        hurried.setattr("cases.ANSWER_SECONDS", 0.5)
        async with case.working():
            assert await case.send("host_offer-1") == "received"
            assert f"{case.id} follows procedure {PROCEDURE + 1}, this code knows {PROCEDURE}" in await case.failed_task()
    assert (await case.said(), await case.state()) == before
    async with newer.working():
        await case.on.cases.redeliver()
        await case.asked("host_agreement-1")
    assert (await case.said()).count(Verb.OFFERED) == 1
