"""The errors Passerelle raises on purpose.

::

    PasserelleError
    ├── Refused            the question cannot be answered so: says why and what stands
    ├── Invalid            a request, form or file breaks rules: every fault, each named by field
    ├── WrongSetting       a setting stops the start
    ├── Unreachable        a part of the system (Temporal, database, mail server) cannot be reached
    ├── NewerProcedure     a case follows a version of the procedure that this code does not know yet
    └── Missing            what was asked for does not exist
        └── Erased         it was there, and was erased with the data of a person
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails


class Fault(BaseModel):
    """One broken rule: the field's dotted path, a code of the vocabulary, its facts, and the sentence in English."""

    model_config = ConfigDict(frozen=True)

    field: str
    code: str
    text: str
    facts: dict[str, str] = {}


class PasserelleError(Exception):
    """Root of every error raised on purpose."""

    exit_code: ClassVar[int] = 1


class Refused(PasserelleError):
    """What was said cannot be taken: `code` for machines, the sentence for people, `facts` with what stands."""

    def __init__(self, code: str, text: str, **facts: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.facts: Mapping[str, str] = facts


class Invalid(PasserelleError):
    """Input that breaks rules; carries every fault, `source` names the file or form, a fault's fact `line` the line in it."""

    def __init__(self, faults: Sequence[Fault], source: str = "") -> None:
        super().__init__("\n".join(_sentence(fault, source) for fault in faults))
        self.faults = tuple(faults)
        self.source = source


def _sentence(fault: Fault, source: str) -> str:
    if not source:
        return f"{fault.field}: {fault.text}"
    if "line" in fault.facts:
        return f"{source}, line {fault.facts['line']}, {fault.field}: {fault.text}"
    return f"{source}: {fault.field}: {fault.text}"


class WrongSetting(PasserelleError):
    """A setting that stops the start, named in the message."""

    exit_code = 2


class Unreachable(PasserelleError):
    """A part of the system cannot be reached now; nothing was lost."""

    exit_code = 3


class NewerProcedure(PasserelleError):
    """A case follows a version of the procedure that this code does not know: it waits for a newer worker."""


class Missing(PasserelleError):
    """A case, step, institution or content that does not exist."""


class Erased(Missing):
    """A content that was kept and has been erased with the data of a person; neither lost nor damaged."""


OWN_CODES = ("reversed", "out_of_range")
PYDANTIC_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown",
    "enum": "unknown",
    "literal_error": "unknown",
    "date_from_datetime_parsing": "not_a_date",
    "date_from_datetime_inexact": "not_a_date",
    "date_parsing": "not_a_date",
    "date_type": "not_a_date",
    "int_parsing": "not_a_number",
    "int_parsing_size": "not_a_number",
    "int_from_float": "not_a_number",
    "int_type": "not_a_number",
    "float_parsing": "not_a_number",
    "string_too_long": "too_long",
    "string_too_short": "required",
    "too_short": "too_few",
    "too_long": "too_many",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "greater_than": "out_of_range",
    "less_than": "out_of_range",
}


def faults_of(error: ValidationError) -> list[Fault]:
    """Pydantic's errors as faults by dotted field path, with the facts that the vocabulary's sentences name.

    A list is not called too short because its entries are faulty.
    """
    faults: list[Fault] = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or "form"
        code = PYDANTIC_CODES.get(item["type"], item["type"] if item["type"] in OWN_CODES else "invalid")
        faults.append(Fault(field=field, code=code, text=item["msg"], facts=_facts_of(item)))
    inside = tuple(fault.field for fault in faults)
    return [f for f in faults if f.code != "too_few" or not any(field.startswith(f"{f.field}.") for field in inside)]


def _facts_of(item: ErrorDetails) -> dict[str, str]:
    context = item.get("ctx", {})
    named = {"limit": ("max_length", "min_length"), "low": ("ge", "gt"), "high": ("le", "lt")}
    facts = {name: str(context[key]) for name, keys in named.items() for key in keys if key in context}
    return facts | ({"value": str(item["input"])[:100]} if PYDANTIC_CODES.get(item["type"]) == "unknown" else {})
