"""The auditors' pages before a browser, with cases in the read model and accounts whose passwords are cheap to check."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from fastapi import FastAPI

from models.words import Role
from tests.auditor.situations import PASSWORD, Room, cheap
from tests.web.conftest import app, cases, clock, mails, seeded, workplace
from tests.web.situations import Clock
from workplace import Workplace

__all__ = ["app", "cases", "clock", "mails", "seeded", "workplace"]


@pytest_asyncio.fixture
async def room(app: FastAPI, workplace: Workplace, clock: Clock) -> AsyncIterator[Room]:
    """The pages, an auditor's account, and nobody signed in."""
    workplace.users.passwords = cheap()
    await workplace.users.add("audit-office", Role.AUDITOR, PASSWORD)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example") as browser:
        yield Room(app, workplace, browser, clock)
