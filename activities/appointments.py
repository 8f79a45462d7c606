"""Who stands in for the one asked: dated delegations and changes in office, from an instant on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from temporalio import activity

from activities import names
from models.case import Standin
from models.orders import Asking, StandinOrder, Standins
from models.words import Kind, Verb
from store.appointments import Appointment, Delegation, following, in_office
from store.reference import Reference

LAST_YEAR = date.max.year


class Appointments:
    """Looks up who stands in for those asked."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    @activity.defn(name=names.STANDINS)
    async def standins(self, order: StandinOrder) -> Standins:
        """Who stands in on each step; read anew, for it is asked because something has just changed."""
        self._reference.invalidate()
        return Standins(standins=await looked_up(self._reference, order.asking))


async def looked_up(reference: Reference, asking: Sequence[Asking]) -> dict[str, tuple[Standin, ...]]:
    """By step, who stands in for the one asked; a step without any is left out."""
    found: dict[str, tuple[Standin, ...]] = {}
    for asked in asking:
        institution = await reference.institution_or_none(asked.asked)
        if institution is not None:
            zone = (await reference.country(institution.country)).zone
            changes = standins(asked, institution.contacts, await reference.delegations(institution.code), zone)
            found |= {asked.step: changes} if changes else {}
    return found


def standins(
    asking: Asking, appointments: Sequence[Appointment], delegations: Sequence[Delegation], zone: str
) -> tuple[Standin, ...]:
    """The changes of who answers for an institution from an instant on, each at the midnight of its day where it is.

    A delegation begins on its first day and ends the day after its last; of two, the one that starts later holds while it
    lasts. One in force already stands first, at that instant. When another comes into office, `to` is who answers then: the
    delegate still in force, or nobody but the institution, whose mailbox is the new one's by then.
    """
    start = asking.since.astimezone(ZoneInfo(zone)).date()
    delegate = _delegate(asking.kind, appointments, delegations, start)
    changes = [Standin(at=asking.since, to=delegate, verb=Verb.DELEGATED)] if delegate else []
    holder = in_office(appointments, start)[:1]
    for day in _days(appointments, delegations, start):
        at = datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
        before, delegate = delegate, _delegate(asking.kind, appointments, delegations, day)
        if delegate != before:
            changes.append(Standin(at=at, to=delegate, verb=Verb.DELEGATED if delegate else Verb.DELEGATION_ENDED))
        left, holder = holder, in_office(appointments, day)[:1]
        if holder != left:
            changes.append(Standin(at=at, to=delegate, verb=Verb.SUCCEEDED))
    return tuple(changes)


def _days(appointments: Sequence[Appointment], delegations: Sequence[Delegation], start: date) -> list[date]:
    """The days after the first one on which something may change."""
    dated: tuple[Appointment | Delegation, ...] = (*appointments, *delegations)
    first = {one.starts for one in dated if one.starts}
    after = {following(one.ends) for one in dated if one.ends}
    return sorted(day for day in first | after if start < day and day.year < LAST_YEAR)


def _delegate(kind: Kind, appointments: Sequence[Appointment], delegations: Sequence[Delegation], day: date) -> str:
    """Who answers for the institution on a day; empty when it answers itself. A post nobody holds then stands in for nobody."""
    posts = {one.id: one for one in appointments}
    in_force = [one for one in delegations if one.covers(kind, day) and (one.to not in posts or posts[one.to].covers(day))]
    latest = max(in_force, key=lambda one: (one.starts, one.id), default=None)
    return latest.to if latest else ""
