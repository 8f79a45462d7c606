"""The rules of a programme, as its TOML file states them and as each case carries them along."""

from __future__ import annotations

import tomllib
from datetime import time
from enum import StrEnum
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import Fault, Invalid, faults_of
from models.words import LANGUAGES, Kind, Lapse, country_of


class Rule(BaseModel):
    """A frozen piece of a programme; unknown keys are faults of the file, dropped ones of history."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Unit(StrEnum):
    """What a limit counts."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WEEKS = "weeks"
    MONTHS = "months"


class Anchor(StrEnum):
    """What a limit counts from: forward from the opening or the visit's end, back from the visit's start."""

    OPENING = "opening"
    VISIT_START = "visit_start"
    VISIT_END = "visit_end"


class Limit(Rule):
    """A length of time with its unit; `at_least` working days are given even when a visit is near."""

    value: int = Field(ge=0)
    unit: Unit
    anchor: Anchor = Anchor.OPENING
    at_least: int = 0


class StepRule(Rule):
    """How long a kind of step stays open and what follows from silence.

    `grace` and `grace_escalated` are working days between the due date and the closing; an answer in between is late. With `code`
    a link alone opens nothing: a code sent to the same mailbox is needed too.
    """

    limit: Limit
    grace: int = 0
    grace_escalated: int = 0
    lapse: Lapse
    remind_before: tuple[int, ...] = ()
    remind_after: tuple[int, ...] = ()
    alert_after: tuple[int, ...] = ()
    before_visit: bool = False
    code: bool = False


class Office(Rule):
    """The programme's own office: it coordinates, decides and is reminded like everybody."""

    code: str
    country: str
    zone: str
    language: str
    mailbox: str
    supervisor_mailbox: str
    name: dict[str, str]


class RequestRules(Rule):
    """What a request may ask."""

    lead_weeks: int
    periods_max: int
    duration_min_days: int
    duration_max_days: int
    places_max: int
    places_per_country: int
    currencies: tuple[str, ...]
    corrections_max: int


class Consultee(Rule):
    """An institution asked before the decision; a veto rejects."""

    institution: str
    veto: bool = False


class DecisionRules(Rule):
    """Criteria with their weights, scored 0–5; the total is out of 100."""

    weights: dict[str, int]
    threshold: int
    defers_max: int


class CallRules(Rule):
    """How hosts are called: how many first, how many more when the call is widened once, how many side by side."""

    first: int
    widened: int
    at_once: int = Field(default=1, ge=1)


class NominationRules(Rule):
    """How long nominees are replaced: calendar days before the visit; later with the host's consent. 0: until the visit."""

    cut_off_days: int = 0


class RescheduleRules(Rule):
    """The approvals that depend on dates: asked for again when the dates change."""

    reopens: tuple[Kind, ...] = (Kind.HOST_AGREEMENT, Kind.TRAVEL, Kind.AGENDA)


class MoreTimeRules(Rule):
    """What the asked get by themselves: working days at a time and how often; anything more is the coordinator's choice."""

    working_days: int = 0
    times: int = 0


class PatienceRules(Rule):
    """Calendar days after which the coordinator is reminded of a case on hold; lapses in a row that make an institution dormant.

    0 switches either off.
    """

    hold_review_days: int = 0
    dormant_after: int = 0


class ReportRules(Rule):
    """How often a report may be returned."""

    returns_max: int


class FollowUpRules(Rule):
    """Months after the visit at which the transfer is followed up."""

    months: tuple[int, ...]


class Programme(Rule):
    """All the rules of one programme."""

    code: str
    number: str
    name: dict[str, str]
    closing_time: time
    reminder_time: time
    office: Office
    request: RequestRules
    consultees: tuple[Consultee, ...] = ()
    decision: DecisionRules
    call: CallRules
    report: ReportRules
    follow_up: FollowUpRules
    steps: dict[Kind, StepRule]
    nomination: NominationRules = NominationRules()
    reschedule: RescheduleRules = RescheduleRules()
    more_time: MoreTimeRules = MoreTimeRules()
    patience: PatienceRules = PatienceRules()

    def step(self, kind: Kind) -> StepRule:
        """The rule of a kind of step."""
        return self.steps[kind]

    def country_of(self, code: str) -> str:
        """The country whose working days somebody asked follows: an institution's own, the office's as the programme sets it."""
        return self.office.country if code == self.office.code else country_of(code)


def load_programme(path: Path) -> Programme:
    """Read a programme's rules from its TOML file.

    Raises:
        Invalid: the file is not TOML, or a rule is missing, wrong or not one of ours; names file and field.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        programme = Programme.model_validate(data, extra="forbid")
    except tomllib.TOMLDecodeError as error:
        raise Invalid([Fault(field="file", code="invalid", text=str(error))], source=path.name) from error
    except ValidationError as error:
        raise Invalid(faults_of(error), source=path.name) from error
    faults = _faults(programme)
    if faults:
        raise Invalid(faults, source=path.name)
    return programme


def _faults(programme: Programme) -> list[Fault]:
    """What is missing for every case and letter of the programme to find its rule and its words."""
    faults = [
        Fault(field=f"steps.{kind}", code="required", text="this kind of step has no rule")
        for kind in Kind
        if kind not in programme.steps
    ]
    for field, names in (("name", programme.name), ("office.name", programme.office.name)):
        for language in LANGUAGES:
            if not names.get(language):
                faults.append(Fault(field=f"{field}.{language}", code="required", text="this language has no name"))
    office = programme.office
    if office.language not in LANGUAGES:
        faults.append(Fault(field="office.language", code="unknown", text=f"unknown value {office.language!r}"))
    if office.zone not in available_timezones():
        faults.append(Fault(field="office.zone", code="unknown", text=f"unknown value {office.zone!r}"))
    total = sum(programme.decision.weights.values())
    if total != 100:
        faults.append(Fault(field="decision.weights", code="invalid", text=f"the weights add up to {total}, not to 100"))
    return faults
