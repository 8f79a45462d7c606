"""The filter of the pages that find cases: read from what was typed, checked against what there is, written into addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from models.words import Ending, Format, Phase
from reading import Reading
from store.finding import OPEN, Filter

PART_OF_NUMBER = re.compile(r"[A-Z0-9-]{1,40}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS = ("opened_from", "opened_until")


class Choices(NamedTuple):
    """What each choice of the filter offers: values with their words in one language."""

    programme: Mapping[str, str]
    format: Mapping[str, str]
    institution: Mapping[str, str]
    country: Mapping[str, str]
    phase: Mapping[str, str]
    ending: Mapping[str, str]


class Narrowed(NamedTuple):
    """A filter as it was read, what was typed, and the names of the fields that cannot be taken."""

    filter: Filter
    typed: Mapping[str, str]
    wrong: tuple[str, ...]

    @property
    def query(self) -> str:
        """The filter as a part of an address."""
        return written(self.filter)


async def choices(cases: Reading, named: Any, language: str) -> Choices:
    """What there is to choose from; `named` gives the words of a fixed name."""
    countries = {country.iso2: country.names[language] for country in await cases.reference.countries()}
    return Choices(
        programme={code: programme.name[language] for code, programme in cases.programmes.items()},
        format={value: named("format", value) for value in Format},
        institution={one.code: f"{one.code} – {one.name}" for one in await cases.reference.institutions()},
        country=dict(sorted(countries.items(), key=lambda item: item[1])),
        phase={value: named("phase", value) for value in Phase},
        ending={OPEN: named("audit", OPEN), **{value: named("ending", value) for value in Ending}},
    )


def narrowed(said: Mapping[str, str], known: Choices) -> Narrowed:
    """The filter that was typed; a field that cannot be taken is named and narrows nothing."""
    typed = {name: said.get(name, "").strip() for name in Filter.model_fields}
    taken: dict[str, Any] = {}
    for name, value in typed.items():
        if value:
            taken[name] = _read(name, value, known)
    wrong = [name for name, value in taken.items() if value is None]
    found = Filter(**{name: value for name, value in taken.items() if value is not None})
    if found.opened_from and found.opened_until and found.opened_until < found.opened_from:
        wrong.append("opened_until")
    return Narrowed(found, typed, tuple(wrong))


def _read(name: str, value: str, known: Choices) -> str | date | None:
    if name == "number":
        return value.upper() if PART_OF_NUMBER.fullmatch(value.upper()) else None
    if name in DAYS:
        return _day(value)
    return value if value in getattr(known, name) else None


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if DAY.fullmatch(value) else None
    except ValueError:
        return None


def written(found: Filter) -> str:
    """A filter as a part of an address; empty when it narrows nothing."""
    return urlencode(found.model_dump(mode="json", exclude_defaults=True))


def in_words(found: Filter, known: Choices) -> list[tuple[str, str]]:
    """The fields that narrow, by name, with what they narrow to in words."""
    said = found.model_dump(mode="json", exclude_defaults=True)
    return [(name, getattr(known, name, {}).get(value, value)) for name, value in said.items()]
