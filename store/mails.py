"""Mails on their way out: claimed, sent, and what the mail server said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Erased, Refused
from models.message import Instant, Message
from store.contents import OF_A_CONTENT, Content, Corrupt, keep, opened, with_keys
from store.database import Database, Then
from store.deliveries import Deliveries, DeliveryState, Said, note, waiting
from store.tables import contents, deliveries, mails, persons
from store.upsert import insert_new

MEDIA = "message/rfc822"

log = structlog.get_logger("mails")


class MailState(StrEnum):
    """How far a mail got with whom it is for: waiting, to be tried again, accepted by the mail server, or given up or come back."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    FAILED = "failed"


class Addressed(Message):
    """Whom a message is for and what it is about.

    A mail to a person names the person's id in `person`: address and name then stay in the persons' table and come from there.
    `link_facts` is what the signed link is computed from when it is sent; the link itself is nowhere.
    """

    message_id: str
    case_id: str
    number: int = 0
    step: str = ""
    letter: str
    person: str = ""
    to: str = ""
    name: str = ""
    cc: tuple[str, ...] = ()
    language: str
    link_facts: dict[str, str] = {}
    queued: Instant


class QueuedMail(Addressed):
    """A message to send: `eml` is its bytes as archived, with the link redacted; `first_try` None until it is claimed.

    `party` is the code of whom it is for; `ranks` say of a claimed one to which of its receivers it is to be sent now.
    """

    eml: bytes
    party: str = ""
    first_try: Instant | None = None
    ranks: tuple[int, ...] = ()

    @property
    def receivers(self) -> dict[int, str]:
        """The mailboxes it is to be sent to, by rank; one that is not known is empty."""
        boxes = (self.to, *self.cc)
        return {rank: boxes[rank] for rank in self.ranks}

    @property
    def content(self) -> str:
        """The sha256 it is archived under."""
        return sha256(self.eml).hexdigest()


class MailRow(Addressed):
    """A message and how far it got; `content` is the sha256 of what is archived, `reply` the mail server's last line."""

    content: str
    state: MailState
    tries: int
    next_try: Instant | None = None
    accepted: Instant | None = None
    reply: str = ""
    error: str = ""


class Mails:
    """The outgoing mails of every case; one row a message, one more for each of its receivers."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.deliveries = Deliveries(db)

    async def due(self, now: datetime, limit: int, lease_seconds: float) -> list[QueuedMail]:
        """Claim messages to send now, the longest waiting first; nobody else gets them until the lease ends.

        One that is stored damaged or was erased is noted as failed and left out.
        """
        claimable = _claimable(now)
        async with self._db.read() as connection:
            if (await connection.execute(select(mails.c.message_id).where(claimable).limit(1))).first() is None:
                return []
        chosen = (
            select(mails.c.message_id)
            .where(claimable)
            .order_by(mails.c.next_try, mails.c.message_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("chosen")
        )
        claim = (
            update(mails)
            .where(mails.c.message_id.in_(select(chosen.c.message_id)))
            .values(
                leased_until=now + timedelta(seconds=lease_seconds),
                tries=mails.c.tries + 1,
                first_try=func.coalesce(mails.c.first_try, bindparam("now", now, mails.c.first_try.type)),
            )
            .returning(mails.c.message_id)
        )
        async with self._db.begin() as connection:
            claimed = (await connection.scalars(claim)).all()
            query = _claimed().where(mails.c.message_id.in_(claimed)).order_by(mails.c.next_try, mails.c.message_id)
            ranks = await waiting(connection, claimed, now)
            rows = (await connection.execute(query)).all()
            read = [await self._read(connection, row, ranks.get(row.message_id, ()), now) for row in rows]
        return [message for message in read if message is not None]

    async def _read(self, connection: AsyncConnection, row: Row[Any], ranks: tuple[int, ...], now: datetime) -> QueuedMail | None:
        """A claimed message; None when it is stored damaged or was erased, which is noted of all its receivers."""
        try:
            return QueuedMail.model_validate({**row._asdict(), "eml": opened(self._db, row), "ranks": ranks})
        except (Corrupt, Erased, ValidationError) as error:
            says = "its row cannot be read" if isinstance(error, ValidationError) else str(error)
            failed = dict.fromkeys(ranks, Said(state=DeliveryState.FAILED, reply=says))
            await note(connection, row.message_id, now, failed, release=True)
            log.error("mail_failed", case=row.case_id, letter=row.letter, message_id=row.message_id, error=says)
            return None

    async def noted(self, message_id: str, at: datetime, said: Mapping[int, Said], then: Then | None = None) -> None:
        """What was said of the receivers to whom a claimed message was sent, by rank; `then` is written with it.

        Raises:
            Missing: there is no such message.
        """
        async with self._db.begin() as connection:
            await note(connection, message_id, at, said, release=True)
            if then is not None:
                await then(connection)

    async def requeue(self, message_id: str, at: datetime, boxes: Mapping[int, str]) -> list[int]:
        """Send a message anew to those it did not reach; gives their ranks.

        `boxes` are their mailboxes by rank, empty for one to keep. Its 72 hours begin again. The mailbox of a person stays where
        it is, with the person.

        Raises:
            Missing: there is no such message.
            Refused: "not_failed", it reached everybody or is still on its way.
        """
        anew = dict.fromkeys(boxes, Said(state=DeliveryState.QUEUED, next_try=at))
        async with self._db.begin() as connection:
            ranks = await note(connection, message_id, at, anew)
            if not ranks:
                raise Refused("not_failed", f"{message_id} neither failed nor came back")
            row = (await connection.execute(select(mails).where(mails.c.message_id == message_id))).one()
            old = dict(enumerate((row.to, *row.cc)))
            to, *cc = [(rank in ranks and boxes[rank]) or box for rank, box in old.items()]
            to = row.to if row.person else to
            change = update(mails).where(mails.c.message_id == message_id)
            await connection.execute(change.values(to=to, cc=cc, first_try=None))
        return ranks

    async def tell(self, letter: QueuedMail, about: str, ranks: Sequence[int], at: datetime) -> None:
        """Queue the letter that tells of the deliveries of a message, and note that they were told, in one transaction."""
        async with self._db.begin() as connection:
            await queue(self._db, connection, [letter])
            await self.deliveries.told(connection, about, ranks, at)

    async def counts(self) -> dict[MailState, int]:
        """How many messages there are in each state."""
        query = select(mails.c.state, func.count()).group_by(mails.c.state)
        async with self._db.read() as connection:
            found = {row[0]: row[1] for row in await connection.execute(query)}
        return {state: found.get(state, 0) for state in MailState}

    async def cases_in(self, *states: MailState) -> list[str]:
        """The cases that have messages in one of these states, by number."""
        query = select(mails.c.case_id).where(mails.c.state.in_(states)).distinct().order_by(mails.c.case_id)
        async with self._db.read() as connection:
            return list(await connection.scalars(query))

    async def of_case(self, case_id: str) -> list[MailRow]:
        """The messages of a case in the order they were queued."""
        query = _addressed().where(mails.c.case_id == case_id).order_by(mails.c.queued, mails.c.message_id)
        async with self._db.read() as connection:
            return [MailRow.model_validate(row._asdict()) for row in await connection.execute(query)]


async def queue(db: Database, connection: AsyncConnection, messages: Sequence[QueuedMail]) -> None:
    """Put messages that are not there yet in the queue, with their archived bytes."""
    if not messages:
        return
    await keep(db, connection, [Content(message.eml, MEDIA, message.person, message.case_id) for message in messages])
    insert = insert_new(connection, mails).returning(mails.c.message_id)
    new = set(await connection.scalars(insert, [_queued(message) for message in messages]))
    receivers = [row for message in messages if message.message_id in new for row in _receivers(message)]
    if receivers:
        await connection.execute(insert_new(connection, deliveries), receivers)


async def withdraw(connection: AsyncConnection, case_id: str, after: int, keep: Sequence[str]) -> None:
    """Take back the mails of a case with a number above `after`, but for those to keep; what was sent or is being sent stays."""
    query = select(mails.c.message_id, mails.c.state, mails.c.leased_until)
    query = query.where(mails.c.case_id == case_id, mails.c.number > after, mails.c.message_id.not_in(keep))
    for row in (await connection.execute(query)).all():
        waits = row.state in (MailState.QUEUED, MailState.DEFERRED) and row.leased_until is None
        if waits:
            await connection.execute(delete(mails).where(mails.c.message_id == row.message_id))
        log.warning("mail_withdrawn" if waits else "mail_sent_of_a_lost_task", case=case_id, message_id=row.message_id)


def _queued(message: QueuedMail) -> dict[str, Any]:
    address = {"to": "", "name": ""} if message.person else {}
    return {
        **message.model_dump(exclude={"eml", "party", "ranks"}),
        **address,
        "content": message.content,
        "state": MailState.QUEUED,
        "tries": 0,
        "next_try": message.queued,
        "leased_until": None,
        "accepted": None,
        "reply": "",
        "error": "",
    }


def _receivers(message: QueuedMail) -> list[dict[str, Any]]:
    waits = {"state": DeliveryState.QUEUED, "next_try": message.queued, "reply": "", "at": message.queued, "told": None}
    about = {"message_id": message.message_id, "party": message.party or message.link_facts.get("party", "")}
    return [{**about, "rank": rank, **waits} for rank in range(1 + len(message.cc))]


def _claimable(now: datetime) -> ColumnElement[bool]:
    """Due for somebody, and nobody sends it now; what is due for nobody has no next try."""
    free = or_(mails.c.leased_until.is_(None), mails.c.leased_until <= now)
    return (mails.c.next_try <= now) & free


def _addressed() -> Select[Any]:
    known = [column for column in mails.c if column.name not in ("to", "name")]
    to = func.coalesce(persons.c.email, mails.c.to).label("to")
    name = func.coalesce(persons.c.name, mails.c.name).label("name")
    return select(*known, to, name).outerjoin(persons, persons.c.id == mails.c.person)


def _claimed() -> Select[Any]:
    """Messages with what is archived of them."""
    archived = _addressed().add_columns(*OF_A_CONTENT).join(contents, contents.c.sha256 == mails.c.content)
    return with_keys(archived)
