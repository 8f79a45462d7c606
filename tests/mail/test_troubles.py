"""Whatever goes wrong on the way: a mail holds up no other, no address gets into a log, and each receiver is reached or told of."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from socket import EAI_NONAME, gaierror
from typing import NamedTuple
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from activities.letters import REDACTED
from activities.mail import with_link
from activities.postman import GIVE_UP_AFTER, Handed, NotSent, Smtp, SmtpTransport
from rehearsal.player import free_port
from store.deliveries import DeliveryState
from store.mails import MailRow, MailState, QueuedMail
from tests.mail.conftest import Clock, Filing
from tests.mail.server import NAME, Postbox, listening, mute
from tests.mail.situations import Sent
from workplace import Workplace

OFFICE = "coordination@amedip.example"
TO, COPY = "services.financiers@poste-sn.example", "alternate@poste-sn.example"


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


ACCEPTED, DEFERRED, FAILED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.FAILED


class Trouble(NamedTuple):
    """A fault on a mail's way to its receiver and to the alternate who gets a copy.

    `says` are the replies of the server to commands before it goes well again, `first` how far each delivery is then, `then` a
    minute later; `taken` whom the server took the message for, each time. `around` is what else is the matter, by name.
    """

    says: dict[str, list[str]]
    first: tuple[DeliveryState, DeliveryState]
    then: tuple[DeliveryState, DeliveryState]
    taken: list[list[str]]
    around: str = ""
    changed: dict[str, object] = {}


LATER, NEVER = (DEFERRED, DEFERRED), (FAILED, FAILED)
DONE = (ACCEPTED, ACCEPTED)
TROUBLES: dict[str, Trouble] = {
    "421 the server closes": Trouble({"DATA": ["421 closing"]}, LATER, DONE, [[TO, COPY]]),
    "421 before any receiver": Trouble({"MAIL": ["421 closing"]}, LATER, DONE, [[TO, COPY]]),
    "451 greylisting of all": Trouble({"RCPT": ["451 come again"] * 2}, LATER, DONE, [[TO, COPY]]),
    "451 greylisting of one": Trouble({f"RCPT {TO}": ["451 come again"]}, (DEFERRED, ACCEPTED), DONE, [[COPY], [TO]]),
    "550 nobody known": Trouble({"RCPT": ["550 no such mailbox"] * 2}, NEVER, NEVER, []),
    "554 taken for spam": Trouble({"DATA": ["554 spam"]}, NEVER, NEVER, []),
    "the server is slow": Trouble({}, LATER, DONE, [[TO, COPY]], "mute"),
    "the line drops before 250": Trouble({"DATA": ["drop"]}, LATER, DONE, [[TO, COPY]]),
    "the line drops after DATA": Trouble({"DATA": ["take, then drop"]}, LATER, DONE, [[TO, COPY], [TO, COPY]]),
    "the worker is killed after 250": Trouble({}, (DeliveryState.QUEUED,) * 2, DONE, [[TO, COPY], [TO, COPY]], "killed"),
    "TLS fails": Trouble({}, LATER, DONE, [[TO, COPY]], "no tls"),
    "a full mailbox, for now": Trouble({f"RCPT {COPY}": ["452 full"]}, (ACCEPTED, DEFERRED), DONE, [[TO], [COPY]]),
    "a full mailbox, for good": Trouble({f"RCPT {COPY}": ["552 full"]}, (ACCEPTED, FAILED), (ACCEPTED, FAILED), [[TO]]),
    "too large for the server": Trouble({}, NEVER, NEVER, [], "small"),
    "an address nobody can write to": Trouble({}, (ACCEPTED, FAILED), (ACCEPTED, FAILED), [[TO]], changed={"cc": ("not one",)}),
    "an address beyond ASCII": Trouble(
        {}, (FAILED, ACCEPTED), (FAILED, ACCEPTED), [[COPY]], changed={"to": "بريد@poste-sn.example"}
    ),
    "no address": Trouble({}, (FAILED, ACCEPTED), (FAILED, ACCEPTED), [[COPY]], changed={"to": ""}),
    "the name of the server is unknown": Trouble({}, LATER, DONE, [[TO, COPY]], "no name"),
    "the connection is refused": Trouble({}, LATER, DONE, [[TO, COPY]], "away"),
    "one receiver of two": Trouble({f"RCPT {TO}": ["550 unknown"]}, (FAILED, ACCEPTED), (FAILED, ACCEPTED), [[COPY]]),
}
"""The faults of mail that `reliability.md` lists (G4), and what becomes of each receiver."""


async def met(workplace: Workplace, trouble: Trouble, box: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the postman go round once while something is the matter."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            mute() if trouble.around == "mute" else listening(box, largest=SIZES[trouble.around])
        )
        smtp = Smtp(
            host=NAME, port=free_port() if trouble.around == "away" else port, timeout=0.1 if trouble.around == "mute" else 5.0
        )
        smtp = smtp.model_copy(update={"security": "starttls"}) if trouble.around == "no tls" else smtp
        if trouble.around == "no name":
            patched = stack.enter_context(monkeypatch.context())
            unknown = AsyncMock(side_effect=gaierror(EAI_NONAME, "Name or service not known"))
            patched.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
            smtp = smtp.model_copy(update={"host": "mail.exchanges.example"})
        if trouble.around == "killed":
            patched = stack.enter_context(monkeypatch.context())
            patched.setattr(workplace.mails, "noted", AsyncMock(side_effect=asyncio.CancelledError))
            stack.enter_context(suppress(asyncio.CancelledError))
        await workplace.postman(SmtpTransport(smtp), OFFICE).deliver()


SIZES = defaultdict(lambda: 2**25, small=2000)


@pytest.mark.parametrize("name", TROUBLES)
async def test_each_receiver_gets_a_mail_at_least_once_or_the_coordinator_is_told(
    filing: Filing, workplace: Workplace, clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trouble, box = TROUBLES[name], Postbox()
    box.says = {command: list(replies) for command, replies in trouble.says.items()}
    file = await filing("fr")
    mail = (await file.mail("overdue")).model_copy(update=trouble.changed)
    await workplace.readmodel.publish(file.case, [mail])

    async def states() -> tuple[DeliveryState, ...]:
        return tuple(each.state for each in await workplace.mails.deliveries.of_message(mail.message_id))

    await met(workplace, trouble, box, monkeypatch)
    assert await states() == trouble.first
    clock.now += timedelta(minutes=2)
    async with listening(box) as port:
        await workplace.postman(SmtpTransport(Smtp(host=NAME, port=port, timeout=5)), OFFICE).deliver()
    assert await states() == trouble.then
    assert [taken.receivers for taken in box.taken] == trouble.taken
    ids = {str(message_from_bytes(taken.content, EmailMessage, policy=SMTP)["Message-ID"]) for taken in box.taken}
    assert ids <= {mail.message_id}
    assert await workplace.undelivered.tell() == (FAILED in trouble.then)
