"""When a step is due, when its reminders leave, when it closes: computed once, recorded as UTC instants."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from models.calendar import Calendar, due_day
from models.message import Instant, Message
from models.programme import StepRule


class Do(StrEnum):
    """What happens at an instant of a schedule."""

    REMIND = "remind"
    CHASE = "chase"
    ALERT = "alert"
    CLOSE = "close"


class Tick(Message):
    """One instant of a schedule and what happens then."""

    at: Instant
    do: Do


class Schedule(Message):
    """The instants of one step in order; the last one closes it. `due` comes first for the one asked."""

    due: Instant
    zone: str
    ticks: tuple[Tick, ...]

    @property
    def closes(self) -> datetime:
        """The instant after which no answer is taken."""
        return self.ticks[-1].at

    def next_after(self, done: int) -> Tick | None:
        """The tick that follows the first `done` ones."""
        return self.ticks[done] if done < len(self.ticks) else None

    def is_overtaken(self, done: int, now: datetime) -> bool:
        """Whether the tick that follows is a reminder that a later instant, come by now as well, makes pointless."""
        tick, *later = self.ticks[done:]
        return tick.do in (Do.REMIND, Do.CHASE) and any(tick.at < other.at <= now for other in later)


class Wanted(Message):
    """What a schedule is computed from: the rule, the opening instant, whose calendar, the visit.

    An extension adds `added_days` working days to `old`; a stopped clock goes on with what `old` still had at `stopped`;
    `escalated` takes the longer grace. `kind` and `asked` say for whom the appointments are looked up.
    """

    step: str
    rule: StepRule
    country: str
    opened: Instant
    closing_time: time
    reminder_time: time
    visit_start: date | None = None
    visit_end: date | None = None
    old: Schedule | None = None
    added_days: int = 0
    stopped: Instant | None = None
    escalated: bool = False
    kind: str = ""
    asked: str = ""


def compute(wanted: Wanted, calendar: Calendar) -> Schedule:
    """The schedule of a step in the calendar of the one asked."""
    opened = calendar.local_day(wanted.opened)
    old = wanted.old
    if old is not None and wanted.stopped is not None:
        old = _gone_on(old, wanted.stopped, wanted.opened, calendar)
        if not wanted.added_days:
            return _before_visit(old, wanted, calendar)
    if old is not None and wanted.added_days:
        due = calendar.shift(calendar.local_day(old.due), wanted.added_days)
    else:
        visit = (wanted.visit_start, wanted.visit_end or wanted.visit_start) if wanted.visit_start else None
        due = due_day(wanted.rule.limit, calendar, opened, visit)
    closes = calendar.shift(due, wanted.rule.grace_escalated if wanted.escalated else wanted.rule.grace)
    if wanted.rule.before_visit and wanted.visit_start is not None:
        last = calendar.on_or_before(wanted.visit_start - timedelta(days=1))
        closes, due = max(min(closes, last), opened), max(min(due, last), opened)
    return _schedule(wanted, calendar, opened, due, closes)


def _before_visit(schedule: Schedule, wanted: Wanted, calendar: Calendar) -> Schedule:
    """A schedule whose clock went on, closed on the last working day before the visit where the step must be."""
    if not wanted.rule.before_visit or wanted.visit_start is None:
        return schedule
    last = calendar.at(calendar.on_or_before(wanted.visit_start - timedelta(days=1)), wanted.closing_time)
    closes = max(min(schedule.closes, last), wanted.opened)
    ticks = tuple(tick for tick in schedule.ticks if tick.do is not Do.CLOSE and tick.at < closes)
    return Schedule(due=min(schedule.due, closes), zone=schedule.zone, ticks=(*ticks, Tick(at=closes, do=Do.CLOSE)))


def _schedule(wanted: Wanted, calendar: Calendar, opened: date, due: date, closes: date) -> Schedule:
    rule = wanted.rule
    before = [(calendar.shift(due, -days), Do.REMIND) for days in rule.remind_before]
    after = [(calendar.shift(due, days), Do.CHASE) for days in rule.remind_after]
    alerts = [(calendar.shift(due, days), Do.ALERT) for days in rule.alert_after] if wanted.escalated else []
    closing = max(calendar.at(closes, wanted.closing_time), wanted.opened)
    ticks = {
        Tick(at=calendar.at(day, wanted.reminder_time), do=do)
        for day, do in [*before, *after, *alerts]
        if day > opened and calendar.at(day, wanted.reminder_time) < closing
    }
    ordered = sorted(ticks, key=lambda tick: (tick.at, tick.do))
    due_instant = min(calendar.at(due, wanted.closing_time), closing)
    return Schedule(due=due_instant, zone=calendar.zone, ticks=(*ordered, Tick(at=closing, do=Do.CLOSE)))


def _gone_on(old: Schedule, stopped: datetime, resumed: datetime, calendar: Calendar) -> Schedule:
    """What an old schedule still had when its clock stopped, counted on in working days from the day it goes on.

    A clock stopped on its last day and set going after hours runs to the end of the next working day; one stopped at its very
    last instant closes as soon as it goes on.
    """
    left_off, start = calendar.local_day(stopped), calendar.local_day(resumed)
    closing_time = old.closes.astimezone(ZoneInfo(old.zone)).time()
    if not calendar.between(left_off, calendar.local_day(old.closes)) and calendar.at(start, closing_time) <= resumed:
        start += timedelta(days=1)

    def moved(instant: datetime) -> datetime:
        if instant <= stopped:
            return instant
        clock = instant.astimezone(ZoneInfo(old.zone)).time()
        days = calendar.between(left_off, calendar.local_day(instant))
        return max(calendar.at(calendar.shift(start, days) if days else calendar.on_or_after(start), clock), resumed)

    ticks = tuple(Tick(at=moved(tick.at), do=tick.do) for tick in old.ticks if tick.at > stopped or tick.do is Do.CLOSE)
    return Schedule(due=moved(old.due), zone=old.zone, ticks=ticks)
