"""Sessions of those who signed in. The cookie holds 256 random bits; their sha256 is kept, so a copy of the table opens nothing.

A session ends 12 hours after it began, after 60 minutes without a request, at sign-out, or when it is revoked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.message import Instant, Message
from store.database import Database
from store.tables import sessions, users

TOKEN_BYTES = 32
LIFE = timedelta(hours=12)
IDLE = timedelta(minutes=60)
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was used last; more would be a write with every request."""


class Session(Message):
    """A session that counts, with the account's role as it is now; a role this code does not know stays as it reads."""

    user: str
    role: str
    created: Instant
    seen: Instant
    expires: Instant


class Sessions:
    """Begins sessions, knows them again, ends them."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def begin(self, user: str) -> str:
        """A new session of an account; gives its token, for the cookie alone. Sessions that have expired are deleted."""
        token, now = token_urlsafe(TOKEN_BYTES), self._clock()
        row = {"sha256": named(token), "user": user, "created": now, "seen": now, "expires": now + LIFE, "revoked": None}
        async with self._db.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires <= now))
            await connection.execute(insert(sessions), row)
        return token

    async def of(self, token: str) -> Session | None:
        """The session of a token, used now; None when it has ended, was never begun, or its account is disabled."""
        now = self._clock()
        query = (
            select(sessions.c.user, users.c.role, sessions.c.created, sessions.c.seen, sessions.c.expires)
            .join(users, users.c.name == sessions.c.user)
            .where(sessions.c.sha256 == named(token), *_counts(now), users.c.disabled.is_(None))
        )
        async with self._db.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        if now - row.seen >= NOTED_EVERY:
            async with self._db.begin() as connection:
                change = update(sessions).where(sessions.c.sha256 == named(token), sessions.c.seen < now)
                await connection.execute(change.values(seen=now))
        return Session.model_validate(row._asdict())

    async def end(self, token: str) -> None:
        """A session counts no more; one that is not there is left at that."""
        async with self._db.begin() as connection:
            change = update(sessions).where(sessions.c.sha256 == named(token), sessions.c.revoked.is_(None))
            await connection.execute(change.values(revoked=self._clock()))

    async def end_all(self, user: str) -> int:
        """None of an account's sessions counts any more; gives how many did."""
        async with self._db.begin() as connection:
            return await revoke_all(connection, user, self._clock())


async def revoke_all(connection: AsyncConnection, user: str, now: datetime) -> int:
    """End the sessions of an account; gives how many counted."""
    change = update(sessions).where(sessions.c.user == user, *_counts(now)).values(revoked=now)
    return (await connection.execute(change)).rowcount


def named(token: str) -> str:
    """What a session is kept under; 256 random bits need no salt."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def _counts(now: datetime) -> tuple[Any, ...]:
    return sessions.c.revoked.is_(None), sessions.c.expires > now, sessions.c.seen > now - IDLE
