"""Reference data from a folder of CSV files: every fault named by file, line and column at once, or all of it taken in."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from models.errors import Fault, Invalid
from models.words import LANGUAGES, country_of
from store import tables
from store.database import Database
from store.upsert import insert_or_replace

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAMES = tuple(f"name_{language}" for language in LANGUAGES)
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
YES_NO = {"yes": True, "no": False}


async def seed(db: Database, folder: Path) -> dict[str, int]:
    """Enter the rows of a folder's files, replacing those with the same key; returns the rows taken of each file.

    Reads countries, institutions, contacts (the alternates), focal_points, themes, practices and days, each `.csv`.

    Raises:
        Invalid: every fault of every file; nothing is entered.
    """
    reading = _Reading(folder)
    rows = {
        "countries": reading.keyed("countries.csv", COUNTRIES, ("iso2",), reading.country),
        "institutions": reading.keyed("institutions.csv", INSTITUTIONS, ("code",), reading.institution),
        "contacts": reading.keyed("contacts.csv", CONTACTS, ("institution", "rank"), reading.contact),
        "focal_points": reading.keyed("focal_points.csv", FOCAL_POINTS, ("country",), reading.focal_point),
        "themes": reading.keyed("themes.csv", THEMES, ("code",), reading.theme),
        "practices": reading.keyed("practices.csv", PRACTICES, ("code",), reading.practice),
        "days": reading.keyed("days.csv", DAYS, ("country", "day"), reading.day),
    }
    if reading.faults:
        raise Invalid(reading.faults)
    counts = {name: len(found) for name, found in rows.items()}
    rows["contacts"] = [*reading.first_contacts, *rows["contacts"]]
    async with db.begin() as connection:
        for name, found in rows.items():
            if found:
                await connection.execute(insert_or_replace(connection, tables.metadata.tables[name]), found)
    return counts


COUNTRIES = ("iso2", "role", *NAMES, "languages", "weekend", "timezone", "communities")
INSTITUTIONS = ("code", "country", "kind", "language", "name", "focal_point_role", "email")
CONTACTS = ("institution", "rank", "role", "email", "language")
FOCAL_POINTS = ("country", "institution")
THEMES = ("code", "parent", *NAMES)
PRACTICES = ("code", "theme", "level", "actor_kind", "title_en", "title_fr", "source")
DAYS = ("country", "day", "working", "name")
MAY_BE_EMPTY = frozenset({"parent", "communities", "name"})


@dataclass
class _Line:
    """One record of a file, and where its faults go."""

    file: str
    number: int
    cells: Mapping[str, str]
    faults: list[Fault]

    def fault(self, column: str, code: str, text: str) -> None:
        facts = {"file": self.file, "line": str(self.number), "column": column}
        self.faults.append(Fault(field=f"{self.file}, line {self.number}, {column}", code=code, text=text, facts=facts))

    def one_of(self, column: str, known: Collection[str]) -> str:
        value = self.cells[column]
        if value and value not in known:
            self.fault(column, "unknown", f"unknown value {value!r}")
        return value

    def some_of(self, column: str, known: Collection[str]) -> list[str]:
        values = [part.strip() for part in self.cells[column].split(";")]
        for value in values:
            if value not in known:
                self.fault(column, "unknown", f"unknown value {value!r}")
        return values

    def email(self) -> str:
        value = self.cells["email"]
        if value and not EMAIL.fullmatch(value):
            self.fault("email", "invalid", f"{value!r} is no mail address")
        return value

    def names(self, prefix: str, languages: Collection[str] = LANGUAGES) -> dict[str, str]:
        return {language: self.cells[f"{prefix}_{language}"] for language in languages}


@dataclass
class _Reading:
    """The files of a folder as they are read, each checked against the ones before."""

    folder: Path
    faults: list[Fault] = field(default_factory=list)
    first_contacts: list[dict[str, Any]] = field(default_factory=list)
    countries: dict[str, list[str]] = field(default_factory=dict)
    institutions: dict[str, str] = field(default_factory=dict)
    themes: set[str] = field(default_factory=set)
    parents: list[tuple[_Line, str]] = field(default_factory=list)
    zones: set[str] = field(default_factory=available_timezones)

    def keyed(
        self, file: str, columns: tuple[str, ...], key: tuple[str, ...], read: Callable[[_Line], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The rows of a file, no two with the same key."""
        rows: list[dict[str, Any]] = []
        first: dict[tuple[str, ...], int] = {}
        for line in self._lines(file, columns):
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

    def country(self, line: _Line) -> dict[str, Any]:
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

    def institution(self, line: _Line) -> dict[str, Any]:
        code, language = line.cells["code"], line.one_of("language", LANGUAGES)
        country = line.one_of("country", self.countries)
        if code and country and country_of(code) != country:
            line.fault("code", "invalid", f"the code of an institution of {country} begins with {country}-")
        self.institutions[code] = country
        mailbox = {"role": line.cells["focal_point_role"], "email": line.email(), "language": language}
        self.first_contacts.append({"institution": code, "rank": 1, **mailbox})
        return {
            "code": code,
            "country": country,
            "kind": line.cells["kind"],
            "language": language,
            "languages": list(dict.fromkeys([language, *self.countries.get(country, [])])),
            "name": line.cells["name"],
        }

    def contact(self, line: _Line) -> dict[str, Any]:
        rank = line.cells["rank"]
        if rank and not re.fullmatch(r"[0-9]{1,3}", rank):
            line.fault("rank", "not_a_number", f"{rank!r} is no number")
        elif rank and int(rank) < 2:
            line.fault("rank", "out_of_range", "the first contact is in institutions.csv; here ranks begin with 2")
        return {
            "institution": line.one_of("institution", self.institutions),
            "rank": int(rank) if rank.isdecimal() else 0,
            "role": line.cells["role"],
            "email": line.email(),
            "language": line.one_of("language", LANGUAGES),
        }

    def focal_point(self, line: _Line) -> dict[str, Any]:
        country, institution = line.one_of("country", self.countries), line.one_of("institution", self.institutions)
        if self.institutions.get(institution, country) != country:
            line.fault("institution", "invalid", f"{institution} is not an institution of {country}")
        return {"country": country, "institution": institution}

    def theme(self, line: _Line) -> dict[str, Any]:
        self.themes.add(line.cells["code"])
        if line.cells["parent"]:
            self.parents.append((line, line.cells["parent"]))
        return {"code": line.cells["code"], "parent": line.cells["parent"], "names": line.names("name")}

    def practice(self, line: _Line) -> dict[str, Any]:
        return {
            "code": line.cells["code"],
            "theme": line.one_of("theme", self.themes),
            "level": line.cells["level"],
            "actor_kind": line.cells["actor_kind"],
            "titles": line.names("title", ("en", "fr")),
            "source": line.cells["source"],
        }

    def day(self, line: _Line) -> dict[str, Any]:
        day = line.cells["day"]
        try:
            when = date.fromisoformat(day) if day else None
        except ValueError:
            line.fault("day", "not_a_date", f"{day!r} is no date of the form 2027-03-19")
            when = None
        working = YES_NO.get(line.one_of("working", YES_NO))
        return {"country": line.one_of("country", self.countries), "day": when, "working": working, "name": line.cells["name"]}

    def _lines(self, file: str, columns: tuple[str, ...]) -> Iterator[_Line]:
        head = _Line(file, 1, {}, self.faults)
        try:
            text = (self.folder / file).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            head.fault("file", "required", "the file is not there")
            return
        except UnicodeDecodeError as error:
            head.fault("file", "invalid", f"the file is not UTF-8 at byte {error.start}")
            return
        reader = csv.reader(text.splitlines(keepends=True), strict=True)
        try:
            header = next(reader, [])
            if _header_is_wrong(head, header, columns):
                return
            yield from _records(head, reader, header)
        except csv.Error as error:
            _Line(file, reader.line_num, {}, self.faults).fault("row", "invalid", str(error))


def _header_is_wrong(head: _Line, header: list[str], columns: tuple[str, ...]) -> bool:
    for column in columns:
        if column not in header:
            head.fault(column, "required", "the column is not there")
    for column in header:
        if column not in columns or header.count(column) > 1:
            head.fault(column, "unknown", "no such column, or there twice")
    return sorted(header) != sorted(columns)


def _records(head: _Line, reader: Any, header: list[str]) -> Iterator[_Line]:
    number = reader.line_num + 1
    for record in reader:
        line = _Line(head.file, number, dict(zip(header, (cell.strip() for cell in record), strict=False)), head.faults)
        number = reader.line_num + 1
        if not record:
            continue
        if len(record) != len(header):
            line.fault("row", "invalid", f"{len(record)} cells where {len(header)} columns are named")
            continue
        for column, cell in line.cells.items():
            if not cell and column not in MAY_BE_EMPTY:
                line.fault(column, "required", "the cell is empty")
        yield line
