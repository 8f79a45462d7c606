"""The accounts of those who sign in: auditors and coordinators. Of a password only its argon2 hash is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Fault, Invalid, Missing, Refused
from models.message import Instant, Message
from models.words import Role
from store.columns import Utc
from store.database import Database
from store.passwords import Passwords, faults_of_password
from store.sessions import revoke_all
from store.tables import users
from store.upsert import insert_new

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}[a-z0-9]")
TRIES = 5
SHUT_FOR = timedelta(minutes=15)
"""How many wrong passwords in a row shut an account, and for how long."""

KNOWN = [users.c.name, users.c.role, users.c.created, users.c.disabled, users.c.locked_until]


class User(Message):
    """An account: since when it is disabled, until when too many tries shut it; a role not known here stays as it reads."""

    name: str
    role: str
    created: Instant
    disabled: Instant | None = None
    locked_until: Instant | None = None


class Users:
    """Makes accounts, changes them, and says who may come in."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self.passwords = Passwords()
        self._db = db
        self._clock = clock

    async def add(self, name: str, role: Role, password: str) -> User:
        """A new account.

        Raises:
            Invalid: the name or password breaks rules; every fault.
            Refused: "exists", there is one of that name.
        """
        faults = [] if NAME.fullmatch(name) else [_no_name()]
        _sound([*faults, *faults_of_password(name, password)])
        row = {"name": name, "role": role.value, "hash": await self.passwords.hashed(password), "created": self._clock()}
        async with self._db.begin() as connection:
            made = (await connection.execute(insert_new(connection, users).returning(*KNOWN), row)).first()
        if made is None:
            raise Refused("exists", f"there is an account {name}", name=name)
        return _user(made)

    async def listing(self) -> list[User]:
        """All accounts by name."""
        async with self._db.read() as connection:
            return [_user(row) for row in await connection.execute(select(*KNOWN).order_by(users.c.name))]

    async def change_password(self, name: str, password: str) -> User:
        """Give an account another password; its sessions end, and it is no longer shut.

        Raises:
            Missing: there is no such account.
            Invalid: the password breaks rules.
        """
        _sound(faults_of_password(name, password))
        values = {"hash": await self.passwords.hashed(password), "failures": 0, "locked_until": None}
        return await self._changed(name, values, ends_sessions=True)

    async def disable(self, name: str) -> User:
        """Nobody signs in with an account any more; its sessions end.

        Raises:
            Missing: there is no such account.
        """
        since = case((users.c.disabled.is_(None), literal(self._clock(), Utc)), else_=users.c.disabled)
        return await self._changed(name, {"disabled": since}, ends_sessions=True)

    async def enable(self, name: str) -> User:
        """An account may be used again: it is neither disabled nor shut by too many tries.

        Raises:
            Missing: there is no such account.
        """
        return await self._changed(name, {"disabled": None, "failures": 0, "locked_until": None})

    async def of(self, name: str) -> User:
        """The account of a name.

        Raises:
            Missing: there is none.
        """
        async with self._db.read() as connection:
            row = (await connection.execute(select(*KNOWN).where(users.c.name == name))).first()
        return _user(_there(row, name))

    async def admitted(self, name: str, password: str) -> User:
        """The account whose name and password these are.

        Each try is counted before the password is looked at, so that many at once are no more than many in a row.

        Raises:
            Refused: "sign_in", whatever the reason: name, password, disabled, shut; "busy", too many sign in.
        """
        now = self._clock()
        tried = await self._tried(name, now)
        fits = await self.passwords.fits(tried.hash if tried else None, password)
        if tried is None or not fits:
            raise Refused("sign_in", "name or password is wrong, or there were too many tries")
        values: dict[str, Any] = {"failures": 0, "locked_until": None}
        if self.passwords.is_stale(tried.hash):
            values["hash"] = await self.passwords.hashed(password)
        async with self._db.begin() as connection:
            still = users.c.name == name, users.c.disabled.is_(None), users.c.hash == tried.hash
            row = (await connection.execute(update(users).where(*still).values(values).returning(*KNOWN))).first()
        if row is None:
            raise Refused("sign_in", "the account was changed meanwhile")
        return _user(row)

    async def _tried(self, name: str, now: datetime) -> Row[Any] | None:
        """Count a try; None where there is no such account, or none that may be tried now."""
        open_again = or_(users.c.locked_until.is_(None), users.c.locked_until <= now)
        tries = case((users.c.locked_until.is_not(None), 1), else_=users.c.failures + 1)
        shut = case((tries >= TRIES, literal(now + SHUT_FOR, Utc)), else_=null())
        change = update(users).where(users.c.name == name, users.c.disabled.is_(None), open_again)
        async with self._db.begin() as connection:
            counted = change.values(failures=tries, locked_until=shut).returning(users.c.hash)
            row: Row[Any] | None = (await connection.execute(counted)).first()
        return row

    async def _changed(self, name: str, values: dict[str, Any], *, ends_sessions: bool = False) -> User:
        async with self._db.begin() as connection:
            user = _user(_there(await _update(connection, name, values), name))
            if ends_sessions:
                await revoke_all(connection, name, self._clock())
        return user


async def _update(connection: AsyncConnection, name: str, values: dict[str, Any]) -> Row[Any] | None:
    return (await connection.execute(update(users).where(users.c.name == name).values(values).returning(*KNOWN))).first()


def _there(row: Row[Any] | None, name: str) -> Row[Any]:
    if row is None:
        raise Missing(f"no account {name}")
    return row


def _user(row: Row[Any]) -> User:
    return User.model_validate(row._asdict())


def _no_name() -> Fault:
    text = "a name has 3 to 64 of a-z, 0-9, dot, hyphen and underscore, and is that of an office, not of a person"
    return Fault(field="name", code="invalid", text=text)


def _sound(faults: list[Fault]) -> None:
    if faults:
        raise Invalid(faults)
