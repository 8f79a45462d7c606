"""Replays in a process apart, each within a limit of time: a history on which one waits for ever is named, the next goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from audit.fitting import Asked, Fit, Outcome
from audit.replaying import Handed

ROOT = Path(__file__).resolve().parents[1]
REPLAYING = (sys.executable, "-m", "audit.replaying")
STARTING_SECONDS = 30.0
"""What a new process may take in addition, to begin."""
EVENT_SECONDS = 0.02
"""What one event of a history may take; the usual is a hundredth of it."""
LEAST_SECONDS = 15.0
ENDING_SECONDS = 5.0
BUFFER = 1 << 20


class Apart:
    """A process that replays; begun when first needed, and anew when one had to be ended."""

    def __init__(self, command: tuple[str, ...] = REPLAYING, least: float = LEAST_SECONDS) -> None:
        self._command = command
        self._least = least
        self._process: asyncio.subprocess.Process | None = None

    async def fits(self, runs: AsyncIterator[tuple[Asked, bytes, int]]) -> AsyncIterator[Fit]:
        """Whether each of these runs – asked for, its exported history, its number of events – fits the procedure in hand."""
        try:
            async for asked, history, events in runs:
                yield await self._fit(asked, history, events)
        finally:
            await self._end()

    async def _fit(self, asked: Asked, history: bytes, events: int) -> Fit:
        limit = self._least + EVENT_SECONDS * events
        said = {"case": asked.case, "run_id": asked.run_id, "events": events}
        try:
            async with asyncio.timeout(limit + (0 if self._process else STARTING_SECONDS)):
                line = await self._told(Handed(**asked.model_dump(), length=len(history)), history)
        except TimeoutError:
            await self._end(at_once=True)
            return Fit.model_validate({**said, "outcome": Outcome.UNFINISHED, "says": f"its replay did not end in {limit:.0f} s"})
        if not line:
            status = await self._end()
            text = f"its replay ended the process with status {status}"
            return Fit.model_validate({**said, "outcome": Outcome.UNFINISHED, "says": text})
        return Fit.model_validate_json(line)

    async def _told(self, handed: Handed, history: bytes) -> bytes:
        """Hand a run over; the line that is answered, or nothing when the process has ended."""
        if self._process is None:
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, cwd=ROOT, limit=BUFFER)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(handed.model_dump_json().encode() + b"\n" + history)
            await self._process.stdin.drain()
        except ConnectionError:
            return b""
        return await self._process.stdout.readline()

    async def _end(self, *, at_once: bool = False) -> int:
        """End the process, if there is one: by closing its input, or at once; gives its status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(0 if at_once else ENDING_SECONDS):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()
