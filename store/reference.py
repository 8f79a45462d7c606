"""Reference data: countries, institutions and their mailboxes, themes, practices, days off; edited by coordinators."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import delete, select

from models.errors import Missing
from models.message import Message
from models.request import Known
from store.database import Database
from store.tables import contacts, countries, days, focal_points, institutions, practices, themes
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


class Contact(Message):
    """An office's mailbox; rank 1 is asked first, the next are its alternates."""

    rank: int
    role: str
    email: str
    language: str


class Institution(Message):
    """An institution; `languages` in its order of preference begin with `language`, `contacts` are by rank."""

    code: str
    country: str
    kind: str
    language: str
    languages: tuple[str, ...]
    name: str
    contacts: tuple[Contact, ...] = ()


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
    focal_points: Mapping[str, str]


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
        found = (await self._all()).institutions.get(code)
        if found is None:
            raise Missing(f"no institution {code}")
        return found

    async def institutions(self) -> list[Institution]:
        """All institutions by code."""
        return list((await self._all()).institutions.values())

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
            mailboxes: dict[str, list[dict[str, Any]]] = {}
            for row in await connection.execute(select(contacts).order_by(contacts.c.institution, contacts.c.rank)):
                mailboxes.setdefault(row.institution, []).append(row._asdict())
            asked = await connection.execute(select(institutions).order_by(institutions.c.code))
            found = {row.code: {**row._asdict(), "contacts": mailboxes.get(row.code, [])} for row in asked}
            return Snapshot.model_validate(
                {
                    "institutions": found,
                    **{
                        table.name: {row[0]: row._asdict() for row in await connection.execute(select(table).order_by(table.c[0]))}
                        for table in (countries, themes, practices)
                    },
                    "focal_points": {row.country: row.institution for row in await connection.execute(select(focal_points))},
                }
            )
