"""Replays in a process apart, each within a limit of time: a history on which one waits for ever is named, the next goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
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


class Process:
    """A process that replays; begun when first needed, and anew when it had to be ended."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there is one now."""
        return self._process is not None and self._process.returncode is None

    async def begin(self) -> None:
        """Begin it, where there is none yet."""
        if not self.is_begun:
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, cwd=ROOT, limit=BUFFER)

    async def hand_over(self, asked: Asked, history: bytes) -> None:
        """Hand a run over; one that ended meanwhile answers with nothing."""
        await self.begin()
        assert self._process is not None
        assert self._process.stdin is not None
        handed = Handed(**asked.model_dump(), length=len(history))
        with suppress(ConnectionError):
            self._process.stdin.write(handed.model_dump_json().encode() + b"\n" + history)
            await self._process.stdin.drain()

    async def line(self) -> bytes:
        """The next line that is answered, or nothing when the process has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    async def exactly(self, length: int) -> bytes:
        """The next bytes that are answered, fewer when the process has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            return error.partial

    async def end(self, *, at_once: bool = False) -> int:
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


class Apart:
    """Says of runs whether they fit, in a process apart."""

    def __init__(self, command: tuple[str, ...] = REPLAYING, least: float = LEAST_SECONDS) -> None:
        self._process = Process(command)
        self._least = least

    async def fits(self, runs: AsyncIterator[tuple[Asked, bytes, int]]) -> AsyncIterator[Fit]:
        """Whether each of these runs – asked for, its exported history, its number of events – fits the procedure in hand."""
        try:
            async for asked, history, events in runs:
                yield await self._fit(asked, history, events)
        finally:
            await self._process.end()

    async def _fit(self, asked: Asked, history: bytes, events: int) -> Fit:
        limit = self._least + EVENT_SECONDS * events
        said = {"case": asked.case, "run_id": asked.run_id, "events": events}
        try:
            async with asyncio.timeout(limit + (0 if self._process.is_begun else STARTING_SECONDS)):
                await self._process.hand_over(asked, history)
                line = await self._process.line()
        except TimeoutError:
            await self._process.end(at_once=True)
            return Fit.model_validate({**said, "outcome": Outcome.UNFINISHED, "says": f"its replay did not end in {limit:.0f} s"})
        if not line:
            status = await self._process.end()
            text = f"its replay ended the process with status {status}"
            return Fit.model_validate({**said, "outcome": Outcome.UNFINISHED, "says": text})
        return Fit.model_validate_json(line)
