"""Accounts, cases and forms for the auditors' pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import rfc8785
from argon2 import PasswordHasher
from fastapi import FastAPI

from models.case import Case
from models.words import Ending, Kind, Phase
from store.passwords import Passwords
from tests.web.situations import REQUEST, Clock, Page, a_case
from workplace import Workplace

PASSWORD = "a long enough word"
OURS = {"origin": "http://pages.example"}
OPENED = datetime(2027, 1, 11, 10, tzinfo=UTC)


def cheap() -> Passwords:
    """Passwords whose hashes cost next to nothing."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class Room:
    """The pages with a browser before them."""

    def __init__(self, app: FastAPI, workplace: Workplace, browser: httpx.AsyncClient, clock: Clock) -> None:
        self.app = app
        self.workplace = workplace
        self.browser = browser
        self.clock = clock

    async def open(self, path: str, **query: str) -> tuple[httpx.Response, Page]:
        """Open a page."""
        answer = await self.browser.get(path, params=query or None)
        return answer, Page(answer.text)

    async def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] = OURS) -> tuple[httpx.Response, Page]:
        """Send a form."""
        answer = await self.browser.post(path, data=dict(fields), headers=headers)
        return answer, Page(answer.text)

    async def sign_in(self, name: str = "audit-office", password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Sign in."""
        answer, _ = await self.post("/audit/sign-in", {"name": name, "password": password, **fields})
        return answer

    async def token(self) -> str:
        """A mark of the session, from a page's form."""
        return (await self.open("/audit"))[1].hidden["token"]

    async def publish(self, *numbers: str, **changes: Any) -> None:
        """Cases in the read model, one opened a day after the other."""
        request = await self.workplace.contents.put(rfc8785.dumps(dict(REQUEST)), "application/json")
        for day, number in enumerate(numbers):
            await self.workplace.readmodel.publish(a_case_of(request, number, OPENED + timedelta(days=day), **changes))


def a_case_of(request: str, number: str, opened: datetime, **changes: Any) -> Case:
    """A case of that number; `changes` say what of it differs."""
    case = a_case(request, changes.pop("kind", Kind.HOST_OFFER))
    asked = case.asked.model_copy(update={name: changes.pop(name) for name in ("requesting", "format") if name in changes})
    return case.model_copy(update={"id": number, "opened": opened, "asked": asked, "seq": 1, **changes})


ENDED = {"ending": Ending.CANCELLED, "ended": OPENED, "phase": Phase.VISIT}
"""What a cancelled case holds."""
