"""Composition root of the worker: cases are worked on, mails leave, answers and launches that could not be told are told again."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import structlog
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.service import TLSConfig

from activities.imap import Imap
from activities.postman import Postman, Seal, Smtp, SmtpTransport
from activities.returned import Returned
from activities.sealing import Dkim
from audit.sweep import Sweep
from cases import Cases
from models.errors import Unreachable, WrongSetting
from settings import Settings
from store.archive import Archive
from workplace import Workplace, connect, open_workplace

REDELIVER_SECONDS = 2.0
POST_SECONDS = 5.0
COLLECT_SECONDS = 60.0
SWEEP_SECONDS = 60.0
SWEEPS_AN_HOUR = 60
GATHER_SECONDS = 0.2
CONNECT_SECONDS = 1.0
BEAT_SECONDS = 10.0
ALIVE = "worker.alive"
TEMPORAL_HERE = "127.0.0.1:7233"

log = structlog.get_logger("worker")


def configure_logs(level: str, form: str) -> None:
    """Logs on standard error, for people or as JSON lines; never contents or tokens."""
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="ERROR"))), error_if_already_set=False)


def tls_of(settings: Settings) -> TLSConfig | None:
    """The TLS files of the Temporal connection; None without any."""
    read = [
        path.read_bytes() if path else None
        for path in (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    ]
    if not any(read):
        return None
    return TLSConfig(server_root_ca_cert=read[0], client_cert=read[1], client_private_key=read[2])


def workplace_of(settings: Settings) -> Workplace:
    """The workplace that the settings describe."""
    assert settings.link_key_file is not None
    assert settings.signing_key_file is not None
    assert settings.data_key_file is not None
    return open_workplace(
        database_url=settings.database_url,
        programmes=settings.programmes,
        public_url=settings.public_url,
        task_queue=settings.task_queue,
        link_key_file=settings.link_key_file,
        signing_key_file=settings.signing_key_file,
        log_name=settings.log_name,
        data_key_file=settings.data_key_file,
    )


async def client_of(settings: Settings, *, lazy: bool = True) -> Client:
    """A client that connects when first used, or at once: a worker needs one that is connected."""
    return await connect(settings.temporal_address or TEMPORAL_HERE, settings.temporal_namespace, tls_of(settings), lazy=lazy)


def smtp_of(settings: Settings) -> Smtp:
    """The mail server that the settings name."""
    if not settings.smtp_host:
        raise WrongSetting("PASSERELLE_SMTP_HOST: not set, and no `passerelle dev` runs on this data folder")
    return Smtp(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
    )


def imap_of(settings: Settings) -> Imap | None:
    """The mailbox that replies come into; None where the settings name none."""
    if not settings.imap_host:
        return None
    return Imap(
        host=settings.imap_host,
        port=settings.imap_port,
        security=settings.imap_security,
        user=settings.imap_user,
        password=settings.imap_password.get_secret_value(),
        folder=settings.imap_folder,
    )


def seal_of(settings: Settings) -> Seal | None:
    """What signs the mails; None where the settings name no key.

    Raises:
        WrongSetting: the key cannot be used.
    """
    if settings.dkim_key_file is None:
        return None
    try:
        return Dkim(settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file.read_bytes())
    except ValueError as error:
        raise WrongSetting(f"PASSERELLE_DKIM_KEY_FILE: {settings.dkim_key_file}: {error}") from error


class Post:
    """Wakes the postman when mail was queued, and now and then for what is to be tried again.

    After each round `tell` tells the coordinators of what did not arrive, and how many letters that makes.
    """

    def __init__(self, postman: Postman, tell: Callable[[], Awaitable[int]] | None = None) -> None:
        self._postman = postman
        self._tell = tell
        self._queued = asyncio.Event()

    def posted(self) -> None:
        """Mail was queued."""
        self._queued.set()

    async def run(self) -> None:
        """Deliver until cancelled, even where a conversation swallows the cancelling, as `asyncio.wait_for` can on Python 3.11."""
        task = asyncio.current_task()
        assert task is not None
        while True:
            self._queued.clear()
            await still_there(self._round)
            if task.cancelling():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(POST_SECONDS):
                    await self._queued.wait()
            await asyncio.sleep(GATHER_SECONDS)  # whoever just answered is told first; mails of one moment leave together

    async def _round(self) -> None:
        await self._postman.deliver()
        if self._tell is not None and await self._tell():
            await self._postman.deliver()


async def redelivering(cases: Cases) -> None:
    """Tell again, for ever, what could not be told."""
    while True:
        await still_there(cases.redeliver)
        await asyncio.sleep(REDELIVER_SECONDS)


async def sweeping(sweep: Sweep) -> None:
    """See to it, for ever, that the evidence is whole: what has ended every minute, everything every hour."""
    turn = 0
    while True:
        await still_there(sweep.closed if turn % SWEEPS_AN_HOUR else sweep.whole)
        await asyncio.sleep(SWEEP_SECONDS)
        turn += 1


async def collecting(returned: Returned, imap: Imap) -> None:
    """Take in, for ever, what came back to our mails."""
    while True:
        await still_there(lambda: returned.collect(imap))
        await asyncio.sleep(COLLECT_SECONDS)


async def beating(file: Path) -> None:
    """Show, until cancelled, that the worker works: the age of a file that is there only meanwhile tells a health check."""
    try:
        while True:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
            except OSError as error:
                log.warning("no_sign_of_life", file=str(file), error=error.strerror)
            await asyncio.sleep(BEAT_SECONDS)
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


async def still_there(work: Callable[[], Awaitable[object]]) -> None:
    """Do a piece of work; a database or mailbox that is away is waited for, any other error is a fault and stops the process."""
    try:
        await work()
    except Unreachable as error:
        log.warning("away", error=str(error))


async def work(settings: Settings, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
    """Work on cases until `stop` is set; waits for Temporal when it is away."""
    workplace, client = workplace_of(settings), await client_of(settings)
    cases = workplace.cases(client)
    transport = SmtpTransport(smtp_of(settings), seal_of(settings))
    post, imap = Post(workplace.postman(transport, settings.mail_from), workplace.undelivered.tell), imap_of(settings)
    while not await cases.is_reachable():
        log.warning("temporal_away", address=settings.temporal_address)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), CONNECT_SECONDS)
            return
    async with workplace.worker(await client_of(settings, lazy=False), post.posted):
        sweep = Sweep(cases, Archive(workplace.database), workplace.run_archive(client), workplace.issuing)
        working = [post.run(), redelivering(cases), sweeping(sweep), beating(settings.data / ALIVE)]
        if imap is not None:
            working.append(collecting(workplace.returned, imap))
        loops = [asyncio.create_task(loop) for loop in working]
        stopping = asyncio.create_task(stop.wait())
        log.info("working", task_queue=settings.task_queue)
        ready()
        done, _ = await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (*loops, stopping):
            task.cancel()
        for task in done - {stopping}:
            task.result()
    await workplace.close()


def stop_on_signals() -> asyncio.Event:
    """An event that Ctrl-C and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def main(settings: Settings) -> None:
    """The `passerelle worker` process."""
    await work(settings, stop_on_signals())
