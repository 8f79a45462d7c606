"""Each mail is claimed by one sender at a time until the mail server takes it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from models.errors import Missing, Refused
from store import tables
from store.cases import ReadModel
from store.contents import Contents
from store.database import Database
from store.deliveries import DeliveryState, Said
from store.mails import Mails, MailState, QueuedMail, queue
from store.persons import Person, Persons
from tests.store.situations import CASE, MONDAY, a_mail, days

LEASE = 60.0
BOTH = (0, 1)
DAMAGED = sha256(b"damaged").hexdigest()
AFTER_THE_LEASE = MONDAY + timedelta(seconds=LEASE)


async def queued(database: Database, *messages: QueuedMail) -> None:
    """Put messages in the queue."""
    async with database.begin() as connection:
        await queue(database, connection, messages)


async def accepted(mails: Mails, number: int, *ranks: int) -> None:
    """The mail server took a message for some of its receivers."""
    said = Said(state=DeliveryState.ACCEPTED, reply="250 taken")
    await mails.noted(a_mail(number).message_id, MONDAY, dict.fromkeys(ranks or BOTH, said))


async def deferred(mails: Mails, number: int, until: datetime, *ranks: int) -> None:
    """A message could not be sent to some of its receivers now."""
    said = Said(state=DeliveryState.DEFERRED, reply="451 later", next_try=until)
    await mails.noted(a_mail(number).message_id, MONDAY, dict.fromkeys(ranks or BOTH, said))


async def failed(mails: Mails, number: int, *ranks: int) -> None:
    """A message cannot be sent to some of its receivers at all."""
    said = Said(state=DeliveryState.FAILED, reply="550 never")
    await mails.noted(a_mail(number).message_id, MONDAY, dict.fromkeys(ranks or BOTH, said))


async def test_a_queued_mail_is_due_with_its_bytes_and_archived(database: Database, mails: Mails, contents: Contents) -> None:
    await queued(database, a_mail(1))
    assert await mails.due(MONDAY, 10, LEASE) == [a_mail(1).model_copy(update={"first_try": MONDAY, "ranks": (0, 1)})]
    (row,) = await mails.of_case(CASE)
    assert (row.state, row.tries, row.content) == (MailState.QUEUED, 1, a_mail(1).content)
    assert await contents.get(row.content) == a_mail(1).eml
    assert await contents.media(row.content) == "message/rfc822"


async def test_a_claimed_mail_is_nobody_elses_until_the_lease_ends(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1))
    await mails.due(MONDAY, 10, LEASE)
    assert await mails.due(AFTER_THE_LEASE - timedelta(seconds=1), 10, LEASE) == []
    assert len(await mails.due(AFTER_THE_LEASE, 10, LEASE)) == 1


async def test_several_senders_at_once_claim_each_mail_once(database: Database, mails: Mails) -> None:
    await queued(database, *(a_mail(number) for number in range(40)))
    claims = await asyncio.gather(*(mails.due(MONDAY, 10, LEASE) for _ in range(8)))
    claimed = [message.message_id for claim in claims for message in claim]
    assert len(claimed) == len(set(claimed))
    assert all(len(claim) <= 10 for claim in claims)
    rest = await mails.due(MONDAY, 40, LEASE)
    assert len(claimed) + len(rest) == 40


async def test_the_longest_waiting_mail_comes_first(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1, queued=MONDAY + days(1)), a_mail(2, queued=MONDAY), a_mail(3, queued=MONDAY + days(3)))
    due = await mails.due(MONDAY + days(2), 1, LEASE)
    assert [message.message_id for message in due] == [a_mail(2).message_id]
    assert [message.message_id for message in await mails.due(MONDAY + days(2), 9, LEASE)] == [a_mail(1).message_id]


async def test_an_accepted_mail_is_never_due_again(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1))
    await mails.due(MONDAY, 10, LEASE)
    await accepted(mails, 1)
    await deferred(mails, 1, MONDAY)
    await failed(mails, 1)
    assert await mails.due(MONDAY + days(1), 10, LEASE) == []
    (row,) = await mails.of_case(CASE)
    assert (row.state, row.accepted, row.reply, row.error) == (MailState.ACCEPTED, MONDAY, "250 taken", "")


async def test_a_deferred_mail_is_due_again_at_its_next_try(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1))
    await mails.due(MONDAY, 10, LEASE)
    await deferred(mails, 1, MONDAY + days(1))
    assert await mails.due(MONDAY + days(0.5), 10, LEASE) == []
    assert len(await mails.due(MONDAY + days(1), 10, LEASE)) == 1
    (row,) = await mails.of_case(CASE)
    assert (row.state, row.tries, row.error) == (MailState.DEFERRED, 2, "451 later")


async def test_a_failed_mail_is_given_up_but_a_late_acceptance_counts(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1))
    await failed(mails, 1)
    assert await mails.due(MONDAY + days(9), 10, LEASE) == []
    assert (await mails.of_case(CASE))[0].state is MailState.FAILED
    await accepted(mails, 1)
    assert (await mails.of_case(CASE))[0].state is MailState.ACCEPTED


async def test_a_mail_that_was_never_queued_is_missing(mails: Mails) -> None:
    with pytest.raises(Missing, match="unknown"):
        await mails.noted("<unknown@amedip.example>", MONDAY, {0: Said(state=DeliveryState.ACCEPTED)})
    with pytest.raises(Missing, match="unknown"):
        await mails.requeue("<unknown@amedip.example>", MONDAY, {0: "somebody@poste-ma.example"})


async def test_queueing_a_sent_mail_again_does_not_send_it_again(database: Database, mails: Mails, read_model: ReadModel) -> None:
    await queued(database, a_mail(1))
    await accepted(mails, 1)
    await queued(database, a_mail(1), a_mail(2))
    due = await mails.due(MONDAY, 10, LEASE)
    assert [message.message_id for message in due] == [a_mail(2).message_id]
    assert len(await read_model.mails(CASE)) == 2


async def test_a_mail_to_a_person_keeps_no_address_of_its_own(database: Database, mails: Mails, persons: Persons) -> None:
    await persons.add(CASE, [Person(id="P1", name="Participant 1", email="participant.1@people.example")])
    await queued(database, a_mail(1, person="P1", to="participant.1@people.example"))
    async with database.read() as connection:
        kept = (await connection.execute(select(tables.mails))).mappings().one()
        archived = (await connection.execute(select(tables.contents.c.person))).scalar_one()
    assert "participant.1@people.example" not in str(dict(kept))
    assert archived == "P1"
    (due,) = await mails.due(MONDAY, 10, LEASE)
    assert (due.to, due.name) == ("participant.1@people.example", "Participant 1")


async def test_a_damaged_mail_is_noted_as_failed_and_the_others_are_due(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1), a_mail(2), a_mail(3))
    async with database.begin() as connection:
        damaged = update(tables.contents).where(tables.contents.c.sha256 == a_mail(1).content).values(data=b"damaged")
        await connection.execute(damaged)
        await connection.execute(update(tables.mails).where(tables.mails.c.content == a_mail(2).content).values(link_facts=["x"]))
    with capture_logs() as logs:
        assert [message.message_id for message in await mails.due(MONDAY, 10, LEASE)] == [a_mail(3).message_id]
    assert [entry["event"] for entry in logs] == ["mail_failed", "mail_failed"]
    assert (await mails.counts())[MailState.FAILED] == 2
    async with database.read() as connection:
        errors = set(await connection.scalars(select(tables.mails.c.error).where(tables.mails.c.state == MailState.FAILED)))
    assert errors == {f"content {a_mail(1).content} is damaged: its bytes have the sha256 {DAMAGED}", "its row cannot be read"}


async def test_the_first_try_is_kept_through_later_ones(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1))
    (first,) = await mails.due(MONDAY + days(4), 10, LEASE)
    await deferred(mails, 1, MONDAY + days(5))
    (second,) = await mails.due(MONDAY + days(5), 10, LEASE)
    assert first.first_try == second.first_try == MONDAY + days(4)


async def test_mails_are_counted_by_how_far_they_got_and_their_cases_named(database: Database, mails: Mails) -> None:
    await queued(database, *(a_mail(number) for number in range(4)))
    await failed(mails, 0)
    await deferred(mails, 1, MONDAY + days(1))
    counts = await mails.counts()
    assert counts == {MailState.QUEUED: 2, MailState.DEFERRED: 1, MailState.ACCEPTED: 0, MailState.FAILED: 1}
    assert await mails.cases_in(MailState.FAILED, MailState.DEFERRED) == [CASE]
    assert await mails.cases_in(MailState.ACCEPTED) == []


async def states(mails: Mails) -> list[DeliveryState]:
    """How far the mail of the case got with each of its receivers."""
    return [delivery.state for delivery in await mails.deliveries.of_case(CASE)]


async def test_a_copy_that_waits_is_due_alone_when_the_mail_was_accepted(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1))
    await mails.due(MONDAY, 10, LEASE)
    soon = Said(state=DeliveryState.DEFERRED, reply="451 later", next_try=MONDAY + days(1))
    said = {0: Said(state=DeliveryState.ACCEPTED, reply="250 taken"), 1: soon}
    await mails.noted(a_mail(1).message_id, MONDAY, said)
    assert (await mails.of_case(CASE))[0].state is MailState.ACCEPTED
    assert await mails.due(MONDAY + days(0.5), 10, LEASE) == []
    (due,) = await mails.due(MONDAY + days(1), 10, LEASE)
    assert due.receivers == {1: "alternate@poste-ma.example"}
    await failed(mails, 1, 1)
    assert await mails.due(MONDAY + days(9), 10, LEASE) == []
    assert await states(mails) == [DeliveryState.ACCEPTED, DeliveryState.FAILED]
    assert (await mails.of_case(CASE))[0].state is MailState.ACCEPTED


async def test_a_failed_mail_queued_anew_goes_to_the_corrected_mailbox_of_those_it_did_not_reach(
    database: Database, mails: Mails
) -> None:
    await queued(database, a_mail(1))
    await mails.due(MONDAY, 10, LEASE)
    await failed(mails, 1, 0)
    await accepted(mails, 1, 1)
    boxes = {0: "corrected@poste-ma.example", 1: "nobody@poste-ma.example"}
    assert await mails.requeue(a_mail(1).message_id, MONDAY + days(5), boxes) == [0]
    (due,) = await mails.due(MONDAY + days(5), 10, LEASE)
    assert due.receivers == {0: "corrected@poste-ma.example"}
    assert (due.message_id, due.cc, due.first_try) == (a_mail(1).message_id, a_mail(1).cc, MONDAY + days(5))
    with pytest.raises(Refused, match="neither failed nor came back"):
        await mails.requeue(a_mail(1).message_id, MONDAY + days(5), boxes)


async def test_a_mail_composed_again_with_another_copy_keeps_its_receivers(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1).model_copy(update={"cc": ()}))
    await queued(database, a_mail(1))
    (due,) = await mails.due(MONDAY, 10, LEASE)
    assert due.ranks == (0,)


async def test_those_a_mail_did_not_reach_are_told_once(database: Database, mails: Mails) -> None:
    await queued(database, a_mail(1), a_mail(2))
    await failed(mails, 1)
    letter = a_mail(3).model_copy(update={"letter": "mail_failed"})
    untold = await mails.deliveries.untold("mail_failed")
    assert [(delivery.message_id, delivery.rank) for delivery in untold] == [(a_mail(1).message_id, 0), (a_mail(1).message_id, 1)]
    await mails.tell(letter, a_mail(1).message_id, BOTH, MONDAY)
    assert await mails.deliveries.untold("mail_failed") == []
    await failed(mails, 3)
    assert await mails.deliveries.untold("mail_failed") == []
    assert len(await mails.deliveries.undelivered(CASE)) == 4
