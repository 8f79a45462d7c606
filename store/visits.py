"""Visits: what a browser may open since it traded a link for a cookie, with the draft of each question.

The cookie names a session by a random id; only its sha256 is kept. One session can hold several questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.message import Instant, Message
from store.database import Database
from store.tables import fresh_links, visits
from store.upsert import insert_into

IDLE = timedelta(hours=12)
NOTED_AFTER = timedelta(minutes=10)
ID_BYTES = 32
BETWEEN_LINKS = timedelta(hours=1)
BETWEEN_CODES = timedelta(minutes=1)
CODE_LIFE = timedelta(minutes=15)
CODE_TRIES = 3


class Visit(Message):
    """One question a session may open: `party` is whom the link was for, `epoch` and `link_expires` say whether it still answers.

    `session` is the sha256 of the session's id; `draft` holds what was filled in and not yet recorded, by input name. Where a
    question asks for a code, `nonce` is what the last one was made of, `proved` when it was entered.
    """

    session: str
    case_id: str
    step: str
    party: str
    epoch: int
    link_expires: Instant
    language: str
    draft: dict[str, str]
    nonce: str = ""
    code_sent: Instant | None = None
    code_tries: int = 0
    proved: Instant | None = None
    created: Instant
    seen: Instant
    expires: Instant


def new_session() -> str:
    """The id of a new session: 256 random bits, for the cookie alone."""
    return token_urlsafe(ID_BYTES)


def named(session_id: str) -> str:
    """What a session is kept under."""
    return sha256(session_id.encode()).hexdigest()


class Visits:
    """The visits of an installation; one ends after twelve hours in which it was not used, and its draft with it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(self, visit: Visit) -> None:
        """Note that a session may open a question.

        The draft stays when the same party had opened it before. Visits that have ended are deleted, whosever they are.
        """
        row = visit.model_dump()
        async with self._db.begin() as connection:
            await connection.execute(delete(visits).where(visits.c.expires <= visit.created))
            insert = insert_into(connection.dialect.name, visits).values(row)
            new = {name: insert.excluded[name] for name in ("epoch", "link_expires", "language", "seen", "expires")}
            again = insert.on_conflict_do_update(
                index_elements=list(visits.primary_key), set_=new, where=visits.c.party == visit.party
            )
            if not (await connection.execute(again.returning(visits.c.step))).all():
                await connection.execute(update(visits).where(*_key(visit)).values(row))

    async def of(self, session_id: str, case_id: str, step: str, now: datetime) -> Visit | None:
        """A session's visit to a question; None when there is none or it has ended."""
        query = select(visits).where(
            visits.c.session == named(session_id), visits.c.case_id == case_id, visits.c.step == step, visits.c.expires > now
        )
        async with self._db.read() as connection:
            row = (await connection.execute(query)).first()
        return Visit.model_validate(row._asdict()) if row else None

    async def is_known(self, session_id: str, now: datetime) -> bool:
        """Whether a session has a visit that has not ended."""
        query = select(func.count()).where(visits.c.session == named(session_id), visits.c.expires > now)
        async with self._db.read() as connection:
            return bool(await connection.scalar(query))

    async def noted(self, visit: Visit, now: datetime) -> None:
        """The session was used; written down when that was not done in the last ten minutes, for all its questions."""
        if now - visit.seen < NOTED_AFTER:
            return
        change = update(visits).where(visits.c.session == visit.session, visits.c.expires > now)
        async with self._db.begin() as connection:
            await connection.execute(change.values(seen=now, expires=now + IDLE))

    async def keep(self, visit: Visit, **values: Any) -> None:
        """Change what a visit holds: its draft, language or epoch."""
        async with self._db.begin() as connection:
            await connection.execute(update(visits).where(*_key(visit)).values(values))

    async def draft(self, visit: Visit, filled: Mapping[str, str]) -> None:
        """Keep what was filled in; nothing when it is recorded."""
        if dict(filled) != visit.draft:
            await self.keep(visit, draft=dict(filled))


def _key(visit: Visit) -> list[Any]:
    return [visits.c.session == visit.session, visits.c.case_id == visit.case_id, visits.c.step == visit.step]


async def may_send_link(
    connection: AsyncConnection, case_id: str, step: str, party: str, now: datetime, between: timedelta = BETWEEN_LINKS
) -> bool:
    """Whether a new link may go out to a party now, which is then noted: at most one an hour for each step and party."""
    insert = insert_into(connection.dialect.name, fresh_links).values(case_id=case_id, step=step, party=party, at=now)
    again = insert.on_conflict_do_update(
        index_elements=list(fresh_links.primary_key),
        set_={"at": insert.excluded.at},
        where=or_(fresh_links.c.at <= now - between, fresh_links.c.at > now),
    )
    return (await connection.execute(again.returning(fresh_links.c.at))).first() is not None
