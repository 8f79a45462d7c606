"""How far each mail got with each of its receivers: whom it is for, and those who get a copy.

A row names its receiver by party and rank, never by address: the mailbox stands with the mail, that of a person with the person.
What a mail's own row says is what its first receiver's says; a copy that is refused does not make it a failed mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Missing
from models.message import Instant, Message
from store.database import Database
from store.tables import deliveries, mails, persons


class DeliveryState(StrEnum):
    """How far a mail got with one receiver; `bounced` is one that was accepted and came back."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    FAILED = "failed"
    BOUNCED = "bounced"


WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
UNDELIVERED = (DeliveryState.FAILED, DeliveryState.BOUNCED)
BEFORE: Mapping[DeliveryState, tuple[DeliveryState, ...]] = {
    DeliveryState.QUEUED: UNDELIVERED,
    DeliveryState.DEFERRED: WAITING,
    DeliveryState.ACCEPTED: (*WAITING, DeliveryState.FAILED),
    DeliveryState.FAILED: WAITING,
    DeliveryState.BOUNCED: (*WAITING, DeliveryState.ACCEPTED),
}
"""From which states a delivery comes into each: an acceptance stands whatever is said later, but for a bounce."""


class Delivery(Message):
    """One receiver of one message: `rank` 0 is whom it is for, each above a copy to the party's alternate.

    `person` is the id of a person it is for; `reply` what was last said of it, without addresses; `told` when the coordinator was.
    """

    message_id: str
    case_id: str
    step: str = ""
    letter: str
    rank: int
    party: str = ""
    person: str = ""
    state: DeliveryState
    next_try: Instant | None = None
    reply: str = ""
    at: Instant
    told: Instant | None = None


class Said(Message):
    """What is said of a delivery now; `next_try` when it is to be tried again."""

    state: DeliveryState
    reply: str = ""
    next_try: Instant | None = None


class Deliveries:
    """The deliveries of every case."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_case(self, case_id: str) -> list[Delivery]:
        """Those of a case, in the order its mails were queued."""
        return await self._found(mails.c.case_id == case_id)

    async def of_message(self, message_id: str) -> list[Delivery]:
        """Those of a message, by rank; none when there is no such message."""
        return await self._found(deliveries.c.message_id == message_id)

    async def undelivered(self, case_id: str = "") -> list[Delivery]:
        """Those that failed or bounced, of one case or of all."""
        failed = deliveries.c.state.in_(UNDELIVERED)
        return await self._found(failed & (mails.c.case_id == case_id) if case_id else failed)

    async def untold(self, letter: str, limit: int = 50) -> list[Delivery]:
        """Those that failed or bounced and of which nobody was told; mails that are themselves such a `letter` are left out."""
        failed = deliveries.c.state.in_(UNDELIVERED) & deliveries.c.told.is_(None) & (mails.c.letter != letter)
        return await self._found(failed, limit)

    async def letters_about(self, message_id: str, letter: str) -> int:
        """How many such letters were written about a message; each has the message's own id with a name behind it."""
        prefix = f"{message_id.partition('@')[0]}.{letter}"
        query = select(func.count()).where(mails.c.message_id.startswith(prefix, autoescape=True), mails.c.letter == letter)
        async with self._db.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def pass_over(self, message_id: str, at: datetime) -> None:
        """Of the deliveries of a message nobody can be told."""
        async with self._db.begin() as connection:
            await self.told(connection, message_id, (), at)

    async def told(self, connection: AsyncConnection, message_id: str, ranks: Sequence[int], at: datetime) -> None:
        """The coordinator was told of deliveries of a message; without ranks, of all."""
        which = [deliveries.c.message_id == message_id, *([deliveries.c.rank.in_(ranks)] if ranks else [])]
        await connection.execute(update(deliveries).where(*which).values(told=at))

    async def mailboxes(self, message_id: str) -> list[str]:
        """The mailboxes of a message's receivers by rank; none when there is no such message."""
        to = func.coalesce(persons.c.email, mails.c.to).label("to")
        query = select(to, mails.c.cc).outerjoin(persons, persons.c.id == mails.c.person)
        async with self._db.read() as connection:
            row = (await connection.execute(query.where(mails.c.message_id == message_id))).first()
        return [row.to, *row.cc] if row is not None else []

    async def _found(self, which: ColumnElement[bool], limit: int | None = None) -> list[Delivery]:
        about = (mails.c.case_id, mails.c.step, mails.c.letter, mails.c.person)
        query = select(deliveries, *about).join(mails, mails.c.message_id == deliveries.c.message_id).where(which)
        async with self._db.read() as connection:
            rows = await connection.execute(query.order_by(mails.c.queued, mails.c.message_id, deliveries.c.rank).limit(limit))
            return [Delivery.model_validate(row._asdict()) for row in rows]


async def note(
    connection: AsyncConnection, message_id: str, at: datetime, said: Mapping[int, Said], *, release: bool = False
) -> list[int]:
    """Take down what was said of deliveries, by rank, and what follows for the mail; gives the ranks of which it counts.

    With `release` the one who was sending it is done with it.

    Raises:
        Missing: there is no such message.
    """
    here = mails.c.message_id == message_id
    if await connection.scalar(select(mails.c.message_id).where(here).with_for_update()) is None:
        raise Missing(f"no message {message_id}")
    counted = []
    for rank, what in said.items():
        which = deliveries.c.message_id == message_id, deliveries.c.rank == rank, deliveries.c.state.in_(BEFORE[what.state])
        values = {**what.model_dump(), "at": at, "told": None}
        if (await connection.execute(update(deliveries).where(*which).values(values))).rowcount:
            counted.append(rank)
    values = await _summed_up(connection, message_id) | ({"leased_until": None} if release else {})
    await connection.execute(update(mails).where(here).values(values))
    return counted


async def remark(connection: AsyncConnection, message_id: str, rank: int, reply: str) -> None:
    """Something was said of a delivery that changes nothing in how far it got."""
    which = deliveries.c.message_id == message_id, deliveries.c.rank == rank
    await connection.execute(update(deliveries).where(*which).values(reply=reply))


async def waiting(connection: AsyncConnection, message_ids: Sequence[str], now: datetime) -> dict[str, tuple[int, ...]]:
    """The ranks to which messages are to be sent now, by message."""
    due = deliveries.c.message_id.in_(message_ids), deliveries.c.state.in_(WAITING), deliveries.c.next_try <= now
    query = select(deliveries.c.message_id, deliveries.c.rank).where(*due).order_by(deliveries.c.rank)
    found: dict[str, tuple[int, ...]] = {}
    for message_id, rank in await connection.execute(query):
        found[message_id] = (*found.get(message_id, ()), rank)
    return found


async def _summed_up(connection: AsyncConnection, message_id: str) -> dict[str, Any]:
    """What a mail's own row says: how far it got with its first receiver, and when it is due for whoever still waits."""
    query = select(deliveries).where(deliveries.c.message_id == message_id).order_by(deliveries.c.rank)
    first, *copies = (await connection.execute(query)).all()
    tries = [row.next_try for row in (first, *copies) if row.next_try is not None]
    values: dict[str, Any] = {"next_try": min(tries, default=None), "state": first.state}
    match first.state:
        case DeliveryState.QUEUED:
            values |= {"error": ""}
        case DeliveryState.ACCEPTED:
            values |= {"accepted": first.at, "reply": first.reply, "error": ""}
        case DeliveryState.BOUNCED:
            values |= {"state": DeliveryState.FAILED, "error": f"came back: {first.reply}"}
        case DeliveryState.DEFERRED | DeliveryState.FAILED:
            values |= {"error": first.reply}
    return values
