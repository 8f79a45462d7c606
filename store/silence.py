"""How long somebody has been silent: the questions in a row, over all cases, that an institution has left without an answer."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Select, and_, func, or_, select

from models.words import DecisionKind, State
from store.database import Database
from store.tables import institutions, steps

LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
NOT_THEIRS = (DecisionKind.TACIT, DecisionKind.OVERRIDDEN)
"""Decisions that came about without the one asked; what the office entered on their behalf is their answer."""


async def lapses_in_a_row(db: Database, codes: Collection[str], before: datetime | None = None) -> dict[str, int]:
    """For each institution how many of its steps lapsed since its last answer, of those closed before an instant.

    Consent by silence is a lapse; a withdrawn step and a decision over its head are neither lapse nor answer. A code that is
    no institution's has none.
    """
    counted: dict[str, int] = dict.fromkeys(codes, 0)
    async with db.read() as connection:
        for row in await connection.execute(_query(before).where(institutions.c.code.in_(list(codes)))):
            counted[row.code] = row.lapses
    return counted


def _query(before: datetime | None) -> Select[tuple[str, int]]:
    """Institutions with their lapses; both look-ups go by the index on who is asked, the state, and when it closed."""
    given, lapsed = steps.alias("given"), steps.alias("lapsed")
    answer = (
        select(given.c.closed)
        .where(given.c.asked == institutions.c.code, given.c.state == State.ANSWERED, given.c.decision.not_in(NOT_THEIRS))
        .order_by(given.c.closed.desc())
        .limit(1)
    )
    lapses = (
        select(func.count())
        .select_from(lapsed)
        .where(lapsed.c.asked == institutions.c.code, lapsed.c.state.in_((State.LAPSED, State.ANSWERED)))
        .where(or_(lapsed.c.state == State.LAPSED, and_(lapsed.c.state == State.ANSWERED, lapsed.c.decision == DecisionKind.TACIT)))
    )
    if before is not None:
        answer, lapses = answer.where(given.c.closed < before), lapses.where(lapsed.c.closed < before)
    since = func.coalesce(answer.correlate(institutions).scalar_subquery(), LONG_AGO)
    counted = lapses.where(lapsed.c.closed > since).correlate(institutions).scalar_subquery()
    return select(institutions.c.code, counted.label("lapses"))
