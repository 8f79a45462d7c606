"""When a step is due, reminded, chased, put before the coordinator, and closed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import Calendar
from models.programme import Anchor, StepRule, Unit
from models.schedule import Do, Schedule, compute
from models.words import Kind
from tests.rules.situations import EGYPT, FRANCE, MONDAY, MOROCCO, SENEGAL, a_rule, amedip, limit, wanted

FIFTEEN = a_rule(limit(15), grace=5, grace_escalated=10)


def said(schedule: Schedule) -> list[str]:
    """A schedule as lines: what, on which local day, at what local time."""
    zone = ZoneInfo(schedule.zone)
    return [f"{tick.do} {tick.at.astimezone(zone):%d %b %H:%M}" for tick in schedule.ticks]


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of 2027."""
    return datetime(2027, month, day, hour, minute, tzinfo=UTC)


def test_a_step_is_reminded_before_chased_after_and_closed_after_its_grace() -> None:
    schedule = compute(wanted(FIFTEEN), SENEGAL)
    assert schedule.due == at(1, 25, 17)
    assert said(schedule) == [
        "remind 18 Jan 09:00",
        "remind 21 Jan 09:00",
        "remind 25 Jan 09:00",
        "chase 27 Jan 09:00",
        "close 01 Feb 17:00",
    ]


def test_an_escalated_step_takes_the_longer_grace_and_alerts_the_coordinator() -> None:
    schedule = compute(wanted(FIFTEEN, escalated=True), SENEGAL)
    assert said(schedule)[-2:] == ["alert 01 Feb 09:00", "close 08 Feb 17:00"]


def test_without_grace_a_step_closes_when_it_is_due() -> None:
    schedule = compute(wanted(a_rule(limit(10))), SENEGAL)
    assert schedule.closes == schedule.due == at(1, 18, 17)


def test_a_reminder_that_would_leave_on_the_opening_day_or_before_is_left_out() -> None:
    assert said(compute(wanted(a_rule(limit(2))), SENEGAL)) == ["remind 06 Jan 09:00", "close 06 Jan 17:00"]


def test_nobody_is_chased_after_the_closing() -> None:
    assert said(compute(wanted(a_rule(limit(10), grace=2)), SENEGAL))[-2:] == ["chase 20 Jan 09:00", "close 20 Jan 17:00"]
    assert "chase" not in " ".join(said(compute(wanted(a_rule(limit(10), grace=1)), SENEGAL)))


def test_hours_are_local_where_the_asked_live_whatever_the_season() -> None:
    ramadan = compute(wanted(a_rule(limit(30))), MOROCCO)
    summer = compute(wanted(a_rule(limit(60)), at(3, 1, 10)), FRANCE)
    assert ramadan.due == at(2, 15, 17)
    assert summer.due.astimezone(ZoneInfo("Europe/Paris")).time() == time(17)
    assert summer.due.hour == 15


def test_a_weekend_moves_the_due_date_not_the_hour() -> None:
    assert said(compute(wanted(a_rule(limit(5))), EGYPT))[-1] == "close 11 Jan 17:00"


def test_a_step_before_the_visit_never_stays_open_into_it() -> None:
    rule = a_rule(limit(10), grace=5, before_visit=True)
    schedule = compute(wanted(rule, visit=date(2027, 1, 18)), SENEGAL)
    assert said(schedule)[-1] == "close 15 Jan 17:00"
    assert schedule.due <= schedule.closes


def test_a_step_opened_on_the_eve_of_the_visit_closes_that_day() -> None:
    rule = a_rule(limit(10), grace=5, before_visit=True)
    assert said(compute(wanted(rule, visit=date(2027, 1, 5)), SENEGAL)) == ["close 04 Jan 17:00"]


def test_a_step_opened_after_hours_with_no_time_left_closes_at_once() -> None:
    opened = at(1, 4, 18)
    rule = a_rule(limit(10), before_visit=True)
    schedule = compute(wanted(rule, opened, visit=date(2027, 1, 5)), SENEGAL)
    assert schedule.closes == opened
    assert schedule.due == at(1, 4, 17)


def test_an_extension_counts_from_the_due_date_in_working_days() -> None:
    old = compute(wanted(FIFTEEN), SENEGAL)
    extended = compute(wanted(FIFTEEN, at(1, 22, 12), old=old, added_days=5), SENEGAL)
    assert extended.due == at(2, 1, 17)
    assert said(extended) == [
        "remind 25 Jan 09:00",
        "remind 28 Jan 09:00",
        "remind 01 Feb 09:00",
        "chase 03 Feb 09:00",
        "close 08 Feb 17:00",
    ]


def test_a_stopped_clock_keeps_its_rest_in_working_days() -> None:
    old = compute(wanted(FIFTEEN), SENEGAL)
    gone_on = compute(wanted(FIFTEEN, at(3, 2, 11), old=old, stopped=at(1, 20, 12)), SENEGAL)
    assert gone_on.due == at(3, 5, 17)  # three working days were left
    assert said(gone_on) == ["remind 03 Mar 09:00", "remind 05 Mar 09:00", "chase 09 Mar 09:00", "close 12 Mar 17:00"]


def test_a_clock_stopped_after_the_due_date_keeps_the_date_that_passed() -> None:
    old = compute(wanted(FIFTEEN), SENEGAL)
    gone_on = compute(wanted(FIFTEEN, at(3, 2, 11), old=old, stopped=at(1, 28, 12)), SENEGAL)
    assert gone_on.due == old.due
    assert said(gone_on) == ["close 04 Mar 17:00"]


def test_a_clock_stopped_on_the_closing_day_goes_on_to_the_end_of_a_working_day() -> None:
    old = compute(wanted(FIFTEEN), SENEGAL)
    stopped = at(2, 1, 12)
    for resumed, closes in [(at(3, 2, 11), at(3, 2, 17)), (at(3, 2, 18), at(3, 3, 17)), (at(3, 6, 11), at(3, 8, 17))]:
        assert compute(wanted(FIFTEEN, resumed, old=old, stopped=stopped), SENEGAL).closes == closes


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("calendar", [SENEGAL, EGYPT, MOROCCO], ids=["SN", "EG", "MA"])
def test_every_kind_of_step_of_the_programme_has_a_schedule(kind: Kind, calendar: Calendar) -> None:
    schedule = compute(wanted(amedip().step(kind), visit=date(2027, 5, 3)), calendar)
    assert MONDAY < schedule.due <= schedule.closes
    if amedip().step(kind).before_visit:
        assert schedule.closes < calendar.at(date(2027, 5, 3), time(0))


RULES = st.builds(
    a_rule,
    st.builds(limit, st.integers(0, 90), st.sampled_from(Unit), st.sampled_from(Anchor), st.integers(0, 10)),
    grace=st.integers(0, 20),
    grace_escalated=st.integers(0, 20),
    before_visit=st.booleans(),
)


@given(
    RULES,
    st.datetimes(datetime(2027, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),
    st.integers(0, 200),
    st.booleans(),
    st.sampled_from([SENEGAL, EGYPT, MOROCCO, FRANCE]),
)
def test_a_schedule_is_in_order_and_ends_with_its_closing(
    rule: StepRule, opened: datetime, ahead: int, escalated: bool, calendar: Calendar
) -> None:
    order = wanted(rule, opened, visit=opened.date() + timedelta(days=ahead), escalated=escalated)
    schedule = compute(order, calendar)
    instants = [tick.at for tick in schedule.ticks]
    assert instants == sorted(instants)
    assert [tick.do for tick in schedule.ticks].count(Do.CLOSE) == 1
    assert schedule.ticks[-1].do is Do.CLOSE
    assert schedule.due <= schedule.closes
    assert all(instant >= order.opened for instant in instants)


@given(
    st.integers(1, 40),
    st.integers(0, 40),
    st.integers(0, 60),
    st.integers(0, 23),
    st.sampled_from([SENEGAL, EGYPT, MOROCCO]),
)
def test_a_clock_that_goes_on_never_loses_a_working_day(days: int, run: int, pause: int, hour: int, calendar: Calendar) -> None:
    old = compute(wanted(a_rule(limit(days), grace=3)), calendar)
    stopped = MONDAY + timedelta(days=run)
    if stopped >= old.closes:
        return
    resumed = (stopped + timedelta(days=pause)).replace(hour=hour) + timedelta(days=1)
    new = compute(wanted(a_rule(limit(days), grace=3), resumed, old=old, stopped=stopped), calendar)
    left = calendar.between(calendar.local_day(stopped), calendar.local_day(old.closes))
    assert calendar.between(calendar.local_day(resumed), calendar.local_day(new.closes)) >= left
    assert new.closes > resumed
    assert [tick.do for tick in new.ticks] == [tick.do for tick in old.ticks if tick.at > stopped]
    assert [tick.at for tick in new.ticks] == sorted(tick.at for tick in new.ticks)
