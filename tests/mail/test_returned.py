"""What comes back to a mail: a report makes it one that came back, a reply is filed with its case, and none is ever an answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from activities.imap import LARGEST, Imap
from activities.mail import MAIL_FAILED
from activities.returned import Back, Taken, read
from models.errors import Unreachable
from rehearsal.player import free_port
from settings import Settings
from store.deliveries import DeliveryState
from store.inbox import Inbox
from store.mails import MailState, QueuedMail
from store.replies import Replies, Reply, ReplyKind
from tests.mail.conftest import Clock, Filing
from tests.mail.imap_server import PASSWORD, USER, Folder, mailbox
from tests.mail.server import Certificate, certificate
from tests.mail.situations import Sent
from worker import collecting, imap_of
from workplace import Workplace

__all__ = ["certificate"]

CASE = "AMEDIP-2026-0001"
OFFICE = "coordination@amedip.example"
TO, COPY = "services.financiers@poste-sn.example", "alternate@poste-sn.example"
CAME = datetime(2026, 11, 9, 10, 30, tzinfo=UTC)


@pytest_asyncio.fixture
async def sent(filing: Filing, workplace: Workplace) -> QueuedMail:
    """A chase with a copy to the alternate, accepted by the mail server."""
    file = await filing("fr")
    mail = await file.mail("overdue")
    await workplace.readmodel.publish(file.case, [mail])
    await workplace.postman(Sent(), OFFICE).deliver()
    return mail


def report(mail: QueuedMail, to: str, action: str, status: str, words: str = "smtp; 550 5.1.1 <{to}> user unknown") -> bytes:
    """A delivery report of a mail server, as RFC 3464 has it."""
    said = words.replace("{to}", to)
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.poste-sn.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.poste-sn.example\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {said}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {mail.message_id}\r\nSubject: x\r\n\r\n--b--\r\n"
    ).encode()


def reply(*about: str, **fields: str) -> bytes:
    """A message of somebody that answers others."""
    message = EmailMessage()
    message["From"] = "somebody@elsewhere.example"
    message["Subject"] = "Re: votre question"
    message["Message-ID"] = "<1@elsewhere.example>"
    message["In-Reply-To"] = about[0]
    message["References"] = " ".join(about)
    for field, value in fields.items():
        message[field.replace("_", "-")] = value
    message.set_content("Nous acceptons.")
    return message.as_bytes()


async def filed(workplace: Workplace) -> list[Reply]:
    """What came back to the case."""
    return await Replies(workplace.database).of_case(CASE)


async def states(workplace: Workplace) -> list[tuple[DeliveryState, str]]:
    """How far the mail got with its two receivers."""
    found = await workplace.mails.deliveries.of_case(CASE)
    return [(each.state, each.reply) for each in found if each.letter != MAIL_FAILED]


async def test_a_mail_that_comes_back_is_one_that_came_back_and_the_coordinator_is_told(
    workplace: Workplace, sent: QueuedMail
) -> None:
    assert await workplace.returned.take(report(sent, TO.upper(), "failed", "5.1.1"), CAME) is Taken.FILED
    came, copy = await states(workplace)
    assert came == (DeliveryState.BOUNCED, "5.1.1 550 5.1.1 <receiver> user unknown")
    assert copy[0] is DeliveryState.ACCEPTED
    (row,) = await workplace.readmodel.mails(CASE)
    assert (row.state, row.error) == (MailState.FAILED, f"came back: {came[1]}")
    assert await workplace.undelivered.tell() == 1
    (one,) = await filed(workplace)
    assert (one.kind, one.auto, one.message_id, one.step) == (ReplyKind.REPORT, True, sent.message_id, "nomination-1")


async def test_a_report_on_a_copy_leaves_the_mail_accepted(workplace: Workplace, sent: QueuedMail) -> None:
    await workplace.returned.take(report(sent, COPY, "failed", "5.2.2"), CAME)
    assert [state for state, _ in await states(workplace)] == [DeliveryState.ACCEPTED, DeliveryState.BOUNCED]
    assert [row.state for row in await workplace.readmodel.mails(CASE)] == [MailState.ACCEPTED]


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("delayed", "4.4.1", DeliveryState.ACCEPTED),
        ("failed", "4.4.7", DeliveryState.BOUNCED),
        ("delivered", "2.0.0", DeliveryState.ACCEPTED),
    ],
)
async def test_a_report_that_is_not_final_is_noted_only(
    workplace: Workplace, sent: QueuedMail, action: str, status: str, state: DeliveryState
) -> None:
    await workplace.returned.take(report(sent, TO, action, status, "smtp; 451 come again"), CAME)
    (first, said), _ = await states(workplace)
    assert first is state
    assert ("451 come again" in said) is (action != "delivered")
    assert await workplace.undelivered.tell() == (state is DeliveryState.BOUNCED)


async def test_a_report_read_twice_counts_once_even_when_the_mail_was_sent_anew_in_between(
    workplace: Workplace, sent: QueuedMail, clock: Clock
) -> None:
    bounce = report(sent, TO, "failed", "5.1.1")
    assert await workplace.returned.take(bounce, CAME) is Taken.FILED
    await workplace.undelivered.requeue(sent.message_id)
    await workplace.postman(Sent(), OFFICE).deliver()
    assert await workplace.returned.take(bounce, CAME) is Taken.AGAIN
    assert [state for state, _ in await states(workplace)] == [DeliveryState.ACCEPTED] * 2
    assert len(await filed(workplace)) == 1


async def test_a_reply_is_filed_with_its_step_and_is_no_answer(workplace: Workplace, sent: QueuedMail) -> None:
    data = reply(f"<{CASE}@amedip.example>", sent.message_id)
    assert [await workplace.returned.take(data, CAME) for _ in range(2)] == [Taken.FILED, Taken.AGAIN]
    (one,) = await filed(workplace)
    assert (one.step, one.kind, one.auto, one.received) == ("nomination-1", ReplyKind.REPLY, False, CAME)
    assert await workplace.contents.get(one.content) == data
    assert await Inbox(workplace.database).count_waiting() == 0
    assert [state for state, _ in await states(workplace)] == [DeliveryState.ACCEPTED] * 2


@pytest.mark.parametrize(
    "sign",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-replied; owner-email=x"},
        {"X_Autoreply": "yes"},
        {"Precedence": "auto_reply"},
        {"Precedence": "bulk"},
        {"Return_Path": "<>"},
    ],
    ids=str,
)
async def test_a_notice_of_absence_is_noted_as_one(workplace: Workplace, sent: QueuedMail, sign: dict[str, str]) -> None:
    await workplace.returned.take(reply(sent.message_id, **sign), CAME)
    assert [(one.kind, one.auto) for one in await filed(workplace)] == [(ReplyKind.REPLY, True)]


async def test_a_person_s_reply_says_of_itself_that_it_is_one(workplace: Workplace, sent: QueuedMail) -> None:
    await workplace.returned.take(reply(sent.message_id, Auto_Submitted="no"), CAME)
    assert [one.auto for one in await filed(workplace)] == [False]


async def test_a_reply_to_a_nominee_s_mail_is_kept_as_theirs(filing: Filing, workplace: Workplace) -> None:
    file = await filing("fr")
    mail = await file.mail("invitation")
    await workplace.readmodel.publish(file.case, [mail])
    assert await workplace.returned.take(reply(mail.message_id), CAME) is Taken.FILED
    assert (await Replies(workplace.database).original([mail.message_id])) is not None
    (one,) = await filed(workplace)
    assert one.step == ""


async def test_what_names_the_case_alone_is_filed_with_it_but_not_from_another_domain(
    workplace: Workplace, sent: QueuedMail
) -> None:
    assert await workplace.returned.take(reply(f"<{CASE}@elsewhere.example>"), CAME) is Taken.UNKNOWN
    assert await workplace.returned.take(reply("<AMEDIP-2099-0001@amedip.example>"), CAME) is Taken.UNKNOWN
    assert await workplace.returned.take(reply(f"<{CASE}@amedip.example>"), CAME) is Taken.FILED
    assert [one.message_id for one in await filed(workplace)] == [""]


def box(port: int, **changed: str) -> Imap:
    """The mailbox behind a port."""
    return Imap.model_validate(
        {"host": "127.0.0.1", "port": port, "security": "none", "user": USER, "password": PASSWORD} | changed
    )


async def test_the_mailbox_is_read_and_only_flagged(workplace: Workplace, sent: QueuedMail) -> None:
    folder = Folder()
    ours = folder.put(sent.eml)
    others = {folder.put(data) for data in (reply(sent.message_id), b"Subject: lunch\r\n\r\nToday?\r\n", b"\xff\x00")}
    returned = workplace.returned
    async with mailbox(folder) as port:
        assert [await returned.collect(box(port)) for _ in range(2)] == [1, 0]
        assert (folder.seen, len(folder.messages)) == (others, 4)
        assert [command for command in folder.said if command.startswith(f"UID FETCH {ours} (I")] == [
            f"UID FETCH {ours} (INTERNALDATE BODY.PEEK[])"
        ]
        assert not any("Deleted" in command or command in ("CLOSE", "EXPUNGE") for command in folder.said)
        folder.seen.clear()
        assert await returned.collect(box(port)) == 0
    assert [one.received for one in await filed(workplace)] == [CAME]


async def test_a_line_that_drops_before_a_message_is_flagged_files_it_once(workplace: Workplace, sent: QueuedMail) -> None:
    folder = Folder(drops="UID STORE")
    folder.put(reply(sent.message_id))
    async with mailbox(folder) as port:
        with pytest.raises(Unreachable):
            await workplace.returned.collect(box(port))
        folder.drops = ""
        assert await workplace.returned.collect(box(port)) == 0
    assert folder.seen == {1}
    assert len(await filed(workplace)) == 1


async def test_a_message_that_cannot_be_taken_in_stays_unseen_and_holds_up_no_other(
    workplace: Workplace, sent: QueuedMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder()
    folder.put(b"Subject: strange\r\n\r\n")
    folder.put(reply(sent.message_id))

    def stumbling(data: bytes) -> Back:
        if b"strange" in data:
            raise KeyError("strange")
        return read(data)

    monkeypatch.setattr("activities.returned.read", stumbling)
    with capture_logs() as logs:
        async with mailbox(folder) as port:
            assert await workplace.returned.collect(box(port)) == 1
    assert folder.seen == {2}
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["not_taken_in"]


async def test_a_message_of_any_size_beyond_ours_is_not_read(workplace: Workplace, sent: QueuedMail) -> None:
    folder = Folder(size=LARGEST + 1)
    folder.put(reply(sent.message_id))
    async with mailbox(folder) as port:
        assert await workplace.returned.collect(box(port)) == 0
    assert folder.seen == {1}


async def test_a_mailbox_is_read_over_tls_by_whoever_can_be_trusted(
    workplace: Workplace, sent: QueuedMail, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder()
    folder.put(reply(sent.message_id))
    async with mailbox(folder, certificate.context) as port:
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await workplace.returned.collect(box(port, security="tls"))
        assert folder.said == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
        assert await workplace.returned.collect(box(port, security="tls")) == 1


async def test_a_mailbox_that_is_away_or_shut_is_waited_for_and_no_password_is_told(workplace: Workplace) -> None:
    with pytest.raises(Unreachable):
        await workplace.returned.collect(box(free_port()))
    async with mailbox(Folder()) as port:
        with pytest.raises(Unreachable) as refused:
            await workplace.returned.collect(box(port, password="mistyped"))
    assert "AUTHENTICATIONFAILED" in str(refused.value)
    assert "mistyped" not in str(refused.value)


async def test_the_worker_reads_the_mailbox_again_and_again_and_waits_for_one_that_is_away(
    workplace: Workplace, sent: QueuedMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.COLLECT_SECONDS", 0)
    folder = Folder(drops="UID SEARCH")
    folder.put(reply(sent.message_id))
    async with mailbox(folder) as port:
        with capture_logs() as logs:
            reading = asyncio.create_task(collecting(workplace.returned, box(port)))
            while not reading.done() and not any(entry["event"] == "away" for entry in logs):
                await asyncio.sleep(0.01)
            folder.drops = ""
            while not reading.done() and folder.seen != {1}:
                await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert len(await filed(workplace)) == 1


def test_a_mailbox_is_read_where_the_settings_name_one() -> None:
    assert imap_of(Settings()) is None
    named = {"imap_host": "mail.example", "imap_user": USER, "imap_password": PASSWORD, "imap_folder": "Returned"}
    found = imap_of(Settings.model_validate(named))
    assert found == Imap(host="mail.example", user=USER, password=PASSWORD, folder="Returned")
    assert PASSWORD not in repr(Settings.model_validate(named))


FRAGMENTS = st.sampled_from(
    [
        b"Content-Type: multipart/report; boundary=b\r\n",
        b"Content-Type: message/delivery-status\r\n\r\n",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"--b\r\n",
        b"\r\n\r\n",
        b"Action: failed\r\nStatus: 5.1.1\r\nFinal-Recipient: rfc822; \xff\x00\r\n",
        b"In-Reply-To: <a@b> <\xed\xa0\x80@c>\r\n",
        b"Message-ID: =?utf-8?q?=00?=\r\n",
        b"Auto-Submitted: \xc3\x28\r\n",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=60), max_size=12).map(b"".join))
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_comes_something_is_read_that_can_be_kept(data: bytes) -> None:
    back = read(data)
    kept = [back.own, *back.about, *(text for one in back.reported for text in (*one.mailboxes, one.said))]
    assert [text for text in kept if "\x00" in text or text.encode() != text.encode("utf-8", "replace")] == []
