"""Deadlines from an editable calendar: the country's weekend, its public holidays, and the days somebody entered."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays
from babel import Locale
from temporalio import activity

from activities import names
from activities.appointments import looked_up
from models.calendar import Calendar
from models.orders import Asking, AtInstant, DayAt, ScheduleOrder, Schedules
from models.schedule import compute
from models.words import Kind
from store.reference import Reference

YEARS_AHEAD = 2


@lru_cache(maxsize=512)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country in a year (source: the holidays package; moving Islamic dates are estimates)."""
    return frozenset(holidays.country_holidays(country, years=[year], language="en_US"))


def cldr_weekend(country: str) -> tuple[int, ...]:
    """The weekend of a country in the CLDR, Monday being 0."""
    locale = Locale.parse(f"und_{country}")
    first, last = locale.weekend_start, locale.weekend_end
    return tuple(sorted({first, last} if first <= last else {*range(first, 7), *range(last + 1)}))


class Deadlines:
    """Computes schedules in the calendar of the one asked."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    async def calendar(self, iso2: str, around: date) -> Calendar:
        """The working days of a country from the year before a day to two years after."""
        country = await self._reference.country(iso2)
        years = range(around.year - 1, around.year + YEARS_AHEAD + 1)
        days_off = set[date]().union(*(public_holidays(iso2, year) for year in years))
        overrides = await self._reference.overrides(iso2, date(years[0], 1, 1), date(years[-1], 12, 31))
        return Calendar(
            country=iso2,
            zone=country.zone,
            weekend=country.weekend or cldr_weekend(iso2),
            days_off=frozenset(days_off | {o.day for o in overrides if not o.working}),
            days_on=frozenset(o.day for o in overrides if o.working),
        )

    @activity.defn(name=names.SCHEDULE)
    async def schedule(self, order: ScheduleOrder) -> Schedules:
        """The schedule of each step, in the order they were wanted, and who stands in where the one asked is named."""
        computed = []
        for wanted in order.wanted:
            calendar = await self.calendar(wanted.country, wanted.opened.date())
            computed.append(compute(wanted, calendar))
        asking = [
            Asking(step=wanted.step, kind=Kind(wanted.kind), asked=wanted.asked, since=wanted.opened)
            for wanted in order.wanted
            if wanted.kind and wanted.asked
        ]
        return Schedules(schedules=tuple(computed), standins=await looked_up(self._reference, asking))

    @activity.defn(name=names.INSTANT)
    async def instant(self, order: DayAt) -> AtInstant:
        """The UTC instant of a local day and time in a country."""
        calendar = await self.calendar(order.country, order.day)
        return AtInstant(at=calendar.at(order.day, order.clock))
