"""The parts of one installation, put together in one place: store, letters, papers, activities, cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.service import TLSConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from activities.appointments import Appointments
from activities.archive import RunArchive
from activities.deadlines import Deadlines
from activities.directory import Directory
from activities.documents import Documents
from activities.enclosing import Enclosing
from activities.inbox import InboxDesk
from activities.letters import Facts
from activities.mail import Composer
from activities.parties import Parties
from activities.postman import Postman, Transport
from activities.readmodel import Publisher
from activities.returned import Returned
from activities.told import Told
from activities.typesetting import Typesetter
from activities.undelivered import Undelivered
from cases import Cases, fetch_history
from evidence.entries import erasure_entry
from evidence.issuing import Issuing
from evidence.links import Links, key_in
from evidence.log import Log
from evidence.notary import Notary, notary_of, signing_keys_in
from models.errors import WrongSetting
from models.programme import Programme, load_programme
from onpaper import OnPaper
from resending import Resending
from store.archive import Archive
from store.cases import ReadModel
from store.contents import Contents
from store.database import Database, Transaction
from store.erasure import Erasure, Erasures
from store.finding import Finding
from store.inbox import Inbox
from store.mails import Mails
from store.migrate import current, head
from store.offices import Offices
from store.persons import Persons
from store.reference import Reference
from store.replies import Replies
from store.samples import Samples
from store.sealing import Vault
from store.sessions import Sessions
from store.users import Users
from store.visits import Visits
from wording import Words
from workflows.converter import CONVERTER
from workflows.exchange import Exchange

LOCALE = Path(__file__).resolve().parent / "locale"
STICKY_SECONDS = timedelta(seconds=2)


def now() -> datetime:
    """The clock of the machine, in UTC."""
    return datetime.now(UTC)


def load_programmes(folder: Path) -> dict[str, Programme]:
    """Every programme of a folder, by code.

    Raises:
        WrongSetting: the folder holds none.
        Invalid: a file is wrong; names file and field.
    """
    programmes = [load_programme(path) for path in sorted(folder.glob("*.toml"))]
    if not programmes:
        raise WrongSetting(f"PASSERELLE_PROGRAMMES: no programme in {folder}")
    return {programme.code: programme for programme in programmes}


class Workplace:
    """Everything of an installation but its Temporal client: made once a process, closed at its end."""

    def __init__(
        self,
        database: Database,
        programmes: Mapping[str, Programme],
        *,
        public_url: str,
        task_queue: str,
        link_key: bytes,
        notary: Notary,
        link_key_again: Callable[[], bytes] | None = None,
        clock: Callable[[], datetime] = now,
        executor: Executor | None = None,
    ) -> None:
        self.database = database
        self.programmes = programmes
        self.task_queue = task_queue
        self.clock = clock
        self.public_url = public_url
        self.links = Links(link_key, link_key_again)
        self.log = Log(database, notary, clock)
        self.issuing = Issuing(database, self.log)
        self.words = Words(LOCALE)
        self.reference = Reference(database)
        self.offices = Offices(database, self.reference, clock)
        self.contents = Contents(database)
        self.persons = Persons(database)
        self.erasures = Erasures(database)
        self.mails = Mails(database)
        self.visits = Visits(database)
        self.readmodel = ReadModel(database)
        self.users = Users(database, clock)
        self.sessions = Sessions(database, clock)
        self.finding = Finding(database)
        self.samples = Samples(database, self.contents, clock)
        self.deadlines = Deadlines(self.reference)
        self.parties = Parties(self.reference, self.persons, clock)
        self.facts = Facts(self.reference, self.deadlines, self.parties, self.contents, self.words, public_url)
        self.composer = Composer(self.facts, self.parties, self.contents, self.words)
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="typesetting")

    def cases(self, client: Client) -> Cases:
        """The way into the cases, with a client."""
        return Cases(
            client,
            self.database,
            self.reference,
            self.parties,
            self.facts,
            self.programmes,
            self.issuing,
            task_queue=self.task_queue,
            clock=self.clock,
        )

    async def log_erasure(self, connection: Transaction, erasure: Erasure) -> None:
        """Put an erasure into the log, in its own transaction."""
        count = len(erasure.contents)
        await self.log.append(connection, [erasure_entry(erasure.case_id, erasure.person, erasure.by, count, erasure.at)])

    @property
    def resending(self) -> Resending:
        """Who sends a new link to those who ask for one."""
        return Resending(self.database, self.readmodel, self.composer, self.programmes, self.clock)

    @property
    def undelivered(self) -> Undelivered:
        """Who sees to mails that did not arrive."""
        told = Told(self.parties, self.contents, self.words)
        return Undelivered(self.mails, self.readmodel, self.composer, self.parties, told, self.words, self.programmes, self.clock)

    @property
    def returned(self) -> Returned:
        """Who takes in what comes back to our mails."""
        return Returned(self.mails, Replies(self.database), self.readmodel, self.programmes, self.clock)

    @property
    def on_paper(self) -> OnPaper:
        """Who sets letters for the post."""
        return OnPaper(self.readmodel, self.composer, self.links, self.programmes, self.clock, self._executor)

    def postman(self, transport: Transport, sender: str) -> Postman:
        """Who sends the queued mails."""
        return Postman(self.mails, transport, self.links, Enclosing(self.issuing), sender, self.clock)

    def activities(self, client: Client, posted: Callable[[], None]) -> list[Callable[..., Any]]:
        """What the procedure can order; `posted` is told when mail was queued."""
        directory = Directory(self.reference)
        documents = Documents(
            Typesetter(),
            self.facts,
            self.parties,
            self.persons,
            self.reference,
            self.contents,
            self.words,
            self.programmes,
            self.log,
            self._executor,
        )
        return [
            self.deadlines.schedule,
            self.deadlines.instant,
            Publisher(self.readmodel, self.composer, posted).publish,
            InboxDesk(Inbox(self.database)).in_time,
            directory.candidates,
            directory.focal_point,
            Appointments(self.reference).standins,
            documents.issue,
            self.run_archive(client).keep_run,
        ]

    def run_archive(self, client: Client) -> RunArchive:
        """Who keeps the histories of closed runs."""

        async def fetch(case_id: str, run_id: str) -> tuple[bytes, int]:
            return await fetch_history(client, case_id, run_id)

        return RunArchive(Archive(self.database), self.log, fetch, self.clock)

    def worker(
        self, client: Client, posted: Callable[[], None], *, runner: WorkflowRunner | None = None, cached: int = 1000
    ) -> Worker:
        """A worker for the cases' task queue."""
        return Worker(
            client,
            task_queue=self.task_queue,
            workflows=[Exchange],
            activities=self.activities(client, posted),
            workflow_runner=runner or UnsandboxedWorkflowRunner(),
            max_cached_workflows=cached,
            sticky_queue_schedule_to_start_timeout=STICKY_SECONDS,
            graceful_shutdown_timeout=timedelta(seconds=5),
        )

    async def close(self) -> None:
        """Let go of the database, and before it of what was opened beside it (`closing`)."""
        for close in self.closing:
            await close()
        await self.database.close()


async def connect(address: str, namespace: str, tls: TLSConfig | None = None, *, lazy: bool = True) -> Client:
    """A client of a Temporal server. A lazy one connects when first used: a server that is away does not stop the start."""
    return await Client.connect(address, namespace=namespace, data_converter=CONVERTER, lazy=lazy, tls=tls or False)


def open_workplace(
    *,
    database_url: str,
    programmes: Path,
    public_url: str,
    task_queue: str,
    link_key_file: Path,
    data_key_file: Path,
    signing_key_file: Path,
    log_name: str,
) -> Workplace:
    """The workplace of an installation; its database's schema must be there.

    Raises:
        WrongSetting: the schema is missing or older than the code, a key is too short, or the signing key is none.
    """
    if current(database_url) != head():
        raise WrongSetting("PASSERELLE_DATABASE_URL: the schema is not the newest; run: passerelle db upgrade")
    return Workplace(
        Database.open(database_url, vault=Vault(key_in(data_key_file), lambda: key_in(data_key_file))),
        load_programmes(programmes),
        public_url=public_url,
        task_queue=task_queue,
        link_key=key_in(link_key_file),
        notary=notary_of(signing_keys_in(signing_key_file), log_name),
        link_key_again=lambda: key_in(link_key_file),
    )
