"""The time machine: every moment of a case, by replaying its runs in processes apart that are kept for the next case.

A replay that stands still for `stall` seconds of its process's own time, or that ends its process, is refused; so is one of which
nothing is heard for `silence` seconds. The next case gets a new process. On a machine that has no time for a process a replay takes
long, and is not refused for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from temporalio.api.history.v1 import History

from activities.histories import Exported
from audit.apart import REPLAYING, STARTING_SECONDS, Process
from audit.fitting import Asked
from audit.moments import Moment
from audit.recorder import Kept
from audit.replay import NotReplayed, Run, moments_of, runs_of
from audit.replaying import BEAT_SECONDS, MOMENTS, Told

RECORDING = (*REPLAYING, MOMENTS)
STALL_SECONDS = 1.5
"""How long a replay may take for one workflow task, as its process counts; the usual is a thousandth of it."""
SILENCE_SECONDS = 60.0
"""How long nothing may be heard of a process, not even that it lives."""
PROCESSES = 2


@dataclass(frozen=True)
class Replayed:
    """A case whose histories are whole and replay: its runs and its moments, the first first."""

    case_id: str
    runs: list[Run]
    moments: list[Moment]


class TimeMachine:
    """Replays cases; at most `processes` runs at a time, each in a process of its own that stays for the next."""

    def __init__(
        self,
        command: tuple[str, ...] = RECORDING,
        *,
        stall: float = STALL_SECONDS,
        silence: float = SILENCE_SECONDS,
        processes: int = PROCESSES,
    ) -> None:
        self._command = command
        self._stall = stall
        self._silence = silence
        self._free: list[Process] = []
        self._slots = asyncio.Semaphore(processes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.close()

    async def of(self, case_id: str, histories: Sequence[Exported]) -> Replayed:
        """Every moment of a case, from the exported histories of its runs.

        Raises:
            NotReplayed: the histories are not whole or of another case, or the procedure in hand does not lead to them again.
        """
        runs = await asyncio.to_thread(runs_of, case_id, histories)
        found = await asyncio.gather(*(self._replayed(case_id, run) for run in runs), return_exceptions=True)
        for fault in found:
            if isinstance(fault, BaseException):
                raise fault
        moments = [moment for of_run in found if isinstance(of_run, list) for moment in of_run]
        if not moments:
            raise NotReplayed(f"{case_id}: no workflow task was completed yet")
        return Replayed(case_id, runs, moments)

    async def close(self) -> None:
        """End the processes."""
        free, self._free = self._free, []
        for process in free:
            await process.end()

    async def _replayed(self, case_id: str, run: Run) -> list[Moment]:
        async with self._slots:
            process = self._free.pop() if self._free else Process(self._command)
            kept: list[Kept] = []
            try:
                fault = await self._replay(process, case_id, run, kept)
            except BaseException:
                await process.end(at_once=True)
                raise
            self._free.append(process)
        if fault:
            raise NotReplayed(f"{case_id}, run {run.run_id}: {fault}")
        return moments_of(run, kept)

    async def _replay(self, process: Process, case_id: str, run: Run, kept: list[Kept]) -> str:
        """Have a run replayed, its states kept; gives what keeps it from replaying, or nothing."""
        try:
            await self._begin(process)
            async with asyncio.timeout(self._silence):
                await process.hand_over(Asked(case=case_id, run_id=run.run_id), History(events=run.events).SerializeToString())
            beats = 0
            while beats * BEAT_SECONDS < self._stall:
                async with asyncio.timeout(self._silence):
                    line = await process.line()
                    told = Told.model_validate_json(line) if line else Told(over=True)
                    state = await process.exactly(told.length)
                if told.over:
                    break
                beats = beats + 1 if told.beat else 0
                if told.at is not None:
                    kept.append(Kept(run.run_id, told.event, told.at, state))
            else:
                return await self._refused(process, f"its replay stood still for {self._stall:g} s", kept)
        except TimeoutError:
            return await self._refused(process, f"nothing was heard of its replay for {self._silence:g} s", kept)
        return told.fault if line else f"its replay ended the process with status {await process.end()}"

    async def _refused(self, process: Process, fault: str, kept: Sequence[Kept]) -> str:
        await process.end(at_once=True)
        return fault + (f" after event {kept[-1].length}" if kept else " before its first task")

    async def _begin(self, process: Process) -> None:
        """Begin a process where there is none, and wait until it is ready."""
        if not process.is_begun:
            await process.begin()
            async with asyncio.timeout(STARTING_SECONDS):
                await process.line()
