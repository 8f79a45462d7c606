"""The activities of a case kept in memory: real schedules in the real calendars, an inbox, copies; letters and papers unset."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from typing import Any

from temporalio import activity
from temporalio.common import RawValue

from activities import names
from activities.deadlines import YEARS_AHEAD, cldr_weekend, public_holidays
from models.calendar import Calendar
from models.case import Answer, Candidate, Case, RunDigest, Transition
from models.orders import (
    Answers,
    AtInstant,
    CandidateOrder,
    Candidates,
    DayAt,
    DocumentOrder,
    FocalPoint,
    FocalPointOrder,
    InTime,
    Issued,
    IssuedPaper,
    Reached,
    RunOrder,
    ScheduleOrder,
    Schedules,
)
from models.schedule import compute
from rehearsal.scenario import DATA
from store.seed import WEEKDAYS

HOSTS = ("MA-POSTE", "TN-OTE", "DZ-MAE", "EG-MOM", "CV-MDC", "LB-MFA")
"""Who may host or provide, best first; six countries with three weekends and six time zones among them."""

NO_FOCAL_POINT = "CV"
"""A country without a national focal point: its questions move up to the programme's office."""


@cache
def countries() -> dict[str, tuple[str, tuple[int, ...]]]:
    """Time zone and weekend of each country."""
    with (DATA / "countries.csv").open(encoding="utf-8") as file:
        return {
            row["iso2"]: (row["timezone"], tuple(WEEKDAYS.index(day) for day in row["weekend"].split(";")))
            for row in csv.DictReader(file)
        }


@cache
def focal_points() -> dict[str, str]:
    """The institution that speaks for each country."""
    with (DATA / "focal_points.csv").open(encoding="utf-8") as file:
        return {row["country"]: row["institution"] for row in csv.DictReader(file) if row["country"] != NO_FOCAL_POINT}


@cache
def calendar(iso2: str, year: int) -> Calendar:
    """The working days of a country around a year, as the real activity puts them together without edited days."""
    zone, weekend = countries()[iso2]
    years = range(year - 1, year + YEARS_AHEAD + 1)
    days_off = frozenset[date]().union(*(public_holidays(iso2, year) for year in years))
    return Calendar(country=iso2, zone=zone, weekend=weekend or cldr_weekend(iso2), days_off=days_off)


class Light:
    """What a case touches while it is played: everything it said, asked for and was told."""

    def __init__(self) -> None:
        self.received: dict[str, Answer] = {}
        self.told: dict[str, str] = {}
        self.published: dict[str, Any] = {}
        self.said: dict[int, dict[str, Any]] = {}
        self.letters: dict[int, dict[str, Any]] = {}
        self.runs: list[str] = []
        self._case: Case | None = None

    def activities(self) -> list[Callable[..., Any]]:
        """What the procedure can order."""
        return [
            self.schedule,
            self.instant,
            self.publish,
            self.in_time,
            self.candidates,
            self.focal_point,
            self.issue,
            self.keep_run,
        ]

    def waiting(self) -> list[Answer]:
        """Answers received and not yet told, in the order of their receipt."""
        return sorted((a for a in self.received.values() if a.response not in self.told), key=lambda a: a.received)

    @activity.defn(name=names.SCHEDULE)
    async def schedule(self, order: ScheduleOrder) -> Schedules:
        """Real schedules."""
        return Schedules(schedules=tuple(compute(w, calendar(w.country, w.opened.year)) for w in order.wanted))

    @activity.defn(name=names.INSTANT)
    async def instant(self, order: DayAt) -> AtInstant:
        """A real instant."""
        return AtInstant(at=calendar(order.country, order.day.year).at(order.day, order.clock))

    @activity.defn(name=names.PUBLISH)
    async def publish(self, raw: RawValue) -> None:
        """Keep the copy, what was said, and the letters: as they come, for most of a publication is never looked at."""
        publication = json.loads(raw.payload.data)
        self.published, self._case = publication["case"], None
        reached = Reached.model_validate(publication.get("reached", {}))
        self.said = {seq: said for seq, said in self.said.items() if seq <= reached.seq}
        self.said |= {said["seq"]: said for said in self.published.get("said", ())}
        self.letters = {number: letter for number, letter in self.letters.items() if number <= reached.posted}
        self.letters |= {letter["number"]: letter for letter in publication.get("letters", ())}

    @property
    def case(self) -> Case:
        """The case as last published."""
        if self._case is None:
            self._case = Case.model_validate(self.published)
        return self._case

    @property
    def timeline(self) -> list[Transition]:
        """What happened, in order."""
        return [Transition.model_validate(said) for _, said in sorted(self.said.items())]

    @activity.defn(name=names.IN_TIME)
    async def in_time(self, order: InTime) -> Answers:
        """What the inbox holds of a step, received by its closing instant."""
        found = [a for a in self.waiting() if a.step == order.step and a.received <= order.closes]
        return Answers(answers=tuple(found))

    @activity.defn(name=names.CANDIDATES)
    async def candidates(self, order: CandidateOrder) -> Candidates:
        """The fixed table, without the one who asks."""
        ranked = [code for code in HOSTS if code != order.asked.requesting][: order.most]
        return Candidates(candidates=tuple(Candidate(institution=code, score=100 - n) for n, code in enumerate(ranked)))

    @activity.defn(name=names.FOCAL_POINT)
    async def focal_point(self, order: FocalPointOrder) -> FocalPoint:
        """The real table, one country left out."""
        return FocalPoint(institution=focal_points().get(order.country, ""))

    @activity.defn(name=names.ISSUE)
    async def issue(self, order: DocumentOrder) -> Issued:
        """One paper a draft, none of them set."""
        return Issued(
            papers=tuple(
                IssuedPaper(kind=draft.kind, language="en", sha256=digest(order.at, draft.model_dump_json()), about=draft.about)
                for draft in order.drafts
            )
        )

    @activity.defn(name=names.KEEP_RUN)
    async def keep_run(self, order: RunOrder) -> RunDigest:
        """The run's id alone is kept."""
        if order.run_id not in self.runs:
            self.runs.append(order.run_id)
        return RunDigest(run_id=order.run_id, events=1, sha256=digest(order.run_id))


def digest(*parts: str | datetime) -> str:
    """A sha256 that stands for a content."""
    return sha256("|".join(str(part) for part in parts).encode()).hexdigest()
