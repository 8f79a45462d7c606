"""Every golden history replays with the procedure in hand, to the state it led to when it was kept."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

import workflows
from audit.recorder import Kept, Recorder
from models.case import Case
from tests.histories.golden import GOLDEN, HISTORIES
from tests.procedure.scenarios import SCENARIOS
from workflows.converter import CONVERTER
from workflows.exchange import Exchange


async def kept_histories() -> AsyncIterator[WorkflowHistory]:
    """Every golden history, each run under a name of its own."""
    for path in sorted(HISTORIES.glob("*/*.json")):
        yield WorkflowHistory.from_json(f"{path.parent.name}/{path.stem}", path.read_text(encoding="utf-8"))


async def test_every_golden_history_replays_to_the_state_it_led_to() -> None:
    kept: dict[str, Kept] = {}
    replayer = Replayer(
        workflows=[Exchange],
        data_converter=CONVERTER,
        workflow_runner=Recorder("case", lambda answer: kept.__setitem__(answer.run_id, answer)),
    )
    results = await replayer.replay_workflows(kept_histories(), raise_on_replay_failure=False)
    assert results.replay_failures == {}
    cases = [Case.model_validate_json(answer.answer) for answer in kept.values()]
    states = {case.model_dump_json(exclude={"said"}, exclude_defaults=True) for case in cases}
    for name in GOLDEN:
        assert (HISTORIES / name / "state.txt").read_text(encoding="utf-8").strip() in states, name


def defined() -> set[str]:
    """The name of every workflow defined in `workflows/`."""
    modules = [importlib.import_module(f"workflows.{found.name}") for found in pkgutil.iter_modules(workflows.__path__)]
    definitions = [getattr(each, "__temporal_workflow_definition", None) for module in modules for each in vars(module).values()]
    return {definition.name for definition in definitions if definition is not None}


async def test_every_workflow_has_a_golden_history() -> None:
    kept = {history.events[0].workflow_execution_started_event_attributes.workflow_type.name async for history in kept_histories()}
    assert kept == defined() == {"Exchange"}


def test_every_golden_scenario_is_kept_and_nothing_else() -> None:
    assert {path.name for path in HISTORIES.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_history_is_of_a_scenario(name: str) -> None:
    assert (SCENARIOS / f"{name}.toml").exists()
