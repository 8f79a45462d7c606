"""What is kept of the log: its leaves, the hashes of its perfect subtrees, its checkpoints, and the receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, false, func, or_, select

from models.message import Instant, Message
from store.database import Database, Transaction
from store.tables import inbox, log_checkpoints, log_entries, log_nodes, receipts
from store.upsert import insert_new

LOCK = 7_277_357
SAME = 400


class LeafRow(Message):
    """A leaf: its index, the bytes it was made of, what it tells of, and when it was put in."""

    index: int
    kind: str
    case_id: str
    ref: str
    leaf: str
    at: Instant


class ReceiptRow(Message):
    """A receipt: the answer's response id, case and step, the index of its entry, and its bytes with their signature."""

    response: str
    case_id: str
    step: str
    index: int
    body: str
    signature: bytes


class Leaves:
    """The rows of the log; what they mean is said in `evidence.log`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def lock(self, connection: Transaction) -> int:
        """Be the only one who appends until the transaction ends; gives the log's size."""
        if connection.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        return await self.size(connection)

    async def size(self, connection: Transaction | None = None) -> int:
        """How many leaves there are."""
        async with self._db.looking(connection) as own:
            last = await own.scalar(select(func.max(log_entries.c.index)))
        return 0 if last is None else int(last) + 1

    async def there(self, connection: Transaction, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The indexes of the leaves of these kinds and refs, of those that are there."""
        query = select(log_entries.c.kind, log_entries.c.ref, log_entries.c.index.label("place"))
        query = query.where(_among(log_entries.c.kind, log_entries.c.ref, keys))
        return {(row.kind, row.ref): row.place for row in await connection.execute(query)}

    async def nodes(self, nodes: Iterable[tuple[int, int]], connection: Transaction | None = None) -> dict[tuple[int, int], bytes]:
        """The hashes of these nodes (level, index), of those that are there."""
        wanted, found = list(dict.fromkeys(nodes)), dict[tuple[int, int], bytes]()
        columns = log_nodes.c.level, log_nodes.c.index
        async with self._db.looking(connection) as own:
            for at in range(0, len(wanted), SAME):
                query = select(*columns, log_nodes.c.hash).where(_among(*columns, wanted[at : at + SAME]))
                found |= {(level, index): hashed for level, index, hashed in await own.execute(query)}
        return found

    async def add(
        self, connection: Transaction, leaves: Sequence[Mapping[str, Any]], nodes: Mapping[tuple[int, int], bytes]
    ) -> None:
        """Put leaves and the nodes they complete at the end."""
        if leaves:
            await connection.execute(log_entries.insert(), list(leaves))
            rows = [{"level": level, "index": index, "hash": hashed} for (level, index), hashed in nodes.items()]
            await connection.execute(log_nodes.insert(), rows)

    async def row(self, level: int, start: int, end: int) -> list[bytes]:
        """The hashes of a level's nodes from one index on, before another, of those that are complete."""
        query = select(log_nodes.c.hash).where(log_nodes.c.level == level, log_nodes.c.index >= start, log_nodes.c.index < end)
        async with self._db.read() as connection:
            return list(await connection.scalars(query.order_by(log_nodes.c.index)))

    async def between(self, start: int, end: int) -> list[LeafRow]:
        """The leaves from one index on, before another, in order."""
        return await self._leaves(select(log_entries).where(log_entries.c.index >= start, log_entries.c.index < end))

    async def of_case(self, case_id: str) -> list[LeafRow]:
        """The leaves of a case, in order."""
        return await self._leaves(select(log_entries).where(log_entries.c.case_id == case_id))

    async def of_kind(self, kind: str) -> list[LeafRow]:
        """The leaves of a kind, in order."""
        return await self._leaves(select(log_entries).where(log_entries.c.kind == kind))

    async def _leaves(self, query: Select[Any]) -> list[LeafRow]:
        async with self._db.read() as connection:
            rows = await connection.execute(query.order_by(log_entries.c.index))
            return [LeafRow.model_validate(row._asdict()) for row in rows]

    # Checkpoints

    async def keep_checkpoint(self, size: int, note: str, at: datetime) -> None:
        """Keep what was published of the log at a size; the first stands."""
        async with self._db.begin() as connection:
            await connection.execute(insert_new(connection, log_checkpoints), {"size": size, "note": note, "at": at})

    async def checkpoint(self, size: int) -> str:
        """The checkpoint kept for a size; empty when there is none."""
        async with self._db.read() as connection:
            return await connection.scalar(select(log_checkpoints.c.note).where(log_checkpoints.c.size == size)) or ""

    async def checkpoints(self) -> list[str]:
        """Every checkpoint that was published, by size."""
        async with self._db.read() as connection:
            return list(await connection.scalars(select(log_checkpoints.c.note).order_by(log_checkpoints.c.size)))

    # Receipts

    async def keep_receipt(self, connection: Transaction, row: ReceiptRow) -> None:
        """Keep a receipt."""
        await connection.execute(receipts.insert(), row.model_dump())

    async def receipt(self, response: str, connection: Transaction | None = None) -> ReceiptRow | None:
        """The receipt of a response, if there is one."""
        async with self._db.looking(connection) as own:
            row = (await own.execute(select(receipts).where(receipts.c.response == response))).first()
        return _receipt(row) if row else None

    async def receipts_of(self, case_id: str, step: str = "") -> list[ReceiptRow]:
        """The receipts of a case, or of one of its steps, in the order of the log."""
        query = select(receipts).where(receipts.c.case_id == case_id).order_by(receipts.c.index)
        async with self._db.read() as connection:
            return [_receipt(row) for row in await connection.execute(query) if step in ("", row.step)]

    async def without_receipt(self, limit: int) -> list[tuple[str, str, str]]:
        """Recorded answers that have no receipt yet: case, step and response, in the order of their coming in."""
        query = select(inbox.c.case_id, inbox.c.step, inbox.c.response).outerjoin(receipts, receipts.c.response == inbox.c.response)
        query = query.where(inbox.c.state == "recorded", receipts.c.response.is_(None)).order_by(inbox.c.number).limit(limit)
        async with self._db.read() as connection:
            return [(row.case_id, row.step, row.response) for row in await connection.execute(query)]


def _among(first: ColumnElement[Any], second: ColumnElement[Any], pairs: Iterable[tuple[Any, Any]]) -> ColumnElement[bool]:
    """Whether two columns are one of these pairs, said so that their index is used: for a list of pairs SQLite reads every row."""
    grouped = dict[Any, list[Any]]()
    for one, other in pairs:
        grouped.setdefault(one, []).append(other)
    return or_(false(), *(and_(first == one, second.in_(others)) for one, others in grouped.items()))


def _receipt(row: Row[Any]) -> ReceiptRow:
    return ReceiptRow.model_validate(row._asdict())
