"""The process in which histories are replayed: a replay that never ends, or that ends its process, takes nothing else along.

On standard input each run is a line of JSON (`Asked`, and `length`) followed by as many bytes of history. Started by `audit.apart`
it answers each, exported as JSON, with a line of JSON (`Fit`). Started by `audit.timemachine`, with the word `moments`, it says
that it is ready, then answers each, serialised, with its states, at once: for each completed task a line (`Told`) and as many
bytes, then a last line. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime

from temporalio.api.history.v1 import History
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig

from audit.fitting import Asked, Fitting
from audit.recorder import Kept
from audit.replay import Recording
from models.message import Message

MOMENTS = "moments"
BEAT_SECONDS = 0.1
RARELY = (50_000, 20, 20)
"""When the process looks for what is no longer used; Python by itself looks more often, and that takes long."""


class Handed(Asked):
    """A run as it is handed over: `length` bytes of history follow."""

    length: int


class Told(Message):
    """A state that was come by: the event and instant of its task, and `length` bytes of state follow.

    The last line of a run has `over`, and `fault` where the run does not replay. A line with `beat` says nothing but that the
    process lives, a tenth of a second after the line before: what it counts is time that the process had.
    """

    event: int = 0
    at: datetime | None = None
    length: int = 0
    over: bool = False
    beat: bool = False
    fault: str = ""


class Standing:
    """What was handed over and not yet replayed; the process ends with its input, even while a replay waits for ever."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[Asked, bytes]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            handed = Handed.model_validate_json(line)
            self._queue.put_nowait((handed, await asyncio.to_thread(sys.stdin.buffer.read, handed.length)))
        os._exit(0)  # at once: Temporal's core can fault while Python takes it apart

    async def runs(self) -> AsyncIterator[tuple[Asked, bytes]]:
        """The runs in their order."""
        while True:
            yield await self._queue.get()
            if self._reading.done():
                self._reading.result()


def tell(told: Message, data: bytes = b"") -> None:
    """Write a line, and the bytes that go with it, at once."""
    sys.stdout.buffer.write(told.model_dump_json(exclude_defaults=True).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


def tell_state(kept: Kept) -> None:
    """Write a state that was come by."""
    tell(Told(event=kept.length, at=kept.at, length=len(kept.answer)), kept.answer)


async def fit() -> None:
    """Replay what is handed over and say of each run whether it fits."""
    standing = Standing()
    async for found in Fitting().fits(standing.runs()):
        tell(found)


async def beating() -> None:
    """Say, until cancelled, that the process lives."""
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        tell(Told(beat=True))


async def record() -> None:
    """Replay what is handed over and tell every state it leads to."""
    standing = Standing()
    async with Recording(inline=True) as recording:
        gc.freeze()
        gc.set_threshold(*RARELY)
        tell(Told())
        async for asked, history in standing.runs():
            beats = asyncio.create_task(beating())
            fault = await recording.replay(asked.case, History.FromString(history).events, tell_state)
            beats.cancel()
            tell(Told(over=True, fault=fault))


def replay_here(*asked: str) -> None:
    """The process. Every fault is told in an answer, so Temporal is silent; whoever started it ends it, not Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="OFF"))))
    asyncio.run(record() if MOMENTS in asked else fit())


if __name__ == "__main__":
    replay_here(*sys.argv[1:])
