"""Six bugs put in on purpose: the strategy that finds no difference otherwise finds each of them, within so many cases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from models import consequences, rules, schedule
from models.calendar import Calendar
from models.case import Case, Step, Wants
from models.programme import Programme
from models.schedule import Schedule, Wanted
from tests.model import light
from tests.model.conftest import Differs
from tests.model.script import Deed, Script
from tests.model.test_model import compare
from workflows.timing import Timing

MOST_CASES = 200
SEED_OF_BUGS = 7

Bug = Callable[[pytest.MonkeyPatch], None]


def an_extension_is_counted_from_today(patch: pytest.MonkeyPatch) -> None:
    """Its days are added to the day of the act, not to the due date. Only times change."""

    def computed(wanted: Wanted, calendar: Calendar) -> Schedule:
        if wanted.old is not None and wanted.added_days and wanted.stopped is None:
            wanted = wanted.model_copy(update={"old": wanted.old.model_copy(update={"due": wanted.opened})})
        return compute(wanted, calendar)

    compute = schedule.compute
    patch.setattr(light, "compute", computed)


def a_hold_loses_a_day(patch: pytest.MonkeyPatch) -> None:
    """What was left when the clock stopped is counted from the day after it goes on. Only times change."""
    gone_on = schedule._gone_on

    def a_day_later(old: Schedule, stopped: datetime, resumed: datetime, calendar: Calendar) -> Schedule:
        return gone_on(old, stopped, resumed + timedelta(days=1), calendar)

    patch.setattr(schedule, "_gone_on", a_day_later)


def an_answer_at_the_closing_instant_is_refused(patch: pytest.MonkeyPatch) -> None:
    """The last second no longer counts."""
    closes_for_good = rules.closes_for_good

    def a_second_earlier(step: Step, programme: Programme) -> datetime | None:
        closes = closes_for_good(step, programme)
        return closes - timedelta(seconds=1) if closes else None

    patch.setattr(rules, "closes_for_good", a_second_earlier)


def an_escalation_does_not_restart_the_clock(patch: pytest.MonkeyPatch) -> None:
    """The one above has what is left of the limit of the one asked. Only times change."""
    wanted = Timing.wanted

    def since_the_opening(self: Timing, step: Step) -> Wanted:
        return wanted(self, step).model_copy(update={"opened": step.opened} if step.wants is Wants.ESCALATION else {})

    patch.setattr(Timing, "wanted", since_the_opening)


def a_lapse_comes_a_working_day_late(patch: pytest.MonkeyPatch) -> None:
    """The grace between due date and closing is a working day longer. Only times change."""
    scheduled = schedule._schedule

    def a_day_later(wanted: Wanted, calendar: Calendar, opened: date, due: date, closes: date) -> Schedule:
        return scheduled(wanted, calendar, opened, due, calendar.shift(closes, 1))

    patch.setattr(schedule, "_schedule", a_day_later)


def a_recall_leaves_open_what_rests_on_it(patch: pytest.MonkeyPatch) -> None:
    """The question is put again, those that follow from the old answer stay."""

    def nothing(case: Case, step: Step) -> list[Step]:
        return []

    patch.setattr(consequences, "resting_on", nothing)


BUGS: list[Bug] = [
    an_extension_is_counted_from_today,
    a_hold_loses_a_day,
    an_answer_at_the_closing_instant_is_refused,
    an_escalation_does_not_restart_the_clock,
    a_lapse_comes_a_working_day_late,
    a_recall_leaves_open_what_rests_on_it,
]


TOUCHES: dict[Bug, tuple[str, ...]] = {
    an_extension_is_counted_from_today: ("extend", "more_time"),
    a_hold_loses_a_day: ("resume",),
    a_recall_leaves_open_what_rests_on_it: ("recall",),
}
"""The acts a bug shows by; cases in which nobody does one are passed over, for they take time and cannot show it."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_bug_put_in_on_purpose_is_found(differs: Differs, monkeypatch: pytest.MonkeyPatch, bug: Bug) -> None:
    bug(monkeypatch)

    def differs_where_it_can(script: Script) -> str:
        acts = TOUCHES.get(bug)
        touched = acts is None or any(isinstance(move, Deed) and move.do in acts for move in script.moves)
        return differs(script) if touched else ""

    with pytest.raises(AssertionError):
        compare(differs_where_it_can, SEED_OF_BUGS, MOST_CASES, shrinks=False)
