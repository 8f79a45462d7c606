"""The people of the cases: the one place where personal data stands in columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Missing, Refused
from models.message import Message
from store.database import Database
from store.tables import erasures, persons
from store.upsert import insert_new


class Person(Message):
    """Somebody nominated in a case; `institution` is a code, `language` one of the project's, `gender` as filled in."""

    id: str
    case_id: str = ""
    name: str
    function: str = ""
    language: str = ""
    gender: str = ""
    email: str = ""
    institution: str = ""


class Persons:
    """Who stands behind the ids a case speaks of."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, case_id: str, people: Sequence[Person], *, connection: AsyncConnection | None = None) -> None:
        """Enter people under the ids they bring; entering the same again changes nothing, and nobody who was erased comes back.

        Raises:
            Refused: "conflict", an id is there for somebody else; nothing is entered.
        """
        if not people:
            return
        async with self._db.within(connection) as own:
            gone = set(await own.scalars(select(erasures.c.person).where(erasures.c.person.in_([person.id for person in people]))))
            wanted = [person.model_copy(update={"case_id": case_id}) for person in people if person.id not in gone]
            if not wanted:
                return
            await own.execute(insert_new(own, persons), [person.model_dump() for person in wanted])
            rows = await own.execute(select(persons).where(persons.c.id.in_([person.id for person in wanted])))
            there = {row.id: Person.model_validate(row._asdict()) for row in rows}
            for person in wanted:
                if there[person.id] != person:
                    raise Refused("conflict", f"the id {person.id} stands for somebody else", person=person.id)

    async def get(self, person_id: str) -> Person:
        """The person of that id.

        Raises:
            Missing: nobody has it.
        """
        found = await self.of([person_id])
        if person_id not in found:
            raise Missing(f"no person {person_id}")
        return found[person_id]

    async def is_erased(self, person_id: str) -> bool:
        """Whether the data of the person of that id was erased."""
        async with self._db.read() as connection:
            return await connection.scalar(select(erasures.c.person).where(erasures.c.person == person_id)) is not None

    async def of(self, ids: Iterable[str]) -> dict[str, Person]:
        """The people of these ids; one nobody has is left out."""
        async with self._db.read() as connection:
            rows = await connection.execute(select(persons).where(persons.c.id.in_(list(ids))))
            return {row.id: Person.model_validate(row._asdict()) for row in rows}
