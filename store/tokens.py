"""The keys of institutions that answer from a system of their own; of a key's secret only the sha256 is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex, token_urlsafe

from sqlalchemy import insert, or_, select, update

from models.errors import Fault, Invalid, Missing, Refused
from models.message import Instant, Message
from store.database import Database
from store.tables import institutions, tokens

PREFIX = "passerelle_"
"""What each secret begins with, so that programs that look for leaked secrets know it."""

SECRET_BYTES = 32
LONGEST_DAYS = 3660
LONGEST_LABEL = 100
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a key was used last; more would be a write with every request."""


class Token(Message):
    """A key of an institution: `label` says for which system, `used` when it came last, `revoked` since when it counts no more."""

    id: str
    institution: str
    label: str
    created: Instant
    expires: Instant
    revoked: Instant | None = None
    used: Instant | None = None

    def opens(self, at: datetime) -> bool:
        """Whether it counts at an instant."""
        return self.revoked is None and at < self.expires


class Tokens:
    """Issues keys, knows them again, takes them back."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def issue(self, institution: str, label: str, days: int) -> tuple[Token, str]:
        """A new key of an institution and its secret, 256 bits at random, which is known from here on to its holder alone.

        Raises:
            Missing: the institution is not known.
            Invalid: the label or the number of days is wrong; every fault.
        """
        _sound(label, days)
        secret, now = PREFIX + token_urlsafe(SECRET_BYTES), self._clock()
        expires = now + timedelta(days=days)
        token = Token(id=f"K-{token_hex(4)}", institution=institution, label=label.strip(), created=now, expires=expires)
        async with self._db.begin() as connection:
            if await connection.scalar(select(institutions.c.code).where(institutions.c.code == institution)) is None:
                raise Missing(f"no institution {institution}")
            await connection.execute(insert(tokens), token.model_dump() | {"sha256": digest_of(secret)})
        return token, secret

    async def of(self, secret: str) -> Token:
        """The key of a secret, used now.

        Raises:
            Missing: there is none.
            Refused: "revoked" or "expired", it counts no more.
        """
        async with self._db.read() as connection:
            row = (await connection.execute(select(tokens).where(tokens.c.sha256 == digest_of(secret)))).first()
        if row is None:
            raise Missing("no such key")
        token, now = Token.model_validate(row._asdict()), self._clock()
        if not token.opens(now):
            raise Refused("revoked" if token.revoked else "expired", f"{token.id} counts no more", id=token.id)
        if token.used is None or now - token.used >= NOTED_EVERY:
            await self._note(token, now)
        return token

    async def listing(self, institution: str = "") -> list[Token]:
        """The keys of an institution, or all of them, as they were issued."""
        query = select(tokens).order_by(tokens.c.created, tokens.c.id)
        if institution:
            query = query.where(tokens.c.institution == institution)
        async with self._db.read() as connection:
            return [Token.model_validate(row._asdict()) for row in await connection.execute(query)]

    async def revoke(self, token: str) -> Token:
        """Take a key back, from now on.

        Raises:
            Missing: it is not known.
            Refused: "revoked", it was taken back before.
        """
        now = self._clock()
        async with self._db.begin() as connection:
            row = (await connection.execute(select(tokens).where(tokens.c.id == token).with_for_update())).first()
            if row is None:
                raise Missing(f"no key {token}")
            found = Token.model_validate(row._asdict())
            if found.revoked is not None:
                raise Refused("revoked", f"{token} was revoked on {found.revoked.isoformat()}", at=found.revoked.isoformat())
            await connection.execute(update(tokens).where(tokens.c.id == token).values(revoked=now))
        return Token.model_validate({**found.model_dump(), "revoked": now})

    async def _note(self, token: Token, now: datetime) -> None:
        """Note when a key was used, unless another request has just done so."""
        earlier = or_(tokens.c.used.is_(None), tokens.c.used <= now - NOTED_EVERY)
        async with self._db.begin() as connection:
            await connection.execute(update(tokens).where(tokens.c.id == token.id, earlier).values(used=now))


def digest_of(secret: str) -> str:
    """What is kept of a secret; 256 bits at random need no salt."""
    return sha256(secret.encode()).hexdigest()


def _sound(label: str, days: int) -> None:
    faults = []
    if not label.strip():
        faults.append(Fault(field="label", code="required", text="say which system the key is for"))
    if len(label) > LONGEST_LABEL or not label.isprintable():
        text = f"a label is one line of at most {LONGEST_LABEL} characters"
        faults.append(Fault(field="label", code="too_long", text=text, facts={"limit": str(LONGEST_LABEL)}))
    if not 1 <= days <= LONGEST_DAYS:
        facts = {"low": "1", "high": str(LONGEST_DAYS)}
        faults.append(Fault(field="days", code="out_of_range", text=f"a key counts for 1 to {LONGEST_DAYS} days", facts=facts))
    if faults:
        raise Invalid(faults)
