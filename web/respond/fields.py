"""The fields of each form as a page shows them, and a filled page read back into a form.

Options that fill the same form share its fields. An input's name is the form's name, the field's path and, in repeated rows, the
row's number: `nomination.nominees.0.person`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

from models.errors import Fault
from models.forms import FORMS
from models.words import OPTIONS, Kind

Type = Literal["text", "long", "lines", "date", "number", "email", "choice", "check", "people", "attendance", "scores", "rows"]


class Field(NamedTuple):
    """One field: its name in the form, its type, and what the type needs (bounds, choices, rows and their fields)."""

    name: str
    type: Type
    label: str = ""
    needed: bool = False
    low: int = 0
    high: int = 0
    choices: tuple[tuple[str, str], ...] = ()
    rows: int = 0
    fields: tuple[Field, ...] = ()

    @property
    def key(self) -> str:
        """The word of its label."""
        return f"field.{self.label or self.name}"


LANGUAGE_CHOICES = (("", ""), ("en", "English"), ("fr", "Français"), ("ar", "العربية"), ("pt", "Português"))
GENDERS = (("", ""), ("f", "choice.gender.f"), ("m", "choice.gender.m"), ("x", "choice.gender.x"))
PRESENCES = tuple((value, f"choice.attendance.{value}") for value in ("attended", "left_early", "no_show"))
CRITERIA = ("relevance", "impact", "feasibility", "cost")

NOMINEE = (
    Field("person", "text", needed=True),
    Field("function", "text"),
    Field("email", "email", needed=True),
    Field("institution", "text"),
    Field("language", "choice", choices=LANGUAGE_CHOICES),
    Field("gender", "choice", choices=GENDERS),
    Field("cv", "long"),
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
    "Assessment": (Field("scores", "scores", high=5), Field("reasons", "long", needed=True)),
    "HostOffer": (Field("start", "date", needed=True), Field("contact", "text"), Field("remarks", "long")),
    "HostAgreement": (Field("contact", "text"), Field("outline", "long")),
    "NominationForm": (Field("nominees", "rows", rows=5, fields=NOMINEE, needed=True),),
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
    "Report": (Field("summary", "long", needed=True), Field("text", "long")),
    "TransferPlan": (Field("actions", "rows", rows=5, fields=PLANNED, needed=True),),
    "FollowUp": (Field("actions", "rows", rows=5, fields=DONE), Field("practice", "long")),
}
"""The fields of each form, by the name of its class in models/forms.py."""


class Group(NamedTuple):
    """The fields of one form and the options that fill it."""

    form: str
    options: tuple[str, ...]
    fields: tuple[Field, ...]


def groups_of(kind: Kind) -> list[Group]:
    """The forms of a kind of step, in the order of its options."""
    options: dict[str, list[str]] = {}
    for option in OPTIONS[kind]:
        options.setdefault(FORMS[kind, option].__name__, []).append(option)
    return [Group(form, tuple(found), FIELDS[form]) for form, found in options.items()]


def read_back(kind: Kind, option: str, posted: Mapping[str, str]) -> dict[str, Any]:
    """The form an answer fills, from what a page posted; empty inputs and rows are left out."""
    form = FORMS.get((kind, option))
    if form is None:
        return {}
    filled: dict[str, Any] = {}
    for field in FIELDS[form.__name__]:
        value = value_of(field, f"{form.__name__}.{field.name}", posted)
        if value not in ("", [], {}, None):
            filled[field.name] = value
    return filled


def value_of(field: Field, name: str, posted: Mapping[str, str]) -> Any:
    """What was posted for one field."""
    match field.type:
        case "rows":
            rows = (row_of(field, f"{name}.{n}", posted) for n in range(field.rows))
            return [row for row in rows if any(value is not True and value for value in row.values())]
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


def row_of(field: Field, name: str, posted: Mapping[str, str]) -> dict[str, Any]:
    """One row of a repeated field; empty inputs are left out."""
    values = {part.name: value_of(part, f"{name}.{part.name}", posted) for part in field.fields}
    return {key: value for key, value in values.items() if value not in ("", False)}


def inputs_of(form: str, filled: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A filled form as input names and values, to show it again."""
    inputs: dict[str, str] = {}
    for name, value in filled.items():
        path = f"{prefix or form}.{name}"
        if isinstance(value, Mapping):
            inputs |= inputs_of(form, value, path)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for n, row in enumerate(value):
                inputs |= inputs_of(form, row, f"{path}.{n}")
        elif isinstance(value, list | tuple):
            inputs[path] = "\n".join(str(item) for item in value)
        else:
            inputs[path] = value.isoformat() if isinstance(value, date) else str(value)
    return inputs


def input_of(form: str, fault: Fault) -> str:
    """The name of the input that a fault is about."""
    return f"{form}.{fault.field}"
