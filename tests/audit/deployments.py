"""Deployments: the tree as it stands, with a change of the procedure written into a copy of it, run as processes of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from rehearsal.player import free_port

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".*", "tests", "docs", "bench", "var", "build", "demo-out", "secrets", "__pycache__", "*.egg-info"
)
PATIENCE = 60.0

GUARDED = """

_consult, _agree_host = consult, agree_host


async def consult(desk):
    if desk.follows(3):
        await desk.focal_point("SN")
    await _consult(desk)


async def agree_host(desk):
    if desk.follows(3):
        await desk.focal_point("MA")
    await _agree_host(desk)
"""
"""From version 3 on, the national focal point is looked up before the consultation, and before hosts are called."""

UNGUARDED = GUARDED.replace("desk.follows(3)", "True")
"""The same change of order, whatever version a case follows."""

VERSION_3 = "\n\nPROCEDURE = 3\n"


class Done(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


class Deployment:
    """Code in a folder, on the database, server and task queue of an installation."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = {**os.environ, **environment, "PASSERELLE_DATA": str(folder / "var"), "PYTHONDONTWRITEBYTECODE": "1"}

    @classmethod
    def changed(cls, folder: Path, environment: dict[str, str], **added: str) -> Deployment:
        """A copy of the tree in which lines are added to modules: `workflows_exchange` is `workflows/exchange.py`."""
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        for module, lines in added.items():
            with (folder / f"{module.replace('_', '/', 1)}.py").open("a", encoding="utf-8") as file:
                file.write(lines)
        return cls(folder, environment)

    async def command(self, *arguments: str) -> Done:
        """A command of this code, run to its end."""
        async with self._running(*arguments) as process:
            out, err = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker of this code; its mails go nowhere."""
        async with self._running("worker") as process:
            yield
            assert process.returncode is None, "the worker ended"

    @asynccontextmanager
    async def _running(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        pipe = asyncio.subprocess.PIPE
        program = (sys.executable, "-m", "cli.main", *arguments)
        process = await asyncio.create_subprocess_exec(
            *program, cwd=self.folder, env=self._environment, stdout=pipe, stderr=pipe if arguments != ("worker",) else None
        )
        try:
            async with asyncio.timeout(PATIENCE):
                yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that was told to end; one that does not, on a busy machine, is killed."""
    try:
        await asyncio.wait_for(process.wait(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()


def environment_of(database_url: str, temporal: str, task_queue: str) -> dict[str, str]:
    """The settings that lead to an installation; its mail server is one that nobody listens on."""
    return {
        "PASSERELLE_DATABASE_URL": database_url,
        "PASSERELLE_TASK_QUEUE": task_queue,
        "PASSERELLE_SMTP_HOST": "127.0.0.1",
        "PASSERELLE_SMTP_PORT": str(free_port()),
        "PASSERELLE_SMTP_SECURITY": "none",
        "PASSERELLE_LOG_LEVEL": "error",
        "TEMPORAL_ADDRESS": temporal,
    }
