"""The process in which histories are replayed: a replay that never ends, or that ends its process, takes nothing else along.

On standard input each run is a line of JSON (`Asked`, and `length`) followed by as many bytes of history; for each, a line of JSON
(`Fit`) is written to standard output. Started by `audit.apart`, ends when its input does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig

from audit.fitting import Asked, Fitting


class Handed(Asked):
    """A run as it is handed over: `length` bytes of history follow."""

    length: int


class Standing:
    """What was handed over and not yet replayed; the process ends with its input, even while a replay waits for ever."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[Asked, bytes]] = asyncio.Queue()

    async def read(self) -> None:
        """Take what comes in, until the input ends, and the process with it."""
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            handed = Handed.model_validate_json(line)
            self._queue.put_nowait((handed, await asyncio.to_thread(sys.stdin.buffer.read, handed.length)))
        os._exit(0)  # at once: Temporal's core can fault while Python takes it apart

    async def runs(self) -> AsyncIterator[tuple[Asked, bytes]]:
        """The runs in their order."""
        while True:
            yield await self._queue.get()


async def main() -> None:
    """Replay what is handed over and say of each run whether it fits."""
    standing = Standing()
    reading = asyncio.create_task(standing.read())
    async for fit in Fitting().fits(standing.runs()):
        if reading.done():
            reading.result()
        sys.stdout.write(fit.model_dump_json() + "\n")
        sys.stdout.flush()


def replay_here() -> None:
    """The process. Every fault is told in an answer, so Temporal is silent; whoever started it ends it, not Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="OFF"))))
    asyncio.run(main())


if __name__ == "__main__":
    replay_here()
