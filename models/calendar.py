"""Working time of the one who must answer: weekend, holidays, zone, and where a limit ends.

The day of the event does not count; a limit ends at the closing time; a calendar limit that ends on a day off runs to the end
of the next working day, one counted back to the end of the working day before (source: Regulation 1182/71).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.message import Message
from models.programme import Anchor, Limit, Unit


class Calendar(Message):
    """A country's weekend (Monday is 0), its days off and its extra working days, in one time zone."""

    country: str
    zone: str
    weekend: tuple[int, ...] = ()
    days_off: frozenset[date] = frozenset()
    days_on: frozenset[date] = frozenset()

    def is_working_day(self, day: date) -> bool:
        """Whether people work on that day."""
        if day in self.days_on:
            return True
        return day.weekday() not in self.weekend and day not in self.days_off

    def shift(self, day: date, working_days: int) -> date:
        """The day that many working days later (earlier when negative); the day itself does not count."""
        step = timedelta(days=1 if working_days >= 0 else -1)
        left = abs(working_days)
        while left:
            day += step
            left -= self.is_working_day(day)
        return day

    def on_or_after(self, day: date) -> date:
        """The day itself if people work, else the next working day."""
        while not self.is_working_day(day):
            day += timedelta(days=1)
        return day

    def on_or_before(self, day: date) -> date:
        """The day itself if people work, else the working day before."""
        while not self.is_working_day(day):
            day -= timedelta(days=1)
        return day

    def between(self, earlier: date, later: date) -> int:
        """Working days after `earlier` up to and with `later`; negative when `later` comes first."""
        if later < earlier:
            return -self.between(later, earlier)
        days = (later - earlier).days
        return sum(self.is_working_day(earlier + timedelta(days=n)) for n in range(1, days + 1))

    def local_day(self, moment: datetime) -> date:
        """The calendar day of an instant where this calendar holds."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def at(self, day: date, clock: time) -> datetime:
        """The UTC instant of a local day and time."""
        return datetime.combine(day, clock, ZoneInfo(self.zone)).astimezone(UTC)


def months_later(day: date, months: int) -> date:
    """The same day of the month that many months later, or the month's last day."""
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def due_day(limit: Limit, calendar: Calendar, opened: date, visit: tuple[date, date] | None) -> date:
    """The local day on which a limit ends, given the opening day and the visit's first and last day."""
    if limit.anchor is Anchor.OPENING or visit is None:
        return _counted_forward(limit, calendar, opened)
    if limit.anchor is Anchor.VISIT_END:
        return _counted_forward(limit, calendar, visit[1])
    back = calendar.on_or_before(_counted_back(limit, calendar, visit[0]))
    return max(back, calendar.shift(opened, limit.at_least))


def _counted_forward(limit: Limit, calendar: Calendar, start: date) -> date:
    match limit.unit:
        case Unit.WORKING_DAYS:
            return calendar.shift(start, limit.value)
        case Unit.CALENDAR_DAYS:
            end = start + timedelta(days=limit.value)
        case Unit.WEEKS:
            end = start + timedelta(weeks=limit.value)
        case Unit.MONTHS:
            end = months_later(start, limit.value)
    return calendar.on_or_after(end)


def _counted_back(limit: Limit, calendar: Calendar, start: date) -> date:
    match limit.unit:
        case Unit.WORKING_DAYS:
            return calendar.shift(start, -limit.value)
        case Unit.CALENDAR_DAYS:
            return start - timedelta(days=limit.value)
        case Unit.WEEKS:
            return start - timedelta(weeks=limit.value)
        case Unit.MONTHS:
            return months_later(start, -limit.value)
