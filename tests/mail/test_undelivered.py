"""A mail refused for good is the coordinator's to see to: they are told once, and have it sent anew to the right mailbox."""

from __future__ import annotations

from datetime import date, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from structlog.testing import capture_logs

from activities.mail import MAIL_FAILED
from activities.postman import NotSent
from models.errors import Missing, Refused
from models.words import LANGUAGES
from store.deliveries import Delivery, DeliveryState
from store.mails import MailRow, MailState
from tests.mail.conftest import Clock, Filing
from tests.mail.situations import LETTERS, OPENED, CaseFile, Sent, amedip
from workplace import Workplace

CASE = "AMEDIP-2026-0001"
OFFICE = "coordination@amedip.example"
TO, COPY = "services.financiers@poste-sn.example", "alternate@poste-sn.example"
NEVER = NotSent("550 no such mailbox", permanent=True)


async def refused(file: CaseFile, letter: str, *noes: NotSent) -> str:
    """Write a letter of a case that the mail server refuses; gives its Message-ID."""
    mail = await file.mail(letter)
    await file.workplace.readmodel.publish(file.case, [mail])
    await file.workplace.postman(Sent(*(noes or [NEVER])), OFFICE).deliver()
    return mail.message_id


async def told(workplace: Workplace) -> list[MailRow]:
    """The letters of the case that tell the coordinator of another."""
    return [row for row in await workplace.readmodel.mails(CASE) if row.letter == MAIL_FAILED]


async def text(workplace: Workplace, row: MailRow) -> str:
    """What a letter says."""
    message = message_from_bytes(await workplace.contents.get(row.content), EmailMessage, policy=SMTP)
    body = message.get_body(("plain",))
    assert body is not None
    return f"{message['Subject']}\n{body.get_content()}"


async def test_the_coordinator_is_told_who_was_not_reached_and_why_but_no_address(filing: Filing, workplace: Workplace) -> None:
    message_id = await refused(await filing("fr"), "overdue")
    assert await workplace.undelivered.tell() == 1
    (letter,) = await told(workplace)
    assert (letter.to, letter.state) == (OFFICE, MailState.QUEUED)
    assert letter.message_id == "<AMEDIP-2026-0001.0007.9b87fe.overdue.mail_failed@amedip.example>"
    said = await text(workplace, letter)
    assert "letter of this case, “Overdue: Nomination”, did not reach" in said
    assert "Société nationale La Poste – refused by the mail server: 550 no such mailbox" in said
    assert "Société nationale La Poste (copy to the alternate) – refused by the mail server: 550 no such mailbox" in said
    assert message_id.strip("<>") in said
    assert TO not in said
    assert COPY not in said


async def test_the_coordinator_is_told_once_and_again_when_a_mail_sent_anew_fails_again(
    filing: Filing, workplace: Workplace, clock: Clock
) -> None:
    message_id = await refused(await filing("fr"), "overdue")
    assert [await workplace.undelivered.tell() for _ in range(3)] == [1, 0, 0]
    await workplace.postman(Sent(), OFFICE).deliver()
    clock.now += timedelta(minutes=1)
    await workplace.undelivered.requeue(message_id)
    assert await workplace.undelivered.tell() == 0
    await workplace.postman(Sent(NEVER), OFFICE).deliver()
    assert [await workplace.undelivered.tell() for _ in range(2)] == [1, 0]
    first, second = await told(workplace)
    assert second.message_id == first.message_id.replace("mail_failed", "mail_failed.2")


async def test_a_nominee_is_named_to_the_coordinator_and_a_failed_letter_about_a_failed_letter_is_the_last(
    filing: Filing, workplace: Workplace
) -> None:
    await refused(await filing("fr"), "invitation")
    await workplace.undelivered.tell()
    (letter,) = await told(workplace)
    assert "Participant 1 – refused by the mail server" in await text(workplace, letter)
    await workplace.postman(Sent(NEVER), OFFICE).deliver()
    assert await workplace.undelivered.tell() == 0
    assert [row.state for row in await told(workplace)] == [MailState.FAILED]


async def test_what_the_office_itself_does_not_get_is_told_to_its_supervisor(filing: Filing, workplace: Workplace) -> None:
    file = await filing("en")
    mail = await file.mail("must_choose", to=amedip().office.code)
    await workplace.readmodel.publish(file.case, [mail])
    await workplace.postman(Sent(NEVER), OFFICE).deliver()
    await workplace.undelivered.tell()
    assert [row.to for row in await told(workplace)] == [amedip().office.supervisor_mailbox]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_letter_has_a_name_in_the_words_of_whoever_is_told(filing: Filing, workplace: Workplace, language: str) -> None:
    file = await filing(language)
    names = {}
    for letter in LETTERS:
        order = await file.letter(letter)
        about = Delivery(
            message_id="<x>", case_id=CASE, step=order.step, letter=letter, rank=0, state=DeliveryState.FAILED, at=OPENED
        )
        names[letter] = workplace.undelivered.name_of(amedip(), file.case, about, language)
    assert {name: words for name, words in names.items() if not words or "{" in words or CASE in words} == {}


async def test_a_mail_sent_anew_goes_under_its_own_id_to_the_mailbox_as_it_is_now(
    filing: Filing, workplace: Workplace, clock: Clock
) -> None:
    file = await filing("fr")
    message_id = await refused(file, "overdue")
    clock.now += timedelta(days=5)
    corrected = "bureau.des.services@poste-sn.example"
    await workplace.offices.succeed("SN-POSTE", 1, "Focal point", corrected, "fr", date(2026, 11, 12))
    assert await workplace.undelivered.requeue(message_id) == [0, 1]
    sent = Sent()
    await workplace.postman(sent, OFFICE).deliver()
    message = message_from_bytes(sent.messages[0], EmailMessage, policy=SMTP)
    assert sent.receivers == [[corrected, COPY]]
    assert (message["Message-ID"], message["To"].addresses[0].addr_spec) == (message_id, corrected)
    assert message["To"].addresses[0].display_name
    assert [row.state for row in await workplace.readmodel.mails(CASE)] == [MailState.ACCEPTED]


async def test_only_what_did_not_arrive_is_sent_anew(filing: Filing, workplace: Workplace) -> None:
    file = await filing("fr")
    mail = await file.mail("reminder")
    await workplace.readmodel.publish(file.case, [mail])
    with pytest.raises(Refused, match="neither failed nor came back"):
        await workplace.undelivered.requeue(mail.message_id)
    with pytest.raises(Missing):
        await workplace.undelivered.requeue("<nobody@amedip.example>")


async def test_a_mail_nobody_can_be_told_of_is_logged_once_and_holds_up_no_other(filing: Filing, workplace: Workplace) -> None:
    file = await filing("fr")
    lost = (await file.mail("reminder", number=1)).model_copy(update={"case_id": "AMEDIP-2026-9999"})
    await workplace.readmodel.publish(file.case, [lost, await file.mail("reminder", number=2)])
    await workplace.postman(Sent(NEVER, NEVER), OFFICE).deliver()
    with capture_logs() as logs:
        assert [await workplace.undelivered.tell() for _ in range(2)] == [1, 0]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["coordinator_not_told"]
