"""Processes that pages belong to: the web process, and everything on one machine for trying and small offices.

`everything` runs the embedded Temporal server on a file in WAL mode, a mail sink, the worker and the pages in one go; open cases
are found again after a restart. What it listens on stands in `running.json` in the data folder, where the command line looks.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Session
from aiosmtpd.smtp import Envelope
from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client

from cases import Cases
from models.errors import Unreachable
from models.message import Message
from rehearsal.player import binary, free_port
from settings import Settings
from store.database import Database
from store.migrate import upgrade
from store.reference import Reference
from store.seed import seed
from web.app import build
from web.mailbox import MailFolder
from worker import client_of, configure_logs, stop_on_signals, work, workplace_of
from workplace import Workplace

DATA = Path(__file__).resolve().parent / "data"
RUNNING = "running.json"
CAUGHT = "mails"
SERVER = "temporal.pid"
RETENTION = timedelta(days=3650)
START_SECONDS = 30.0
ORPHAN_SECONDS = 2.0
WITHOUT_TLS = dict.fromkeys(("temporal_tls_ca", "temporal_tls_cert", "temporal_tls_key"))
LIMITS = (
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    "history.visibilityProcessorMaxPollRPS=1000",
    "limit.maxIDLength=1000",
)


class Running(Message):
    """What a running `dev` listens on."""

    pid: int
    temporal: str
    ui: str = ""
    smtp_port: int
    web: str


def running(data: Path) -> Running | None:
    """The `dev` that runs on a data folder; None when none does."""
    file = data / RUNNING
    if not file.exists():
        return None
    found = Running.model_validate_json(file.read_text())
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return None
    return found


def beside_dev(settings: Settings) -> Settings:
    """Settings that reach a running `dev` where none name another Temporal or mail server."""
    found = running(settings.data)
    if found is None:
        return settings
    update: dict[str, Any] = {}
    if not settings.temporal_address:
        update |= {"temporal_address": found.temporal, **WITHOUT_TLS}
    if not settings.smtp_host:
        update |= {"smtp_host": "127.0.0.1", "smtp_port": found.smtp_port, "smtp_security": "none"}
    return settings.model_copy(update=update)


def embedded(settings: Settings, port: int, ui_port: int | None = None) -> list[str]:
    """The command that starts the embedded Temporal server: loopback only, its file in WAL mode, poll caps lifted."""
    program = str(settings.temporal_bin) if settings.temporal_bin else binary("temporal")
    limits = [part for limit in LIMITS for part in ("--dynamic-config-value", limit)]
    file = ["--db-filename", str(settings.data / "temporal.db"), "--sqlite-pragma", "journal_mode=WAL"]
    places = ["--ip", "127.0.0.1", "--port", str(port), *(["--ui-port", str(ui_port)] if ui_port else ["--headless"])]
    return [
        program,
        "server",
        "start-dev",
        *places,
        "--namespace",
        settings.temporal_namespace,
        *file,
        "--sqlite-pragma",
        "synchronous=NORMAL",
        *limits,
        "--log-level",
        "error",
    ]


class Sink:
    """Takes every mail and lays it into a folder, one file a mail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: Session, session: object, envelope: Envelope) -> str:
        """Keep one mail."""
        content = envelope.original_content or b""
        message = message_from_bytes(content, EmailMessage, policy=SMTP)
        file = caught(self._folder, str(message["Message-ID"] or ""))
        part = file.with_suffix(".part")
        part.write_bytes(content)
        part.replace(file)
        return "250 kept"


def caught(folder: Path, message_id: str) -> Path:
    """The file of a caught mail."""
    name = "".join(c if c.isalnum() or c in "-._" else "_" for c in message_id.strip("<> "))
    return folder / f"{name[:150] or 'mail'}.eml"


def forget_caught(folder: Path, message_ids: Iterable[str]) -> int:
    """Delete the files of caught mails; gives how many there were."""
    files = [file for message_id in message_ids if (file := caught(folder, message_id)).exists()]
    for file in files:
        file.unlink()
    return len(files)


def bound(settings: Settings) -> socket.socket:
    """A socket bound to where the pages listen.

    Raises:
        Unreachable: the port is taken, or the address is not this machine's.
    """
    place = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((settings.host, settings.port))
    except OSError as error:
        place.close()
        raise Unreachable(f"the pages cannot listen on port {settings.port} of {settings.host}: {error.strerror}") from error
    return place


class Pages(uvicorn.Server):
    """A server of the pages that says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._listening()


async def serve(
    settings: Settings,
    place: socket.socket,
    workplace: Workplace,
    cases: Cases,
    stop: asyncio.Event,
    mails: Path | None = None,
    listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve the pages on a bound socket until `stop` is set."""

    async def ready() -> dict[str, bool]:
        return {"temporal": await cases.is_reachable(), **await filled(workplace.database)}

    app = build(cases, workplace, mailbox=MailFolder(mails) if mails else None, ready=ready)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_level="warning", access_log=False, server_header=False, lifespan="off"
    )
    server = Pages(config, listening)
    serving = asyncio.create_task(server._serve([place]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


async def filled(database: Database) -> dict[str, bool]:
    """Whether the database answers, and has the reference data a request is checked against."""
    try:
        known = await Reference(database).institutions()
    except Unreachable:
        return {"database": False, "institutions": False}
    return {"database": True, "institutions": bool(known)}


async def web(settings: Settings) -> None:
    """The `passerelle web` process."""
    configure_logs(settings.log_level, settings.log_format)
    workplace = workplace_of(settings)
    cases = workplace.cases(await client_of(settings))
    with bound(settings) as place:
        await serve(settings, place, workplace, cases, stop_on_signals())
    await workplace.close()


async def everything(settings: Settings, told: Callable[[Running], None]) -> None:
    """The `passerelle dev` process: server, database, mail sink, worker, pages; `told` is called when all is ready."""
    settings.data.mkdir(parents=True, exist_ok=True)
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        if running(settings.data) is not None:
            raise Unreachable(f"another `passerelle dev` runs on {settings.data}")
        place = stack.enter_context(bound(settings))
        server, here = await started(settings, stack)
        own = {"temporal_address": here.temporal, **WITHOUT_TLS}
        own |= {"smtp_host": "127.0.0.1", "smtp_port": here.smtp_port, "smtp_security": "none"}
        settings = settings.model_copy(update=own)
        await reachable(settings, server)
        workplace = workplace_of(settings)
        cases = workplace.cases(await client_of(settings))
        working, listening = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.create_task(work(settings, stop, working.set)),
            asyncio.create_task(serve(settings, place, workplace, cases, stop, settings.data / CAUGHT, listening.set)),
            asyncio.create_task(server.wait()),
        ]
        ready = asyncio.create_task(both(working, listening))
        await asyncio.wait([*tasks, ready], return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            (settings.data / RUNNING).write_text(here.model_dump_json())
            stack.callback((settings.data / RUNNING).unlink, missing_ok=True)
            told(here)
        await asyncio.wait([*tasks, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        stopped = stop.is_set()
        stop.set()
        await asyncio.wait(tasks[:2])
        for task in tasks[:2]:
            task.result()
        await workplace.close()
        if not stopped:
            raise Unreachable("the embedded Temporal server ended")


async def both(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait until two things have happened."""
    await one.wait()
    await other.wait()


async def started(settings: Settings, stack: AsyncExitStack) -> tuple[asyncio.subprocess.Process, Running]:
    """The embedded server and the mail sink, started, with the database at its newest; where everything listens."""
    await end_orphan(settings.data)
    port, ui_port = free_port(), free_port()
    server = await asyncio.create_subprocess_exec(
        *embedded(settings, port, ui_port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    stack.push_async_callback(end, server)
    (settings.data / SERVER).write_text(str(server.pid))
    sink = Controller(Sink(settings.data / CAUGHT), hostname="127.0.0.1", port=free_port())
    sink.start()
    stack.callback(sink.stop)
    await asyncio.to_thread(upgrade, settings.database_url)
    await seed_when_new(settings.database_url)
    ui, address = f"http://127.0.0.1:{ui_port}", f"127.0.0.1:{port}"
    return server, Running(pid=os.getpid(), temporal=address, ui=ui, smtp_port=sink.port, web=settings.public_url)


async def end(server: asyncio.subprocess.Process) -> None:
    """Stop the embedded server that we started."""
    if server.returncode is None:
        server.terminate()
        await server.wait()


async def end_orphan(data: Path) -> None:
    """Stop the embedded server that a killed `dev` left on this data folder, known by its id and its file."""
    file = data / SERVER
    if not file.exists():
        return
    process = Path("/proc") / file.read_text()
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + ORPHAN_SECONDS
        while is_server(process, data) and time.monotonic() < until:
            os.kill(int(process.name), number)
            await asyncio.sleep(0.1)
    file.unlink()


def is_server(process: Path, data: Path) -> bool:
    """Whether a process is the embedded server of a data folder."""
    try:
        return str(data / "temporal.db").encode() in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


async def reachable(settings: Settings, server: asyncio.subprocess.Process) -> None:
    """Wait until the embedded server answers, and let it keep closed cases for ten years.

    Raises:
        Unreachable: it ended or does not answer.
    """
    client = await client_of(settings)
    cases_up = asyncio.get_running_loop().time() + START_SECONDS
    while not await health(client):
        if server.returncode is not None or asyncio.get_running_loop().time() > cases_up:
            raise Unreachable(f"the embedded Temporal server does not start; is another one using {settings.data}/temporal.db?")
        await asyncio.sleep(0.05)
    config = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=int(RETENTION.total_seconds())))
    request = UpdateNamespaceRequest(namespace=settings.temporal_namespace, config=config)
    await client.workflow_service.update_namespace(request, retry=True, timeout=timedelta(seconds=10))


async def health(client: Client) -> bool:
    """Whether a Temporal server answers."""
    try:
        return await client.service_client.check_health(timeout=timedelta(seconds=2))
    except (RuntimeError, OSError):
        return False


async def seed_when_new(url: str) -> None:
    """Enter the reference data into a database that has none."""
    database = Database.open(url)
    if not await Reference(database).institutions():
        await seed(database, DATA)
    await database.close()
