"""Cases: their numbers, and the read model that copies each case's state for lists and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Executable, Row, and_, bindparam, delete, func, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.case import Case, Transition
from models.errors import Missing
from models.message import Instant, Message
from models.orders import Reached
from models.words import DecisionKind, Ending, Format, Kind, Phase, State
from store.contents import Content, keep
from store.copied import case_row, step_rows, transition_row
from store.database import Database
from store.mails import MailRow, Mails, QueuedMail, queue, withdraw
from store.tables import cases, counters, delegations, launches, mails, steps, transitions
from store.upsert import insert_into, insert_new, insert_or_replace

MEDIA = "application/json"
WAITING = (State.OPENING, State.OPEN, State.PAUSED)
NOTHING_BEFORE = Reached(posted=2**31 - 1)
"""A publication that says nothing of what was published before: the run's timeline is written anew, no mail is withdrawn."""


class LaunchState(StrEnum):
    """Whether the workflow of a numbered case is known to have been started."""

    RESERVED = "reserved"
    STARTED = "started"


class Launch(Message):
    """A case that got its number: the sha256 of its request, its opening as bytes; `created` by this very call or before."""

    case_id: str
    key: str
    state: LaunchState
    opened: Instant
    request: str
    opening: bytes
    created: bool = False


class CaseRow(Message):
    """A case in a list; `waiting_for` is who is asked by its open steps, `ending` None while it is open."""

    id: str
    programme: str
    format: Format
    requesting: str
    partner: str
    phase: Phase
    waiting_for: tuple[str, ...]
    next_instant: Instant | None
    opened: Instant
    ended: Instant | None
    ending: Ending | None
    reason: str


class StepRow(Message):
    """A step in a list; `closes` is its closing instant, `option` and `decision` what was answered and how that came about."""

    case_id: str
    id: str
    kind: Kind
    round: int
    asked: str
    country: str
    state: State
    escalated_to: str
    opened: Instant
    due: Instant | None
    closes: Instant | None
    next_instant: Instant | None
    closed: Instant | None
    option: str
    decision: DecisionKind | None
    late: bool


class Launches:
    """The numbers of the cases, and what is still to be started."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def reserve(self, key: str, prefix: str, opened: datetime, request: bytes, opening: Callable[[str], bytes]) -> Launch:
        """Give a request the next number of the prefix and year, such as AMEDIP-2026-0001, and keep it with its opening.

        The same key gives the first launch again, whatever else is handed in. `request` is the request's canonical JSON,
        `opening` makes the opening's bytes of the number.
        """
        async with self._db.begin() as connection:
            number = await _next_number(connection, f"{prefix}-{opened.year}")
            case_id = f"{prefix}-{opened.year}-{number:04d}"
            row = {
                "case_id": case_id,
                "key": key,
                "state": LaunchState.RESERVED,
                "opened": opened,
                "request": Content(request, MEDIA).sha256,
                "opening": opening(case_id),
            }
            created = await connection.scalar(insert_new(connection, launches).returning(launches.c.case_id), row) is not None
            if created:
                await keep(self._db, connection, [Content(request, MEDIA, case=case_id)])
            else:
                await connection.rollback()
        return Launch.model_validate({**row, "created": True}) if created else await self.of(key)

    async def of(self, key: str) -> Launch:
        """The launch of that key.

        Raises:
            Missing: there is none.
        """
        async with self._db.read() as connection:
            row = (await connection.execute(select(launches).where(launches.c.key == key))).first()
        if row is None:
            raise Missing(f"no case was launched under the key {key}")
        return Launch.model_validate(row._asdict())

    async def reserved(self) -> list[Launch]:
        """The launches not yet known to have been started, by number."""
        query = select(launches).where(launches.c.state == LaunchState.RESERVED).order_by(launches.c.case_id)
        async with self._db.read() as connection:
            return [Launch.model_validate(row._asdict()) for row in await connection.execute(query)]

    async def numbers(self) -> list[str]:
        """The numbers of all cases known to have been started, in order."""
        query = select(launches.c.case_id).where(launches.c.state == LaunchState.STARTED).order_by(launches.c.case_id)
        async with self._db.read() as connection:
            return list(await connection.scalars(query))

    async def started(self, case_id: str) -> None:
        """The case's workflow has been started.

        Raises:
            Missing: no case has that number.
        """
        change = update(launches).where(launches.c.case_id == case_id).values(state=LaunchState.STARTED)
        async with self._db.begin() as connection:
            if not (await connection.execute(change)).rowcount:
                raise Missing(f"no case {case_id}")


class ReadModel:
    """What lists and pages read: a copy of each case's state, never ahead of it, never going back."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._mails = Mails(db)

    async def publish(self, case: Case, mails: Sequence[QueuedMail] = (), reached: Reached = NOTHING_BEFORE) -> None:
        """Copy a case's state, with the mails that go out with it, in one transaction.

        When a newer state is there (run, then event), only the mails are kept. A mail that is there is left as it is. What is
        there of the run beyond what was published before was written for a workflow task that came to nothing: transitions are
        replaced, mails not sent yet are withdrawn.
        """
        async with self._db.begin() as connection:
            if await _publish_case(connection, case, reached.event):
                posted = await _publish_rest(connection, case, reached.seq)
                if posted > reached.posted:
                    await withdraw(connection, case.id, reached.posted, keep=[mail.message_id for mail in mails])
            await queue(self._db, connection, mails)

    async def rebuild(self, ends: Sequence[Case], event: int) -> bool:
        """Write a case anew from its state at the end of each of its runs, in one transaction; its mails stay.

        `event` is how many events the history of the last run has. False, with nothing changed, when a newer state (run, then
        event) is there.
        """
        last = ends[-1]
        async with self._db.begin() as connection:
            there = await connection.execute(select(cases.c.run, cases.c.event).where(cases.c.id == last.id).with_for_update())
            if any((row.run, row.event) > (last.run, event) for row in there.all()):
                return False
            await connection.execute(delete(cases).where(cases.c.id == last.id))
            for case in ends:
                if not await _publish_case(connection, case, event):  # first published by another process since we looked
                    await connection.rollback()
                    return False
                await _publish_rest(connection, case, 0)
        return True

    async def case(self, case_id: str) -> Case:
        """The state of a case as last published, its timeline apart.

        Raises:
            Missing: none was published.
        """
        async with self._db.read() as connection:
            doc = await connection.scalar(select(cases.c.doc).where(cases.c.id == case_id))
        if doc is None:
            raise Missing(f"no case {case_id}")
        return Case.model_validate_json(doc)

    async def exists(self, case_id: str) -> bool:
        """Whether a case was published."""
        async with self._db.read() as connection:
            return await connection.scalar(select(cases.c.id).where(cases.c.id == case_id)) is not None

    async def cases(self, *, ending: str | None = None, limit: int = 50, offset: int = 0) -> list[CaseRow]:
        """Cases, the last opened first: all of them, the open ones with `ending=""`, or those that ended so."""
        listed = [column for column in cases.c if column.name not in ("doc", "run", "seq", "event")]
        query = select(*listed).order_by(cases.c.opened.desc(), cases.c.id.desc()).limit(limit).offset(offset)
        if ending is not None:
            query = query.where(cases.c.ending == ending)
        async with self._db.read() as connection:
            return [_case_row(row) for row in await connection.execute(query)]

    async def open_cases(self) -> list[str]:
        """The ids of the cases that have not ended."""
        async with self._db.read() as connection:
            return list(await connection.scalars(select(cases.c.id).where(cases.c.ending == "").order_by(cases.c.id)))

    async def asking(self, institution: str) -> list[str]:
        """The numbers of the open cases with an open step that asks an institution, in order."""
        query = select(steps.c.case_id).where(steps.c.asked == institution, steps.c.state.in_(WAITING)).distinct()
        async with self._db.read() as connection:
            return sorted(await connection.scalars(query))

    async def put_to(self, institution: str, after: str = "", limit: int = 100) -> list[str]:
        """The numbers of the cases with an open step that an institution may be the one to answer, in order, behind `after`.

        It was asked, the step was escalated to it, or it holds a mandate of the one asked, in force or not: the step says more.
        """
        mandates = select(delegations.c.institution).where(delegations.c.to == institution)
        ways = (steps.c.asked == institution, steps.c.escalated_to == institution, steps.c.asked.in_(mandates))
        found = union(*(select(steps.c.case_id).where(way, steps.c.state.in_(WAITING)) for way in ways)).subquery()
        query = select(found.c.case_id).where(found.c.case_id > after).order_by(found.c.case_id).limit(limit)
        async with self._db.read() as connection:
            return list(await connection.scalars(query))

    async def steps(self, case_id: str) -> list[StepRow]:
        """The steps of a case in the order they were opened."""
        query = select(steps).where(steps.c.case_id == case_id).order_by(steps.c.position)
        async with self._db.read() as connection:
            rows = await connection.execute(query)
            return [StepRow.model_validate({**row._asdict(), "decision": row.decision or None}) for row in rows]

    async def timeline(self, case_id: str) -> list[Transition]:
        """What happened in a case, in order."""
        query = select(transitions).where(transitions.c.case_id == case_id).order_by(transitions.c.seq)
        async with self._db.read() as connection:
            return [_transition(row) for row in await connection.execute(query)]

    async def mails(self, case_id: str) -> list[MailRow]:
        """The mails of a case in the order they were queued."""
        return await self._mails.of_case(case_id)


STEP_COLUMNS = tuple(column.name for column in steps.c)
AS_COPIED = (
    select(
        func.coalesce(select(func.max(transitions.c.seq)).where(transitions.c.case_id == cases.c.id).scalar_subquery(), 0).label(
            "known"
        ),
        func.coalesce(select(func.max(mails.c.number)).where(mails.c.case_id == cases.c.id).scalar_subquery(), 0).label("posted"),
        steps,
    )
    .select_from(cases.outerjoin(steps, steps.c.case_id == cases.c.id))
    .where(cases.c.id == bindparam("case_id"))
)


async def _next_number(connection: AsyncConnection, name: str) -> int:
    insert = insert_into(connection.dialect.name, counters).values(name=name, last=1)
    counted = insert.on_conflict_do_update(index_elements=[counters.c.name], set_={"last": counters.c.last + 1})
    return int((await connection.execute(counted.returning(counters.c.last))).scalar_one())


async def _publish_case(connection: AsyncConnection, case: Case, event: int) -> bool:
    row = case_row(case) | {"event": event}
    return await connection.scalar(_case_unless_older(connection.dialect.name), row) is not None


@cache
def _case_unless_older(dialect: str) -> Executable:
    insert = insert_into(dialect, cases)
    new = insert.excluded
    not_older = or_(cases.c.run < new.run, and_(cases.c.run == new.run, cases.c.event <= new.event))
    change = {name: value for name, value in new.items() if name != "id"}
    return insert.on_conflict_do_update(index_elements=[cases.c.id], set_=change, where=not_older).returning(cases.c.id)


async def _publish_rest(connection: AsyncConnection, case: Case, before: int) -> int:
    """Steps that differ from what is there, and transitions beyond what was published before; the case's row is locked by now.

    Gives the highest number among the case's mails.
    """
    found = (await connection.execute(AS_COPIED, {"case_id": case.id})).mappings().all()
    there = {row["id"]: {name: row[name] for name in STEP_COLUMNS} for row in found}
    rows = step_rows(case)
    changed = [row for row in rows if there.get(row["id"]) != row]
    if changed:
        await connection.execute(insert_or_replace(connection, steps), changed)
    gone = there.keys() - {None, *(row["id"] for row in rows)}
    if gone:
        await connection.execute(delete(steps).where(steps.c.case_id == case.id, steps.c.id.in_(gone)))
    if found[0]["known"] > before:
        known = transitions.c.case_id == case.id, transitions.c.run == case.run, transitions.c.seq > before
        await connection.execute(delete(transitions).where(*known))
    new = [transition_row(case.id, said) for said in case.said if said.seq > before]
    if new:
        await connection.execute(insert_new(connection, transitions), new)
    return int(found[0]["posted"])


def _case_row(row: Row[Any]) -> CaseRow:
    return CaseRow.model_validate({**row._asdict(), "ending": row.ending or None})


def _transition(row: Row[Any]) -> Transition:
    return Transition.model_validate({**row._asdict(), "kind": row.kind or None, "decision": row.decision or None})
