"""Who comes to the API: a key that counts, not too often."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

import structlog
from fastapi import Request
from starlette.exceptions import HTTPException

from models.errors import Missing, Refused
from store.tokens import Token, Tokens

BURST = 120
A_SECOND = 5.0
"""How many requests a key may send at once, and for how many more a second it may come again."""

LONGEST_SECRET = 200

log = structlog.get_logger("api")


class Pace:
    """Counts requests by key, in the memory of this process: a store of so many that fills up again with time."""

    def __init__(self, burst: float = BURST, a_second: float = A_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._a_second = a_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, key: str) -> float:
        """The seconds a key has to wait before it may come again; 0 when it may come now, which is counted."""
        now = self._clock()
        left, at = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._a_second)
        if left >= 1:
            self._left[key] = (left - 1, now)
            return 0.0
        return (1 - left) / self._a_second


class Gate:
    """Stands before every route that speaks of a case."""

    def __init__(self, tokens: Tokens, pace: Pace) -> None:
        self._tokens = tokens
        self._pace = pace

    async def admit(self, request: Request) -> Token:
        """The key a request came with.

        Raises:
            HTTPException: 401, there is none that counts; 429, it came too often.
        """
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(secret) <= LONGEST_SECRET:
            raise _unknown()
        try:
            token = await self._tokens.of(secret.strip())
        except Missing as error:
            log.info("key_unknown")
            raise _unknown() from error
        except Refused as refusal:
            log.info("key_refused", key=refusal.facts["id"], code=refusal.code)
            raise _unknown() from refusal
        wait = self._pace.wait(token.id)
        if wait:
            log.info("too_often", key=token.id, institution=token.institution)
            raise HTTPException(429, headers={"Retry-After": str(ceil(wait))})
        return token


def _unknown() -> HTTPException:
    """Said alike of a key that is missing, unknown, revoked and expired; the log tells them apart."""
    return HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="passerelle"'})
