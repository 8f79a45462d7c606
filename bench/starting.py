"""P7: how long `dev` takes until it is ready, and `demo` until it is done, as processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from bench.tables import against, heading, middle, note, rows
from models.errors import Unreachable
from rehearsal.player import free_port

ROOT = Path(__file__).resolve().parent.parent
DEV_SECONDS, DEMO_SECONDS = 4.0, 25.0
DEVS, DEMOS = 5, 2
PATIENCE = 120.0


class Dev(NamedTuple):
    """A running `passerelle dev`: its data folder, the port of its pages, seconds until it was ready, its process."""

    data: Path
    port: int
    seconds: float
    process: int


@asynccontextmanager
async def dev(data: Path) -> AsyncIterator[Dev]:
    """`passerelle dev` on a data folder, until the end of the block.

    Raises:
        Unreachable: it ended without being ready.
    """
    port = free_port()
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "dev", "--data", str(data), "--port", str(port)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PASSERELLE_LOG_LEVEL": "error"},
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        if not line.startswith(b"ready"):
            raise Unreachable(f"dev is not ready: {line.decode().strip() or 'it ended'}")
        yield Dev(data, port, time.perf_counter() - began, process.pid)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def demo(out: Path) -> float:
    """The seconds that `passerelle demo` takes.

    Raises:
        Unreachable: it failed.
    """
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "demo", "--out", str(out)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if await process.wait() != 0:
        raise Unreachable(f"demo ended with {process.returncode}")
    return time.perf_counter() - began


async def measure() -> None:
    """Start `dev` on new folders and on one that has cases' files already, play `demo`; medians are printed."""
    heading("P7", f"start: median of {DEVS} and {DEMOS}")
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-", ignore_cleanup_errors=True) as name:
        new, again = [], []
        for number in range(DEVS):
            async with dev(Path(name) / f"{number}") as running:
                new.append(running.seconds)
            async with dev(Path(name) / f"{number}") as running:
                again.append(running.seconds)
        demos = [await demo(Path(name) / f"demo-{number}") for number in range(DEMOS)]
    rows(
        ["", "median s", "fastest", "slowest", "goal"],
        [
            [what, f"{middle(found):.1f}", f"{min(found):.1f}", f"{max(found):.1f}", against(middle(found), most)]
            for what, found, most in (
                ("dev ready, new folder", new, DEV_SECONDS),
                ("dev ready, folder in use", again, DEV_SECONDS),
                ("demo done", demos, DEMO_SECONDS),
            )
        ],
    )
    note("A start includes Python's own; a new folder also gets its schema and reference data.")
