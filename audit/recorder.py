"""Runners that listen to what a workflow does, without asking the server and without changing it.

A `Recorder` keeps what a case says of itself after every workflow task: after each activation the instance is given one more, whose
only job is a query; its answer is kept with the length of the history (the id of the WorkflowTaskStarted event) and the instant of
the task. A task with local activities has several activations: the last one counts. The same recorder serves a live worker and a
replay; a replay may ask `late`, once a task. A `Tracer` only notes which task is being worked on, and how it failed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from temporalio.api.failure.v1 import Failure
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


class Listening(WorkflowRunner):
    """Wraps a runner; what its instances do is listened to."""

    def __init__(self, inner: WorkflowRunner | None = None) -> None:
        self._inner = inner or UnsandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        """As the wrapped runner does."""
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance of the wrapped runner, listened to."""
        return self.listened(self._inner.create_instance(det))

    @abstractmethod
    def listened(self, instance: WorkflowInstance) -> WorkflowInstance:
        """An instance, wrapped."""


class Recorder(Listening):
    """Hands what each instance answers to `query` after each activation to `keep`; `late`, after the last one of each task only.

    Which one that was shows when the next task begins or the instance is let go: `late` is for replays, where both follow at once.
    """

    def __init__(self, query: str, keep: Keep, inner: WorkflowRunner | None = None, *, late: bool = False) -> None:
        super().__init__(inner)
        self._query = query
        self._keep = keep
        self._kind = RecordedLate if late else Recorded

    def listened(self, instance: WorkflowInstance) -> WorkflowInstance:
        """An instance that is asked after its activations."""
        return self._kind(instance, self._query, self._keep)


class Tracer(Listening):
    """Notes the task that is being worked on, by the id of its WorkflowTaskStarted event, and what the workflow's own fault was."""

    def __init__(self, inner: WorkflowRunner | None = None) -> None:
        super().__init__(inner)
        self.forget()

    def forget(self) -> None:
        """Begin anew, for another history."""
        self.task = 0
        self.fault = ""

    def listened(self, instance: WorkflowInstance) -> WorkflowInstance:
        """An instance whose activations are noted."""
        return Traced(instance, self)


class Wrapped(WorkflowInstance):
    """One instance, as it is."""

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """As the wrapped instance does."""
        return self._inner.activate(act)

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


class Recorded(Wrapped):
    """One instance, asked after each of its activations."""

    def __init__(self, inner: WorkflowInstance, query: str, keep: Keep) -> None:
        super().__init__(inner)
        self._query = query
        self._keep = keep

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """The activation as it is, then the query."""
        completion = self._inner.activate(act)
        if not completion.HasField("failed") and changes(act):
            self._ask(act)
        return completion

    def _ask(self, act: WorkflowActivation) -> None:
        """Give the instance an activation that is like another but for its jobs: the query is the only one."""
        question = WorkflowActivation()
        question.CopyFrom(act)
        del question.jobs[:]
        question.jobs.append(WorkflowActivationJob(query_workflow=QueryWorkflow(query_id="record", query_type=self._query)))
        for command in self._inner.activate(question).successful.commands:
            if command.HasField("respond_to_query") and command.respond_to_query.HasField("succeeded"):
                answer = command.respond_to_query.succeeded.response.data
                at = act.timestamp.ToDatetime(tzinfo=UTC)
                self._keep(Kept(act.run_id, act.history_length, at, answer))


class RecordedLate(Recorded):
    """One instance, asked when a task was left for the next one, or when it is let go."""

    def __init__(self, inner: WorkflowInstance, query: str, keep: Keep) -> None:
        super().__init__(inner, query, keep)
        self._last: WorkflowActivation | None = None

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """The query where the task before is over, then the activation as it is."""
        last, changing = self._last, changes(act)
        if last is not None and (not changing or act.history_length != last.history_length):
            self._last = None
            self._ask(last)
        completion = self._inner.activate(act)
        self._last = act if changing and not completion.HasField("failed") else None
        return completion


def changes(act: WorkflowActivation) -> bool:
    """Whether an activation can change the state: it neither lets the instance go nor only asks it."""
    return not any(job.HasField("remove_from_cache") or job.HasField("query_workflow") for job in act.jobs)


class Traced(Wrapped):
    """One instance whose activations are noted."""

    def __init__(self, inner: WorkflowInstance, tracer: Tracer) -> None:
        super().__init__(inner)
        self._tracer = tracer

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """The activation as it is; its task and its fault are noted."""
        if all(job.HasField("remove_from_cache") for job in act.jobs):
            return self._inner.activate(act)
        self._tracer.task = act.history_length
        completion = self._inner.activate(act)
        if completion.HasField("failed"):
            failure = completion.failed.failure
            cause = f" ({told(failure.cause)})" if failure.HasField("cause") else ""
            self._tracer.fault = told(failure) + cause
        return completion


def told(failure: Failure) -> str:
    """A failure in a line: its kind and the first line it says."""
    kind, line = failure.application_failure_info.type, failure.message.partition("\n")[0]
    return f"{kind}: {line}" if kind else line
