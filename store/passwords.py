"""Passwords: what one must be, its argon2 hash, and whether one fits; hashing runs in two threads, and a crowd is turned away."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from typing import TypeVar
from unicodedata import category, normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import Fault, Refused

SHORTEST, LONGEST = 12, 256
"""Characters of a password; there is no rule of what they must be (source: OWASP ASVS 5.0, 6.2)."""

THREADS = 2
MOST_WAITING = 16
"""Hashes at once, each of 64 MiB, and how many may wait for one."""

T = TypeVar("T")


class Passwords:
    """Makes and checks hashes; the same work is done for a password of nobody, so that time does not tell who has an account."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self.hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """The hash of a password, with its salt and parameters.

        Raises:
            Refused: "busy", too many wait.
        """
        return await self._in_thread(lambda: self.hasher.hash(bytes_of(password)))

    async def fits(self, hashed: str | None, password: str) -> bool:
        """Whether a password is the one of a hash; with None it fits nothing, and takes as long.

        Raises:
            Refused: "busy", too many wait.
        """
        against = hashed or nobody_s(self.hasher)
        return await self._in_thread(lambda: self._verified(against, password)) and hashed is not None

    def is_stale(self, hashed: str) -> bool:
        """Whether a hash was made with other parameters than those in force."""
        return self.hasher.check_needs_rehash(hashed)

    def _verified(self, hashed: str, password: str) -> bool:
        try:
            return self.hasher.verify(hashed, bytes_of(password[: LONGEST + 1]))
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= THREADS + MOST_WAITING:
            raise Refused("busy", "too many sign in at this moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def bytes_of(password: str) -> bytes:
    """A password as it is hashed: the same however a keyboard composed its characters."""
    return normalize("NFKC", password).encode("utf-8", "replace")


def nobody_s(hasher: PasswordHasher) -> str:
    """A hash that no password has, as costly to check as any other."""
    salt, tag = (b64encode(token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${tag}"


def faults_of_password(name: str, password: str) -> list[Fault]:
    """What a password of an account breaks: too short, too long, the account's name, or not text."""
    faults = []
    if len(password) < SHORTEST:
        faults.append(Fault(field="password", code="too_short", text=f"a password has at least {SHORTEST} characters"))
    if len(password) > LONGEST:
        facts = {"limit": str(LONGEST)}
        faults.append(Fault(field="password", code="too_long", text=f"a password has at most {LONGEST} characters", facts=facts))
    if normalize("NFKC", password).casefold() == name.casefold():
        faults.append(Fault(field="password", code="same", text="a password is not the name of its account"))
    if any(category(character) in ("Cc", "Cs") for character in password):
        faults.append(Fault(field="password", code="invalid", text="a password is one line of text"))
    return faults
