"""Erasing a person: their row and key go, their contents and all that names them in the case lose their bytes; sha256 stay.

Histories, receipts, the log and bundles name contents by sha256 and people by id, so all of them go on being verified. What was
erased reads as `Erased`, never as missing or damaged.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, delete, or_, select, update

from models.case import Answer, Case
from models.erasing import may_erase, person_of_party, prints
from models.errors import Erased, Missing, Refused
from models.message import Instant, Message
from store.contents import Corrupt, of_contents, opened
from store.database import Database, Transaction
from store.deliveries import WAITING, DeliveryState, Said, note
from store.mentions import Mentions, attached
from store.person_keys import destroy
from store.tables import (
    archive,
    cases,
    contents,
    deliveries,
    erasures,
    inbox,
    launches,
    mails,
    persons,
    replies,
    transitions,
    visits,
)

SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
TEXTS = ("application/json", "message/rfc822", "text/")
NOT_READ = "application/zip"
GONE = "not sent: the data of the person it is for was erased"

log = structlog.get_logger("erasure")


class Erasure(Message):
    """That a person's data was erased: by whom and why, and which contents lost their bytes, by sha256.

    `messages` are the Message-IDs of the mails among them, `party` the nomination or colleague in the case.
    """

    person: str
    case_id: str
    party: str = ""
    by: str
    reason: str
    at: Instant
    contents: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


Noting = Callable[[Transaction, Erasure], Awaitable[object]]
"""Something to be written of an erasure in the same transaction."""


class Erasures:
    """The erasures of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_case(self, case_id: str) -> list[Erasure]:
        """The erasures of a case, in order."""
        query = select(erasures).where(erasures.c.case_id == case_id).order_by(erasures.c.at, erasures.c.person)
        async with self._db.read() as connection:
            return [Erasure.model_validate(row._asdict()) for row in await connection.execute(query)]

    async def erase(
        self, case: Case, party: str, *, by: str, reason: str, at: datetime, also: Sequence[str] = (), then: Noting | None = None
    ) -> Erasure:
        """Erase the person behind a party of a case, in one transaction; `also` are other names they are called by.

        `then` is told in the same transaction.

        Raises:
            Missing: the case knows no such person.
            Refused: "erased", it was done before; "names_them", the reason or who asks for it names the person;
                "still_asked" or "still_travelling", the case counts on them; "on_its_way", a mail that names them has not left yet.
        """
        person = person_of_party(case, party)
        async with self._db.begin() as connection:
            somebody = await self._somebody(connection, case, party, person)
            may_erase(case, party)
            mentions = Mentions([somebody.name, *also], [somebody.email])
            if mentions.in_text(reason) or mentions.in_text(by):
                raise Refused("names_them", "the reason is kept: say why without naming the person")
            gone = await Found(self._db, connection, case, person, mentions).contents()
            await _refuse_while_on_its_way(connection, case.id, person, gone)
            messages = await _blank(connection, gone, at)
            await _leave_mails(connection, case.id, person, mentions, at)
            await _leave_visits(connection, case.id, party, mentions)
            await connection.execute(delete(persons).where(persons.c.id == person))
            await destroy(connection, person)
            erasure = Erasure(
                person=person, case_id=case.id, party=party, by=by, reason=reason, at=at, contents=gone, messages=messages
            )
            row = erasure.model_dump(exclude={"party", "messages"})
            await connection.execute(erasures.insert().values(**{**row, "contents": list(gone)}))
            if then is not None:
                await then(connection, erasure)
        await self._db.settle()
        log.info("erased", case=case.id, person=person, contents=len(gone))
        return erasure

    async def _somebody(self, connection: Transaction, case: Case, party: str, person: str) -> Row[Any]:
        before = (await connection.execute(select(erasures).where(erasures.c.person == person))).first()
        if before is not None:
            raise Refused("erased", f"{party} of {case.id} was erased on {before.at:%Y-%m-%d} by {before.by}", by=before.by)
        mine = persons.c.id == person, persons.c.case_id == case.id
        row = (await connection.execute(select(persons).where(*mine).with_for_update())).first()
        if row is None:
            raise Missing(f"nobody is known as {party} in {case.id}")
        return row


class Found:
    """What a case holds of a person, among everything that came up in it."""

    def __init__(self, db: Database, connection: Transaction, case: Case, person: str, mentions: Mentions) -> None:
        self._db = db
        self._connection = connection
        self._case = case
        self._person = person
        self._mentions = mentions

    async def contents(self) -> tuple[str, ...]:
        """The sha256 of every content to lose its bytes: the person's, those that name them, files that may."""
        rows = {row.sha256: row for row in await self._rows()}
        read = {digest: data for digest, row in rows.items() if (data := self._read(row)) is not None}
        gone = {digest for digest, row in rows.items() if row.owner == self._person and row.erased is None}
        named = {d for d, data in read.items() if _is_text(rows[d]) and self._mentions.in_content(data, rows[d].media)}
        gone |= named
        papers = {paper.sha256: paper for paper in self._case.papers}
        gone |= {d for d, paper in papers.items() if d in read and prints(self._case, paper, frozenset(named))}
        files = {d for d in read if d not in papers and not _is_text(rows[d])}
        gone |= files & (await self._files_about(read) | await self._nobodys(files, read))
        gone |= {d for d, data in read.items() if rows[d].media == "message/rfc822" and not gone.isdisjoint(attached(data))}
        return tuple(sorted(gone))

    async def _rows(self) -> Sequence[Row[Any]]:
        """Every content of the case but its histories, which hold nothing of persons."""
        wanted = sorted(await self._named())
        histories = select(archive.c.sha256).where(archive.c.case_id == self._case.id)
        here = or_(contents.c.case_id == self._case.id, contents.c.sha256.in_(wanted), contents.c.person == self._person)
        query = of_contents().where(here, contents.c.sha256.not_in(histories), contents.c.media != NOT_READ)
        rows: Sequence[Row[Any]] = (await self._connection.execute(query)).all()
        return rows

    async def _named(self) -> set[str]:
        """Every sha256 that the rows of the case name."""
        case_id = self._case.id
        columns = (
            select(launches.c.request).where(launches.c.case_id == case_id),
            select(cases.c.doc).where(cases.c.id == case_id),
            select(transitions.c.reason).where(transitions.c.case_id == case_id),
            select(inbox.c.answer).where(inbox.c.case_id == case_id),
            select(mails.c.content).where(mails.c.case_id == case_id),
            select(replies.c.content).where(replies.c.case_id == case_id),
        )
        texts = [text for column in columns for text in await self._connection.scalars(column)]
        return {digest for text in texts for digest in SHA256.findall(text)}

    def _read(self, row: Row[Any]) -> bytes | None:
        """The plain bytes; None of what is erased or damaged."""
        try:
            return opened(self._db, row)
        except Erased:
            return None
        except Corrupt as error:
            log.warning("not_looked_into", sha256=row.sha256, error=str(error))
            return None

    async def _answers(self) -> list[Answer]:
        query = select(inbox.c.answer).where(inbox.c.case_id == self._case.id)
        return [Answer.model_validate_json(text) for text in await self._connection.scalars(query)]

    async def _files_about(self, read: dict[str, bytes]) -> set[str]:
        """The files that came with an answer or a proof about this person, alone or among others."""
        found = set()
        people = {nomination.id: nomination.person for nomination in self._case.nominations}
        for answer in await self._answers():
            step = self._case.step(answer.step)
            about = {people.get(code, "") for code in (step.people if step else ())}
            about |= {nominee.person for nominee in answer.facts.nominees}
            if self._person in about:
                found |= {answer.proof} | set(_files_in(read.get(answer.form, b"")))
        return found | {waiver.proof for waiver in self._case.waivers if people.get(waiver.about) == self._person}

    async def _nobodys(self, files: Iterable[str], read: dict[str, bytes]) -> set[str]:
        """The files that nothing of the case says whose they are: left from a draft, or the proof of an act."""
        drafts = await self._connection.scalars(select(visits.c.draft).where(visits.c.case_id == self._case.id))
        taken = {digest for draft in drafts for digest in SHA256.findall(str(draft))}
        taken |= {waiver.proof for waiver in self._case.waivers}
        taken |= {answer.proof for answer in await self._answers()}
        taken |= {digest for data in read.values() for digest in _files_in(data)}
        return set(files) - taken


def _is_text(row: Row[Any]) -> bool:
    return str(row.media).startswith(TEXTS)


def _files_in(form: bytes) -> list[str]:
    """The files a form names; nothing of what is no form."""
    return SHA256.findall(form.decode()) if form[:1] == b"{" else []


async def _refuse_while_on_its_way(connection: Transaction, case_id: str, person: str, gone: Sequence[str]) -> None:
    waits = mails.c.case_id == case_id, mails.c.person != person, mails.c.content.in_(gone), deliveries.c.state.in_(WAITING)
    query = select(mails.c.message_id).join(deliveries, deliveries.c.message_id == mails.c.message_id).where(*waits).limit(1)
    waiting = await connection.scalar(query)
    if waiting is not None:
        raise Refused("on_its_way", f"{waiting} names the person and has not left yet; try again when it has", message=waiting)


async def _blank(connection: Transaction, gone: Sequence[str], at: datetime) -> tuple[str, ...]:
    """Take contents their bytes; gives the Message-IDs of the mails among them."""
    which = contents.c.sha256.in_(gone)
    await connection.execute(update(contents).where(which).values(data=b"", sealed=False, erased=at))
    query = select(mails.c.message_id).where(mails.c.content.in_(gone)).order_by(mails.c.message_id)
    return tuple(await connection.scalars(query))


async def _leave_mails(connection: Transaction, case_id: str, person: str, mentions: Mentions, at: datetime) -> None:
    """Give up what still waits for the person, and keep nothing of what servers said of them."""
    theirs = select(mails.c.message_id).where(mails.c.person == person)
    query = select(deliveries.c.message_id, deliveries.c.reply).join(mails, mails.c.message_id == deliveries.c.message_id)
    for row in (await connection.execute(query.where(mails.c.case_id == case_id))).all():
        if mentions.in_text(row.reply):
            await connection.execute(update(deliveries).where(deliveries.c.message_id == row.message_id).values(reply=""))
            await connection.execute(update(mails).where(mails.c.message_id == row.message_id).values(reply="", error=""))
    waits = deliveries.c.message_id.in_(theirs), deliveries.c.state.in_(WAITING)
    rows = (await connection.execute(select(deliveries.c.message_id, deliveries.c.rank).where(*waits))).all()
    said = deliveries.c.message_id.in_(theirs)
    await connection.execute(update(deliveries).where(said).values(reply="", told=at))
    await connection.execute(update(mails).where(mails.c.person == person).values(reply="", error="", to="", name=""))
    for row in rows:
        await note(connection, row.message_id, at, {row.rank: Said(state=DeliveryState.FAILED, reply=GONE)}, release=True)


async def _leave_visits(connection: Transaction, case_id: str, party: str, mentions: Mentions) -> None:
    """End the visits of the person, and empty the drafts that name them."""
    await connection.execute(delete(visits).where(visits.c.case_id == case_id, visits.c.party == party))
    rows = (await connection.execute(select(visits).where(visits.c.case_id == case_id))).all()
    for row in rows:
        if any(mentions.in_text(str(value)) for value in row.draft.values()):
            here = visits.c.session == row.session, visits.c.case_id == case_id, visits.c.step == row.step
            await connection.execute(update(visits).where(*here).values(draft={}))
