"""What a case says of itself after every workflow task, without asking the server: a runner that queries its own instances.

After each activation the instance is given one more, whose only job is a query; its answer is kept with the length of the history
(the id of the WorkflowTaskStarted event) and the instant of the task. A task with local activities has several activations: the
last one counts. The same recorder serves a live worker and a replay.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from temporalio.bridge.proto.workflow_activation import QueryWorkflow, WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import Info


class Kept(NamedTuple):
    """One answer: the run, the length of its history, the instant of the task, and the answer's bytes (JSON)."""

    run_id: str
    length: int
    at: datetime
    answer: bytes


Keep = Callable[[Kept], None]


class Recorder(WorkflowRunner):
    """Wraps a runner; hands what each instance answers to `query` after each activation to `keep`."""

    def __init__(self, query: str, keep: Keep, inner: WorkflowRunner | None = None) -> None:
        self._query = query
        self._keep = keep
        self._inner = inner or UnsandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        """As the wrapped runner does."""
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance of the wrapped runner, listened to."""
        return Recorded(self._inner.create_instance(det), self._query, self._keep)


class Recorded(WorkflowInstance):
    """One instance, asked after each of its activations."""

    def __init__(self, inner: WorkflowInstance, query: str, keep: Keep) -> None:
        self._inner = inner
        self._query = query
        self._keep = keep

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """The activation as it is, then the query."""
        completion = self._inner.activate(act)
        asked = [job.WhichOneof("variant") for job in act.jobs]
        if completion.HasField("failed") or "remove_from_cache" in asked or "query_workflow" in asked:
            return completion
        question = WorkflowActivation()
        question.CopyFrom(act)
        del question.jobs[:]
        question.jobs.append(WorkflowActivationJob(query_workflow=QueryWorkflow(query_id="record", query_type=self._query)))
        for command in self._inner.activate(question).successful.commands:
            if command.HasField("respond_to_query") and command.respond_to_query.HasField("succeeded"):
                answer = command.respond_to_query.succeeded.response.data
                at = act.timestamp.ToDatetime(tzinfo=UTC)
                self._keep(Kept(act.run_id, act.history_length, at, answer))
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        """As the wrapped instance does."""
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        """As the wrapped instance does."""
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> Info:
        """As the wrapped instance does."""
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        """As the wrapped instance does."""
        return self._inner.get_thread_id()
