"""A real SMTP conversation, and everything that can go wrong in it: a mail is accepted once at least, or said to have failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from activities.letters import REDACTED
from activities.postman import Handed, NotSent, Postman, Smtp, SmtpTransport
from evidence.links import Link
from rehearsal.player import free_port
from store.deliveries import DeliveryState
from store.mails import MailRow, MailState, QueuedMail
from tests.mail.conftest import Clock, Filing
from tests.mail.server import NAME, PASSWORD, USER, Certificate, Postbox, certificate, listening, mute
from tests.mail.situations import OPENED, PDF, CaseFile, Sent
from worker import Post
from workplace import Workplace

__all__ = ["certificate"]

OFFICE = "coordination@amedip.example"
TO, COPY = "services.financiers@poste-sn.example", "alternate@poste-sn.example"


@pytest_asyncio.fixture
async def queued(filing: Filing, workplace: Workplace) -> QueuedMail:
    """One letter in the queue: a chase, with a copy to the alternate and a link."""
    return await put(await filing("fr"), "overdue")


async def put(file: CaseFile, name: str) -> QueuedMail:
    """Put one letter of a case in the queue."""
    mail = await file.mail(name)
    await file.workplace.readmodel.publish(file.case, [mail])
    return mail


async def post(workplace: Workplace, port: int, **smtp: object) -> MailRow:
    """Let the postman go round once; gives how far the one mail got."""
    server = Smtp.model_validate({"host": NAME, "port": port, "timeout": 5.0} | smtp)
    await workplace.postman(SmtpTransport(server), OFFICE).deliver()
    return await row(workplace)


async def row(workplace: Workplace) -> MailRow:
    """How far the one mail of the case got."""
    (found,) = await workplace.readmodel.mails("AMEDIP-2026-0001")
    return found


def read(content: bytes) -> EmailMessage:
    """A message as it arrived."""
    message: EmailMessage = message_from_bytes(content, EmailMessage, policy=SMTP)
    assert message.defects == []
    return message


async def test_a_mail_is_handed_over_and_what_the_server_said_is_noted(workplace: Workplace, queued: QueuedMail) -> None:
    box = Postbox()
    async with listening(box) as port:
        found = await post(workplace, port)
    (taken,) = box.taken
    assert (taken.sender, taken.receivers, taken.secured) == (OFFICE, [TO, COPY], False)
    assert (found.state, found.tries, found.accepted) == (MailState.ACCEPTED, 1, OPENED)
    assert "taken" in found.reply
    assert read(taken.content)["Message-ID"] == queued.message_id


async def test_only_what_is_sent_holds_the_link(workplace: Workplace, queued: QueuedMail) -> None:
    box = Postbox()
    with capture_logs() as logs:
        async with listening(box) as port:
            found = await post(workplace, port)
    message = read(box.taken[0].content)
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    texts = [body.get_content() for body in bodies if body is not None]
    assert len(texts) == 2
    assert REDACTED not in "".join(texts)
    token = texts[0].partition("https://exchanges.example/r/")[2].split()[0]
    assert f'href="https://exchanges.example/r/{token}"' in texts[1]
    assert workplace.links.read(token, OPENED) == Link(case="AMEDIP-2026-0001", step="nomination-1", party="SN-POSTE")
    archived = await workplace.contents.get(found.content)
    assert archived == queued.eml
    assert read(archived)["Message-ID"] == queued.message_id
    kept = (archived, found.model_dump_json().encode(), repr(logs).encode())
    assert [place for place in kept if token.encode() in place or token[:20].encode() in place] == []


async def test_a_sent_mail_is_the_archived_one_but_for_its_link(filing: Filing, workplace: Workplace) -> None:
    for language in ("en", "fr", "ar", "pt"):
        file = await filing(language)
        mail = await file.mail("ask_host_agreement")
        sent = Sent()
        await workplace.readmodel.publish(file.case, [mail.model_copy(update={"message_id": f"<{language}@amedip.example>"})])
        await workplace.postman(sent, OFFICE).deliver()
        there, here = read(sent.messages[0]), read(mail.eml)
        assert there.items() == here.items()
        (paper,) = there.iter_attachments()
        assert paper.get_content() == PDF
        for kind in ("plain", "html"):
            one, other = there.get_body((kind,)), here.get_body((kind,))
            assert one is not None
            assert other is not None
            text, archived = one.get_content().replace("\r\n", "\n"), other.get_content().replace("\r\n", "\n")
            before, _, after = archived.partition(REDACTED)
            assert text.startswith(before)
            assert text.endswith(after.replace(REDACTED, ""))
        assert max(map(len, sent.messages[0].split(b"\n"))) <= 998


async def test_a_mail_goes_through_starttls(
    workplace: Workplace, queued: QueuedMail, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    box = Postbox()
    async with listening(box, starttls=certificate.context) as port:
        assert (await post(workplace, port, security="starttls")).state is MailState.ACCEPTED
    assert box.taken[0].secured


async def test_a_mail_goes_through_tls_from_the_first_byte(
    workplace: Workplace, queued: QueuedMail, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    box = Postbox()
    async with listening(box, tls=certificate.context) as port:
        assert (await post(workplace, port, security="tls")).state is MailState.ACCEPTED
    assert box.taken[0].content


async def test_a_mail_is_sent_after_login(
    workplace: Workplace, queued: QueuedMail, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    box = Postbox()
    async with listening(box, starttls=certificate.context, login=True) as port:
        assert (await post(workplace, port, security="starttls", user=USER, password=PASSWORD)).state is MailState.ACCEPTED
    assert box.taken[0].user == USER


async def test_a_wrong_password_is_no_fault_of_the_mail_and_stands_in_no_log(workplace: Workplace, queued: QueuedMail) -> None:
    box = Postbox()
    with capture_logs() as logs:
        async with listening(box, login=True) as port:
            found = await post(workplace, port, user=USER, password="mistyped")
    assert (found.state, found.error) == (MailState.DEFERRED, "login refused: 535")
    assert "mistyped" not in repr(logs)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_cannot_be_trusted_gets_nothing(
    workplace: Workplace, queued: QueuedMail, certificate: Certificate, security: str
) -> None:
    box = Postbox()
    secured = {security: certificate.context}
    async with listening(box, starttls=secured.get("starttls"), tls=secured.get("tls")) as port:
        found = await post(workplace, port, security=security)
    assert (found.state, box.taken) == (MailState.DEFERRED, [])
    assert "CERTIFICATE" in found.error.upper()


async def test_nothing_is_sent_in_the_clear_where_starttls_is_asked_for(workplace: Workplace, queued: QueuedMail) -> None:
    box = Postbox()
    async with listening(box) as port:
        found = await post(workplace, port, security="starttls")
    assert (found.state, box.taken) == (MailState.DEFERRED, [])


@pytest.mark.parametrize(
    ("command", "no"),
    [
        ("DATA", "451 greylisted, come again"),
        ("DATA", "421 closing"),
        ("DATA", "452 mailbox full for now"),
        ("RCPT", "450 busy"),
        ("MAIL", "451 not now"),
        ("MAIL", "553 sender not known here"),
    ],
)
async def test_a_mail_refused_for_now_is_tried_again_and_accepted(
    workplace: Workplace, queued: QueuedMail, clock: Clock, command: str, no: str
) -> None:
    box = Postbox(says={command: [no, no] if command == "RCPT" else [no]})
    async with listening(box) as port:
        found = await post(workplace, port)
        assert (found.state, found.next_try, box.taken) == (MailState.DEFERRED, OPENED + timedelta(minutes=1), [])
        assert no[:3] in found.error
        clock.now += timedelta(seconds=59)
        assert (await post(workplace, port)).tries == 1
        clock.now += timedelta(seconds=1)
        found = await post(workplace, port)
    assert (found.state, found.tries, found.error, len(box.taken)) == (MailState.ACCEPTED, 2, "", 1)


@pytest.mark.parametrize(
    ("command", "no"),
    [("RCPT", "550 no such mailbox"), ("DATA", "552 too large"), ("DATA", "554 looks like spam")],
)
async def test_a_mail_refused_for_good_is_said_to_have_failed_and_why(
    workplace: Workplace, queued: QueuedMail, clock: Clock, command: str, no: str
) -> None:
    box = Postbox(says={command: [no] * 2})
    async with listening(box) as port:
        found = await post(workplace, port)
        assert (found.state, found.next_try, box.taken) == (MailState.FAILED, None, [])
        assert no in found.error
        clock.now += timedelta(days=1)
        assert (await post(workplace, port)).tries == 1


async def deliveries(workplace: Workplace) -> list[tuple[DeliveryState, str]]:
    """How far the one mail of the case got with each of its receivers, and what was said."""
    return [(each.state, each.reply) for each in await workplace.mails.deliveries.of_case("AMEDIP-2026-0001")]


async def test_a_copy_that_is_refused_does_not_hold_up_the_mail(workplace: Workplace, queued: QueuedMail) -> None:
    box = Postbox(says={f"RCPT {COPY}": ["550 no such mailbox"]})
    async with listening(box) as port:
        found = await post(workplace, port)
    assert (found.state, box.taken[0].receivers) == (MailState.ACCEPTED, [TO])
    noted = [(DeliveryState.ACCEPTED, "taken"), (DeliveryState.FAILED, "receiver refused: 550 no such mailbox")]
    assert await deliveries(workplace) == noted


async def test_a_copy_refused_for_now_is_tried_again_without_sending_to_those_who_have_it(
    workplace: Workplace, queued: QueuedMail, clock: Clock
) -> None:
    box = Postbox(says={f"RCPT {COPY}": ["450 greylisted"]})
    async with listening(box) as port:
        await post(workplace, port)
        states = [DeliveryState.ACCEPTED, DeliveryState.DEFERRED]
        assert [state for state, _ in await deliveries(workplace)] == states
        clock.now += timedelta(minutes=1)
        await post(workplace, port)
        clock.now += timedelta(days=5)
        await post(workplace, port)
    assert [taken.receivers for taken in box.taken] == [[TO], [COPY]]
    first, second = (read(taken.content) for taken in box.taken)
    assert (first["Message-ID"], first["To"], first["Cc"]) == (second["Message-ID"], second["To"], second["Cc"])
    assert await deliveries(workplace) == [(DeliveryState.ACCEPTED, "taken")] * 2


async def test_a_receiver_refused_for_now_is_tried_again_without_sending_to_the_copy_that_has_it(
    workplace: Workplace, queued: QueuedMail, clock: Clock
) -> None:
    box = Postbox(says={f"RCPT {TO}": ["450 greylisted"]})
    async with listening(box) as port:
        assert (await post(workplace, port)).state is MailState.DEFERRED
        clock.now += timedelta(minutes=1)
        assert (await post(workplace, port)).state is MailState.ACCEPTED
    assert [taken.receivers for taken in box.taken] == [[COPY], [TO]]


@pytest.mark.parametrize(("no", "state"), [("450 busy", MailState.DEFERRED), ("550 no such mailbox", MailState.FAILED)])
async def test_a_mail_that_only_the_copy_got_is_not_accepted(
    workplace: Workplace, queued: QueuedMail, no: str, state: MailState
) -> None:
    box = Postbox(says={f"RCPT {TO}": [no]})
    async with listening(box) as port:
        found = await post(workplace, port)
    assert (found.state, found.error) == (state, f"receiver refused: {no}")


async def test_a_line_that_drops_before_the_message_is_taken_loses_nothing(
    workplace: Workplace, queued: QueuedMail, clock: Clock
) -> None:
    box = Postbox(says={"DATA": ["drop"]})
    async with listening(box) as port:
        assert (await post(workplace, port)).state is MailState.DEFERRED
        clock.now += timedelta(minutes=1)
        assert (await post(workplace, port)).state is MailState.ACCEPTED
    assert len(box.taken) == 1


async def test_a_line_that_drops_after_the_message_was_taken_sends_it_twice_under_one_id(
    workplace: Workplace, queued: QueuedMail, clock: Clock
) -> None:
    box = Postbox(says={"DATA": ["take, then drop"]})
    async with listening(box) as port:
        assert (await post(workplace, port)).state is MailState.DEFERRED
        clock.now += timedelta(minutes=1)
        assert (await post(workplace, port)).state is MailState.ACCEPTED
    first, second = (read(taken.content) for taken in box.taken)
    assert first["Message-ID"] == second["Message-ID"] == queued.message_id
    assert first.as_bytes() == second.as_bytes()


async def test_a_server_that_says_nothing_is_given_up_until_later(workplace: Workplace, queued: QueuedMail) -> None:
    async with mute() as port:
        found = await post(workplace, port, timeout=0.1)
    assert found.state is MailState.DEFERRED
    assert "Timeout" in found.error


async def test_a_server_that_is_not_there_is_waited_for(workplace: Workplace, queued: QueuedMail, clock: Clock) -> None:
    found = await post(workplace, free_port())
    assert (found.state, found.next_try) == (MailState.DEFERRED, OPENED + timedelta(minutes=1))


async def test_the_pauses_grow_to_four_hours_and_after_three_days_the_mail_has_failed(
    workplace: Workplace, queued: QueuedMail, clock: Clock
) -> None:
    postman = workplace.postman(Sent(*[NotSent("451 not now", permanent=False)] * 1000), OFFICE)
    pauses: list[timedelta] = []
    while (found := await row(workplace)).state is not MailState.FAILED and len(pauses) < 100:
        assert found.next_try is not None
        pauses.append(found.next_try - clock.now)
        clock.now = found.next_try
        await postman.deliver()
    assert pauses[:4] == [timedelta(0), timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=2)]
    assert max(pauses) == timedelta(hours=4)
    assert timedelta(hours=72) < clock.now - OPENED <= timedelta(hours=76)
    assert found.error == "451 not now"


class Slow(Sent):
    """A transport that takes its time, so that another postman comes by meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Take one message when told to go on."""
        self.begun.set()
        await self.go_on.wait()
        return await super().send(message, sender, receivers)


@pytest_asyncio.fixture
async def slow(workplace: Workplace) -> AsyncIterator[tuple[Slow, asyncio.Task[int]]]:
    """A postman in the middle of a slow conversation."""
    transport = Slow()
    going = asyncio.create_task(workplace.postman(transport, OFFICE).deliver())
    yield transport, going
    transport.go_on.set()
    await asyncio.gather(going, return_exceptions=True)


async def test_two_postmen_never_send_a_mail_at_the_same_time(
    workplace: Workplace, queued: QueuedMail, slow: tuple[Slow, asyncio.Task[int]]
) -> None:
    first, going = slow
    await first.begun.wait()
    second = Sent()
    assert await workplace.postman(second, OFFICE).deliver() == 0
    first.go_on.set()
    assert await going == 1
    assert (len(first.messages), len(second.messages)) == (1, 0)
    assert (await row(workplace)).state is MailState.ACCEPTED


async def test_a_mail_whose_postman_died_is_sent_by_another_when_its_lease_ends(
    workplace: Workplace, queued: QueuedMail, clock: Clock, slow: tuple[Slow, asyncio.Task[int]]
) -> None:
    first, going = slow
    await first.begun.wait()
    going.cancel()
    second = Sent()
    postman: Postman = workplace.postman(second, OFFICE)
    assert await postman.deliver() == 0
    clock.now += timedelta(seconds=120)
    assert await postman.deliver() == 1
    assert read(second.messages[0])["Message-ID"] == queued.message_id


class Crawling(Sent):
    """A transport that needs forty seconds a mail; meanwhile another postman comes by."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.other: Postman | None = None

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Take one message, slowly."""
        self.clock.now += timedelta(seconds=40)
        if self.other is not None:
            await self.other.deliver()
        return await super().send(message, sender, receivers)


async def test_a_slow_server_never_makes_a_lease_end_while_its_mail_is_sent(
    filing: Filing, workplace: Workplace, clock: Clock
) -> None:
    file = await filing("fr")
    mails = [await file.mail("reminder", number=number) for number in range(1, 11)]
    await workplace.readmodel.publish(file.case, mails)
    first, second = Crawling(clock), Sent()
    first.other = workplace.postman(second, OFFICE)
    for _ in range(5):
        await workplace.postman(first, OFFICE).deliver()
        clock.now += timedelta(minutes=1)
    ids = [read(message)["Message-ID"] for message in (*first.messages, *second.messages)]
    assert sorted(ids) == sorted(mail.message_id for mail in mails)


async def test_a_conversation_without_end_is_broken_off(
    workplace: Workplace, queued: QueuedMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.postman.CONVERSATION_SECONDS", 0.05)
    await workplace.postman(Slow(), OFFICE).deliver()
    found = await row(workplace)
    assert (found.state, found.error) == (MailState.DEFERRED, "the conversation took longer than 0.05 seconds")


class Deaf(Slow):
    """A transport that swallows the cancelling of its conversation, as `asyncio.wait_for` can on Python 3.11."""

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Take the message when cancelled."""
        with suppress(asyncio.CancelledError):
            await super().send(message, sender, receivers)
        return Handed("250 taken after all")


async def test_the_post_stops_when_told_even_in_a_conversation_that_does_not_hear_it(
    workplace: Workplace, queued: QueuedMail
) -> None:
    deaf = Deaf()
    going = asyncio.create_task(Post(workplace.postman(deaf, OFFICE)).run())
    await deaf.begun.wait()
    going.cancel()
    done, _ = await asyncio.wait([going], timeout=2)
    going.cancel()
    assert done == {going}
    assert (await row(workplace)).state is MailState.ACCEPTED


async def test_many_mails_are_each_sent_once_by_several_postmen(filing: Filing, workplace: Workplace) -> None:
    file = await filing("fr")
    mails = [await file.mail("reminder", number=number) for number in range(1, 31)]
    await workplace.readmodel.publish(file.case, mails)
    sents = [Sent(), Sent(), Sent()]
    await asyncio.gather(*(workplace.postman(sent, OFFICE).deliver() for sent in sents))
    ids = [read(message)["Message-ID"] for sent in sents for message in sent.messages]
    assert sorted(ids) == sorted(mail.message_id for mail in mails)
