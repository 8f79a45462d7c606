"""Reference data from a folder of CSV files: every fault named by file, line and column at once, or all of it taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Fault, Invalid
from models.words import LANGUAGES, Kind, country_of
from store import tables
from store.appointments import POST, Appointment, delegation_id, eve_of, held_twice, id_of, may_stand_in
from store.database import Database
from store.records import Columns, Line, records
from store.upsert import Insert, insert_into, insert_new, insert_or_replace

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAMES = tuple(f"name_{language}" for language in LANGUAGES)
YES_NO = {"yes": True, "no": False}


async def seed(db: Database, folder: Path) -> dict[str, int]:
    """Enter the rows of a folder's files, replacing those with the same key; returns the rows taken of each file.

    Reads countries, institutions, contacts (alternates and successors), focal_points, coordinators, delegations, themes,
    practices and days, each `.csv`; delegations and coordinators may be absent. What coordinators entered since stays: a last
    day in office and a revocation are never taken back by a file that knows none.

    Raises:
        Invalid: every fault of every file, or two holders of a rank with what was entered since; nothing is entered.
    """
    reading = _Reading(folder)
    rows: dict[str, list[dict[str, Any]]] = {
        "countries": reading.keyed("countries.csv", COUNTRIES, ("iso2",), reading.country),
        "institutions": reading.keyed("institutions.csv", INSTITUTIONS, ("code",), reading.institution),
        "contacts": reading.contacts(),
        "focal_points": reading.keyed("focal_points.csv", FOCAL_POINTS, ("country",), reading.focal_point),
        "coordinators": reading.keyed("coordinators.csv", COORDINATORS, ("code",), reading.coordinator, optional=True),
        "delegations": reading.keyed("delegations.csv", DELEGATIONS, DELEGATIONS.needed, reading.delegation, optional=True),
        "themes": reading.keyed("themes.csv", THEMES, ("code",), reading.theme),
        "practices": reading.keyed("practices.csv", PRACTICES, ("code",), reading.practice),
        "days": reading.keyed("days.csv", DAYS, ("country", "day"), reading.day),
    }
    if reading.faults:
        raise Invalid(reading.faults)
    counts = {name: len(found) for name, found in rows.items()}
    rows["contacts"] = reading.mailboxes()
    async with db.begin() as connection:
        for name, found in rows.items():
            if found:
                await connection.execute(_entering(connection, name), found)
        await reading.check_with_those_entered(connection)
    return counts


def _entering(connection: AsyncConnection, name: str) -> Insert:
    match name:
        case "contacts":
            insert, table = insert_into(connection.dialect.name, tables.appointments), tables.appointments
            values = {column: value for column, value in insert.excluded.items() if column != "id"}
            ends = func.coalesce(insert.excluded.ends, table.c.ends)
            return insert.on_conflict_do_update(index_elements=[table.c.id], set_={**values, "ends": ends})
        case "delegations":
            return insert_new(connection, tables.delegations)
        case _:
            return insert_or_replace(connection, tables.metadata.tables[name])


COUNTRIES = Columns(("iso2", "role", *NAMES, "languages", "weekend", "timezone", "communities"))
INSTITUTIONS = Columns(("code", "country", "kind", "language", "name", "focal_point_role", "email"))
CONTACTS = Columns(("institution", "rank", "role", "email", "language"), ("id", "starts", "ends"))
FOCAL_POINTS = Columns(("country", "institution"))
COORDINATORS = Columns(("code", "role", "email", "language"), ("ends",))
DELEGATIONS = Columns(("institution", "to", "kinds", "starts", "ends"))
THEMES = Columns(("code", "parent", *NAMES))
PRACTICES = Columns(("code", "theme", "level", "actor_kind", "title_en", "title_fr", "source"))
DAYS = Columns(("country", "day", "working", "name"))


@dataclass
class _Reading:
    """The files of a folder as they are read, each checked against the ones before."""

    folder: Path
    faults: list[Fault] = field(default_factory=list)
    appointments: dict[str, tuple[Appointment, Line]] = field(default_factory=dict)
    countries: dict[str, list[str]] = field(default_factory=dict)
    institutions: dict[str, str] = field(default_factory=dict)
    themes: set[str] = field(default_factory=set)
    parents: list[tuple[Line, str]] = field(default_factory=list)
    zones: set[str] = field(default_factory=available_timezones)

    def keyed(
        self,
        file: str,
        columns: Columns,
        key: tuple[str, ...],
        read: Callable[[Line], dict[str, Any]],
        *,
        optional: bool = False,
    ) -> list[dict[str, Any]]:
        """The rows of a file, no two with the same key."""
        rows: list[dict[str, Any]] = []
        first: dict[tuple[str, ...], int] = {}
        for line in records(self.folder / file, columns, self.faults, optional=optional):
            name = tuple(line.cells[column] for column in key)
            if name in first:
                line.fault(key[-1], "same", f"{', '.join(name)} is on line {first[name]} already")
            first.setdefault(name, line.number)
            rows.append(read(line))
        for line, parent in self.parents:
            if parent not in self.themes:
                line.fault("parent", "unknown", f"unknown value {parent!r}")
        self.parents.clear()
        return rows

    def country(self, line: Line) -> dict[str, Any]:
        languages = line.some_of("languages", LANGUAGES)
        self.countries[line.cells["iso2"]] = languages
        return {
            "iso2": line.cells["iso2"],
            "role": line.cells["role"],
            "names": line.names("name"),
            "languages": languages,
            "weekend": [WEEKDAYS.index(day) for day in line.some_of("weekend", WEEKDAYS) if day in WEEKDAYS],
            "zone": line.one_of("timezone", self.zones),
            "communities": [part for part in line.cells["communities"].split(";") if part],
        }

    def institution(self, line: Line) -> dict[str, Any]:
        code, language = line.cells["code"], line.one_of("language", LANGUAGES)
        country = line.one_of("country", self.countries)
        if code and country and country_of(code) != country:
            line.fault("code", "invalid", f"the code of an institution of {country} begins with {country}-")
        self.institutions[code] = country
        role, email = line.cells["focal_point_role"], line.email()
        first = Appointment(id=id_of(code, 1, None), institution=code, rank=1, role=role, email=email, language=language)
        self.appointments.setdefault(first.id, (first, line))
        return {
            "code": code,
            "country": country,
            "kind": line.cells["kind"],
            "language": language,
            "languages": list(dict.fromkeys([language, *self.countries.get(country, [])])),
            "name": line.cells["name"],
        }

    def mailboxes(self) -> list[dict[str, Any]]:
        """The rows of all appointments, those of institutions.csv too."""
        return [one.model_dump() for one, _ in self.appointments.values()]

    def contacts(self) -> list[dict[str, Any]]:
        """The offices of contacts.csv; the mailbox of institutions.csv goes the day before its first successor comes."""
        found = [
            (one, line) for line in records(self.folder / "contacts.csv", CONTACTS, self.faults) if (one := self.contact(line))
        ]
        for one, line in found:
            if one.id in self.appointments:
                there = self.appointments[one.id][1]
                line.fault("id", "same", f"{one.id} is on line {there.number} of {there.file} already")
            self.appointments.setdefault(one.id, (one, line))
        for code in self.institutions:
            first, line = self.appointments[id_of(code, 1, None)]
            comes = min((one.starts for one, _ in found if (one.institution, one.rank) == (code, 1) and one.starts), default=None)
            if comes is not None:
                self.appointments[first.id] = first.model_copy(update={"ends": eve_of(comes)}), line
        self._held_twice(one for one, _ in self.appointments.values())
        return [one.model_dump() for one, _ in found]

    def contact(self, line: Line) -> Appointment | None:
        """An appointment; None where a fault leaves none."""
        known, rank = len(line.faults), line.number_of("rank")
        institution, language, email = (
            line.one_of("institution", self.institutions),
            line.one_of("language", LANGUAGES),
            line.email(),
        )
        starts, ends = line.span()
        post = line.cells["id"] or id_of(institution, rank or 0, starts)
        if rank == 0 or (rank == 1 and not starts):
            text = "the first contact is in institutions.csv; here ranks begin with 2, and a successor at rank 1 has a first day"
            line.fault("rank", "out_of_range", text)
        if not (post.startswith(f"{institution}/") and POST.fullmatch(post.partition("/")[2])):
            line.fault("id", "invalid", f"an appointment of {institution} is named {institution}/ and small letters or digits")
        if rank is None or len(line.faults) > known:
            return None
        role = line.cells["role"]
        return Appointment(
            id=post, institution=institution, rank=rank, role=role, email=email, language=language, starts=starts, ends=ends
        )

    def _held_twice(self, appointments: Iterator[Appointment]) -> None:
        """Note two holders of a rank on the line of the one who comes later, or who alone is of a file."""
        for earlier, later in held_twice(appointments):
            line = (self.appointments.get(later.id) or self.appointments[earlier.id])[1]
            other = earlier if later.id in self.appointments else later
            there = self.appointments.get(other.id)
            place = f"on line {there[1].number} of {there[1].file}" if there else "entered by a coordinator"
            line.fault("rank", "same", f"{other.id}, {place}, holds rank {later.rank} of {later.institution} on a same day")

    async def check_with_those_entered(self, connection: AsyncConnection) -> None:
        """Name every appointment of the files that meets one a coordinator entered."""
        rows = await connection.execute(select(tables.appointments))
        there = [Appointment.model_validate(row._asdict()) for row in rows]
        self._held_twice(iter([one for one in there if one.institution in self.institutions]))
        if self.faults:
            raise Invalid(self.faults)

    def coordinator(self, line: Line) -> dict[str, Any]:
        return {
            "code": line.cells["code"],
            "role": line.cells["role"],
            "email": line.email(),
            "language": line.one_of("language", LANGUAGES),
            "ends": line.day("ends"),
        }

    def delegation(self, line: Line) -> dict[str, Any]:
        institution, to = line.one_of("institution", self.institutions), line.cells["to"]
        if institution in self.institutions and to and not may_stand_in(to, institution, self.appointments, self.institutions):
            line.fault("to", "unknown", f"{to} is no post of {institution} and no other institution of its country")
        kinds = [Kind(kind) for kind in line.some_of("kinds", list(Kind)) if kind in list(Kind)] if line.cells["kinds"] else []
        starts, ends = line.span()
        code = delegation_id(institution, to, kinds, starts or date.min, ends or date.max)
        return {"id": code, "institution": institution, "to": to, "kinds": kinds, "starts": starts, "ends": ends}

    def focal_point(self, line: Line) -> dict[str, Any]:
        country, institution = line.one_of("country", self.countries), line.one_of("institution", self.institutions)
        if self.institutions.get(institution, country) != country:
            line.fault("institution", "invalid", f"{institution} is not an institution of {country}")
        return {"country": country, "institution": institution}

    def theme(self, line: Line) -> dict[str, Any]:
        self.themes.add(line.cells["code"])
        if line.cells["parent"]:
            self.parents.append((line, line.cells["parent"]))
        return {"code": line.cells["code"], "parent": line.cells["parent"], "names": line.names("name")}

    def practice(self, line: Line) -> dict[str, Any]:
        return {
            "code": line.cells["code"],
            "theme": line.one_of("theme", self.themes),
            "level": line.cells["level"],
            "actor_kind": line.cells["actor_kind"],
            "titles": line.names("title", ("en", "fr")),
            "source": line.cells["source"],
        }

    def day(self, line: Line) -> dict[str, Any]:
        when = line.day("day")
        working = YES_NO.get(line.one_of("working", YES_NO))
        return {"country": line.one_of("country", self.countries), "day": when, "working": working, "name": line.cells["name"]}
