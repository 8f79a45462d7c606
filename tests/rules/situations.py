"""Calendars, programmes, cases and answers as the rules meet them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path

from models.calendar import Calendar
from models.case import Answer, Case, Facts, Nominee, Step
from models.programme import Anchor, Limit, Programme, StepRule, Unit, load_programme
from models.request import Asked, Period
from models.schedule import Schedule, Wanted, compute
from models.words import Format, Kind, Lapse, State

PROGRAMME = Path(__file__).parents[2] / "programmes" / "amedip.toml"
MONDAY = datetime(2027, 1, 4, 10, tzinfo=UTC)
SENEGAL = Calendar(country="SN", zone="Africa/Dakar", weekend=(5, 6))
EGYPT = Calendar(country="EG", zone="Africa/Cairo", weekend=(4, 5))
FRANCE = Calendar(country="FR", zone="Europe/Paris", weekend=(5, 6))
MOROCCO = Calendar(country="MA", zone="Africa/Casablanca", weekend=(5, 6))


@cache
def amedip() -> Programme:
    """The rules of the programme in the tree."""
    return load_programme(PROGRAMME)


def limit(value: int, unit: Unit = Unit.WORKING_DAYS, anchor: Anchor = Anchor.OPENING, at_least: int = 0) -> Limit:
    """A length of time."""
    return Limit(value=value, unit=unit, anchor=anchor, at_least=at_least)


def a_rule(length: Limit, *, grace: int = 0, grace_escalated: int = 0, before_visit: bool = False) -> StepRule:
    """A step's rule with the reminders that most steps have."""
    return StepRule(
        limit=length,
        grace=grace,
        grace_escalated=grace_escalated,
        lapse=Lapse.ESCALATE,
        remind_before=(5, 2, 0),
        remind_after=(2,),
        alert_after=(5,),
        before_visit=before_visit,
    )


def wanted(
    rule: StepRule,
    opened: datetime = MONDAY,
    *,
    visit: date | None = None,
    old: Schedule | None = None,
    added_days: int = 0,
    stopped: datetime | None = None,
    escalated: bool = False,
) -> Wanted:
    """A schedule to compute, with the usual hours."""
    return Wanted(
        step="step",
        rule=rule,
        country="SN",
        opened=opened,
        closing_time=time(17),
        reminder_time=time(9),
        visit_start=visit,
        old=old,
        added_days=added_days,
        stopped=stopped,
        escalated=escalated,
    )


def a_step(kind: Kind, asked: str = "SN-POSTE", *, round: int = 1, about: tuple[str, ...] = (), paper: str = "") -> Step:
    """An open step with the schedule its rule gives in Senegal."""
    schedule = compute(wanted(amedip().step(kind)), SENEGAL)
    return Step(
        id=f"{kind}-1",
        kind=kind,
        round=round,
        asked=asked,
        country="SN",
        about=about,
        paper=paper,
        opened=MONDAY,
        schedule=schedule,
        state=State.OPEN,
    )


def a_case(*steps: Step, format: Format = Format.STUDY_VISIT) -> Case:
    """An exchange asked for by the Senegalese post, three places, four days in April or May 2027."""
    asked = Asked(
        request="0" * 64,
        format=format,
        requesting="SN-POSTE",
        language="fr",
        theme="remittances.formal",
        level="bilateral",
        preferred=("MA-POSTE",),
        places=3,
        duration_days=4,
        periods=(
            Period(earliest=date(2027, 5, 3), latest=date(2027, 5, 28)),
            Period(earliest=date(2027, 6, 7), latest=date(2027, 6, 11)),
        ),
    )
    return Case(id="AMEDIP-2027-0001", programme="amedip", asked=asked, opened=MONDAY, clock=MONDAY, steps=list(steps))


def an_answer(
    step: Step,
    option: str,
    *,
    by: str = "",
    on_behalf_of: str = "",
    proof: str = "",
    paper: str = "",
    received: datetime = MONDAY,
    response: str = "R-00000001",
    facts: Facts | None = None,
) -> Answer:
    """An answer of the one asked, when not said otherwise."""
    return Answer(
        response=response,
        step=step.id,
        option=option,
        by=by or step.asked,
        on_behalf_of=on_behalf_of,
        proof=proof,
        paper=paper or step.paper,
        received=received,
        facts=facts or Facts(),
    )


def nominees(*institutions: str, substitute: str = "") -> tuple[Nominee, ...]:
    """One nominee of each institution, in order, and perhaps a substitute."""
    named = [Nominee(person=f"p-{n}", institution=code, country=code[:2]) for n, code in enumerate(institutions, start=1)]
    if substitute:
        named.append(Nominee(person="p-substitute", institution=substitute, country=substitute[:2], substitute=True))
    return tuple(named)
