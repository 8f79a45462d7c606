"""A scenario: a request, and what the people asked and the coordinator do with it; a TOML file that names its faults."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from models import rules
from models.acts import Doing
from models.case import Step
from models.errors import Fault, Invalid, faults_of
from models.forms import read_form
from models.lines import faults_in
from models.message import Instant
from models.words import OPTIONS, Kind, Verb

SILENT = "silent"
SUBJECTS = (rules.BUDGET, rules.POSTPONE)
"""What a reply to a decision other than the one on the request is about, named as `by`."""

OFFICE = "OFFICE"
DATA = Path(__file__).resolve().parent.parent / "data"
NOMINATION = re.compile(r"N[1-9][0-9]*")
ISO_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def duration(text: object) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    found = ISO_DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or text in ("P", "PT") or str(text).endswith("T"):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as P2D or PT4H")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(duration)]


class Part(BaseModel):
    """A piece of a scenario; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reply(Part):
    """What is answered when such a step opens; `by` (asked, or the one it is about) and `round` narrow it.

    `by` the one a step was escalated to, such as OFFICE/supervisor, answers after the escalation. `form` replaces fields of a
    plausible form.
    """

    step: Kind
    by: str = ""
    round: int = 0
    after: Duration = timedelta(days=1)
    answer: str
    form: dict[str, Any] = {}

    @model_validator(mode="after")
    def _an_option(self) -> Reply:
        if self.answer != SILENT and self.answer not in OPTIONS[self.step]:
            raise ValueError(f"answer {self.answer!r} is not an option of {self.step}: {', '.join(OPTIONS[self.step])} or silent")
        return self


class Arguments(Part):
    """What an act is done with: a step (else the open one of the kind that `on` names), working days of an extension, a reason."""

    step: str = ""
    working_days: int = Field(default=0, ge=1, le=60)
    reason: str = ""


class CoordinatorAct(Part):
    """What the coordinator does: at an instant, or some time after an event such as `nomination.opened`."""

    on: str = ""
    at: Instant | None = None
    after: Duration = timedelta(0)
    do: Doing
    arguments: Arguments = Field(default=Arguments(), alias="with")

    @model_validator(mode="after")
    def _when(self) -> CoordinatorAct:
        if self.do is not Doing.RESUME and not self.arguments.reason:
            raise ValueError(f"{self.do} needs a reason: with = {{ reason = ... }}")
        if (self.do is Doing.EXTEND) != bool(self.arguments.working_days):
            raise ValueError("extend, and nothing else, needs how long: with = { working_days = ... }")
        if bool(self.on) == (self.at is not None):
            raise ValueError("an act needs either `on` or `at`")
        if self.on:
            kind, _, verb = self.on.partition(".")
            if kind not in list(Kind) or verb not in list(Verb):
                raise ValueError(f"on = {self.on!r} is not a step kind and what happened to it, such as nomination.opened")
        return self


class Scenario(Part):
    """A whole scenario; `request` is the path of the request's file, relative to the scenario."""

    title: str
    start: Instant | None = None
    request: str
    change: dict[str, Any] = {}
    default: Literal["prompt", "silent"] = "prompt"
    reply: tuple[Reply, ...] = ()
    act: tuple[CoordinatorAct, ...] = ()

    def reply_to(self, step: Step) -> Reply | None:
        """The first reply that fits a step; None where the default applies."""
        for reply in self.reply:
            if reply.step is step.kind and reply.by in ("", step.asked, *step.about) and reply.round in (0, step.round):
                return reply
        return None

    def reply_from_above(self, step: Step) -> Reply | None:
        """The first reply named as given by the one a step was escalated to; silence where none is."""
        for reply in self.reply:
            if reply.step is step.kind and reply.by == step.escalated_to and reply.round in (0, step.round):
                return reply
        return None


def load_toml(path: Path) -> dict[str, Any]:
    """The parsed file.

    Raises:
        Invalid: it cannot be read or is not TOML; names file and line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid([Fault(field="file", code="required", text=error.strerror or str(error))], source=str(path)) from error
    except ValueError as error:
        raise Invalid([Fault(field="file", code="invalid", text=str(error))], source=str(path)) from error


def load_scenario(path: Path, office: str = OFFICE) -> tuple[Scenario, dict[str, Any]]:
    """A scenario and the data of its request, with the scenario's changes; `office` is the code of the programme's office.

    Raises:
        Invalid: the scenario or its request is malformed; names file, line and field.
    """
    data = load_toml(path)
    with faults_in(path):
        try:
            scenario = Scenario.model_validate(data)
        except ValidationError as error:
            raise Invalid(faults_of(error)) from error
        faults = [*_time_faults(scenario, datetime.now(UTC)), *_party_faults(scenario, office), *_form_faults(scenario)]
        if faults:
            raise Invalid(faults)
    request = load_toml(path.parent / scenario.request)
    return scenario, request | scenario.change


def _time_faults(scenario: Scenario, now: datetime) -> list[Fault]:
    """Skipped time only runs forward: nothing can be played before now."""
    if scenario.start is None:
        return []
    faults = [] if scenario.start > now else [Fault(field="start", code="invalid", text=f"{scenario.start} is past")]
    for n, act in enumerate(scenario.act):
        if act.at is not None and act.at < scenario.start:
            faults.append(Fault(field=f"act.{n}.at", code="invalid", text=f"{act.at} is before the start, {scenario.start}"))
    return faults


def _party_faults(scenario: Scenario, office: str) -> list[Fault]:
    """Whoever replies is an institution of the reference data that comes along, the office, its supervisor, or a nomination."""
    with (DATA / "institutions.csv").open(encoding="utf-8-sig", newline="") as file:
        known = {row["code"] for row in csv.DictReader(file)} | {"", office, f"{office}/supervisor", *SUBJECTS}
    return [
        Fault(field=f"reply.{n}.by", code="unknown", text=f"unknown value {reply.by!r}", facts={"value": reply.by})
        for n, reply in enumerate(scenario.reply)
        if reply.by not in known and not NOMINATION.fullmatch(reply.by)
    ]


def _form_faults(scenario: Scenario) -> list[Fault]:
    """What is wrong in the forms of replies; a field that is not there is filled in plausibly."""
    faults = []
    for n, reply in enumerate(scenario.reply):
        if reply.answer == SILENT or not reply.form:
            continue
        try:
            read_form(reply.step, reply.answer, reply.form)
        except Invalid as invalid:
            wrong = [fault for fault in invalid.faults if fault.field.partition(".")[0] in reply.form]
            faults += [fault.model_copy(update={"field": f"reply.{n}.form.{fault.field}"}) for fault in wrong]
    return faults


def at_monday(now: datetime) -> datetime:
    """The Monday after an instant, 09:00 UTC."""
    day = now + timedelta(days=7 - now.weekday())
    return day.replace(hour=9, minute=0, second=0, microsecond=0)


def merged(form: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A form with some of its fields replaced."""
    return {**form, **changes}
