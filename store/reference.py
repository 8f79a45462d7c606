"""Reference data: countries, institutions, their offices and delegations, coordinators, themes, practices, days off."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Missing
from models.message import Message
from models.request import Known
from store.appointments import Appointment, Coordinator, Delegation
from store.database import Database
from store.silence import lapses_in_a_row
from store.tables import (
    appointments,
    coordinators,
    countries,
    days,
    delegations,
    focal_points,
    institutions,
    practices,
    themes,
)
from store.upsert import insert_or_replace

FRESH_SECONDS = 5.0


class Country(Message):
    """A country by its ISO 3166 code: its name by language, its official languages, weekend (Monday is 0) and time zone."""

    iso2: str
    role: str
    names: Mapping[str, str]
    languages: tuple[str, ...]
    weekend: tuple[int, ...]
    zone: str
    communities: tuple[str, ...] = ()


class Institution(Message):
    """An institution; `languages` in its order of preference begin with `language`.

    `contacts` are its appointments of all times, by rank and first day.
    """

    code: str
    country: str
    kind: str
    language: str
    languages: tuple[str, ...]
    name: str
    contacts: tuple[Appointment, ...] = ()


class Theme(Message):
    """A theme, its parent ("" at the top), its name by language."""

    code: str
    parent: str = ""
    names: Mapping[str, str]


class Practice(Message):
    """A practice of the inventory: its theme, level, kind of actor, title by language, and source."""

    code: str
    theme: str
    level: str
    actor_kind: str
    titles: Mapping[str, str]
    source: str


class DayOverride(Message):
    """A day on which a country's people work or do not, whatever the public calendars say."""

    country: str
    day: date
    working: bool
    name: str = ""


class Snapshot(Message):
    """All reference data but the days, as read at once."""

    countries: Mapping[str, Country]
    institutions: Mapping[str, Institution]
    themes: Mapping[str, Theme]
    practices: Mapping[str, Practice]
    coordinators: Mapping[str, Coordinator]
    focal_points: Mapping[str, str]
    delegations: Mapping[str, tuple[Delegation, ...]]


class Reference:
    """Reference data, kept in memory for a few seconds: every mail reads it. Days are always read anew."""

    def __init__(self, db: Database, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._db = db
        self._fresh_seconds = fresh_seconds
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0

    def invalidate(self) -> None:
        """Read everything anew next time."""
        self._snapshot = None

    async def country(self, iso2: str) -> Country:
        """The country of that code.

        Raises:
            Missing: it is not known.
        """
        found = (await self._all()).countries.get(iso2)
        if found is None:
            raise Missing(f"no country {iso2}")
        return found

    async def countries(self) -> list[Country]:
        """All countries by code."""
        return list((await self._all()).countries.values())

    async def institution(self, code: str) -> Institution:
        """The institution of that code.

        Raises:
            Missing: it is not known.
        """
        found = await self.institution_or_none(code)
        if found is None:
            raise Missing(f"no institution {code}")
        return found

    async def institution_or_none(self, code: str) -> Institution | None:
        """The institution of that code; None when it is somebody else's: a person's, a post's, the office's."""
        return (await self._all()).institutions.get(code)

    async def institutions(self) -> list[Institution]:
        """All institutions by code."""
        return list((await self._all()).institutions.values())

    async def appointment(self, code: str) -> Appointment:
        """The appointment of that code, `SN-POSTE/1`, in office or not.

        Raises:
            Missing: it is not known.
        """
        held = (await self.institution(code.partition("/")[0])).contacts
        found = next((one for one in held if one.id == code), None)
        if found is None:
            raise Missing(f"no appointment {code}")
        return found

    async def delegations(self, institution: str) -> list[Delegation]:
        """The delegations of an institution by first day, past and revoked ones too; none where the code is nobody's."""
        return list((await self._all()).delegations.get(institution, ()))

    async def coordinator(self, code: str) -> Coordinator:
        """The coordinator of that code, in office or not.

        Raises:
            Missing: it is not known.
        """
        found = (await self._all()).coordinators.get(code)
        if found is None:
            raise Missing(f"no coordinator {code}")
        return found

    async def coordinators(self) -> list[Coordinator]:
        """All coordinators by code."""
        return list((await self._all()).coordinators.values())

    async def lapses_in_a_row(self, institutions: Collection[str]) -> dict[str, int]:
        """How many questions each institution has left without an answer since it last gave one, read anew."""
        return await lapses_in_a_row(self._db, institutions)

    async def themes(self) -> list[Theme]:
        """All themes by code."""
        return list((await self._all()).themes.values())

    async def practices(self) -> list[Practice]:
        """All practices by code."""
        return list((await self._all()).practices.values())

    async def focal_point(self, iso2: str) -> str:
        """The institution that is a country's national focal point; empty when it has none."""
        return (await self._all()).focal_points.get(iso2, "")

    async def known(self) -> Known:
        """What a request is checked against."""
        everything = await self._all()
        kinds = {code: institution.kind for code, institution in everything.institutions.items()}
        return Known(institutions=kinds, themes=frozenset(everything.themes))

    async def overrides(self, iso2: str, first: date, last: date) -> list[DayOverride]:
        """A country's days that differ from the public calendars, from the first day to the last, in order."""
        query = select(days).where(days.c.country == iso2, days.c.day.between(first, last)).order_by(days.c.day)
        async with self._db.read() as connection:
            return [DayOverride.model_validate(row._asdict()) for row in await connection.execute(query)]

    async def set_day(self, day: DayOverride) -> None:
        """Say of a day whether people work.

        Raises:
            Missing: the country is not known.
        """
        await self.country(day.country)
        async with self._db.begin() as connection:
            await connection.execute(insert_or_replace(connection, days), day.model_dump())

    async def clear_day(self, country: str, day: date) -> None:
        """Leave a day to the public calendars again."""
        async with self._db.begin() as connection:
            await connection.execute(delete(days).where(days.c.country == country, days.c.day == day))

    async def _all(self) -> Snapshot:
        snapshot = self._snapshot
        if snapshot is None or time.monotonic() - self._read_at > self._fresh_seconds:
            read_at = time.monotonic()
            snapshot = await self._read()
            self._snapshot, self._read_at = snapshot, read_at
        return snapshot

    async def _read(self) -> Snapshot:
        async with self._db.read() as connection:
            offices = await grouped(connection, select(appointments).order_by(appointments.c.rank, *by_first_day(appointments)))
            mandates = await grouped(connection, select(delegations).order_by(*by_first_day(delegations)))
            asked = await connection.execute(select(institutions).order_by(institutions.c.code))
            found = {row.code: {**row._asdict(), "contacts": offices.get(row.code, [])} for row in asked}
            return Snapshot.model_validate(
                {
                    "institutions": found,
                    "delegations": mandates,
                    **{
                        table.name: {row[0]: row._asdict() for row in await connection.execute(select(table).order_by(table.c[0]))}
                        for table in (countries, themes, practices, coordinators)
                    },
                    "focal_points": {row.country: row.institution for row in await connection.execute(select(focal_points))},
                }
            )


def by_first_day(table: Table) -> tuple[ColumnElement[Any], ...]:
    """The order of first days, open ones first, on every database."""
    return table.c.starts.is_not(None), table.c.starts, table.c.id


async def grouped(connection: AsyncConnection, query: Select[Any]) -> dict[str, list[dict[str, Any]]]:
    """Rows by their institution, in the query's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.institution, []).append(row._asdict())
    return found
