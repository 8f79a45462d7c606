"""Words in the reader's language: labels, plurals, days and instants, from the .po files and the CLDR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from gettext import c2py
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, get_timezone_location
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from models.words import LANGUAGES

DOMAIN = "passerelle"
BASE = {"en": "en_GB", "fr": "fr_FR", "ar": "ar", "pt": "pt_PT"}
LEFT_TO_RIGHT_MARK = "\u200e"
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@lru_cache(maxsize=256)
def locale_of(language: str, country: str) -> Locale:
    """The locale of a reader: Arabic months and digits differ by country, Portuguese is European."""
    if language == "ar":
        try:
            return Locale.parse(f"ar_{country}")
        except UnknownLocaleError:
            return Locale.parse("ar")
    return Locale.parse(BASE[language])


class Words:
    """The words of the pages and letters; an unknown key is an error of ours and raises KeyError."""

    def __init__(self, folder: Path) -> None:
        self._catalogs: Mapping[str, Catalog] = {language: _read(folder, language) for language in LANGUAGES}

    def has(self, language: str, key: str) -> bool:
        """Whether a language knows a key."""
        message = self._catalogs[language].get(key)
        return message is not None and bool(message.string)

    def say(self, language: str, key: str, **facts: str) -> str:
        """The words of a key, with its facts in their places."""
        message = self._catalogs[language].get(key)
        if message is None or not isinstance(message.string, str) or not message.string:
            raise KeyError(f"{language}: {key}")
        return message.string.format(**facts) if facts else message.string

    def count(self, language: str, key: str, number: int) -> str:
        """The words of a key for a number, in the plural form of the language."""
        catalog = self._catalogs[language]
        message = catalog.get(key)
        if message is None or not isinstance(message.string, tuple | list):
            raise KeyError(f"{language}: {key}")
        return message.string[_plural(catalog.plural_expr)(number)] % {"num": number}

    def written(self, language: str, country: str, day: date) -> str:
        """A day in words, as the reader's country writes it."""
        locale = locale_of(language, country)
        written = _digits(locale, format_date(day, "full", locale=locale))
        return written.replace(" 1 ", " 1er ", 1) if language == "fr" else written

    def day(self, language: str, country: str, day: date) -> str:
        """A day in words with its ISO date beside it."""
        return f"{self.written(language, country, day)} ({_iso(language, day.isoformat())})"

    def moment(self, language: str, country: str, zone: str, instant: datetime) -> str:
        """An instant where the reader is: day, local time, city, ISO date."""
        local = instant.astimezone(ZoneInfo(zone))
        locale = locale_of(language, country)
        clock = _digits(locale, format_datetime(local, "HH:mm", locale=locale))
        city = get_timezone_location(zone, locale=locale, return_city=True)
        comma = "،" if language == "ar" else ","
        day = self.written(language, country, local.date())
        return f"{day}{comma} {clock} ({city}) – {_iso(language, local.date().isoformat())}"


def _digits(locale: Locale, text: str) -> str:
    """A date's or hour's digits as the country writes them: Arabic-Indic in Egypt and Lebanon, European in the Maghreb."""
    return text.translate(ARABIC_DIGITS) if locale.default_numbering_system == "arab" else text


def _iso(language: str, text: str) -> str:
    return f"{LEFT_TO_RIGHT_MARK}{text}{LEFT_TO_RIGHT_MARK}" if language == "ar" else text


@cache
def _read(folder: Path, language: str) -> Catalog:
    """A language's catalogue, read once a process: nothing changes it."""
    with (folder / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=BASE[language])


@lru_cache(maxsize=16)
def _plural(expression: str) -> Callable[[int], int]:
    """The plural form's number for a count, from the expression in a catalogue's header."""
    return c2py(expression)
