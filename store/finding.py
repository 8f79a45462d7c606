"""Finding cases: which of them a filter lets through, counted and listed from the read model.

What a row says is handed on as it reads: who audits must also see what somebody wrote there who should not have.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, func, or_, select

from models.errors import Missing
from models.message import Instant, Message
from store.database import Database
from store.tables import cases, institutions

M = TypeVar("M", bound=Message)
OPEN = "open"
"""As an ending: the case has none yet."""


class Filter(Message):
    """What cases are narrowed to; an empty field narrows nothing.

    `institution` and `country` are those that requested or the partner's; `opened_from` and `opened_until` are days in UTC, both
    counted in; `number` is a part of the case number.
    """

    number: str = ""
    programme: str = ""
    format: str = ""
    institution: str = ""
    country: str = ""
    phase: str = ""
    ending: str = ""
    opened_from: date | None = None
    opened_until: date | None = None


class Found(Message):
    """A case in a list: its number, rules, format, institutions, phase, ending ("" while it is open), and when it was opened."""

    id: str
    programme: str
    format: str
    requesting: str
    partner: str
    phase: str
    ending: str
    opened: Instant


class Facts(Found):
    """What stands at the head of a case: beside the list's, why and when it ended, what is next due when, how many runs it has."""

    reason: str
    ended: Instant | None
    next_instant: Instant | None
    run: int


class Finding:
    """Finds cases; lists are read from one index alone (`ix_cases_finding`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def count(self, narrowed: Filter) -> int:
        """How many cases a filter lets through."""
        async with self._db.read() as connection:
            return int(await connection.scalar(select(func.count(cases.c.id)).where(*_conditions(narrowed))) or 0)

    async def page(self, narrowed: Filter, limit: int, offset: int = 0) -> list[Found]:
        """Cases that a filter lets through, the last opened first."""
        listed = [cases.c[name] for name in Found.model_fields]
        query = select(*listed).where(*_conditions(narrowed)).order_by(cases.c.opened.desc(), cases.c.id.desc())
        async with self._db.read() as connection:
            return [_read(Found, row) for row in await connection.execute(query.limit(limit).offset(offset))]

    async def numbers(self, narrowed: Filter) -> list[str]:
        """The numbers of all cases that a filter lets through, in the order of their characters."""
        async with self._db.read() as connection:
            return sorted(await connection.scalars(select(cases.c.id).where(*_conditions(narrowed))))

    async def case(self, number: str) -> Facts:
        """The facts of one case.

        Raises:
            Missing: there is none of that number.
        """
        columns = [cases.c[name] for name in Facts.model_fields]
        async with self._db.read() as connection:
            row = (await connection.execute(select(*columns).where(cases.c.id == number))).first()
        if row is None:
            raise Missing(f"no case {number}")
        return _read(Facts, row)


def _read(model: type[M], row: Row[Any]) -> M:
    return model.model_validate(row._asdict())


def _conditions(narrowed: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in ("programme", "format", "phase"):
        if wanted := getattr(narrowed, name):
            found.append(cases.c[name] == wanted)
    if narrowed.ending:  # as an expression: SQLite would take the index on endings, and read every row behind it
        found.append(func.coalesce(cases.c.ending, "") == ("" if narrowed.ending == OPEN else narrowed.ending))
    if narrowed.institution:
        found.append(or_(cases.c.requesting == narrowed.institution, cases.c.partner == narrowed.institution))
    if narrowed.country:
        there = select(institutions.c.code).where(institutions.c.country == narrowed.country)
        found.append(or_(cases.c.requesting.in_(there), cases.c.partner.in_(there)))
    if narrowed.number:
        found.append(cases.c.id.contains(narrowed.number, autoescape=True))
    if narrowed.opened_from:
        found.append(cases.c.opened >= datetime.combine(narrowed.opened_from, time.min, UTC))
    if narrowed.opened_until:
        found.append(cases.c.opened <= datetime.combine(narrowed.opened_until, time.max, UTC))
    return found
