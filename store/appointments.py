"""Who holds an office from when to when, who answers in its place, and who coordinates: values, and what must hold of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256
from itertools import groupby, pairwise

from models.message import Instant, Message
from models.words import Kind

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
POST = re.compile(r"(?!p-)[a-z0-9][a-z0-9-]{0,30}")
PERSON = "p-"


class Appointment(Message):
    """An office's mailbox from its first to its last day, None where that is open; rank 1 is asked first, the next are alternates.

    `id` is a party's code, `SN-POSTE/1`.
    """

    id: str
    institution: str
    rank: int
    role: str
    email: str
    language: str
    starts: date | None = None
    ends: date | None = None

    def covers(self, day: date) -> bool:
        """Whether it is held on that day."""
        return first_day(self) <= day <= last_day(self)


class Delegation(Message):
    """A dated mandate to answer for an institution: `to` is a party's code, `kinds` the kinds of step, none meaning all.

    `starts` and `ends` are its first and last day; a revoked one counts no more.
    """

    id: str
    institution: str
    to: str
    kinds: tuple[Kind, ...] = ()
    starts: date
    ends: date
    revoked: Instant | None = None

    def covers(self, kind: Kind, day: date) -> bool:
        """Whether it holds for a kind of step on that day."""
        return self.revoked is None and self.starts <= day <= self.ends and (not self.kinds or kind in self.kinds)


class Coordinator(Message):
    """A desk of the programme's office that looks after cases; `ends` is its last day, None while it has none."""

    code: str
    role: str
    email: str
    language: str
    ends: date | None = None

    def serves(self, day: date) -> bool:
        """Whether it is there on that day."""
        return self.ends is None or day <= self.ends


def in_office(appointments: Iterable[Appointment], day: date) -> tuple[Appointment, ...]:
    """Those in office on a day, by rank.

    When nobody is, whoever left last, or comes first: a vacant post's mailbox is still written to, and its silence has the
    consequences of silence.
    """
    known = sorted(appointments, key=lambda one: (one.rank, one.id))
    found = tuple(one for one in known if one.covers(day))
    if found or not known:
        return found
    left = [one for one in known if last_day(one) < day]
    return (max(left, key=last_day),) if left else (min(known, key=first_day),)


def first_day(appointment: Appointment) -> date:
    """The first day in office; the first of all where it is open."""
    return appointment.starts or date.min


def last_day(appointment: Appointment) -> date:
    """The last day in office; the last of all where it is open."""
    return appointment.ends or date.max


def following(day: date) -> date:
    """The next day; the last of all has none."""
    return day if day == date.max else day + timedelta(days=1)


def eve_of(day: date) -> date:
    """The day before; the first of all has none."""
    return day if day == date.min else day - timedelta(days=1)


def id_of(institution: str, rank: int, starts: date | None) -> str:
    """The code of an appointment that was given none: `SN-POSTE/1`, with its first day when it has one."""
    return f"{institution}/{rank}" + (f"-{starts.isoformat()}" if starts else "")


def delegation_id(institution: str, to: str, kinds: Collection[Kind], starts: date, ends: date) -> str:
    """The code of a delegation, the same for the same one."""
    said = "\n".join((institution, to, *sorted(kinds), starts.isoformat(), ends.isoformat()))
    return f"D-{sha256(said.encode()).hexdigest()[:10]}"


def held_twice(appointments: Iterable[Appointment]) -> Iterator[tuple[Appointment, Appointment]]:
    """Pairs that hold the same rank of an institution on a same day, the one that starts first before the other."""

    def post(one: Appointment) -> tuple[str, int]:
        return one.institution, one.rank

    for _, holders in groupby(sorted(appointments, key=lambda one: (*post(one), first_day(one))), key=post):
        for earlier, later in pairwise(holders):
            if first_day(later) <= last_day(earlier):
                yield earlier, later


def may_stand_in(to: str, institution: str, appointments: Collection[str], countries: Mapping[str, str]) -> bool:
    """Whether a party may answer for an institution: a post of its own, or another institution of its country.

    `appointments` are the posts' codes, `countries` every institution's country.
    """
    own = to in appointments and to.startswith(f"{institution}/")
    return own or (to != institution and countries.get(to, "") == countries[institution])
