"""The workload of P2 on bare Temporal: what somebody would write by hand who wants five approvals and nothing else.

Each step mails once, arms a reminder and a deadline, and waits for its update; one document is set at the end. Mails go into a
SQLite table, one commit each, as durable as ours; the document is set by typst. No deadlines in working days, no read model, no
inbox, no letters in four languages, no timeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiosqlite
from temporalio import activity, workflow

from activities.typesetting import Typesetter
from tests.documents.samples import sample

STEPS = 5
REMINDER, DEADLINE = timedelta(days=3), timedelta(days=5)
ISSUED = date(2026, 11, 17)


@dataclass
class Plan:
    """One case: its number, and whether small effects are local activities."""

    case: str
    local: bool


@dataclass
class Mail:
    """A mail to queue."""

    case: str
    step: int


class Effects:
    """Mails into a table, documents by typst; `does` nothing at all for the row that only counts the engine."""

    def __init__(self, does: bool, connection: aiosqlite.Connection, executor: Executor, opened: Callable[[str], None]) -> None:
        self._does = does
        self._connection = connection
        self._executor = executor
        self._opened = opened
        self._typesetter = Typesetter()
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, does: bool, file: Path, executor: Executor, opened: Callable[[str], None]) -> Effects:
        """Effects on a new file."""
        connection = await aiosqlite.connect(file)
        for line in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
            await connection.execute(line)
        await connection.execute("CREATE TABLE outbox (id TEXT PRIMARY KEY, message BLOB)")
        await connection.execute("CREATE TABLE papers (sha256 TEXT PRIMARY KEY, pdf BLOB)")
        await connection.commit()
        return cls(does, connection, executor, opened)

    async def close(self) -> None:
        """Close the file."""
        await self._connection.close()

    @activity.defn(name="mail")
    async def mail(self, mail: Mail) -> None:
        """Queue a mail."""
        if self._does:
            message = EmailMessage()
            message["To"], message["Subject"] = "focal.point@mfa.example", f"{mail.case}: step {mail.step}"
            message.set_content(f"Please answer step {mail.step} of {mail.case} within five days.\n")
            await self._keep("INSERT OR IGNORE INTO outbox VALUES (?, ?)", (f"{mail.case}.{mail.step}", bytes(message)))
        if mail.step == 1:
            self._opened(mail.case)

    @activity.defn(name="document")
    async def document(self, case: str) -> str:
        """Set and store a document."""
        if not self._does:
            return ""
        facts = sample("acknowledgement", "fr") | {"case_id": case}
        loop = asyncio.get_running_loop()
        pdf = await loop.run_in_executor(self._executor, self._typesetter.set, "acknowledgement", "fr", facts, ISSUED)
        digest = sha256(pdf).hexdigest()
        await self._keep("INSERT OR IGNORE INTO papers VALUES (?, ?)", (digest, pdf))
        return digest

    async def _keep(self, statement: str, values: tuple[Any, ...]) -> None:
        async with self._lock:
            await self._connection.execute(statement, values)
            await self._connection.commit()


@workflow.defn(name="Bare")
class Bare:
    """Five approvals and a document."""

    @workflow.init
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.open = 0
        self.answered = 0

    @workflow.run
    async def run(self, plan: Plan) -> str:
        """Work through the steps."""
        for number in range(1, STEPS + 1):
            await self.step(number)
        self.open = STEPS + 1
        digest: str = await workflow.execute_activity(
            "document", plan.case, result_type=str, start_to_close_timeout=timedelta(seconds=60)
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        return digest

    async def step(self, number: int) -> None:
        """Arm both timers, mail, wait for the answer."""
        timers = [asyncio.create_task(workflow.sleep(wait)) for wait in (REMINDER, DEADLINE)]
        mail = Mail(self.plan.case, number)
        if self.plan.local:
            await workflow.execute_local_activity("mail", mail, start_to_close_timeout=timedelta(seconds=20))
        else:
            await workflow.execute_activity("mail", mail, start_to_close_timeout=timedelta(seconds=20))
        self.open = number
        await workflow.wait_condition(lambda: self.answered >= number)
        for timer in timers:
            timer.cancel()
            with suppress(asyncio.CancelledError):
                await timer

    @workflow.update(name="answer")
    async def answer(self, number: int) -> int:
        """Take an answer; done when the next step is open."""
        await workflow.wait_condition(lambda: self.open >= number)
        self.answered = number
        await workflow.wait_condition(lambda: self.open > number)
        return number
