"""Where a case of a script is played: a server that skips time, a worker that can be stopped, activities kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.testservice.v1 import LockTimeSkippingRequest, UnlockTimeSkippingRequest
from temporalio.bridge.proto.workflow_activation import QueryWorkflow, WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowInstance, WorkflowInstanceDetails

from audit.recorder import Keep, Kept, Recorded, Recorder
from models.orders import Rest
from rehearsal.player import binary
from tests.model.light import Light
from workflows.converter import CONVERTER
from workflows.exchange import Exchange

TASK_QUEUE, CASE = "model", "AMEDIP-2031-0001"
WORK = ("schedule_activity", "schedule_local_activity", "continue_as_new_workflow_execution")
STUCK_SECONDS = 60.0
KEPT = 4
RESTLESS = Rest().model_dump_json().encode()
POLL_SECONDS = 0.001


class Watched(Recorded):
    """A workflow instance that tells on demand what it is asked, between its activations."""

    def __init__(self, inner: WorkflowInstance, keep: Keep) -> None:
        super().__init__(inner, "rest", keep)
        self._last: WorkflowActivation | None = None
        self._at_work = Lock()

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """As it is; unless it has just ordered work, it is asked how it rests."""
        with self._at_work:
            completion = self._inner.activate(act)
            evicted = any(job.HasField("remove_from_cache") for job in act.jobs)
            self._last = None if evicted else act
            works = any(command.WhichOneof("variant") in WORK for command in completion.successful.commands)
            if not (evicted or act.is_replaying or completion.HasField("failed")):
                rest = RESTLESS if works else self._answer("rest", act)
                self._keep(Kept(act.run_id, act.history_length, act.timestamp.ToDatetime(tzinfo=UTC), rest))
            return completion

    def ask(self, query: str) -> bytes | None:
        """The answer to a query, as JSON; None once the case has left the worker's memory."""
        with self._at_work:
            return self._answer(query, self._last) if self._last is not None else None

    def _answer(self, query: str, last: WorkflowActivation) -> bytes:
        question = WorkflowActivation()
        question.CopyFrom(last)
        del question.jobs[:]
        question.jobs.append(WorkflowActivationJob(query_workflow=QueryWorkflow(query_id="ask", query_type=query)))
        [command] = self._inner.activate(question).successful.commands
        return command.respond_to_query.succeeded.response.data


class Watcher(Recorder):
    """Notes how the case stands after every workflow task, and which instance it is."""

    def __init__(self) -> None:
        super().__init__("rest", self.keep, UnsandboxedWorkflowRunner())
        self.rest = Rest()
        self.woken: list[datetime] = []
        self.instance: Watched | None = None
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def keep(self, kept: Kept) -> None:
        """How it stands."""
        self.woken.append(kept.at)
        self.rest = Rest.model_validate_json(kept.answer)
        self._loop.call_soon_threadsafe(self.news.set)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The instance of the newest run, watched."""
        self.instance = Watched(self._inner.create_instance(det), self._keep)
        return self.instance


@dataclass
class Stage:
    """A server with one case on it."""

    environment: WorkflowEnvironment
    light: Light = field(default_factory=Light)
    watcher: Watcher = field(default_factory=Watcher)
    worker: Worker | None = None

    async def start_worker(self, *, stays: bool = True) -> None:
        """A worker that remembers nothing of an earlier one: it replays the case.

        One that will be stopped keeps no case in memory: of one that did, the server goes on waiting for a while.
        """
        self.worker = Worker(
            self.environment.client,
            task_queue=TASK_QUEUE,
            workflows=[Exchange],
            activities=self.light.activities(),
            workflow_runner=self.watcher,
            max_cached_workflows=KEPT if stays else 0,
            graceful_shutdown_timeout=timedelta(0),
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        )
        await self.worker.__aenter__()

    async def stop_worker(self) -> None:
        """Nobody works on the case any more."""
        if self.worker is not None:
            worker, self.worker = self.worker, None
            await worker.__aexit__(None, None, None)

    async def skip_to(self, instant: datetime) -> None:
        """Skip to an instant of the server's clock; it only runs forward."""
        now = await self.environment.get_current_time()
        if instant > now:
            await self.environment.sleep(instant - now)

    async def skip_alone(self, instant: datetime) -> None:
        """Skip to an instant while no worker runs: the server's clock stands still for a task nobody takes, until it is let go."""
        due = self.watcher.rest.next_instant
        if due is None or instant < due:
            await self.skip_to(instant)
            return
        skipping = asyncio.create_task(self.skip_to(instant))
        await self._task_waits()
        clock = self.environment.client.test_service
        await clock.unlock_time_skipping(UnlockTimeSkippingRequest())
        await skipping
        await clock.lock_time_skipping(LockTimeSkippingRequest())

    async def _task_waits(self) -> None:
        """Wait until the case's timer has rung and the server has a task for a worker, which holds the clock."""
        handle: WorkflowHandle[Any, Any] = self.environment.client.get_workflow_handle(CASE)
        while (await handle.fetch_history()).events[-1].event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
            await asyncio.sleep(POLL_SECONDS)

    async def _is_closed(self) -> None:
        """Wait until the server knows that the case has ended: an answer that comes before that has the last task done again."""
        handle: WorkflowHandle[Any, Any] = self.environment.client.get_workflow_handle(CASE)
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await asyncio.sleep(POLL_SECONDS)

    async def settle(self, after: datetime | None = None) -> Rest:
        """Wait until the case has done all it does by itself, by an instant where one is given."""
        async with asyncio.timeout(STUCK_SECONDS):
            while True:
                self.watcher.news.clear()
                rest = self.watcher.rest
                if rest.quiet and (after is None or rest.next_instant is None or rest.next_instant > after):
                    if rest.ended:
                        await self._is_closed()
                    return rest
                await self.watcher.news.wait()


class Servers:
    """Starts the next server while a case is played on the one before: most of a start is waiting."""

    def __init__(self) -> None:
        self._runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="ERROR")))
        self._next: asyncio.Task[WorkflowEnvironment] | None = None

    async def _start(self) -> WorkflowEnvironment:
        binary_path = binary("temporal-test-server")
        given: dict[str, Any] = {"data_converter": CONVERTER, "test_server_existing_path": binary_path, "runtime": self._runtime}
        return await WorkflowEnvironment.start_time_skipping(**given)

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        """A server of its own for one case."""
        environment = await (self._next or self._start())
        self._next = asyncio.create_task(self._start())
        stage = Stage(environment)
        try:
            yield stage
        finally:
            await stage.stop_worker()
            await environment.shutdown()

    async def close(self) -> None:
        """Stop the server nobody needed any more."""
        if self._next is not None:
            await (await self._next).shutdown()
            self._next = None


def utc(instant: datetime) -> datetime:
    """An instant in UTC, to the second."""
    return instant.astimezone(UTC).replace(microsecond=0)
