"""Requests for a near future, an installation with its mail, and databases that come and go."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiosmtpd.smtp import SMTP as Conversation
from aiosmtpd.smtp import Envelope, Session
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client
from temporalio.worker import Worker

from activities.postman import Smtp, SmtpTransport
from cases import Cases, Given
from evidence.links import Link
from models.errors import Unreachable
from models.programme import load_programme
from rehearsal.player import free_port
from rehearsal.stage import NOTARY, VAULT
from store.cases import Launches
from store.database import Database
from store.seed import seed
from tests.mail.server import NAME, Postbox
from worker import Post
from workplace import Workplace, connect

ROOT = Path(__file__).parents[2]
OFFICE = "coordination@amedip.example"
LONGEST = 15.0


def a_request(**changed: Any) -> dict[str, Any]:
    """The study visit of the Senegalese post, for a period that begins twenty weeks from now."""
    data = tomllib.loads((ROOT / "data" / "requests" / "01-sn-poste-study-visit.toml").read_text(encoding="utf-8"))
    earliest = datetime.now(UTC).date() + timedelta(weeks=20)
    return data | {"periods": [{"earliest": earliest, "latest": earliest + timedelta(weeks=4)}]} | changed


class Arrivals(Postbox):
    """A mail server that can be waited at for a letter."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = asyncio.Condition()

    async def handle_DATA(self, server: Conversation, session: Session, envelope: Envelope) -> str:
        """Take a message and tell who waits."""
        reply = await super().handle_DATA(server, session, envelope)
        async with self._arrived:
            self._arrived.notify_all()
        return reply

    def letters(self, name: str) -> list[EmailMessage]:
        """The letters of that name that have arrived."""
        messages = [message_from_bytes(taken.content, EmailMessage, policy=SMTP) for taken in self.taken]
        return [message for message in messages if f".{name}@" in message["Message-ID"]]

    async def letter(self, name: str, count: int = 1) -> EmailMessage:
        """The count-th letter of that name, when it has arrived."""
        async with asyncio.timeout(LONGEST), self._arrived:
            await self._arrived.wait_for(lambda: len(self.letters(name)) >= count)
        return self.letters(name)[count - 1]


class Flaky(Database):
    """A database of which the next writes find it away, as many as `away` says."""

    away = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction, or none."""
        if self.away > 0:
            self.away -= 1
            raise Unreachable("the database cannot be reached: it is away in this test")
        async with super().begin() as connection:
            yield connection


class Installation:
    """A workplace with a client, its way into the cases, and where its mail arrives."""

    def __init__(self, client: Client, workplace: Workplace, url: str) -> None:
        self.client = client
        self.workplace = workplace
        self.url = url
        self.cases: Cases = workplace.cases(client)
        self.launches = Launches(workplace.database)
        self.box = Arrivals()
        self._post: Post | None = None

    async def deliver(self, port: int) -> None:
        """Bring queued mail to the mail server, for ever."""
        transport = SmtpTransport(Smtp(host=NAME, port=port))
        self._post = Post(self.workplace.postman(transport, OFFICE))
        await self._post.run()

    def posted(self) -> None:
        """Mail was queued."""
        assert self._post is not None
        self._post.posted()

    def working(self, workplace: Workplace | None = None) -> Worker:
        """Somebody who works on the cases, on this workplace or another on the same database."""
        return (workplace or self.workplace).worker(self.client, self.posted)

    async def without_temporal(self) -> Cases:
        """The way into the cases while no Temporal server answers."""
        return self.workplace.cases(await connect(f"{NAME}:{free_port()}", "default"))

    def link_in(self, letter: EmailMessage) -> Link:
        """What the link of a letter opens."""
        body = letter.get_body(("plain",))
        assert body is not None
        token = body.get_content().partition("https://exchanges.example/r/")[2].split()[0]
        return self.workplace.links.read(token, datetime.now(UTC))


def given(case: str, option: str = "complete", *, step: str = "completeness-1", by: str = "OFFICE", **said: Any) -> Given:
    """An answer as it comes in."""
    return Given.model_validate({"case": case, "step": step, "option": option, "by": by} | said)


def workplace_on(database: Database, number: str) -> Workplace:
    """A workplace whose cases have numbers, and whose task queue has a name, that no other test uses."""
    amedip = load_programme(ROOT / "programmes" / "amedip.toml").model_copy(update={"number": number})
    return Workplace(
        database,
        {"amedip": amedip},
        public_url="https://exchanges.example",
        task_queue=number,
        link_key=b"k" * 32,
        notary=NOTARY,
    )


@asynccontextmanager
async def installation(client: Client, url: str) -> AsyncIterator[Installation]:
    """An installation on a database with the reference data of `data/`."""
    database = Database.open(url, durable=False, vault=VAULT)
    await seed(database, ROOT / "data")
    workplace = workplace_on(database, f"T{uuid4().hex[:8]}")
    yield Installation(client, workplace, url)
    await workplace.close()
