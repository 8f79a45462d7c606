"""The fields of each form as a page shows them, and a filled page read back into a form.

Options that fill the same form share its fields. An input's name is the form's name, the field's path and, in repeated rows, the
row's number: `NominationForm.nominees.0.person`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from models.forms import FORMS
from models.rules import POSTPONE
from models.words import OPTIONS, Kind

Type = Literal[
    "text",
    "long",
    "lines",
    "date",
    "number",
    "email",
    "choice",
    "institution",
    "check",
    "people",
    "attendance",
    "scores",
    "rows",
    "file",
]
EACH = ("people", "attendance", "scores")
EMPTY: tuple[Any, ...] = ("", False, None, [], {}, ())


class Field(NamedTuple):
    """One field: its name in the form, its type, and what the type needs (bounds, choices, rows and their fields)."""

    name: str
    type: Type
    needed: bool = False
    low: int = 0
    high: int = 0
    choices: tuple[tuple[str, str], ...] = ()
    rows: int = 0
    fields: tuple[Field, ...] = ()

    @property
    def key(self) -> str:
        """The word of its label."""
        return f"field.{self.name}"


LANGUAGE_CHOICES = (("", ""), ("en", "English"), ("fr", "Français"), ("ar", "العربية"), ("pt", "Português"))
GENDERS = (("", ""), ("f", "choice.gender.f"), ("m", "choice.gender.m"), ("x", "choice.gender.x"))
PRESENCES = tuple((value, f"choice.attendance.{value}") for value in ("attended", "left_early", "no_show"))

NOMINEE = (
    Field("person", "text", needed=True),
    Field("function", "text"),
    Field("email", "email", needed=True),
    Field("institution", "institution"),
    Field("language", "choice", choices=LANGUAGE_CHOICES),
    Field("gender", "choice", choices=GENDERS),
    Field("cv", "long"),
    Field("cv_file", "file"),
    Field("substitute", "check"),
)
AGENDA_LINE = (
    Field("day", "date", needed=True),
    Field("time", "text"),
    Field("activity", "text", needed=True),
    Field("place", "text"),
)
PLANNED = (
    Field("action", "text", needed=True),
    Field("channel", "text"),
    Field("owner", "text"),
    Field("due", "date", needed=True),
    Field("evidence", "text"),
)
DONE = (Field("action", "text", needed=True), Field("done", "check"), Field("evidence", "text"))

FIELDS: dict[str, tuple[Field, ...]] = {
    "Remarks": (Field("remarks", "long"),),
    "NeededRemarks": (Field("remarks", "long", needed=True),),
    "Correction": (
        Field("title", "text"),
        Field("expertise", "long"),
        Field("objectives", "lines"),
        Field("results", "lines"),
        Field("remarks", "long"),
    ),
    "Opinion": (Field("opinion", "long"),),
    "Assessment": (Field("scores", "scores", high=5), Field("reasons", "long", needed=True), Field("start", "date")),
    "HostOffer": (
        Field("start", "date", needed=True),
        Field("contact", "text"),
        Field("cost", "number"),
        Field("remarks", "long"),
    ),
    "HostAgreement": (Field("contact", "text"), Field("outline", "long")),
    "NominationForm": (Field("nominees", "rows", rows=4, fields=NOMINEE, needed=True), Field("justification", "long")),
    "Verdicts": (Field("refused", "people"), Field("remarks", "long")),
    "Travel": (Field("visa", "text"), Field("insurance", "text"), Field("ticket", "text"), Field("remarks", "long")),
    "AgendaForm": (Field("lines", "rows", rows=8, fields=AGENDA_LINE, needed=True),),
    "CascadingPlan": (Field("channels", "long", needed=True), Field("audience", "long")),
    "Attendance": (
        Field("attendance", "attendance", choices=PRESENCES),
        Field("actual_start", "date"),
        Field("actual_end", "date"),
    ),
    "Evaluation": (
        Field("score_content", "number", needed=True, low=1, high=5),
        Field("score_organisation", "number", needed=True, low=1, high=5),
        Field("score_usefulness", "number", needed=True, low=1, high=5),
        Field("comments", "long"),
    ),
    "Report": (Field("summary", "long", needed=True), Field("text", "long"), Field("file", "file")),
    "TransferPlan": (Field("actions", "rows", rows=5, fields=PLANNED, needed=True),),
    "FollowUp": (Field("actions", "rows", rows=5, fields=DONE), Field("practice", "long")),
}
"""The fields of each form, by the name of its class in models/forms.py."""


class Group(NamedTuple):
    """The fields of one form and the options that fill it."""

    form: str
    options: tuple[str, ...]
    fields: tuple[Field, ...]


class Place(NamedTuple):
    """Where on the page a fault belongs: the input's name, its field, and the words of the way there (a number is a row's)."""

    name: str
    field: Field | None = None
    labels: tuple[str | int, ...] = ()


OPTION = Place("option", labels=("answer.choose",))


def groups_of(kind: Kind, subject: str = "") -> list[Group]:
    """The forms of a kind of step, in the order of its options; `subject` is what a decision is about, other than the request."""
    options: dict[str, list[str]] = {}
    for option in OPTIONS[kind]:
        options.setdefault(FORMS[kind, option].__name__, []).append(option)
    return [Group(form, tuple(found), fields_of(form, subject)) for form, found in options.items()]


def fields_of(form: str, subject: str) -> tuple[Field, ...]:
    """The fields of a form; criteria are scored for a request only, a new first day is given to a postponed visit only."""
    if form != "Assessment":
        return FIELDS[form]
    hidden = ("scores",) if subject == POSTPONE else ("scores", "start") if subject else ("start",)
    return tuple(field for field in FIELDS[form] if field.name not in hidden)


def read_back(kind: Kind, option: str, posted: Mapping[str, str]) -> dict[str, Any]:
    """The form an answer fills, from what a page posted; empty inputs and rows are left out."""
    form = FORMS.get((kind, option))
    return values_of(FIELDS[form.__name__], form.__name__, posted) if form else {}


def values_of(fields: Sequence[Field], name: str, posted: Mapping[str, str]) -> dict[str, Any]:
    """What was posted for fields; empty values are left out."""
    values = {field.name: value_of(field, f"{name}.{field.name}", posted) for field in fields}
    return {key: value for key, value in values.items() if value not in EMPTY}


def value_of(field: Field, name: str, posted: Mapping[str, str]) -> Any:
    """What was posted for one field."""
    match field.type:
        case "rows":
            rows = (values_of(field.fields, f"{name}.{n}", posted) for n in range(rows_of(field, name, posted)))
            return [row for row in rows if any(value is not True for value in row.values())]
        case "check":
            return name in posted
        case "people":
            return [key.removeprefix(f"{name}.") for key in posted if key.startswith(f"{name}.")]
        case "attendance" | "scores":
            return {key.removeprefix(f"{name}."): value for key, value in posted.items() if key.startswith(f"{name}.") and value}
        case "lines":
            return [line.strip() for line in posted.get(name, "").splitlines() if line.strip()]
        case _:
            return posted.get(name, "").strip()


def rows_of(field: Field, name: str, inputs: Mapping[str, str]) -> int:
    """How many rows a repeated field shows: its own number, or more when more are filled; never more than a form may hold."""
    row = re.compile(rf"{re.escape(name)}\.(\d{{1,2}})\.")
    return max([field.rows, *(int(found[1]) + 1 for found in map(row.match, inputs) if found)])


def inputs_of(fields: Sequence[Field], name: str, filled: Mapping[str, Any]) -> dict[str, str]:
    """A filled form as input names and values, to show it again: what `values_of` reads back."""
    inputs: dict[str, str] = {}
    for field in fields:
        value = filled.get(field.name)
        if value not in EMPTY:
            inputs |= dict(_inputs_of(field, f"{name}.{field.name}", value))
    return inputs


def _inputs_of(field: Field, name: str, value: Any) -> Iterator[tuple[str, str]]:
    match field.type:
        case "rows":
            for n, row in enumerate(value):
                yield from inputs_of(field.fields, f"{name}.{n}", row).items()
        case "check":
            yield name, "on"
        case "people":
            yield from ((f"{name}.{each}", "on") for each in value)
        case "attendance" | "scores":
            yield from ((f"{name}.{each}", str(said)) for each, said in value.items())
        case "lines":
            yield name, "\n".join(value)
        case _:
            yield name, str(value)


def shown_again(kind: Kind, option: str, posted: Mapping[str, str]) -> dict[str, str]:
    """What was posted, with the rows of the chosen form moved up over empty ones, so that faults name the rows shown."""
    form = FORMS.get((kind, option))
    if form is None:
        return dict(posted)
    name = form.__name__
    others = {key: value for key, value in posted.items() if not key.startswith(f"{name}.")}
    return others | inputs_of(FIELDS[name], name, values_of(FIELDS[name], name, posted))


def files_of(kind: Kind, subject: str = "") -> list[re.Pattern[str]]:
    """What the names of a question's file inputs look like."""
    found = []
    for group in groups_of(kind, subject):
        for field in group.fields:
            name = re.escape(f"{group.form}.{field.name}")
            found += [re.compile(name)] if field.type == "file" else []
            found += [re.compile(rf"{name}\.\d{{1,2}}\.{part.name}") for part in field.fields if part.type == "file"]
    return found


def place_of(kind: Kind, option: str, path: str) -> Place:
    """Where a fault of the chosen form belongs, by its dotted path; beside the options when no field of the form has it."""
    form = FORMS.get((kind, option))
    first, *rest = path.split(".")
    field = next((field for field in FIELDS[form.__name__] if field.name == first), None) if form else None
    if form is None:
        return OPTION
    if field is None:
        return Place("option")
    name, labels = f"{form.__name__}.{first}", (field.key,)
    if field.type in EACH and rest:
        return Place(f"{name}.{rest[0]}", field, (f"criterion.{rest[0]}",) if field.type == "scores" else labels)
    if field.type == "rows" and rest:
        part = next((part for part in field.fields if part.name == rest[-1]), field.fields[0])
        return Place(f"{name}.{rest[0]}.{part.name}", part, (field.key, int(rest[0]) + 1, part.key))
    return Place(name, field, labels)
