"""The histories of closed runs: exported once, kept as contents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import and_, select

from models.errors import Refused
from models.message import Instant, Message
from store.contents import Content, keep
from store.database import Database, Transaction
from store.tables import archive, cases
from store.upsert import insert_new

MEDIA = "application/json"

Told = Callable[[Transaction, str], Awaitable[None]]
"""Something to be written in the same transaction, told the sha256 of what was kept."""


class ArchivedRun(Message):
    """One closed run of a case: its number and id, how many events, the sha256 of the exported history, when exported."""

    run: int
    run_id: str
    events: int
    sha256: str
    at: Instant


class Archive:
    """The closed runs of every case."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def keep(
        self, case_id: str, run: int, run_id: str, events: int, data: bytes, at: datetime, then: Told | None = None
    ) -> str:
        """Keep a run's exported history and return its sha256; keeping the same again changes nothing.

        `then` is written with it, told the sha256.

        Raises:
            Refused: "conflict", another history of that run is kept.
        """
        content = Content(data, MEDIA, case=case_id)
        digest = content.sha256
        row = {"case_id": case_id, "run": run, "run_id": run_id, "events": events, "sha256": digest, "at": at}
        async with self._db.begin() as connection:
            await keep(self._db, connection, [content])
            await connection.execute(insert_new(connection, archive), row)
            kept = await connection.scalar(select(archive.c.sha256).where(archive.c.case_id == case_id, archive.c.run_id == run_id))
            if kept != digest:
                raise Refused("conflict", f"another history of run {run_id} of {case_id} is kept: {kept}", sha256=str(kept))
            if then is not None:
                await then(connection, digest)
        return digest

    async def runs(self, case_id: str) -> list[ArchivedRun]:
        """The kept runs of a case, the first first."""
        query = select(archive).where(archive.c.case_id == case_id).order_by(archive.c.run, archive.c.at)
        async with self._db.read() as connection:
            return [ArchivedRun.model_validate(row._asdict()) for row in await connection.execute(query)]

    async def unarchived(self, limit: int) -> list[tuple[str, int]]:
        """Cases that have ended and whose last run is not kept: their numbers and those of the runs."""
        there = archive.c.case_id == cases.c.id, archive.c.run == cases.c.run
        query = select(cases.c.id, cases.c.run).outerjoin(archive, and_(*there))
        query = query.where(cases.c.ended.is_not(None), archive.c.run_id.is_(None)).order_by(cases.c.ended).limit(limit)
        async with self._db.read() as connection:
            return [(row.id, row.run) for row in await connection.execute(query)]
