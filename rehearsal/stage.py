"""Where a case is rehearsed: a Temporal server that skips time, a database of its own, a worker, and a logical clock."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkflowRunner

from activities.postman import Handed
from audit.recorder import Kept, Recorder
from evidence.notary import Notary
from models.errors import Fault, Invalid, Missing, Refused, Unreachable
from models.orders import Rest
from models.programme import Programme
from rehearsal.scenario import DATA, Scenario
from store.database import Database
from store.migrate import upgrade
from store.offices import Offices
from store.sealing import Vault
from store.seed import seed
from workflows.converter import CONVERTER
from workplace import Workplace

LINK_KEY = sha256(b"rehearsal: these links open nothing").digest()
NOTARY = Notary([Ed25519PrivateKey.from_private_bytes(sha256(b"rehearsal: nothing is signed for long").digest())], "rehearsal")
DATA_KEY = sha256(b"rehearsal: what is sealed is nobody's").digest()
VAULT = Vault(DATA_KEY)
PUBLIC_URL = "https://exchanges.example"


@dataclass
class Collected:
    """A transport that delivers into a list."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Keep the message."""
        self.messages.append(message)
        return Handed("250 kept")


class Clock:
    """The clock of the skipped time: what the driver last slept to, going on with the machine's in between."""

    def __init__(self) -> None:
        self.instant = datetime.now(UTC)

    def __call__(self) -> datetime:
        """The instant it is."""
        return self.instant


@asynccontextmanager
async def template_database() -> AsyncIterator[Path]:
    """A folder with a seeded SQLite file, to be copied for each rehearsal."""
    folder = Path(tempfile.mkdtemp(prefix="passerelle-"))
    try:
        url = f"sqlite+aiosqlite:///{folder}/template.db"
        await asyncio.to_thread(upgrade, url)
        database = Database.open(url, durable=False)
        await seed(database, DATA)
        await database.close()
        yield folder / "template.db"
    finally:
        shutil.rmtree(folder)


class Pulse:
    """How the case stood after its last workflow task."""

    def __init__(self) -> None:
        self.rest = Rest()

    def keep(self, kept: Kept) -> None:
        """Note what the case says of itself."""
        self.rest = Rest.model_validate_json(kept.answer)


@dataclass(frozen=True)
class Stage:
    """Where a case is played: a server that skips time, a workplace, a worker, and their logical clock."""

    environment: WorkflowEnvironment
    workplace: Workplace
    clock: Clock
    pulse: Pulse


@asynccontextmanager
async def stage(template: Path, programmes: Mapping[str, Programme], runner: WorkflowRunner | None = None) -> AsyncIterator[Stage]:
    """A server of its own and a copy of the template database, for one case."""
    clock, pulse = Clock(), Pulse()
    with tempfile.TemporaryDirectory(prefix="passerelle-") as folder:
        path = Path(folder) / "rehearsal.db"
        shutil.copy(template, path)
        database = Database.open(f"sqlite+aiosqlite:///{path}", durable=False, vault=VAULT)
        workplace = Workplace(
            database,
            programmes,
            public_url=PUBLIC_URL,
            task_queue="rehearsal",
            link_key=LINK_KEY,
            notary=NOTARY,
            clock=clock,
        )
        async with await WorkflowEnvironment.start_time_skipping(
            data_converter=CONVERTER, test_server_existing_path=binary("temporal-test-server")
        ) as environment:
            async with workplace.worker(environment.client, lambda: None, runner=Recorder("rest", pulse.keep, runner)):
                yield Stage(environment, workplace, clock, pulse)
            await asyncio.sleep(0)
        await workplace.close()


def binary(name: str) -> str:
    """The path of a Temporal binary that came with the packages.

    Raises:
        Unreachable: it is not installed.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise Unreachable(f"{name} is not installed beside Python")
    return found


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def enter_offices(workplace: Workplace, scenario: Scenario) -> None:
    """Enter the appointments and delegations of a scenario; whoever holds a rank before an appointment leaves it the day before.

    Raises:
        Invalid: one of them is wrong or refused; named by its place.
    """
    offices = Offices(workplace.database, workplace.reference, workplace.clock)
    for n, one in enumerate(scenario.appointment):
        with faults_at(f"appointment.{n}"):
            try:
                await offices.succeed(**dict(one))
            except Refused as refusal:
                if refusal.code != "nobody_to_follow":
                    raise
                await offices.appoint(**dict(one))
    for n, mandate in enumerate(scenario.delegation):
        with faults_at(f"delegation.{n}"):
            await offices.delegate(**dict(mandate))


@contextmanager
def faults_at(place: str) -> Iterator[None]:
    """Whatever is wrong or refused within is a fault of a part of the scenario."""
    try:
        yield
    except Invalid as invalid:
        raise Invalid([fault.model_copy(update={"field": f"{place}.{fault.field}"}) for fault in invalid.faults]) from invalid
    except (Refused, Missing) as refusal:
        raise Invalid([Fault(field=place, code="invalid", text=str(refusal))]) from refusal
