"""Histories are replayed in a process apart: one that never ends, or ends its process, is named; the next goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

import pytest

from audit.apart import ROOT, Apart
from audit.fitting import Asked, Fit, Outcome
from audit.plain import events_of
from audit.replaying import Handed
from tests.audit.deployments import PATIENCE
from tests.audit.test_fitting import FIRST, GOLDEN, cut

ANSWERING = """
import sys
from audit.fitting import Fit, Outcome
from audit.replaying import Handed
while line := sys.stdin.buffer.readline():
    handed = Handed.model_validate_json(line)
    sys.stdin.buffer.read(handed.length)
    if handed.case == "bad":
        BAD
    print(Fit(case=handed.case, outcome=Outcome.REPLAYS).model_dump_json(), flush=True)
"""
WAITING = "import threading; threading.Event().wait()"
CRASHING = "import os; os._exit(139)"
NEVER = """
import asyncio, audit.replaying
async def never(self, runs):
    yield await asyncio.Event().wait()
audit.replaying.Fitting.fits = never
audit.replaying.replay_here()
"""


async def fits(apart: Apart, runs: Sequence[tuple[str, bytes]], events: int = 0) -> list[Fit]:
    """What is said of each of these runs."""

    async def asked() -> AsyncIterator[tuple[Asked, bytes, int]]:
        for case, history in runs:
            yield Asked(case=case), history, events

    return [fit async for fit in apart.fits(asked())]


def saying(bad: str) -> tuple[str, ...]:
    """A process that answers for every case but the bad one."""
    return (sys.executable, "-c", ANSWERING.replace("BAD", bad))


async def test_every_golden_history_fits_in_a_process_apart() -> None:
    found = await fits(Apart(), [(path.parent.name, path.read_bytes()) for path in GOLDEN])
    assert [(fit.case, fit.outcome) for fit in found] == [(path.parent.name, Outcome.REPLAYS) for path in GOLDEN]
    assert sum(fit.events for fit in found) == sum(len(events_of(path.read_bytes())) for path in GOLDEN)


async def test_a_cut_history_is_named_and_the_next_one_goes_on() -> None:
    found = await fits(Apart(), [("whole", FIRST), ("cut", cut(1)), ("next", FIRST)])
    assert [fit.outcome for fit in found] == [Outcome.REPLAYS, Outcome.BROKEN, Outcome.REPLAYS]


async def test_a_replay_that_waits_for_ever_is_ended_and_the_next_one_goes_on() -> None:
    found = await fits(Apart(saying(WAITING), least=0.2), [("first", b""), ("bad", b"history"), ("next", FIRST)], events=5)
    assert [fit.outcome for fit in found] == [Outcome.REPLAYS, Outcome.UNFINISHED, Outcome.REPLAYS]
    assert (found[1].says, found[1].events) == ("its replay did not end in 0 s", 5)


async def test_a_new_process_is_given_time_to_begin_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.apart.STARTING_SECONDS", 0.3)
    (found,) = await fits(Apart((sys.executable, "-c", WAITING), least=0.1), [("bad", FIRST)])
    assert found.outcome is Outcome.UNFINISHED


async def test_a_replay_that_takes_its_process_along_is_named_and_the_next_one_goes_on() -> None:
    found = await fits(Apart(saying(CRASHING)), [("first", FIRST), ("bad", FIRST), ("next", FIRST)])
    assert [fit.outcome for fit in found] == [Outcome.REPLAYS, Outcome.UNFINISHED, Outcome.REPLAYS]
    assert found[1].says == "its replay ended the process with status 139"


async def test_the_process_ends_with_its_input_even_while_a_replay_waits_for_ever() -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", NEVER, cwd=ROOT, stdin=pipe, stdout=pipe)
    handed = Handed(case="T-2031-0001", length=len(FIRST)).model_dump_json().encode() + b"\n" + FIRST
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate(handed)
    assert (process.returncode, said) == (0, b"")
