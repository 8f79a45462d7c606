"""What is kept of nominees is what came in: the same answer twice at once, or another under its name, leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select

from cases import Given
from models.errors import Refused
from models.words import Kind
from store import tables
from tests.web.situations import CASE, Desk

RESPONSE = "R-0000-nominees"


def nominees(*names: str) -> dict[str, Any]:
    """A filled nomination of these people."""
    return {
        "nominees": [
            {
                "person": name,
                "function": "Head of unit",
                "language": "fr",
                "gender": "f",
                "email": f"{name.replace(' ', '.').lower()}@poste-sn.example",
            }
            for name in names
        ]
    }


async def send(desk: Desk, *names: str) -> None:
    """Nominate these people, always under the same response."""
    step = await desk.step()
    given = Given(case=CASE, step=step.id, option="nominate", form=nominees(*names), by=step.asked, response=RESPONSE)
    await desk.cases.answer(given)


async def entries(desk: Desk) -> list[str]:
    """Whose entries are kept, by person."""
    query = select(tables.contents.c.person).where(tables.contents.c.person != "").order_by(tables.contents.c.person)
    async with desk.workplace.database.read() as connection:
        return list(await connection.scalars(query))


async def test_nominees_sent_twice_at_the_same_time_are_kept_once(desk: Desk) -> None:
    await desk.ask(Kind.NOMINATION, names=())
    desk.cases.temporal_is_away = True
    await asyncio.gather(*(send(desk, "Participant 1", "Participant 2") for _ in range(3)))
    assert await entries(desk) == [f"p-{RESPONSE[:12]}-1", f"p-{RESPONSE[:12]}-2"]


async def test_other_nominees_sent_at_the_same_time_are_a_conflict_and_leave_nothing(desk: Desk) -> None:
    await desk.ask(Kind.NOMINATION, names=())
    desk.cases.temporal_is_away = True
    sent = [send(desk, "Participant 1", "Participant 2"), send(desk, "Participant 3", "Participant 4")]
    found = await asyncio.gather(*sent, return_exceptions=True)
    (conflict,) = [error for error in found if error is not None]
    assert isinstance(conflict, Refused)
    assert conflict.code == "conflict"
    assert await entries(desk) == [f"p-{RESPONSE[:12]}-1", f"p-{RESPONSE[:12]}-2"]
