"""A filled form in words: what is repeated before it is recorded, and shown again afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from models.errors import Missing
from models.forms import FORMS
from models.words import Kind
from web.respond.fields import EMPTY, FIELDS, Field
from wording import Words


class Said(NamedTuple):
    """One thing that was filled in: its label and its lines; `sha256` where it is a file."""

    label: str
    lines: Sequence[str]
    sha256: str = ""


class Summary:
    """Puts forms into words, with the names of the people and institutions on the page."""

    def __init__(self, words: Words, language: str, people: Mapping[str, str], institutions: Mapping[str, str]) -> None:
        self._words = words
        self._language = language
        self._people = people
        self._institutions = institutions

    def of(self, kind: Kind, option: str, form: Mapping[str, Any]) -> list[Said]:
        """What was filled in of the form of an option."""
        return self.of_fields(FIELDS[FORMS[kind, option].__name__], form)

    def of_fields(self, fields: Sequence[Field], form: Mapping[str, Any]) -> list[Said]:
        """What was filled in of some fields, in their order; what was left empty is not named."""
        return [said for field in fields if form.get(field.name) not in EMPTY for said in self._said(field, form[field.name])]

    def _said(self, field: Field, value: Any) -> Iterator[Said]:
        label = self._say(field.key)
        match field.type:
            case "rows":
                for number, row in enumerate(value, start=1):
                    parts = self.of_fields(field.fields, row)
                    colon = "\u00a0: " if self._language == "fr" else ": "
                    yield Said(f"{label} {number}", [f"{part.label}{colon}{' '.join(part.lines)}" for part in parts])
            case "people":
                yield Said(label, [self._people.get(each, each) for each in value])
            case "attendance":
                choices = dict(field.choices)
                yield Said(
                    label, [f"{self._people.get(each, each)} – {self._said_choice(choices, v)}" for each, v in value.items()]
                )
            case "scores":
                yield Said(label, [f"{self._criterion(each)} – {score}" for each, score in value.items()])
            case "lines":
                yield Said(label, list(value))
            case "check":
                yield Said(label, [self._say("answer.yes")])
            case "file":
                yield Said(label, [], str(value))
            case "institution":
                yield Said(label, [self._institutions.get(value, value)])
            case "choice":
                yield Said(label, [self._said_choice(dict(field.choices), value)])
            case _:
                yield Said(label, str(value).splitlines() or [""])

    def _criterion(self, name: str) -> str:
        key = f"criterion.{name}"
        return self._say(key) if self._words.has(self._language, key) else name

    def _said_choice(self, choices: Mapping[str, str], value: str) -> str:
        text = choices.get(value, value)
        return self._say(text) if "." in text and self._words.has(self._language, text) else text

    def _say(self, key: str) -> str:
        return self._words.say(self._language, key)


async def entries(form: Mapping[str, Any], stored: Sequence[str], read: Any) -> Mapping[str, Any]:
    """A recorded nomination with its nominees' entries, as far as they are still kept."""
    found = []
    for sha256 in stored:
        with suppress(Missing):
            found.append(await read(sha256))
    found = [entry for entry in found if entry]
    return {**form, "nominees": found} if found else form
