"""Replay: whether a history still fits the procedure, and the state it leads to."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from audit.recorder import Kept, Recorder
from models.case import Case
from models.errors import PasserelleError
from workflows.converter import CONVERTER
from workflows.exchange import Exchange

Exported = tuple[str, bytes, int]
"""A run's id, its history as exported JSON, and its number of events."""


class NotReplayed(PasserelleError):
    """A history that the procedure in hand does not lead to again."""


async def states(case_id: str, histories: Sequence[Exported]) -> list[Case]:
    """The case at the end of each run, by replaying each run's history.

    Raises:
        NotReplayed: a run does not replay; names it.
    """
    ends = []
    for run_id, history, _ in histories:
        kept: list[Kept] = []
        replayer = Replayer(workflows=[Exchange], data_converter=CONVERTER, workflow_runner=Recorder("case", kept.append))
        recorded = WorkflowHistory.from_json(case_id, history.decode())
        result = await replayer.replay_workflow(recorded, raise_on_replay_failure=False)
        if result.replay_failure is not None or not kept:
            raise NotReplayed(f"{case_id}, run {run_id}: {result.replay_failure or 'no workflow task was completed'}")
        ends.append(Case.model_validate_json(kept[-1].answer))
    return ends
