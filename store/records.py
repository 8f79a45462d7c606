"""Reference data as it stands in a CSV file: its records with their line numbers, and a fault for whatever cannot be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from models.errors import Fault
from models.words import LANGUAGES
from store.appointments import EMAIL

MAY_BE_EMPTY = frozenset({"parent", "communities", "name", "kinds"})


@dataclass(frozen=True)
class Columns:
    """The columns of a file: those it must have, and those that may be left out or empty."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass
class Line:
    """One record of a file, and where its faults go."""

    file: str
    number: int
    cells: Mapping[str, str]
    faults: list[Fault]

    def fault(self, column: str, code: str, text: str) -> None:
        """Note what is wrong with a cell."""
        facts = {"file": self.file, "line": str(self.number), "column": column}
        self.faults.append(Fault(field=f"{self.file}, line {self.number}, {column}", code=code, text=text, facts=facts))

    def one_of(self, column: str, known: Collection[str]) -> str:
        """The value of a cell, one of those known."""
        value = self.cells[column]
        if value and value not in known:
            self.fault(column, "unknown", f"unknown value {value!r}")
        return value

    def some_of(self, column: str, known: Collection[str]) -> list[str]:
        """The values of a cell between semicolons, each one of those known."""
        values = [part.strip() for part in self.cells[column].split(";")]
        for value in values:
            if value not in known:
                self.fault(column, "unknown", f"unknown value {value!r}")
        return values

    def email(self) -> str:
        """The mail address."""
        value = self.cells["email"]
        if value and not EMAIL.fullmatch(value):
            self.fault("email", "invalid", f"{value!r} is no mail address")
        return value

    def day(self, column: str) -> date | None:
        """The date of a cell; None when it is empty or none."""
        value = self.cells[column]
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            self.fault(column, "not_a_date", f"{value!r} is no date of the form 2027-03-19")
            return None

    def number_of(self, column: str) -> int | None:
        """The number of a cell; None when it is empty or none."""
        value = self.cells[column]
        if value and not re.fullmatch(r"[0-9]{1,3}", value):
            self.fault(column, "not_a_number", f"{value!r} is no number")
        return int(value) if re.fullmatch(r"[0-9]{1,3}", value) else None

    def span(self) -> tuple[date | None, date | None]:
        """The first and the last day."""
        starts, ends = self.day("starts"), self.day("ends")
        if starts and ends and ends < starts:
            self.fault("ends", "reversed", f"the last day, {ends}, comes before the first, {starts}")
        return starts, ends

    def names(self, prefix: str, languages: Collection[str] = LANGUAGES) -> dict[str, str]:
        """A name by language, each from its column."""
        return {language: self.cells[f"{prefix}_{language}"] for language in languages}


def records(path: Path, columns: Columns, faults: list[Fault], *, optional: bool = False) -> Iterator[Line]:
    """The records of a file; its faults are noted and none comes of a file that is not there, unless it is `optional`."""
    head = Line(path.name, 1, {}, faults)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if not optional:
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
        yield from _records(head, reader, header, columns)
    except csv.Error as error:
        Line(path.name, reader.line_num, {}, faults).fault("row", "invalid", str(error))


def _header_is_wrong(head: Line, header: list[str], columns: Columns) -> bool:
    missing = [column for column in columns.needed if column not in header]
    unknown = [c for c in header if c not in (*columns.needed, *columns.optional) or header.count(c) > 1]
    for column in missing:
        head.fault(column, "required", "the column is not there")
    for column in unknown:
        head.fault(column, "unknown", "no such column, or there twice")
    return bool(missing or unknown)


def _records(head: Line, reader: Any, header: list[str], columns: Columns) -> Iterator[Line]:
    number = reader.line_num + 1
    for record in reader:
        cells = dict.fromkeys(columns.optional, "") | dict(zip(header, (cell.strip() for cell in record), strict=False))
        line = Line(head.file, number, cells, head.faults)
        number = reader.line_num + 1
        if not record:
            continue
        if len(record) != len(header):
            line.fault("row", "invalid", f"{len(record)} cells where {len(header)} columns are named")
            continue
        for column, cell in line.cells.items():
            if not cell and column not in (*MAY_BE_EMPTY, *columns.optional):
                line.fault(column, "required", "the cell is empty")
        yield line
