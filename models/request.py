"""A request for an exchange: what the requesting institution files, and every rule it must meet."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import Fault, Invalid, faults_of
from models.message import Message, Printable
from models.programme import Programme
from models.words import LANGUAGES, Format

Line = Annotated[str, Field(max_length=4000)]
LEVELS = ("national", "bilateral", "regional", "inter-regional")


class Period(Message):
    """A stretch of days within which the whole visit must fall."""

    earliest: date
    latest: date


class Budget(BaseModel):
    """The ceiling of what the exchange may cost, in whole or decimal units of a currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ceiling: Decimal
    currency: str


class Request(Printable):
    """The request form as filed; its texts stay in the content store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str = Field(min_length=1, max_length=100)
    programme: str
    format: Format
    requesting_institution: str
    language: str
    theme: str
    level: str
    title: str = Field(min_length=1, max_length=300)
    expertise_sought: str = Field(min_length=1, max_length=4000)
    objectives: tuple[Line, ...] = Field(min_length=1, max_length=20)
    expected_results: tuple[Line, ...] = Field(min_length=1, max_length=20)
    preferred_hosts: tuple[str, ...] = Field(default=(), max_length=10)
    legal_basis: str = Field(default="", max_length=500)
    places: int
    duration_days: int
    periods: tuple[Period, ...] = Field(min_length=1, max_length=20)
    budget: Budget


class Asked(Message):
    """What the procedure needs of a request: codes, figures and dates, no text; `ceiling` in whole units of the currency."""

    request: str
    format: Format
    requesting: str
    language: str
    theme: str
    level: str
    preferred: tuple[str, ...] = ()
    places: int
    duration_days: int
    periods: tuple[Period, ...]
    ceiling: int = 0


class Known(Message):
    """The reference data a request is checked against: institution code to kind, themes."""

    institutions: Mapping[str, str]
    themes: frozenset[str]


def read_request(data: Mapping[str, Any], source: str = "") -> Request:
    """The request in a parsed file or form.

    Raises:
        Invalid: every fault, by field.
    """
    try:
        return Request.model_validate(data)
    except ValidationError as error:
        raise Invalid(faults_of(error), source=source) from error


def sound_request(
    data: Mapping[str, Any], programmes: Mapping[str, Programme], known: Known, today: date, source: str = ""
) -> Request:
    """The request in a parsed file or form, checked against the rules of its programme; of the only one where it names another.

    Raises:
        Invalid: every fault of form and every broken rule, by field, at once.
    """
    request, faults = _mended(data)
    if request is not None:
        programme = programmes.get(request.programme) or (next(iter(programmes.values())) if len(programmes) == 1 else None)
        rules = _rule_faults(request, programme, known, today)
        faults += [fault for fault in rules if not any(_touch(fault.field, other.field) for other in faults)]
    if faults:
        raise Invalid(faults, source)
    assert request is not None
    return request


def check_request(request: Request, programme: Programme, known: Known, today: date) -> None:
    """Refuse a request that breaks a rule of the programme, with every fault named at once.

    Raises:
        Invalid: every fault, by field.
    """
    faults = _rule_faults(request, programme, known, today)
    if faults:
        raise Invalid(faults)


STAND_INS: Mapping[str, Any] = {
    **dict.fromkeys(("reference", "programme", "requesting_institution", "language", "theme", "level", "title"), "-"),
    **dict.fromkeys(("expertise_sought", "objectives.*", "expected_results.*", "preferred_hosts.*", "budget.currency"), "-"),
    **dict.fromkeys(("objectives", "expected_results"), ("-",)),
    **dict.fromkeys(("places", "duration_days", "budget.ceiling"), 1),
    **dict.fromkeys(("periods.*.earliest", "periods.*.latest"), date.max),
    "format": Format.STUDY_VISIT,
    "preferred_hosts": (),
    "legal_basis": "",
    "periods": ({"earliest": date.max, "latest": date.max},),
    "periods.*": {"earliest": date.max, "latest": date.max},
    "budget": {"ceiling": 1, "currency": "-"},
}
"""What stands in for a field that cannot be read, so that the rules are checked on all others."""


def _mended(data: Mapping[str, Any]) -> tuple[Request | None, list[Fault]]:
    """The request with a stand-in for every field that cannot be read, and the faults of those; no request where none can be."""
    try:
        return Request.model_validate(data), []
    except ValidationError as error:
        mended: Any = deepcopy(dict(data))
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            _stand_in(mended, item["loc"])
        faults = faults_of(error)
    try:
        return Request.model_validate(mended), faults
    except ValidationError:
        return None, faults


def _stand_in(mended: Any, place: tuple[int | str, ...]) -> None:
    """Put a stand-in at a place; what no field is for is taken out."""
    *above, last = place
    for part in above:
        mended = mended[part]
    name = ".".join("*" if isinstance(part, int) else part for part in place)
    if name in STAND_INS:
        mended[last] = STAND_INS[name]
    else:
        del mended[last]


def _touch(field: str, other: str) -> bool:
    """Whether two fields are the same, or one is within the other."""
    return f"{field}.".startswith(f"{other}.") or f"{other}.".startswith(f"{field}.")


def _rule_faults(request: Request, programme: Programme | None, known: Known, today: date) -> list[Fault]:
    """The broken rules; without a programme those that hold in any."""
    if programme is None:
        return [_unknown("programme", request.programme), *_known_faults(request, known)]
    faults = [] if request.programme == programme.code else [_unknown("programme", request.programme)]
    if request.budget.currency not in programme.request.currencies:
        faults.append(_unknown("budget.currency", request.budget.currency))
    return [
        *faults,
        *_known_faults(request, known),
        *_size_faults(request, programme),
        *_period_faults(request, programme, today),
    ]


def _known_faults(request: Request, known: Known) -> list[Fault]:
    faults = []
    if request.requesting_institution not in known.institutions:
        faults.append(_unknown("requesting_institution", request.requesting_institution))
    for n, host in enumerate(request.preferred_hosts):
        if host not in known.institutions:
            faults.append(_unknown(f"preferred_hosts.{n}", host))
        elif host == request.requesting_institution:
            faults.append(Fault(field=f"preferred_hosts.{n}", code="same", text="the host cannot be the requesting institution"))
        elif host in request.preferred_hosts[:n]:
            faults.append(Fault(field=f"preferred_hosts.{n}", code="same", text=f"{host} is named twice"))
    if request.theme not in known.themes:
        faults.append(_unknown("theme", request.theme))
    if request.level not in LEVELS:
        faults.append(_unknown("level", request.level))
    if request.language not in LANGUAGES:
        faults.append(_unknown("language", request.language))
    return faults


def _unknown(field: str, value: str) -> Fault:
    return Fault(field=field, code="unknown", text=f"unknown value {value!r}", facts={"value": value})


def _size_faults(request: Request, programme: Programme) -> list[Fault]:
    rules = programme.request
    places = min(rules.places_max, rules.places_per_country)
    faults = [
        *_range_fault("places", request.places, 1, places),
        *_range_fault("duration_days", request.duration_days, rules.duration_min_days, rules.duration_max_days),
    ]
    if not request.budget.ceiling.is_finite() or request.budget.ceiling <= 0:
        faults.append(
            Fault(
                field="budget.ceiling",
                code="out_of_range",
                text="the ceiling must be above 0",
                facts={"low": "0", "high": ""},
            )
        )
    if len(request.periods) > rules.periods_max:
        text = f"at most {rules.periods_max} periods"
        faults.append(Fault(field="periods", code="too_many", text=text, facts={"limit": str(rules.periods_max)}))
    return faults


def _range_fault(field: str, value: int, low: int, high: int) -> list[Fault]:
    if low <= value <= high:
        return []
    return [
        Fault(
            field=field,
            code="out_of_range",
            text=f"must be {low} to {high}, is {value}",
            facts={"low": str(low), "high": str(high)},
        )
    ]


def _period_faults(request: Request, programme: Programme, today: date) -> list[Fault]:
    faults = []
    first = earliest_start(programme, today)
    for n, period in enumerate(request.periods):
        if period.latest < period.earliest:
            text = f"the period ends ({period.latest}) before it begins ({period.earliest})"
            faults.append(Fault(field=f"periods.{n}", code="reversed", text=text))
        elif (period.latest - period.earliest).days + 1 < request.duration_days:
            text = f"the period is shorter than the visit of {request.duration_days} days"
            faults.append(Fault(field=f"periods.{n}", code="too_short", text=text))
        elif period.latest - timedelta(days=max(request.duration_days, 1) - 1) < first:
            text = f"inside the lead time of {programme.request.lead_weeks} weeks: the visit cannot begin before {first}"
            faults.append(Fault(field=f"periods.{n}", code="lead_time", text=text, facts={"first": first.isoformat()}))
    return faults


def earliest_start(programme: Programme, launched: date) -> date:
    """The first day on which a visit asked for that day may begin."""
    return launched + timedelta(weeks=programme.request.lead_weeks)


def fits(asked: Asked, start: date, first: date) -> bool:
    """Whether a visit beginning on `start` lies within one of the periods and not before `first`."""
    end = visit_end(asked, start)
    return start >= first and any(p.earliest <= start and end <= p.latest for p in asked.periods)


def visit_end(asked: Asked, start: date) -> date:
    """The last day of a visit that begins on `start`."""
    return start + timedelta(days=asked.duration_days - 1)


def asked_of(request: Request, sha256: str) -> Asked:
    """What the procedure needs of a request stored under `sha256`."""
    return Asked(
        request=sha256,
        format=request.format,
        requesting=request.requesting_institution,
        language=request.language,
        theme=request.theme,
        level=request.level,
        preferred=request.preferred_hosts,
        places=request.places,
        duration_days=request.duration_days,
        periods=request.periods,
        ceiling=int(request.budget.ceiling),
    )
