"""Coordinators appoint, let succeed, delegate and revoke; nothing that was is taken away, it ends."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Fault, Invalid, Missing, Refused
from models.words import LANGUAGES, Kind
from store.appointments import (
    EMAIL,
    PERSON,
    POST,
    Appointment,
    Delegation,
    delegation_id,
    eve_of,
    first_day,
    held_twice,
    id_of,
    last_day,
    may_stand_in,
)
from store.database import Database
from store.reference import Reference
from store.tables import appointments, delegations, institutions, persons


class Offices:
    """Who holds an office and who answers in its place: each change is checked against what is there and known at once."""

    def __init__(self, db: Database, reference: Reference, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._reference = reference
        self._clock = clock

    async def appoint(
        self,
        institution: str,
        rank: int,
        role: str,
        email: str,
        language: str,
        *,
        starts: date | None = None,
        ends: date | None = None,
        post: str = "",
    ) -> Appointment:
        """Give an office of an institution a mailbox, from its first to its last day; `post` names it, `SN-POSTE/` and that.

        Raises:
            Missing: the institution is not known.
            Invalid: the mailbox, language, rank, post or dates are wrong; every fault.
            Refused: "held", somebody else has that rank on a same day; "same", the post's name is taken.
        """
        code = f"{institution}/{post}" if post else id_of(institution, rank, starts)
        wanted = Appointment(
            id=code, institution=institution, rank=rank, role=role, email=email, language=language, starts=starts, ends=ends
        )
        _sound(wanted)
        async with self._db.begin() as connection:
            await self._enter(connection, wanted, await _held(connection, institution))
        self._reference.invalidate()
        return wanted

    async def succeed(self, institution: str, rank: int, role: str, email: str, language: str, starts: date) -> Appointment:
        """Let somebody follow the holder of a rank, whose last day is the day before.

        Raises:
            Missing: the institution is not known.
            Invalid: the mailbox, language or rank is wrong; every fault.
            Refused: "nobody_to_follow", nobody holds that rank then; "held", another successor is appointed already.
        """
        code = id_of(institution, rank, starts)
        wanted = Appointment(id=code, institution=institution, rank=rank, role=role, email=email, language=language, starts=starts)
        _sound(wanted)
        async with self._db.begin() as connection:
            held = await _held(connection, institution)
            eve = eve_of(starts)
            before = next((one for one in held if one.rank == rank and one.covers(eve)), None)
            if before is None:
                text = f"nobody holds rank {rank} of {institution} on {eve}; appoint somebody instead"
                raise Refused("nobody_to_follow", text, institution=institution, rank=str(rank))
            await connection.execute(update(appointments).where(appointments.c.id == before.id).values(ends=eve))
            left = [one if one.id != before.id else one.model_copy(update={"ends": eve}) for one in held]
            await self._enter(connection, wanted, left)
        self._reference.invalidate()
        return wanted

    async def delegate(self, institution: str, to: str, starts: date, ends: date, kinds: Collection[Kind] = ()) -> str:
        """Let another answer for an institution from a first to a last day, for some kinds of step or for all; its code.

        `to` is a post of the institution, a colleague (`SN-POSTE/p-…`), or another institution of the country. The same again
        changes nothing, unless it was revoked: then it is a new one.

        Raises:
            Missing: the institution is not known.
            Invalid: the last day comes before the first.
            Refused: "not_a_colleague", `to` may not answer for it; "not_in_office", nor on any of these days.
        """
        if ends < starts:
            raise Invalid([_reversed(starts, ends)])
        async with self._db.begin() as connection:
            held = await _held(connection, institution)
            await self._may_stand_in(connection, institution, to, held)
            post = next((one for one in held if one.id == to), None)
            if post is not None and not (first_day(post) <= ends and starts <= last_day(post)):
                raise Refused("not_in_office", f"{to} is not in office between {starts} and {ends}", to=to)
            wanted = Delegation(
                id=delegation_id(institution, to, kinds, starts, ends),
                institution=institution,
                to=to,
                kinds=tuple(sorted(set(kinds))),
                starts=starts,
                ends=ends,
            )
            code = await _enter_delegation(connection, wanted)
        self._reference.invalidate()
        return code

    async def revoke(self, delegation: str) -> Delegation:
        """Take a delegation back, from now on and for the days that were still to come.

        Raises:
            Missing: it is not known.
            Refused: "revoked" already, or "over": its last day has passed everywhere.
        """
        at = self._clock()
        async with self._db.begin() as connection:
            row = (await connection.execute(select(delegations).where(delegations.c.id == delegation).with_for_update())).first()
            if row is None:
                raise Missing(f"no delegation {delegation}")
            found = Delegation.model_validate(row._asdict())
            if found.revoked is not None:
                raise Refused("revoked", f"{delegation} was revoked on {found.revoked.isoformat()}", at=found.revoked.isoformat())
            if found.ends < at.date() - timedelta(days=1):
                raise Refused("over", f"{delegation} ended on {found.ends}", at=found.ends.isoformat())
            await connection.execute(update(delegations).where(delegations.c.id == delegation).values(revoked=at))
        self._reference.invalidate()
        return found.model_copy(update={"revoked": at})

    async def _enter(self, connection: AsyncConnection, wanted: Appointment, held: list[Appointment]) -> None:
        if any(one.id == wanted.id for one in held):
            raise Refused("same", f"{wanted.id} is there already; name another post", id=wanted.id)
        for earlier, later in held_twice([*held, wanted]):
            other = earlier if later.id == wanted.id else later
            text = f"{other.id} holds rank {wanted.rank} of {wanted.institution} on one of these days; let somebody succeed instead"
            raise Refused("held", text, id=other.id)
        await connection.execute(insert(appointments), wanted.model_dump())

    async def _may_stand_in(self, connection: AsyncConnection, institution: str, to: str, held: list[Appointment]) -> None:
        own, _, person = to.partition("/")
        if own == institution and person.startswith(PERSON):
            query = select(persons.c.id).where(persons.c.id == person, persons.c.institution == institution)
            found = await connection.scalar(query) is not None
        else:
            countries = {one.code: one.country for one in await connection.execute(select(institutions))}
            found = may_stand_in(to, institution, [one.id for one in held], countries)
        if not found:
            text = f"{to} is no post of {institution} and no other institution of its country"
            raise Refused("not_a_colleague", text, to=to)


def _sound(wanted: Appointment) -> None:
    """Name every fault of an appointment by its field."""
    faults = []
    if not EMAIL.fullmatch(wanted.email):
        faults.append(Fault(field="email", code="invalid", text=f"{wanted.email!r} is no mail address"))
    if wanted.language not in LANGUAGES:
        faults.append(Fault(field="language", code="unknown", text=f"unknown value {wanted.language!r}"))
    if not 1 <= wanted.rank <= 999:
        faults.append(Fault(field="rank", code="out_of_range", text="a rank is 1 to 999"))
    if not wanted.role.strip():
        faults.append(Fault(field="role", code="required", text="the office's name is needed"))
    if not POST.fullmatch(wanted.id.partition("/")[2]):
        faults.append(Fault(field="post", code="invalid", text="a post is named by small letters, digits and hyphens"))
    if wanted.starts and wanted.ends and wanted.ends < wanted.starts:
        faults.append(_reversed(wanted.starts, wanted.ends))
    if faults:
        raise Invalid(faults)


def _reversed(starts: date, ends: date) -> Fault:
    return Fault(field="ends", code="reversed", text=f"the last day, {ends}, comes before the first, {starts}")


async def _held(connection: AsyncConnection, institution: str) -> list[Appointment]:
    """The appointments of an institution; who changes them waits for whoever does so already."""
    locked = select(institutions.c.code).where(institutions.c.code == institution).with_for_update()
    if await connection.scalar(locked) is None:
        raise Missing(f"no institution {institution}")
    rows = await connection.execute(select(appointments).where(appointments.c.institution == institution))
    return [Appointment.model_validate(row._asdict()) for row in rows]


async def _enter_delegation(connection: AsyncConnection, wanted: Delegation) -> str:
    """Enter a delegation unless it is there and holds; its code, numbered on where the same was revoked before."""
    query = (
        select(delegations).where(delegations.c.id.like(f"{wanted.id}%")).order_by(func.length(delegations.c.id), delegations.c.id)
    )
    there = [Delegation.model_validate(row._asdict()) for row in await connection.execute(query)]
    if there and there[-1].revoked is None:
        return there[-1].id
    code = f"{wanted.id}-{len(there) + 1}" if there else wanted.id
    await connection.execute(insert(delegations), {**wanted.model_dump(mode="python"), "id": code, "kinds": list(wanted.kinds)})
    return code
