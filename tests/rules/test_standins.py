"""Who answers for an institution from when on: delegations with dates, and changes in office."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.appointments import standins
from models.case import Standin
from models.orders import Asking
from models.words import Kind, Verb
from store.appointments import Appointment, Delegation, held_twice, in_office, may_stand_in

CAIRO = "Africa/Cairo"
SINCE = datetime(2027, 3, 1, 10, tzinfo=UTC)
FIRST, SECOND, STAFF = "EG-MOM/1", "EG-MOM/2", "EG-CAPMAS"


def asking(kind: Kind = Kind.CLEARANCE, since: datetime = SINCE, asked: str = "EG-MOM") -> Asking:
    """The ministry asked for something on the first of March."""
    return Asking(step="S1", kind=kind, asked=asked, since=since)


def holder(post: str, rank: int, starts: date | None = None, ends: date | None = None) -> Appointment:
    """Somebody who holds an office."""
    return Appointment(
        id=post, institution="EG-MOM", rank=rank, role="Focal point", email="a@b.example", language="ar", starts=starts, ends=ends
    )


def on_leave(
    first: int, last: int, to: str = SECOND, *, kinds: tuple[Kind, ...] = (), revoked: datetime | None = None
) -> Delegation:
    """A delegation from one day of March to another."""
    starts, ends = march(first), march(last)
    return Delegation(id=f"D-{first}", institution="EG-MOM", to=to, kinds=kinds, starts=starts, ends=ends, revoked=revoked)


def march(day: int) -> date:
    """A day of March 2027."""
    return date(2027, 3, 1) + timedelta(days=day - 1)


def midnight(day: int) -> datetime:
    """The instant at which a day of March begins in Cairo, two hours before it does in UTC."""
    return datetime(2027, 3, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=-2)


def changes(*delegations: Delegation, held: tuple[Appointment, ...] = (), **said: Any) -> list[tuple[datetime, str, Verb]]:
    """What changes, in short."""
    offices = held or (holder(FIRST, 1), holder(SECOND, 2))
    found = standins(asking(**said), offices, delegations, CAIRO)
    return [(change.at, change.to, change.verb) for change in found]


def test_nothing_changes_where_nobody_delegates_and_nobody_leaves() -> None:
    assert changes() == []


def test_a_delegate_answers_from_the_midnight_of_the_first_day_to_that_after_the_last() -> None:
    assert changes(on_leave(8, 12)) == [
        (midnight(8), SECOND, Verb.DELEGATED),
        (midnight(13), "", Verb.DELEGATION_ENDED),
    ]


def test_a_delegation_in_force_holds_from_the_instant_it_matters() -> None:
    assert changes(on_leave(1, 3)) == [(SINCE, SECOND, Verb.DELEGATED), (midnight(4), "", Verb.DELEGATION_ENDED)]


def test_the_day_is_that_of_the_institution() -> None:
    late = datetime(2027, 3, 7, 22, 30, tzinfo=UTC)  # half past midnight of the eighth in Cairo
    assert changes(on_leave(8, 12), since=late)[0] == (late, SECOND, Verb.DELEGATED)
    assert changes(on_leave(1, 7), since=late) == []


@pytest.mark.parametrize(
    "of_no_account",
    [on_leave(1, 9, revoked=SINCE), on_leave(1, 9, kinds=(Kind.NOMINATION, Kind.AGENDA))],
)
def test_a_revoked_delegation_and_one_for_other_steps_count_for_nothing(of_no_account: Delegation) -> None:
    assert changes(of_no_account) == []
    assert changes(on_leave(1, 2, kinds=(Kind.CLEARANCE,)))[0] == (SINCE, SECOND, Verb.DELEGATED)


def test_of_two_delegations_the_later_holds_and_then_the_other_goes_on() -> None:
    assert changes(on_leave(2, 20), on_leave(5, 9, STAFF)) == [
        (midnight(2), SECOND, Verb.DELEGATED),
        (midnight(5), STAFF, Verb.DELEGATED),
        (midnight(10), SECOND, Verb.DELEGATED),
        (midnight(21), "", Verb.DELEGATION_ENDED),
    ]


def test_two_delegations_to_the_same_colleague_in_a_row_are_one() -> None:
    assert changes(on_leave(2, 5), on_leave(6, 9)) == [
        (midnight(2), SECOND, Verb.DELEGATED),
        (midnight(10), "", Verb.DELEGATION_ENDED),
    ]


def test_a_delegate_who_leaves_office_answers_no_longer() -> None:
    leaving = (holder(FIRST, 1), holder(SECOND, 2, ends=march(5)))
    assert changes(on_leave(2, 9), held=leaving) == [
        (midnight(2), SECOND, Verb.DELEGATED),
        (midnight(6), "", Verb.DELEGATION_ENDED),
    ]


def test_a_successor_takes_over_on_the_first_day() -> None:
    held = (holder(FIRST, 1, ends=march(9)), holder("EG-MOM/1b", 1, starts=march(10)), holder(SECOND, 2))
    assert changes(held=held) == [(midnight(10), "", Verb.SUCCEEDED)]
    assert changes(held=held, since=midnight(10)) == []


def test_a_post_left_empty_passes_to_the_next_rank_and_back() -> None:
    held = (holder(FIRST, 1, ends=march(4)), holder("EG-MOM/1b", 1, starts=march(10)), holder(SECOND, 2))
    assert changes(held=held) == [(midnight(5), "", Verb.SUCCEEDED), (midnight(10), "", Verb.SUCCEEDED)]


def test_an_alternate_who_changes_is_no_change_of_who_answers() -> None:
    assert changes(held=(holder(FIRST, 1), holder(SECOND, 2, ends=march(9)), holder("EG-MOM/2b", 2, starts=march(10)))) == []


def test_a_delegate_goes_on_answering_for_a_successor() -> None:
    held = (holder(FIRST, 1, ends=march(9)), holder("EG-MOM/1b", 1, starts=march(10)), holder(SECOND, 2))
    assert changes(on_leave(8, 12), held=held) == [
        (midnight(8), SECOND, Verb.DELEGATED),
        (midnight(10), SECOND, Verb.SUCCEEDED),
        (midnight(13), "", Verb.DELEGATION_ENDED),
    ]


def test_a_delegation_that_ends_as_a_successor_comes_is_told_first() -> None:
    held = (holder(FIRST, 1, ends=march(9)), holder("EG-MOM/1b", 1, starts=march(10)), holder(SECOND, 2))
    assert changes(on_leave(8, 9), held=held)[1:] == [
        (midnight(10), "", Verb.DELEGATION_ENDED),
        (midnight(10), "", Verb.SUCCEEDED),
    ]


def test_a_vacant_office_is_still_its_last_holder_s_mailbox() -> None:
    gone, to_come = holder(FIRST, 1, ends=march(4)), holder("EG-MOM/1b", 1, starts=march(20))
    assert in_office([gone, to_come], march(10)) == (gone,)
    assert in_office([to_come], march(10)) == (to_come,)
    assert in_office([], march(10)) == ()
    assert changes(held=(gone, to_come)) == [(midnight(20), "", Verb.SUCCEEDED)]


def test_two_holders_of_a_rank_on_a_same_day_are_found() -> None:
    first, second = holder("EG-MOM/1", 1, ends=march(9)), holder("EG-MOM/1b", 1, starts=march(9))
    assert list(held_twice([second, first, holder(SECOND, 2)])) == [(first, second)]
    assert list(held_twice([first, holder("EG-MOM/1b", 1, starts=march(10))])) == []
    assert len(list(held_twice([holder("EG-MOM/1", 1), holder("EG-MOM/1b", 1)]))) == 1


@pytest.mark.parametrize(
    ("to", "may"),
    [(SECOND, True), ("EG-CAPMAS", True), ("EG-MOM", False), ("EG-MOM/9", False), ("MA-POSTE", False), ("XX-NONE", False)],
)
def test_a_colleague_or_an_institution_of_the_country_may_stand_in(to: str, may: bool) -> None:
    countries = {"EG-MOM": "EG", "EG-CAPMAS": "EG", "MA-POSTE": "MA"}
    assert may_stand_in(to, "EG-MOM", [FIRST, SECOND, "MA-POSTE/1"], countries) is may


DAYS = st.integers(-20, 60)
SPANS = st.tuples(DAYS, st.integers(0, 20), st.sampled_from([SECOND, STAFF, "EG-MOM/p-1"]))


@given(st.lists(SPANS, max_size=6), st.integers(0, 72), st.sampled_from([CAIRO, "Asia/Beirut", "Africa/Casablanca", "UTC"]))
def test_on_every_day_the_one_who_began_last_answers(spans: list[tuple[int, int, str]], hours: int, zone: str) -> None:
    delegations = [
        Delegation(id=f"D-{n}", institution="EG-MOM", to=to, starts=march(first), ends=march(first + length))
        for n, (first, length, to) in enumerate(spans)
    ]
    since = SINCE + timedelta(hours=hours)
    found = standins(asking(since=since), (holder(FIRST, 1), holder(SECOND, 2)), delegations, zone)
    assert [change.at for change in found] == sorted({change.at for change in found})
    assert all(before.to != after.to for before, after in zip((Standin(at=since, verb=Verb.OPENED), *found), found, strict=False))
    for day in range(1, 90):
        for at in (datetime.combine(march(day), datetime.min.time(), ZoneInfo(zone)), noon(day, zone)):
            if at > since:
                in_force = [one for one in delegations if one.starts <= march(day) <= one.ends]
                last = max(in_force, key=lambda one: (one.starts, one.id), default=None)
                assert answering(found, at) == (last.to if last else "")


def noon(day: int, zone: str) -> datetime:
    """Twelve o'clock of a day."""
    return datetime.combine(march(day), datetime.min.time().replace(hour=12), ZoneInfo(zone))


def answering(found: tuple[Standin, ...], at: datetime) -> str:
    """Who answers at an instant by what changes."""
    return next((change.to for change in reversed(found) if change.at <= at), "")
