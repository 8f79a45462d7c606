"""One mail that cannot be sent holds up no other, no address gets into a log, and a link goes to its own page only."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from structlog.testing import capture_logs

from activities.letters import REDACTED
from activities.mail import with_link
from activities.postman import GIVE_UP_AFTER, Handed, NotSent
from store.mails import MailRow, MailState, QueuedMail
from tests.mail.conftest import Clock, Filing
from tests.mail.situations import Sent
from workplace import Workplace

OFFICE = "coordination@amedip.example"
TO = "services.financiers@poste-sn.example"


async def mails_of(filing: Filing, workplace: Workplace, *changes: dict[str, object]) -> list[QueuedMail]:
    """A reminder for each change, in the queue; the first to leave is the first that was changed."""
    file = await filing("fr")
    mails = [(await file.mail("reminder", number=n)).model_copy(update=change) for n, change in enumerate(changes, start=1)]
    await workplace.readmodel.publish(file.case, mails)
    return mails


async def rows(workplace: Workplace) -> list[MailRow]:
    """How far the mails of the case got."""
    return await workplace.readmodel.mails("AMEDIP-2026-0001")


class Stumbling(Sent):
    """A transport that breaks at its first message in a way nobody foresaw."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Break once, then take."""
        error, self.error = self.error, None
        if error is not None:
            raise error
        return await super().send(message, sender, receivers)


@pytest.mark.parametrize("spoilt", [{"link_facts": {"case": "AMEDIP-2026-0001"}}, {"to": "", "cc": ()}])
async def test_a_mail_that_cannot_be_written_fails_loudly_and_the_next_one_leaves(
    filing: Filing, workplace: Workplace, spoilt: dict[str, object]
) -> None:
    await mails_of(filing, workplace, spoilt, {})
    sent = Sent()
    with capture_logs() as logs:
        assert await workplace.postman(sent, OFFICE).deliver() == 2
    assert [row.state for row in await rows(workplace)] == [MailState.FAILED, MailState.ACCEPTED]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["mail_failed"]
    assert len(sent.messages) == 1


async def test_an_address_that_cannot_be_written_fails_but_an_unforeseen_error_is_tried_again(
    filing: Filing, workplace: Workplace
) -> None:
    await mails_of(filing, workplace, {}, {}, {})
    await workplace.postman(Stumbling(ValueError(f"not an address: {TO}")), OFFICE).deliver()
    await mails_of(filing, workplace, {"message_id": "<later@amedip.example>"})
    await workplace.postman(Stumbling(EOFError("cut off")), OFFICE).deliver()
    first, *others = sorted(await rows(workplace), key=lambda row: row.message_id)
    assert (first.state, first.error) == (MailState.FAILED, "ValueError: not an address: receiver")
    assert [row.state for row in others] == [MailState.ACCEPTED, MailState.ACCEPTED, MailState.DEFERRED]


async def test_a_mail_waits_out_a_worker_that_was_away_for_four_days(filing: Filing, workplace: Workplace, clock: Clock) -> None:
    await mails_of(filing, workplace, {})
    clock.now += timedelta(days=4)
    tried, no = clock.now, NotSent("451 not now", permanent=False)
    postman = workplace.postman(Sent(no, no), OFFICE)
    await postman.deliver()
    assert [(row.state, row.next_try) for row in await rows(workplace)] == [(MailState.DEFERRED, tried + timedelta(minutes=1))]
    clock.now = tried + GIVE_UP_AFTER + timedelta(seconds=1)
    await postman.deliver()
    assert [row.state for row in await rows(workplace)] == [MailState.FAILED]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"550 5.1.1 <{TO}>: Recipient address rejected", "550 5.1.1 <receiver>: Recipient address rejected"),
        ("550 Services.Financiers@Poste-SN.example unknown", "550 receiver unknown"),
        ("550 no user services.financiers here", "550 no user receiver here"),
        ("550 forwarded to somebody.else@home.example: full", "550 forwarded to receiver: full"),
        (f"553 <{OFFICE}>: sender rejected", f"553 <{OFFICE}>: sender rejected"),
    ],
)
@pytest.mark.parametrize("permanent", [True, False])
async def test_no_receivers_address_is_logged_or_kept_with_what_the_server_said(
    filing: Filing, workplace: Workplace, said: str, kept: str, permanent: bool
) -> None:
    await mails_of(filing, workplace, {})
    with capture_logs() as logs:
        await workplace.postman(Sent(NotSent(said, permanent=permanent)), OFFICE).deliver()
    assert [(row.error, row.tries) for row in await rows(workplace)] == [(kept, 1)]
    assert [entry["error"] for entry in logs] == [kept]


class Naming(Sent):
    """A transport whose server repeats the receiver when it takes a message."""

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Take one message."""
        await super().send(message, sender, receivers)
        return Handed(f"250 queued for {receivers[0]} from {sender}")


async def test_a_mail_is_handed_over_from_its_own_office_unless_a_mailbox_for_all_is_set(
    filing: Filing, workplace: Workplace
) -> None:
    await mails_of(filing, workplace, {})
    await workplace.postman(Naming(), "").deliver()
    await mails_of(filing, workplace, {"message_id": "<second@amedip.example>"})
    await workplace.postman(Naming(), "bounces@exchanges.example").deliver()
    replies = {row.reply for row in await rows(workplace)}
    assert replies == {f"250 queued for receiver from {OFFICE}", "250 queued for receiver from bounces@exchanges.example"}


async def test_only_the_address_of_the_page_itself_gets_the_link(filing: Filing, workplace: Workplace) -> None:
    file = await filing("en")
    mail = await file.mail("ask_host_offer")
    lure = f"See https://elsewhere.example/r/{REDACTED} and {REDACTED}."
    message = message_from_bytes(mail.eml, EmailMessage, policy=SMTP)
    plain = message.get_body(("plain",))
    assert plain is not None
    plain.set_content(plain.get_content() + lure)
    await workplace.readmodel.publish(file.case, [mail.model_copy(update={"eml": message.as_bytes()})])
    sent = Sent()
    await workplace.postman(sent, OFFICE).deliver()
    body = message_from_bytes(sent.messages[0], EmailMessage, policy=SMTP).get_body(("plain",))
    assert body is not None
    assert lure in body.get_content()
    assert f"https://exchanges.example/r/{REDACTED}" not in body.get_content()
    assert with_link(message, "nowhere", "somewhere") is message
