"""A scenario: a request, and what the people asked and the coordinator do with it; a TOML file that names its faults."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr, ValidationError

from models.case import Step
from models.errors import Fault, Invalid, faults_of
from models.forms import read_form
from models.lines import faults_in
from models.message import Instant
from rehearsal.parts import SILENT, SUBJECTS, DatedAppointment, DatedDelegation, Part, PlannedAct, Reply
from store.appointments import id_of

OFFICE = "OFFICE"
DATA = Path(__file__).resolve().parent.parent / "data"
NOMINATION = re.compile(r"N[1-9][0-9]*")


class Scenario(Part):
    """A whole scenario; `request` is the path of the request's file, relative to the scenario."""

    title: str
    start: Instant | None = None
    request: str
    change: dict[str, Any] = {}
    default: Literal["prompt", "silent"] = "prompt"
    reply: tuple[Reply, ...] = ()
    act: tuple[PlannedAct, ...] = ()
    delegation: tuple[DatedDelegation, ...] = ()
    appointment: tuple[DatedAppointment, ...] = ()
    _file: Path | None = PrivateAttr(default=None)

    def reply_to(self, step: Step) -> Reply | None:
        """The first reply that fits a step and who answers it now; None where the default applies."""
        return next((reply for reply in self.reply if reply.fits(step, "", step.answering, *step.about)), None)

    def reply_from_above(self, step: Step) -> Reply | None:
        """The first reply named as given by the one a step was escalated to; silence where none is."""
        return next((reply for reply in self.reply if reply.fits(step, step.escalated_to)), None)

    def comes_from(self, file: Path) -> None:
        """Say which file it was read from."""
        self._file = file

    @contextmanager
    def faults_named(self) -> Iterator[None]:
        """Faults raised within name the file the scenario was read from, and the line."""
        if self._file is None:
            yield
            return
        with faults_in(self._file):
            yield


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
    scenario.comes_from(path)
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
    """Whoever replies is an institution of the reference data that comes along, a post of it, the office, or a nomination."""
    posts = {id_of(one.institution, one.rank, one.starts) for one in scenario.appointment}
    posts |= {f"{row['institution']}/{row['rank']}" for row in _rows("contacts.csv")}
    institutions = {row["code"] for row in _rows("institutions.csv")}
    known = {
        "",
        office,
        f"{office}/supervisor",
        *SUBJECTS,
        *institutions,
        *posts,
        *(delegation.to for delegation in scenario.delegation),
    }
    return [
        Fault(field=f"reply.{n}.by", code="unknown", text=f"unknown value {reply.by!r}", facts={"value": reply.by})
        for n, reply in enumerate(scenario.reply)
        if reply.by not in known and not NOMINATION.fullmatch(reply.by)
    ]


def _rows(name: str) -> list[dict[str, str]]:
    """The rows of a file of the reference data."""
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


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
