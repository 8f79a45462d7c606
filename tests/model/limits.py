"""The reference's own working time: when a step is due, when its reminders leave and when it closes, told from the rules in words.

Nothing here comes from the code under test: countries are read from the reference data, holidays from the holidays package, limits
from the programme's file. Sources: Regulation 1182/71; a limit ends at the closing time of the one asked; the day of the event does
not count; a limit in days off runs to the end of the next working day, one counted back to the end of the working day before.
"""

from __future__ import annotations

import calendar
import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays

DATA = Path(__file__).resolve().parents[2] / "data"
DAY = timedelta(days=1)
NAMES_OF_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Rules = dict[str, Any]
"""A programme's file as it is read."""


@cache
def zone_and_weekend(country: str) -> tuple[ZoneInfo, tuple[int, ...]]:
    """Where a country's clocks are, and the days it rests (Monday is 0)."""
    with (DATA / "countries.csv").open(encoding="utf-8") as file:
        [row] = [row for row in csv.DictReader(file) if row["iso2"] == country]
    return ZoneInfo(row["timezone"]), tuple(NAMES_OF_DAYS.index(day) for day in row["weekend"].split(";"))


@cache
def works(country: str, day: date) -> bool:
    """Whether people work there on that day."""
    return day.weekday() not in zone_and_weekend(country)[1] and day not in days_off(country, day.year)


@cache
def days_off(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country in a year."""
    return frozenset(holidays.country_holidays(country, years=[year], language="en_US"))


def working_day(country: str, day: date, count: int) -> date:
    """The `count`th working day after a day, before it when negative; the day itself when 0."""
    for _ in range(abs(count)):
        day += DAY if count > 0 else -DAY
        while not works(country, day):
            day += DAY if count > 0 else -DAY
    return day


def next_working(country: str, day: date, toward: timedelta = DAY) -> date:
    """The day itself, or the next one (the one before, with `toward` negative) on which people work."""
    while not works(country, day):
        day += toward
    return day


def working_days_between(country: str, earlier: date, later: date) -> int:
    """How many working days follow `earlier`, up to and with `later`."""
    return sum(works(country, earlier + DAY * n) for n in range(1, (later - earlier).days + 1))


def day_in(country: str, instant: datetime) -> date:
    """What day it is there."""
    return instant.astimezone(zone_and_weekend(country)[0]).date()


def instant_in(country: str, day: date, clock: time) -> datetime:
    """The instant of a day and time there."""
    return datetime.combine(day, clock, zone_and_weekend(country)[0]).astimezone(UTC)


def after_months(day: date, months: int) -> date:
    """The same day so many months later, the last of the month where there is none."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Times:
    """When a step is due, and what happens at which instant: remind, chase, alert, and last of all close."""

    due: datetime
    ticks: tuple[tuple[datetime, str], ...]

    @property
    def closes(self) -> datetime:
        """The instant after which no answer counts."""
        return self.ticks[-1][0]


@dataclass(frozen=True)
class Term:
    """What the limit of a step depends on: its rule, whose working days count, when the clock began, the visit."""

    rules: Rules
    kind: str
    country: str
    began: datetime
    visit: date | None = None
    visit_end: date | None = None
    escalated: bool = False

    @property
    def rule(self) -> Rules:
        """The rule of the step's kind."""
        found: Rules = self.rules["steps"][self.kind]
        return found

    @property
    def today(self) -> date:
        """The day on which the clock began, where the one asked is."""
        return day_in(self.country, self.began)


def fresh(term: Term) -> Times:
    """The times of a question newly put, or put to somebody above."""
    limit = term.rule["limit"]
    anchor, least = limit.get("anchor", "opening"), limit.get("at_least", 0)
    if anchor == "visit_start" and term.visit is not None:
        back = next_working(term.country, _moved(limit, term.country, term.visit, -1), -DAY)
        return _times(term, max(back, working_day(term.country, term.today, least)))
    start = term.visit_end if anchor == "visit_end" and term.visit_end is not None else term.today
    return _times(term, next_working(term.country, _moved(limit, term.country, start, 1)))


def _moved(limit: Rules, country: str, day: date, sign: int) -> date:
    value = limit["value"] * sign
    by_unit: dict[str, Callable[[], date]] = {
        "working_days": lambda: working_day(country, day, value),
        "calendar_days": lambda: day + DAY * value,
        "weeks": lambda: day + DAY * 7 * value,
        "months": lambda: after_months(day, value),
    }
    return by_unit[limit["unit"]]()


def extended(term: Term, old: Times, working_days: int) -> Times:
    """So many working days are added to the due date."""
    return _times(term, working_day(term.country, day_in(term.country, old.due), working_days))


def _times(term: Term, due: date) -> Times:
    """The closing and the reminders that belong to a due date."""
    country, rule = term.country, term.rule
    closing_time, reminder_time = term.rules["closing_time"], term.rules["reminder_time"]
    closes = working_day(country, due, rule.get("grace_escalated" if term.escalated else "grace", 0))
    if rule.get("before_visit") and term.visit is not None:
        last = next_working(country, term.visit - DAY, -DAY)
        closes, due = max(min(closes, last), term.today), max(min(due, last), term.today)
    closing = max(instant_in(country, closes, closing_time), term.began)
    days = [(working_day(country, due, -n), "remind") for n in rule.get("remind_before", ())]
    days += [(working_day(country, due, n), "chase") for n in rule.get("remind_after", ())]
    days += [(working_day(country, due, n), "alert") for n in rule.get("alert_after", ()) if term.escalated]
    ticks = {(instant_in(country, day, reminder_time), what) for day, what in days if day > term.today}
    kept = sorted(tick for tick in ticks if tick[0] < closing)
    return Times(min(instant_in(country, due, closing_time), closing), (*kept, (closing, "close")))


def gone_on(term: Term, old: Times, stopped: datetime) -> Times:
    """What was left when the clock stopped, in working days, counted on from the day it goes on; not beyond the visit.

    On its last day a clock that goes on after hours runs to the end of the next working day.
    """
    country, resumed = term.country, term.began
    halted, first = day_in(country, stopped), day_in(country, resumed)
    zone = zone_and_weekend(country)[0]
    if not working_days_between(country, halted, day_in(country, old.closes)):
        closing_today = instant_in(country, first, old.closes.astimezone(zone).time())
        first += DAY if closing_today <= resumed else DAY * 0

    def later(instant: datetime) -> datetime:
        if instant <= stopped:
            return instant
        left = working_days_between(country, halted, day_in(country, instant))
        day = working_day(country, first, left) if left else next_working(country, first)
        return max(instant_in(country, day, instant.astimezone(zone).time()), resumed)

    closes = later(old.closes)
    if term.rule.get("before_visit") and term.visit is not None:
        last = instant_in(country, next_working(country, term.visit - DAY, -DAY), term.rules["closing_time"])
        closes = max(min(closes, last), resumed)
    ticks = ((later(at), what) for at, what in old.ticks if at > stopped and what != "close")
    kept = [tick for tick in ticks if tick[0] < closes or closes == later(old.closes)]
    return Times(min(later(old.due), closes), (*kept, (closes, "close")))
