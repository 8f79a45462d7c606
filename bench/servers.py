"""The embedded Temporal server of a measurement, started as `passerelle dev` starts it, on a folder of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from temporalio.client import Client

from dev import embedded, end, reachable
from rehearsal.player import free_port, template_database
from settings import Settings
from worker import client_of


class Place(NamedTuple):
    """A folder with a seeded database and a running server, known by its process id; `client` speaks to it."""

    folder: Path
    client: Client
    settings: Settings
    server: int

    def server_seconds(self) -> float:
        """The processor time the server has used so far."""
        return processor_seconds(self.server)

    @property
    def database_url(self) -> str:
        """The seeded SQLite file."""
        return f"sqlite+aiosqlite:///{self.folder}/passerelle.db"


def processor_seconds(process: int) -> float:
    """The processor time a process has used so far, its ended children not counted."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """A new server on an empty file in WAL mode with lifted caps, and a new seeded database."""
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with template_database() as template:
            shutil.copy(template, folder / "passerelle.db")
        port = free_port()
        settings = Settings(data=folder, TEMPORAL_ADDRESS=f"127.0.0.1:{port}")
        server = await asyncio.create_subprocess_exec(
            *embedded(settings, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            await reachable(settings, server)
            yield Place(folder, await client_of(settings, lazy=False), settings, server.pid)
        finally:
            await end(server)
