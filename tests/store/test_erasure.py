"""Erasing a person: what goes, what stays, and when it is refused; on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from models.case import Answer, Case, Decision, Facts, Nomination, Paper, Step, Waiver
from models.errors import Erased, Missing, Refused
from models.words import Channel, Ending, Kind, Phase, Standing, State
from store import tables
from store.cases import ReadModel
from store.contents import Contents
from store.database import Database, Transaction
from store.deliveries import DeliveryState, Said
from store.erasure import Erasure, Erasures
from store.inbox import Inbox
from store.mails import Mails, MailState, QueuedMail
from store.persons import Person, Persons
from tests.store.situations import CASE, MONDAY, a_case, a_mail, days

NAME, BOX = "Participant Canary", "canary@people.example"
PDF, JSON, TEXT = "application/pdf", "application/json", "text/plain; charset=utf-8"
LATER = MONDAY + days(400)


def about(data: Any) -> bytes:
    """A form as kept."""
    return json.dumps(data).encode()


KEPT = {
    "own report": (about({"summary": "In short.", "file": sha256(b"report scan").hexdigest(), "salt": "a1"}), JSON, "P1"),
    "own scan": (b"report scan", PDF, ""),
    "certificate": (b"%PDF certificate of one", PDF, "P1"),
    "plan": (about({"actions": [{"owner": "CANARY, participant"}]}), JSON, ""),
    "plan paper": (b"%PDF plan", PDF, ""),
    "closure": (b"%PDF closure", PDF, ""),
    "agenda": (about({"lines": [{"activity": "Welcome"}]}), JSON, ""),
    "agenda paper": (b"%PDF agenda", PDF, ""),
    "reason": (f"{NAME} asked.".encode(), TEXT, ""),
    "other reason": (b"The ministry is being reorganised.", TEXT, ""),
    "clearance": (about({"refused": [], "remarks": ""}), JSON, ""),
    "clearance proof": (b"signed list of nominees", "application/octet-stream", ""),
    "offer proof": (b"signed offer", "application/octet-stream", ""),
    "left over": (b"an upload nobody handed in", "image/png", ""),
    "in a draft": (b"an upload somebody has in a draft", "image/png", ""),
    "of another": (about({"cv": "Colleague of Participant Canary", "salt": "b2"}), JSON, "P2"),
    "plain other": (about({"cv": "Ten years", "salt": "c3"}), JSON, "P2"),
}
SHA = {name: sha256(data).hexdigest() for name, (data, _, _) in KEPT.items()}
GOES = {
    name
    for name in KEPT
    if name not in ("agenda", "agenda paper", "other reason", "clearance", "offer proof", "in a draft", "plain other")
}


def answered(
    step_id: str, kind: Kind, asked: str, form: str, *, people: tuple[str, ...] = (), proof: str = "", **facts: Any
) -> Step:
    """A step with its answer."""
    decision = Decision(option="submit", recorded=MONDAY, response=f"R-{step_id}", form=form, proof=proof, facts=Facts(**facts))
    return Step(
        id=step_id, kind=kind, asked=asked, country="SN", about=people, opened=MONDAY, state=State.ANSWERED, decision=decision
    )


def nomination(number: int, standing: Standing = Standing.ATTENDED) -> Nomination:
    """The nomination of a person."""
    return Nomination(id=f"N{number}", person=f"P{number}", institution="SN-POSTE", country="SN", rank=number, standing=standing)


def ended_case() -> Case:
    """A closed case with two participants, of whom the first is named here and there."""
    case = a_case(
        answered("clearance-1", Kind.CLEARANCE, "SN-MAESE", SHA["clearance"], people=("N1", "N2"), proof=SHA["clearance proof"]),
        answered("host_offer-1", Kind.HOST_OFFER, "MA-POSTE", "", proof=SHA["offer proof"]),
        answered("agenda-1", Kind.AGENDA, "MA-POSTE", SHA["agenda"]),
        answered("report-1", Kind.REPORT, "N1", SHA["own report"]),
        answered("transfer_plan-1", Kind.TRANSFER_PLAN, "SN-POSTE", SHA["plan"]),
        seq=1,
    )
    case.nominations = [nomination(1), nomination(2)]
    case.papers = [
        Paper(kind=kind, language="fr", sha256=SHA[name], about=whom, at=MONDAY)
        for kind, name, whom in (
            ("certificate", "certificate", "N1"),
            ("transfer_plan", "plan paper", "SN-POSTE"),
            ("closure_note", "closure", ""),
            ("agenda", "agenda paper", ""),
        )
    ]
    case.waivers = [Waiver(rule="cut_off", by="desk", at=MONDAY, reason=SHA[name]) for name in ("reason", "other reason")]
    case.phase, case.ending, case.ended = Phase.FOLLOW_UP, Ending.CLOSED, MONDAY + days(380)
    return case


def letter(number: int, text: str, person: str = "") -> QueuedMail:
    """A mail that says something."""
    eml = f"Subject: mail {number}\r\nTo: a@b.example\r\n\r\n{text}\r\n".encode()
    return a_mail(number, person=person).model_copy(update={"eml": eml, "cc": ()})


@pytest_asyncio.fixture
async def filled(database: Database) -> AsyncIterator[Database]:
    """The ended case with everything that came up in it."""
    contents = Contents(database)
    await Persons(database).add(
        CASE, [Person(id="P1", name=NAME, email=BOX), Person(id="P2", name="Participant 2", email="p2@x.example")]
    )
    for data, media, person in KEPT.values():
        await contents.put(data, media, person=person, case=CASE)
    async with database.begin() as connection:
        await contents.belongs(SHA["own scan"], "P1", connection=connection)
        for session, party, draft in (
            ("s1", "N1", {"a": "b"}),
            ("s2", "N2", {"remarks": f"With {NAME}"}),
            ("s3", "N2", {"f": SHA["in a draft"]}),
        ):
            await connection.execute(insert(tables.visits), visit(session, party, draft))
    inbox = Inbox(database)
    for step, form, proof in (
        ("report-1", "own report", ""),
        ("clearance-1", "clearance", "clearance proof"),
        ("host_offer-1", "", "offer proof"),
    ):
        await inbox.receive(CASE, an_answer(step, SHA.get(form, ""), SHA.get(proof, "")))
    mails = [
        letter(1, "Dear participant,", "P1"),
        letter(2, f"{NAME} will come."),
        letter(3, "The agenda."),
        letter(4, "Later.", "P1"),
    ]
    await ReadModel(database).publish(ended_case(), mails)
    for number, reply in ((1, "250 taken for Canary"), (2, f"250 {NAME} will be told"), (3, "250 taken")):
        said = Said(state=DeliveryState.ACCEPTED, reply=reply)
        await Mails(database).noted(a_mail(number).message_id, MONDAY, {0: said})
    yield database


def an_answer(step: str, form: str, proof: str) -> Answer:
    """An answer as the inbox keeps it."""
    return Answer(
        response=f"R-{step}", step=step, option="submit", by="x", channel=Channel.PAGE, received=MONDAY, form=form, proof=proof
    )


def visit(session: str, party: str, draft: dict[str, str]) -> dict[str, Any]:
    """A visit to a question, with its draft."""
    instants = dict.fromkeys(("link_expires", "created", "seen", "expires"), LATER)
    said = {"session": session, "case_id": CASE, "step": "report-1", "party": party, "draft": draft, "language": "fr", "nonce": ""}
    return {**said, **instants, "epoch": 0, "code_tries": 0}


async def erase(database: Database, party: str = "N1", **said: Any) -> Erasure:
    """The first participant is erased."""
    given: dict[str, Any] = {"by": "data protection office", "reason": "Asked for by letter.", "at": LATER} | said
    return await Erasures(database).erase(ended_case(), party, **given)


async def test_what_is_theirs_or_names_them_goes_and_everything_else_stays(filled: Database) -> None:
    erasure = await erase(filled)
    gone = {name for name in KEPT if SHA[name] in erasure.contents}
    assert gone == GOES
    contents = Contents(filled)
    for name, (data, _, _) in KEPT.items():
        if name in GOES:
            with pytest.raises(Erased):
                await contents.get(SHA[name])
        else:
            assert await contents.get(SHA[name]) == data


async def test_no_row_names_them_any_more_and_their_key_is_destroyed(filled: Database) -> None:
    await erase(filled)
    async with filled.read() as connection:
        for table in tables.metadata.sorted_tables:
            rows = str([tuple(row) for row in await connection.execute(select(table))]).casefold()
            assert "canary" not in rows, table.name
        assert list(await connection.scalars(select(tables.person_keys.c.person))) == ["P2"]
        assert list(await connection.scalars(select(tables.persons.c.id))) == ["P2"]


async def test_their_mails_are_given_up_and_mails_of_others_stay_as_they_were(filled: Database) -> None:
    erasure = await erase(filled)
    assert erasure.messages == (a_mail(1).message_id, a_mail(2).message_id, a_mail(4).message_id)
    states = {mail.message_id: (mail.state, mail.error) for mail in await Mails(filled).of_case(CASE)}
    assert states[a_mail(3).message_id] == (MailState.ACCEPTED, "")
    state, error = states[a_mail(4).message_id]
    assert state is MailState.FAILED
    assert "was erased" in error
    assert await Mails(filled).due(LATER, 10, 60) == []


async def test_their_visits_end_and_drafts_that_name_them_are_emptied(filled: Database) -> None:
    await erase(filled)
    async with filled.read() as connection:
        rows = (await connection.execute(select(tables.visits).order_by(tables.visits.c.session))).all()
    assert [(row.party, row.draft) for row in rows] == [("N2", {}), ("N2", {"f": SHA["in a draft"]})]


async def test_an_erasure_is_on_record_and_is_told_in_its_own_transaction(filled: Database) -> None:
    told: list[Erasure] = []

    async def note(connection: Transaction, erasure: Erasure) -> None:
        assert (await connection.execute(select(tables.erasures.c.person))).scalar_one() == "P1"
        told.append(erasure)

    erasure = await erase(filled, then=note)
    assert told == [erasure]
    [kept] = await Erasures(filled).of_case(CASE)
    assert (kept.person, kept.by, kept.at, kept.contents) == ("P1", "data protection office", LATER, erasure.contents)


async def test_what_cannot_be_put_on_record_is_not_done(filled: Database) -> None:
    async def fail(connection: Transaction, erasure: Erasure) -> None:
        raise Missing("the log is not there")

    with pytest.raises(Missing, match="log"):
        await erase(filled, then=fail)
    assert await Persons(filled).of(["P1"])
    assert await Contents(filled).get(SHA["own report"])


async def test_erasing_twice_says_it_was_done(filled: Database) -> None:
    await erase(filled)
    with pytest.raises(Refused, match="was erased on 2028-02-08 by data protection office") as refusal:
        await erase(filled)
    assert refusal.value.code == "erased"


async def test_nobody_comes_back_and_nothing_more_of_theirs_is_kept(filled: Database) -> None:
    await erase(filled)
    persons = Persons(filled)
    await persons.add(CASE, [Person(id="P1", name=NAME, email=BOX)])
    assert await persons.of(["P1"]) == {}
    assert await persons.is_erased("P1")
    assert not await persons.is_erased("P2")
    late = await Contents(filled).put(b"a late reply", "message/rfc822", person="P1")
    with pytest.raises(Erased):
        await Contents(filled).get(late)


@pytest.mark.parametrize("said", [{"reason": f"{NAME} asked for it."}, {"by": BOX}])
async def test_a_reason_that_names_them_is_refused(said: dict[str, Any], filled: Database) -> None:
    with pytest.raises(Refused) as refusal:
        await erase(filled, **said)
    assert refusal.value.code == "names_them"
    assert await Persons(filled).of(["P1"])


async def test_other_names_they_are_called_by_can_be_given(filled: Database) -> None:
    erasure = await erase(filled, also=["The ministry"])
    assert SHA["other reason"] in erasure.contents


@pytest.mark.parametrize("party", ["N9", "SN-POSTE", "SN-POSTE/p-nobody"])
async def test_who_is_not_known_cannot_be_erased(party: str, filled: Database) -> None:
    with pytest.raises(Missing):
        await erase(filled, party=party)


async def test_while_a_mail_that_names_them_is_on_its_way_nothing_is_erased(filled: Database) -> None:
    await ReadModel(filled).publish(ended_case(), [letter(5, f"{NAME} will come.")])
    with pytest.raises(Refused) as refusal:
        await erase(filled)
    assert refusal.value.code == "on_its_way"
    assert await Persons(filled).of(["P1"])
