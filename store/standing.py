"""The rows of a case as they stand in the tables, read without the models' leave: for whoever compares them with what they copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, Table, func, select, union

from models.message import Instant, Message
from store.database import Database
from store.tables import (
    archive,
    cases,
    contents,
    erasures,
    inbox,
    launches,
    log_checkpoints,
    log_entries,
    log_nodes,
    receipts,
    steps,
    transitions,
)
from store.tables import mails as mail_rows

SAME = 400
STARTED = "started"

Values = dict[str, Any]
"""A row, by the names of its columns."""


class Kept(Message):
    """What a content's row says beside its bytes: its media type, whose data they are, and when they were erased."""

    media: str
    person: str
    erased: Instant | None


class Standing:
    """What stands in the tables of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def numbers(self) -> list[str]:
        """The number of every case that anything is kept of, in order: a launch, a row, a closed run, an entry of the log."""
        started = select(launches.c.case_id).where(launches.c.state == STARTED)
        others = (select(cases.c.id), select(archive.c.case_id), select(log_entries.c.case_id), select(receipts.c.case_id))
        async with self._db.read() as connection:
            return sorted(one for one in await connection.scalars(union(started, *others)) if one)

    async def case(self, case_id: str) -> Values | None:
        """The row of a case, if there is one."""
        found = await self._rows(select(cases).where(cases.c.id == case_id))
        return found[0] if found else None

    async def launched(self, case_id: str) -> bool:
        """Whether the workflow of a case is known to have been started."""
        started = launches.c.case_id == case_id, launches.c.state == STARTED
        return bool(await self._rows(select(launches.c.case_id).where(*started)))

    async def steps(self, case_id: str) -> list[Values]:
        """The rows of a case's steps, by position."""
        return await self._of_case(steps, case_id, steps.c.position)

    async def transitions(self, case_id: str) -> list[Values]:
        """The rows of a case's timeline, in order."""
        return await self._of_case(transitions, case_id, transitions.c.seq)

    async def inbox(self, case_id: str) -> list[Values]:
        """The rows of a case's answers as they came in."""
        return await self._of_case(inbox, case_id, inbox.c.number)

    async def mails(self, case_id: str) -> list[Values]:
        """The rows of a case's mails, without mailboxes."""
        known = ("message_id", "number", "step", "letter", "person", "content", "state")
        columns = [mail_rows.c[name] for name in known]
        return await self._rows(select(*columns).where(mail_rows.c.case_id == case_id).order_by(mail_rows.c.number))

    async def erasures(self, case_id: str) -> list[Values]:
        """The rows of those whose data were erased in a case."""
        return await self._of_case(erasures, case_id, erasures.c.at)

    async def receipts(self, responses: Iterable[str]) -> set[str]:
        """Of these responses those that have a receipt, of whatever case."""
        found = set[str]()
        wanted = list(responses)
        for at in range(0, len(wanted), SAME):
            query = select(receipts.c.response).where(receipts.c.response.in_(wanted[at : at + SAME]))
            found |= {row["response"] for row in await self._rows(query)}
        return found

    async def contents(self, wanted: Iterable[str]) -> dict[str, Kept]:
        """What is kept under these sha256, of those that are there."""
        found, names = dict[str, Kept](), list(wanted)
        columns = contents.c.sha256, contents.c.media, contents.c.person, contents.c.erased
        for at in range(0, len(names), SAME):
            rows = await self._rows(select(*columns).where(contents.c.sha256.in_(names[at : at + SAME])))
            found |= {row["sha256"]: Kept.model_validate(row) for row in rows}
        return found

    async def checkpoints(self) -> list[tuple[int, str]]:
        """The checkpoints that were published, by the size they are kept under."""
        rows = await self._rows(select(log_checkpoints.c.size, log_checkpoints.c.note).order_by(log_checkpoints.c.size))
        return [(row["size"], row["note"]) for row in rows]

    async def leaves(self, start: int, end: int) -> list[Values]:
        """The rows of the log's leaves from one index on, before another, in order."""
        query = select(log_entries).where(log_entries.c.index >= start, log_entries.c.index < end)
        return await self._rows(query.order_by(log_entries.c.index))

    async def nodes(self, level: int, start: int, end: int) -> dict[int, bytes]:
        """The hashes of a level's nodes from one index on, before another, by their index."""
        within = log_nodes.c.level == level, log_nodes.c.index >= start, log_nodes.c.index < end
        return {row["index"]: bytes(row["hash"]) for row in await self._rows(select(log_nodes).where(*within))}

    async def hashed(self) -> int:
        """How many leaves the hashes that are kept reach over."""
        async with self._db.read() as connection:
            last = await connection.scalar(select(func.max(log_nodes.c.index)).where(log_nodes.c.level == 0))
        return 0 if last is None else int(last) + 1

    async def _of_case(self, table: Table, case_id: str, order: Any) -> list[Values]:
        return await self._rows(select(table).where(table.c.case_id == case_id).order_by(order))

    async def _rows(self, query: Select[Any]) -> list[Values]:
        async with self._db.read() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]
