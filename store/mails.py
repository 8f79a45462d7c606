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

from models.errors import Missing
from models.message import Instant, Message
from store.contents import Corrupt, checked, row_of
from store.database import Database
from store.tables import contents, mails, persons
from store.upsert import insert_new

MEDIA = "message/rfc822"

log = structlog.get_logger("mails")


class MailState(StrEnum):
    """How far a mail got: waiting, to be tried again, accepted by the mail server, or given up."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    FAILED = "failed"


OUTSTANDING = (MailState.QUEUED, MailState.DEFERRED)


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
    """A message to send: `eml` is its bytes as archived, with the link redacted; `first_try` None until it is claimed."""

    eml: bytes
    first_try: Instant | None = None

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
    """The outgoing mails of every case; one row a message."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def due(self, now: datetime, limit: int, lease_seconds: float) -> list[QueuedMail]:
        """Claim messages to send now, the longest waiting first; nobody else gets them until the lease ends.

        One that is stored damaged is noted as failed and left out.
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
            query = _addressed().add_columns(contents.c.data).join(contents, contents.c.sha256 == mails.c.content)
            query = query.where(mails.c.message_id.in_(claimed)).order_by(mails.c.next_try, mails.c.message_id)
            read = [await _read(connection, row) for row in (await connection.execute(query)).all()]
        return [message for message in read if message is not None]

    async def accepted(self, message_id: str, at: datetime, reply: str) -> None:
        """The mail server took the message.

        Raises:
            Missing: there is no such message.
        """
        values = {"state": MailState.ACCEPTED, "accepted": at, "reply": reply, "error": "", "next_try": None}
        await self._note(message_id, values, mails.c.state != MailState.ACCEPTED)

    async def deferred(self, message_id: str, error: str, next_try: datetime) -> None:
        """The message could not be sent now and is tried again.

        Raises:
            Missing: there is no such message.
        """
        values = {"state": MailState.DEFERRED, "error": error, "next_try": next_try}
        await self._note(message_id, values, mails.c.state.in_(OUTSTANDING))

    async def failed(self, message_id: str, error: str) -> None:
        """The message cannot be sent at all.

        Raises:
            Missing: there is no such message.
        """
        values = {"state": MailState.FAILED, "error": error, "next_try": None}
        await self._note(message_id, values, mails.c.state.in_(OUTSTANDING))

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

    async def _note(self, message_id: str, values: Mapping[str, Any], when: ColumnElement[bool]) -> None:
        change = update(mails).where(mails.c.message_id == message_id, when).values(leased_until=None, **values)
        async with self._db.begin() as connection:
            if (await connection.execute(change)).rowcount:
                return
            if await connection.scalar(select(mails.c.message_id).where(mails.c.message_id == message_id)) is None:
                raise Missing(f"no message {message_id}")


async def queue(connection: AsyncConnection, messages: Sequence[QueuedMail]) -> None:
    """Put messages that are not there yet in the queue, with their archived bytes."""
    if not messages:
        return
    archived = [row_of(message.eml, MEDIA, message.person) for message in messages]
    await connection.execute(insert_new(connection, contents), archived)
    await connection.execute(insert_new(connection, mails), [_queued(message) for message in messages])


async def withdraw(connection: AsyncConnection, case_id: str, after: int, keep: Sequence[str]) -> None:
    """Take back the mails of a case with a number above `after`, but for those to keep; what was sent or is being sent stays."""
    query = select(mails.c.message_id, mails.c.state, mails.c.leased_until)
    query = query.where(mails.c.case_id == case_id, mails.c.number > after, mails.c.message_id.not_in(keep))
    for row in (await connection.execute(query)).all():
        waits = row.state in OUTSTANDING and row.leased_until is None
        if waits:
            await connection.execute(delete(mails).where(mails.c.message_id == row.message_id))
        log.warning("mail_withdrawn" if waits else "mail_sent_of_a_lost_task", case=case_id, message_id=row.message_id)


async def _read(connection: AsyncConnection, row: Row[Any]) -> QueuedMail | None:
    """A claimed message; None when it is stored damaged, which is noted in its row."""
    try:
        return QueuedMail.model_validate({**row._asdict(), "eml": checked(row.data, row.content)})
    except (Corrupt, ValidationError) as error:
        says = str(error) if isinstance(error, Corrupt) else "its row cannot be read"
        values = {"state": MailState.FAILED, "error": says, "next_try": None, "leased_until": None}
        await connection.execute(update(mails).where(mails.c.message_id == row.message_id).values(values))
        log.error("mail_failed", case=row.case_id, letter=row.letter, message_id=row.message_id, error=says)
        return None


def _queued(message: QueuedMail) -> dict[str, Any]:
    address = {"to": "", "name": ""} if message.person else {}
    return {
        **message.model_dump(exclude={"eml"}),
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


def _claimable(now: datetime) -> ColumnElement[bool]:
    free = or_(mails.c.leased_until.is_(None), mails.c.leased_until <= now)
    return mails.c.state.in_(OUTSTANDING) & (mails.c.next_try <= now) & free


def _addressed() -> Select[Any]:
    known = [column for column in mails.c if column.name not in ("to", "name")]
    to = func.coalesce(persons.c.email, mails.c.to).label("to")
    name = func.coalesce(persons.c.name, mails.c.name).label("name")
    return select(*known, to, name).outerjoin(persons, persons.c.id == mails.c.person)
