"""Working days are those of the one who must answer; the day of the event does not count."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.deadlines import cldr_weekend, public_holidays
from models.calendar import Calendar, due_day, months_later
from models.programme import Anchor, Limit, Unit
from tests.rules.situations import EGYPT, FRANCE, MOROCCO, SENEGAL, limit

DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2032, 12, 31))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Any country's: a weekend of up to two days, some days off, some extra working days."""
    return Calendar(
        country="XX",
        zone="UTC",
        weekend=draw(st.sampled_from([(), (4,), (3, 4), (4, 5), (5, 6), (6,)])),
        days_off=draw(st.frozensets(DAYS, max_size=30)),
        days_on=draw(st.frozensets(DAYS, max_size=5)),
    )


@pytest.mark.parametrize(("calendar", "thursday_plus_one"), [(SENEGAL, date(2027, 1, 8)), (EGYPT, date(2027, 1, 10))])
def test_a_weekend_is_the_country_s_own(calendar: Calendar, thursday_plus_one: date) -> None:
    assert calendar.shift(date(2027, 1, 7), 1) == thursday_plus_one


@pytest.mark.parametrize("country", ["DZ", "EG", "LY"])
def test_algeria_egypt_and_libya_rest_friday_and_saturday_in_the_cldr_too(country: str) -> None:
    assert cldr_weekend(country) == (4, 5)


@pytest.mark.parametrize("country", ["FR", "GH", "KE", "LB", "MA", "ML", "SN", "TN"])
def test_the_others_rest_saturday_and_sunday(country: str) -> None:
    assert cldr_weekend(country) == (5, 6)


def test_the_day_of_the_event_does_not_count() -> None:
    assert due_day(limit(5), SENEGAL, date(2027, 1, 4), None) == date(2027, 1, 11)


def test_an_event_on_a_day_off_counts_from_the_next_working_day() -> None:
    assert due_day(limit(1), SENEGAL, date(2027, 1, 9), None) == date(2027, 1, 11)


def test_a_holiday_is_skipped_and_an_extra_working_day_counts() -> None:
    calendar = SENEGAL.model_copy(update={"days_off": frozenset({date(2027, 1, 5)}), "days_on": frozenset({date(2027, 1, 9)})})
    assert calendar.shift(date(2027, 1, 4), 4) == date(2027, 1, 9)


def test_a_day_entered_as_worked_wins_over_a_holiday() -> None:
    day = date(2027, 1, 5)
    assert Calendar(country="SN", zone="UTC", days_off=frozenset({day}), days_on=frozenset({day})).is_working_day(day)


def test_the_national_day_is_a_public_holiday() -> None:
    assert date(2027, 4, 4) in public_holidays("SN", 2027)
    assert date(2027, 7, 14) in public_holidays("FR", 2027)


def test_a_calendar_limit_that_ends_on_a_day_off_runs_to_the_end_of_the_next_working_day() -> None:
    five_days = limit(5, Unit.CALENDAR_DAYS)
    assert due_day(five_days, SENEGAL, date(2027, 1, 4), None) == date(2027, 1, 11)  # 9 January is a Saturday
    assert due_day(five_days, EGYPT, date(2027, 1, 4), None) == date(2027, 1, 10)


@pytest.mark.parametrize(
    ("length", "due"),
    [
        (limit(1, Unit.WEEKS), date(2027, 1, 11)),
        (limit(1, Unit.MONTHS), date(2027, 2, 4)),
        (limit(30, Unit.CALENDAR_DAYS), date(2027, 2, 3)),
    ],
)
def test_a_limit_counts_its_own_unit(length: Limit, due: date) -> None:
    assert due_day(length, SENEGAL, date(2027, 1, 4), None) == due


@pytest.mark.parametrize(
    ("length", "due"),
    [
        (limit(2, Unit.MONTHS, Anchor.VISIT_START), date(2027, 4, 9)),  # 10 April is a Saturday
        (limit(2, Unit.WEEKS, Anchor.VISIT_START), date(2027, 5, 27)),
        (limit(21, Unit.CALENDAR_DAYS, Anchor.VISIT_START), date(2027, 5, 20)),
        (limit(3, Unit.WORKING_DAYS, Anchor.VISIT_START), date(2027, 6, 7)),
    ],
)
def test_a_limit_counted_back_from_the_visit_ends_on_a_working_day_before(length: Limit, due: date) -> None:
    assert due_day(length, SENEGAL, date(2027, 1, 4), (date(2027, 6, 10), date(2027, 6, 12))) == due


def test_a_near_visit_still_leaves_the_working_days_always_given() -> None:
    near = limit(2, Unit.MONTHS, Anchor.VISIT_START, at_least=5)
    assert due_day(near, SENEGAL, date(2027, 1, 4), (date(2027, 1, 20), date(2027, 1, 22))) == date(2027, 1, 11)


def test_a_limit_after_the_visit_counts_from_its_last_day() -> None:
    after = limit(1, Unit.WEEKS, Anchor.VISIT_END)
    assert due_day(after, SENEGAL, date(2027, 1, 4), (date(2027, 5, 3), date(2027, 5, 6))) == date(2027, 5, 13)


def test_a_limit_without_a_visit_counts_from_the_opening() -> None:
    assert due_day(limit(5, anchor=Anchor.VISIT_START), SENEGAL, date(2027, 1, 4), None) == date(2027, 1, 11)


def test_closing_time_is_local_through_summer_time() -> None:
    assert FRANCE.at(date(2027, 3, 26), time(17)) == datetime(2027, 3, 26, 16, tzinfo=UTC)
    assert FRANCE.at(date(2027, 3, 29), time(17)) == datetime(2027, 3, 29, 15, tzinfo=UTC)


def test_morocco_goes_back_an_hour_in_ramadan() -> None:
    assert MOROCCO.at(date(2027, 1, 15), time(17)) == datetime(2027, 1, 15, 16, tzinfo=UTC)
    assert MOROCCO.at(date(2027, 2, 15), time(17)) == datetime(2027, 2, 15, 17, tzinfo=UTC)
    assert MOROCCO.at(date(2027, 4, 15), time(17)) == datetime(2027, 4, 15, 16, tzinfo=UTC)


def test_the_day_of_an_instant_is_the_one_where_the_asked_live() -> None:
    late = datetime(2027, 1, 4, 23, 30, tzinfo=UTC)
    assert SENEGAL.local_day(late) == date(2027, 1, 4)
    assert EGYPT.local_day(late) == date(2027, 1, 5)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2027, 11, 30), 1, date(2027, 12, 30)),
        (date(2027, 3, 31), -1, date(2027, 2, 28)),
        (date(2027, 1, 15), -2, date(2026, 11, 15)),
        (date(2027, 5, 6), 12, date(2028, 5, 6)),
    ],
)
def test_months_later_keeps_the_day_or_takes_the_month_s_last(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


@given(DAYS, st.integers(-60, 60))
def test_months_forth_and_back_come_home_but_for_a_month_s_end(day: date, months: int) -> None:
    there = months_later(day, months)
    assert (there.year - day.year) * 12 + there.month - day.month == months
    back = months_later(there, -months)
    assert (back == day) if day.day <= 28 else (back <= day)


@given(calendars(), DAYS, st.integers(1, 120))
def test_shifting_and_counting_undo_each_other(calendar: Calendar, day: date, working_days: int) -> None:
    there = calendar.shift(day, working_days)
    assert calendar.is_working_day(there)
    assert calendar.between(day, there) == working_days


@given(calendars(), DAYS, st.integers(1, 120))
def test_shifting_back_from_a_working_day_comes_home(calendar: Calendar, day: date, working_days: int) -> None:
    start = calendar.on_or_after(day)
    assert calendar.shift(calendar.shift(start, working_days), -working_days) == start


@given(calendars(), DAYS, st.integers(0, 40), st.integers(0, 40))
def test_two_shifts_are_one_longer_shift(calendar: Calendar, day: date, first: int, second: int) -> None:
    assert calendar.shift(calendar.shift(day, first), second) == calendar.shift(day, first + second)


@given(calendars(), DAYS, DAYS)
def test_counting_the_other_way_round_is_negative(calendar: Calendar, one: date, other: date) -> None:
    assert calendar.between(one, other) == -calendar.between(other, one)


@given(calendars(), DAYS)
def test_the_nearest_working_day_is_the_day_itself_when_people_work(calendar: Calendar, day: date) -> None:
    before, after = calendar.on_or_before(day), calendar.on_or_after(day)
    assert before <= day <= after
    assert calendar.is_working_day(before)
    assert calendar.is_working_day(after)
    assert (before == day == after) is calendar.is_working_day(day)


@given(
    DAYS, st.times(max_value=time(23, 59)), st.sampled_from(["Africa/Dakar", "Africa/Casablanca", "Europe/Paris", "Asia/Beirut"])
)
def test_an_instant_of_a_local_day_falls_on_that_day(day: date, clock: time, zone: str) -> None:
    calendar = Calendar(country="XX", zone=zone)
    instant = calendar.at(day, clock)
    assert instant.tzinfo is UTC
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert abs(local - datetime.combine(day, clock)) <= timedelta(hours=1)  # an hour that summer time skips
