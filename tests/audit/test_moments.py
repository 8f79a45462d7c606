"""One replay gives what a case was after every workflow task of every run, as the worker had it; what is not whole is refused."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from activities.histories import Exported
from audit.moments import Moment, at_event, at_instant
from audit.recorder import Kept, Recorder
from audit.replay import NotReplayed, runs_of, states
from audit.timemachine import Replayed, TimeMachine
from models.acts import Doing
from models.errors import Refused
from models.words import Kind
from rehearsal.player import stage
from tests.audit.kept import CASE, began, changed, kept
from tests.histories.golden import HISTORIES
from tests.procedure.conftest import template
from tests.procedure.driven import Driven
from tests.procedure.scenarios import PROGRAMMES

__all__ = ["template"]

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATIENT = 60.0
WAITING = "print('{}', flush=True); import threading; threading.Event().wait()"
BEATING = "print('{}', flush=True)\nwhile True: print('{\"beat\": true}', flush=True)"
WAITING_ONCE = """
import pathlib, sys
waited = pathlib.Path(sys.argv[1])
print("{}", flush=True)
sys.stdin.buffer.readline()
if not waited.exists():
    waited.touch()
    while True:
        print('{"beat": true}', flush=True)
print('{"over": true}', flush=True)
"""
CRASHING = "print('{}', flush=True); import os, sys; sys.stdin.buffer.readline(); os._exit(139)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine() -> AsyncIterator[TimeMachine]:
    """A time machine that takes its time, its process kept for every test."""
    async with TimeMachine(processes=1) as machine:
        yield machine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standard(machine: TimeMachine) -> Replayed:
    """The standard case, replayed."""
    return await machine.of(CASE, kept("standard"))


async def test_replay_gives_byte_for_byte_what_the_live_worker_had(machine: TimeMachine, template: Path) -> None:
    live: list[Kept] = []
    async with stage(template, PROGRAMMES, Recorder("case", live.append)) as on:
        driven = Driven(on)
        await driven.launch()
        await driven.reach(Kind.HOST_OFFER)
        await driven.act(Doing.HOLD)
        replayed = await machine.of(driven.id, await driven.cases.histories(driven.id))
    had = {(one.run_id, one.length): one.answer.decode() for one in live}
    given = {(moment.run_id, moment.event): moment.state for moment in replayed.moments}
    assert [moment.run for moment in replayed.moments].count(2) > 1
    assert given == {task: had[task] for task in given}
    instants = {(one.run_id, one.length): one.at.replace(microsecond=0) for one in live}
    assert [moment.at for moment in replayed.moments] == [instants[task] for task in given]
    # A task that came to nothing, such as one for a refused update, leaves the state as it was: replay passes it over.
    left_out = set(had) - set(given)
    assert len(left_out) < len(given) / 2
    runs = {run.run_id: run.number for run in replayed.runs}
    assert all(at_event(replayed.moments, runs[run], event).state == had[run, event] for run, event in left_out)


async def test_every_completed_task_of_every_run_has_its_moment_up_to_the_state_that_was_kept(standard: Replayed) -> None:
    assert [run.number for run in standard.runs] == [1, 2, 3, 4, 5]
    first = [(moment.event, moment.until) for moment in standard.moments if moment.run == 1]
    assert first == [(3, 9), (10, 15), (16, 22), (23, 28), (29, 37), (38, 47), (48, 51)]
    last = standard.moments[-1].case
    kept_state = (HISTORIES / "standard" / "state.txt").read_text(encoding="utf-8").strip()
    assert last.model_dump_json(exclude={"said"}, exclude_defaults=True) == kept_state
    assert [moment.at for moment in standard.moments] == sorted(moment.at for moment in standard.moments)


async def test_the_ends_of_the_runs_are_the_last_moments_of_each(standard: Replayed) -> None:
    ends = {moment.run: moment.case for moment in standard.moments}
    assert await states(CASE, kept("standard")) == list(ends.values())


@pytest.mark.parametrize("length", [8, 9, 10])
async def test_an_open_case_has_its_moments_too_and_a_task_that_was_not_completed_gives_none(
    machine: TimeMachine, length: int
) -> None:
    open_case = changed("standard", 1, lambda events: events.__delitem__(slice(length, None)))[:1]
    replayed = await machine.of(CASE, open_case)
    assert [(moment.event, moment.until) for moment in replayed.moments] == [(3, length)]


async def test_a_case_that_nobody_has_worked_on_yet_has_no_state(machine: TimeMachine) -> None:
    begun = changed("standard", 1, lambda events: events.__delitem__(slice(2, None)))[:1]
    with pytest.raises(NotReplayed, match="no workflow task was completed yet"):
        await machine.of(CASE, begun)


@pytest.mark.parametrize(
    ("histories", "says"),
    [
        ([], "there is no history"),
        ([("r", b"", 0)], "it cannot be read: JSONDecodeError"),
        ([("r", b"[]", 0)], "it cannot be read: ValueError"),
        ([("r", b'{"events": {}}', 0)], "it cannot be read: ParseError"),
        ([("r", b'{"events": []}', 0)], "it holds no event"),
        ([("r", b'{"events": [7]}', 0)], "it cannot be read: "),
        ([("r", b'{"events": ' + b"[" * 100_000, 0)], "it cannot be read: RecursionError"),
        (changed("standard", 1, lambda events: events.pop()), "the run is closed, and its history ends at event 50"),
        (changed("standard", 2, lambda events: events.pop(3)), "stands where the workflow task of event 3 ends"),
        (kept("standard")[1:], "it is run 2 of AMEDIP-2031-0001, not run 1"),
        ((kept("standard")[0], kept("standard")[2]), "it is run 3 of AMEDIP-2031-0001, not run 2"),
        ((kept("standard")[0], kept("silent-host")[1]), "run 1 goes on as "),
        ((kept("silent-host")[0], kept("standard")[1]), "run 1 goes on as "),
        (changed("standard", 2, lambda events: began(events).update(continuedExecutionRunId="another")), "run 2 continues another"),
        ((("other", *kept("standard")[0][1:]),), "names .* as the case's first run, which is other"),
    ],
)
async def test_what_is_not_whole_or_no_chain_is_refused_before_it_is_replayed(histories: Sequence[Exported], says: str) -> None:
    with pytest.raises(NotReplayed, match=says):
        runs_of(CASE, histories)


async def test_a_history_of_another_case_is_refused() -> None:
    with pytest.raises(NotReplayed, match="it is run 1 of AMEDIP-2031-0001, not run 1"):
        runs_of("AMEDIP-2031-0002", kept("standard"))


async def test_a_run_that_the_procedure_does_not_lead_to_is_named_and_the_next_case_is_replayed(machine: TimeMachine) -> None:
    without_a_marker = changed("standard", 1, lambda events: events.pop(11))
    with pytest.raises(NotReplayed, match=f"{CASE}, run {kept('standard')[0][0]}: "):
        await machine.of(CASE, without_a_marker)
    assert len((await machine.of(CASE, kept("cancelled"))).moments) > 1


async def test_a_replay_that_stands_still_is_refused_and_one_that_ends_its_process_too() -> None:
    async with TimeMachine((sys.executable, "-c", WAITING), silence=0.2) as machine:
        with pytest.raises(NotReplayed, match=r"nothing was heard of its replay for 0\.2 s before its first task"):
            await machine.of(CASE, kept("standard")[:1])
    async with TimeMachine((sys.executable, "-c", BEATING)) as machine:
        with pytest.raises(NotReplayed, match=r"its replay stood still for 1\.5 s before its first task"):
            await machine.of(CASE, kept("standard")[:1])
    async with TimeMachine((sys.executable, "-c", CRASHING), silence=PATIENT) as machine:
        with pytest.raises(NotReplayed, match="its replay ended the process with status 139"):
            await machine.of(CASE, kept("standard")[:1])


async def test_after_a_replay_that_stood_still_the_next_case_gets_a_new_process(tmp_path: Path) -> None:
    async with TimeMachine((sys.executable, "-c", WAITING_ONCE, str(tmp_path / "waited")), processes=1) as machine:
        with pytest.raises(NotReplayed, match="stood still"):
            await machine.of(CASE, kept("standard")[:1])
        with pytest.raises(NotReplayed, match="no workflow task was completed yet"):
            await machine.of(CASE, kept("standard")[:1])


START = datetime(2031, 1, 13, 9, tzinfo=UTC)


def moment(run: int, event: int, until: int, hours: int) -> Moment:
    """A moment some hours after the start."""
    return Moment(run=run, run_id=f"r{run}", event=event, until=until, at=START + timedelta(hours=hours), state="{}")


MOMENTS = [moment(1, 3, 9, 0), moment(1, 10, 20, 5), moment(2, 3, 7, 5), moment(2, 8, 12, 9)]


@pytest.mark.parametrize(("run", "event", "found"), [(1, 3, 0), (1, 9, 0), (1, 10, 1), (1, 20, 1), (2, 3, 2), (2, 12, 3)])
async def test_an_event_falls_on_the_newest_moment_that_is_not_after_it(run: int, event: int, found: int) -> None:
    assert at_event(MOMENTS, run, event) is MOMENTS[found]


@pytest.mark.parametrize(
    ("run", "event", "says"),
    [
        (1, 2, "run 1 has no state at event 2: the first is at event 3, the last event is 20"),
        (1, 21, "run 1 has no state at event 21: the first is at event 3, the last event is 20"),
        (3, 3, "there is no state in run 3: the first is in run 1, the last in run 2"),
    ],
)
async def test_an_event_that_is_not_there_is_refused_with_those_that_are(run: int, event: int, says: str) -> None:
    with pytest.raises(Refused) as told:
        at_event(MOMENTS, run, event)
    assert str(told.value) == says


@pytest.mark.parametrize(("hours", "found"), [(0, 0), (4, 0), (5, 2), (8, 2), (9, 3), (9000, 3)])
async def test_an_instant_falls_on_the_newest_moment_that_is_not_after_it(hours: int, found: int) -> None:
    assert at_instant(MOMENTS, START + timedelta(hours=hours)) is MOMENTS[found]


async def test_an_instant_before_the_case_is_refused_with_its_first() -> None:
    with pytest.raises(Refused, match="the first is of 2031-01-13T09:00:00"):
        at_instant(MOMENTS, START - timedelta(seconds=1))
