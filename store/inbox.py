"""Answers as they come in: durable with the time of receipt before anybody is told anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Row, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.case import Answer
from models.errors import Missing, Refused
from models.message import Message
from store.database import Database, Then
from store.silence import lapses_in_a_row
from store.tables import inbox
from store.upsert import insert_new

DERIVED = {"received", "facts"}
DOOR = 7_277_356

log = structlog.get_logger("inbox")


class InboxState(StrEnum):
    """What became of an answer: not yet told to the case, taken down, or refused by it."""

    RECEIVED = "received"
    RECORDED = "recorded"
    REFUSED = "refused"


class InboxRow(Message):
    """An answer that came in and its outcome: for a refusal its `code`, its `text` in English and its facts.

    `number` is its place in the order of receipt.
    """

    number: int
    case_id: str
    answer: Answer
    state: InboxState
    outcome: dict[str, str] = {}


class Inbox:
    """The answers of every case, one row a response id."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._unreadable: set[str] = set()

    async def enter(self, connection: AsyncConnection) -> None:
        """Begin to take an answer in: stamped after this, it is seen by whoever asks `in_time` later, or was stamped later.

        SQLite's write transaction says so by itself; PostgreSQL takes a shared lock that `in_time` waits for.
        """
        if connection.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock_shared(DOOR)))

    async def receive(self, case_id: str, answer: Answer, *, connection: AsyncConnection | None = None) -> bool:
        """Take an answer in; False if this response is there already, whenever it came and whatever was derived of its form.

        Raises:
            Refused: "conflict", the response id is there with another answer.
        """
        row = {
            "response": answer.response,
            "case_id": case_id,
            "step": answer.step,
            "received": answer.received,
            "state": InboxState.RECEIVED,
            "answer": answer.model_dump_json(exclude_defaults=True),
            "outcome": {},
        }
        async with self._db.within(connection) as own:
            if await own.scalar(insert_new(own, inbox).returning(inbox.c.number), row) is not None:
                return True
            there = _row((await own.execute(_one(answer.response))).one())
        if there.case_id != case_id or _said(there.answer) != _said(answer):
            text = f"response {answer.response} is there with another answer"
            raise Refused("conflict", text, response=answer.response, option=there.answer.option, state=there.state)
        return False

    async def of(self, response: str) -> InboxRow:
        """The row of a response.

        Raises:
            Missing: it never came in.
        """
        async with self._db.read() as connection:
            row = (await connection.execute(_one(response))).one_or_none()
        if row is None:
            raise Missing(f"no response {response}")
        return _row(row)

    async def recorded(self, response: str, outcome: Mapping[str, str] | None = None, then: Then | None = None) -> None:
        """The case took the answer down; this stands, whatever was noted before. `then` is done with the first note of it.

        Raises:
            Missing: it never came in.
        """
        await self._note(response, InboxState.RECORDED, outcome or {}, inbox.c.state != InboxState.RECORDED, then)

    async def refused(self, response: str, code: str, text: str, facts: Mapping[str, str]) -> None:
        """The case refused the answer; an outcome noted before stands.

        Raises:
            Missing: it never came in.
        """
        await self._note(response, InboxState.REFUSED, {**facts, "code": code, "text": text}, inbox.c.state == InboxState.RECEIVED)

    async def waiting(self, limit: int, after: int = 0) -> list[InboxRow]:
        """Answers the case has not yet been told, in order of receipt, those first that came in after the number `after`.

        One that cannot be read is left out and logged, once; it goes on waiting.
        """
        query = select(inbox).where(inbox.c.state == InboxState.RECEIVED)
        query = query.order_by(inbox.c.number <= after, inbox.c.number).limit(limit)
        async with self._db.read() as connection:
            read = [self._read(row) for row in await connection.execute(query)]
        return [row for row in read if row is not None]

    async def count_waiting(self) -> int:
        """How many answers the case has not yet been told."""
        query = select(func.count()).where(inbox.c.state == InboxState.RECEIVED)
        async with self._db.read() as connection:
            return await connection.scalar(query) or 0

    def _read(self, row: Row[Any]) -> InboxRow | None:
        try:
            return _row(row)
        except ValidationError:
            if row.response not in self._unreadable:
                self._unreadable.add(row.response)
                log.error("answer_unreadable", case=row.case_id, step=row.step, response=row.response)
            return None

    async def in_time(self, case_id: str, step: str, closes: datetime) -> list[Answer]:
        """Answers to a step not yet told to the case and received by its closing instant, in order of receipt."""
        query = (
            select(inbox)
            .where(inbox.c.case_id == case_id, inbox.c.step == step)
            .where(inbox.c.state == InboxState.RECEIVED, inbox.c.received <= closes)
            .order_by(inbox.c.received, inbox.c.number)
        )
        async with self._db.begin() as connection:
            await _shut(connection)
            return [_row(row).answer for row in await connection.execute(query)]

    async def lapses_in_a_row(self, asked: str, before: datetime) -> int:
        """How many questions an institution has left without an answer since its last one, of those closed before an instant."""
        return (await lapses_in_a_row(self._db, [asked], before))[asked]

    async def _note(
        self, response: str, state: InboxState, outcome: Mapping[str, str], when: ColumnElement[bool], then: Then | None = None
    ) -> None:
        change = update(inbox).where(inbox.c.response == response, when).values(state=state, outcome=dict(outcome))
        async with self._db.begin() as connection:
            changed = await connection.execute(change)
            if not changed.rowcount and (await connection.execute(_one(response))).first() is None:
                raise Missing(f"no response {response}")
            if changed.rowcount and then is not None:
                await then(connection)


async def _shut(connection: AsyncConnection) -> None:
    """Wait until every answer that was being taken in is there."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(DOOR)))


def _one(response: str) -> Select[Any]:
    return select(inbox).where(inbox.c.response == response)


def _row(row: Row[Any]) -> InboxRow:
    answer = Answer.model_validate_json(row.answer)
    return InboxRow(number=row.number, case_id=row.case_id, answer=answer, state=InboxState(row.state), outcome=row.outcome)


def _said(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(exclude=DERIVED)
