"""What comes back to our mails: reports of mail servers change how far a mail got, replies are filed with their case.

Nothing that comes by mail is an answer: an answer is given on the page, by API, or recorded by the office. Anybody can write such
a message, so none of it is believed beyond this: a report makes a mail one that came back, of which the coordinator is told.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email import message_from_bytes
from email.message import Message as Mail
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

import structlog

from activities.imap import Imap, ImapBox
from activities.mail import one_line
from activities.postman import without_addresses
from models.errors import Missing, Unreachable
from models.programme import Programme
from store.cases import ReadModel
from store.deliveries import DeliveryState, Said
from store.mails import Mails
from store.replies import Original, Replies, Reply, ReplyKind

MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,400}>")
THREAD = re.compile(r"<([A-Za-z0-9-]{1,60})@([!-;=?-~]{1,300})>")
AUTOMATIC = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response")
PRECEDENCE = ("auto_reply", "auto-reply", "bulk", "junk", "list")
LONGEST_SAID = 500
MOST_REPORTED = 20
ROUND = 100

log = structlog.get_logger("returned")


class Reported(NamedTuple):
    """What a mail server reports of one receiver: the mailboxes it names, whether it gave up, and its words."""

    mailboxes: tuple[str, ...]
    final: bool
    said: str


class Back(NamedTuple):
    """A message as it is read: its own id, those it is about, whether a machine wrote it, what it reports of deliveries."""

    own: str
    about: tuple[str, ...]
    auto: bool
    reported: tuple[Reported, ...]


class Taken(StrEnum):
    """What became of a message: filed with its case, there already, one of our own, or of no case."""

    FILED = "filed"
    AGAIN = "again"
    OURS = "ours"
    UNKNOWN = "unknown"


class Returned:
    """Takes in what comes back; safe to run twice: a message is filed once, and what it reports counts once."""

    def __init__(
        self,
        mails: Mails,
        replies: Replies,
        readmodel: ReadModel,
        programmes: Mapping[str, Programme],
        clock: Callable[[], datetime],
    ) -> None:
        self._mails = mails
        self._replies = replies
        self._readmodel = readmodel
        self._programmes = programmes
        self._clock = clock
        self._left: set[tuple[str, str]] = set()

    async def collect(self, imap: Imap) -> int:
        """Read what is unseen in a mailbox; gives how many messages were filed.

        What was taken in or is of no case is flagged as seen. Letters of ours, and what cannot be taken in, stay as they are.

        Raises:
            Unreachable: the mailbox or the database; what was not flagged is read again.
        """
        box = await asyncio.to_thread(ImapBox, imap)
        try:
            unseen = await asyncio.to_thread(box.unseen)
            fresh = [uid for uid in unseen if (box.validity, uid) not in self._left]
            taken = [await self._take_from(box, uid) for uid in fresh[:ROUND]]
        finally:
            await asyncio.to_thread(box.close)
        return taken.count(Taken.FILED)

    async def _take_from(self, box: ImapBox, uid: str) -> Taken:
        came = await asyncio.to_thread(box.fetch, uid)
        if came is None:
            return Taken.UNKNOWN
        if not came.data:
            log.warning("too_large", uid=uid)
        try:
            taken = await self.take(came.data, came.received) if came.data else Taken.UNKNOWN
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of this one message: the others are taken in all the same
            log.error("not_taken_in", uid=uid, error=type(error).__name__)
            taken = Taken.OURS
        if taken is Taken.OURS:
            self._left.add((box.validity, uid))
        else:
            await asyncio.to_thread(box.seen, uid)
        log.info("came_back", uid=uid, taken=taken, size=len(came.data))
        return taken

    async def take(self, data: bytes, received: datetime) -> Taken:
        """Take in one message."""
        back = read(data)
        if await self._replies.original([back.own]) is not None:
            return Taken.OURS
        original = await self._replies.original(back.about) or await self._thread(back.about)
        if original is None:
            return Taken.UNKNOWN
        said, remarks = await self._of_deliveries(original, back.reported)
        reply = Reply(
            content=sha256(data).hexdigest(),
            case_id=original.case_id,
            step=original.step,
            message_id=original.message_id,
            kind=ReplyKind.REPORT if back.reported else ReplyKind.REPLY,
            auto=back.auto,
            received=received,
        )
        filed = await self._replies.file(data, reply, person=original.person, at=self._clock(), said=said, remarks=remarks)
        return Taken.FILED if filed else Taken.AGAIN

    async def _thread(self, about: tuple[str, ...]) -> Original | None:
        """The case whose thread a message names, when it names none of its mails: `<case@domain of the office>`."""
        for found in filter(None, map(THREAD.fullmatch, about)):
            try:
                case = await self._readmodel.case(found[1])
            except Missing:
                continue
            if self._programmes[case.programme].office.mailbox.partition("@")[2] == found[2]:
                return Original(message_id="", case_id=case.id, step="", person="")
        return None

    async def _of_deliveries(self, original: Original, reported: tuple[Reported, ...]) -> tuple[dict[int, Said], dict[int, str]]:
        """By rank what came back for good, and what was only said; of whom a report speaks who is none of ours, the first."""
        said: dict[int, Said] = {}
        remarks: dict[int, str] = {}
        boxes = await self._mails.deliveries.mailboxes(original.message_id) if original.message_id else []
        known = [box.casefold() for box in boxes]
        for one in reported if boxes else ():
            ranks = [known.index(box.casefold()) for box in one.mailboxes if box.casefold() in known]
            rank = ranks[0] if ranks else 0
            text = without_addresses(one.said, [*boxes, *one.mailboxes])
            if one.final:
                said[rank] = Said(state=DeliveryState.BOUNCED, reply=text)
            else:
                remarks[rank] = text
        return said, remarks


def read(data: bytes) -> Back:
    """What a message is about and whether a machine wrote it. Whatever the bytes are, it reads something."""
    mail = message_from_bytes(data)
    reported = tuple(_reported(mail))[:MOST_REPORTED]
    about = [*_returned_ids(mail), *ids_in(mail, "In-Reply-To"), *reversed(ids_in(mail, "References"))]
    (own, *_) = [*ids_in(mail, "Message-ID"), ""]
    return Back(own, tuple(dict.fromkeys(about)), bool(reported) or is_automatic(mail), reported)


def is_automatic(mail: Mail) -> bool:
    """Whether a machine wrote a message: a notice of absence, a receipt, a list (RFC 3834, and what was usual before)."""
    submitted = text_of(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no") or any(mail.get_all(field) for field in AUTOMATIC):
        return True
    if text_of(mail, "Precedence").strip().lower() in PRECEDENCE or text_of(mail, "Return-Path").strip() == "<>":
        return True
    return mail.get_content_type() == "multipart/report"


def text_of(mail: Mail, field: str) -> str:
    """A header in one line, fit to be kept; empty without it."""
    return one_line(str(mail.get(field, "")).encode("utf-8", "replace").decode())


def ids_in(mail: Mail, field: str) -> list[str]:
    """The Message-IDs a header names."""
    return MESSAGE_ID.findall(text_of(mail, field))


def _returned_ids(mail: Mail) -> Iterator[str]:
    """The Message-ID of the message that a report returns, whole or only its headers."""
    for part in mail.walk():
        if part.get_content_type() == "message/rfc822" and isinstance(payload := part.get_payload(), list):
            yield from (found for inner in payload if isinstance(inner, Mail) for found in ids_in(inner, "Message-ID"))
        elif part.get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"):
            content = part.get_payload(decode=True)
            yield from ids_in(message_from_bytes(content), "Message-ID") if isinstance(content, bytes) else ()


def _reported(mail: Mail) -> Iterator[Reported]:
    """What a delivery report says of each receiver (RFC 3464): `failed` or a 5.x.x is final, `delayed` or a 4.x.x is not."""
    if mail.get_content_type() != "multipart/report":
        return
    for part in mail.walk():
        fields = part.get_payload() if part.get_content_type() == "message/delivery-status" else ()
        for of in [block for block in fields if isinstance(block, Mail)] if isinstance(fields, list) else ():
            action = text_of(of, "Action").strip().lower()
            status = text_of(of, "Status").strip()
            if not action or not status or action in ("delivered", "relayed", "expanded") or status.startswith("2"):
                continue
            boxes = [text_of(of, field).rpartition(";")[2].strip(" <>") for field in ("Original-Recipient", "Final-Recipient")]
            words = text_of(of, "Diagnostic-Code").partition(";")[2].strip()
            said = " ".join(filter(None, (status, words)))[:LONGEST_SAID]
            yield Reported(tuple(filter(None, boxes)), action == "failed" or status.startswith("5"), said)
