"""The postman: takes due mails from the queue, computes their links, and hands them to the mail server until it accepts."""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple, Protocol

import aiosmtplib
import structlog

from activities.enclosing import Enclosing, NotYet
from activities.letters import CODE, CODE_FACTS, REDACTED
from activities.mail import with_link
from evidence.links import Link, Links
from models.errors import PasserelleError
from models.message import Message
from store.deliveries import DeliveryState, Said
from store.mails import Mails, QueuedMail

GIVE_UP_AFTER = timedelta(hours=72)
SOON = timedelta(seconds=3)
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=4)
LEASE_SECONDS = 120.0
CONVERSATION_SECONDS = 60.0
BATCH = 20
PERMANENT = range(500, 600)
TOO_LARGE = 552
ADDRESS = r"[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()\[\]]+"

log = structlog.get_logger("postman")


class Refusal(NamedTuple):
    """Why a receiver does not get a message; `permanent` when trying again is of no use, `soon` when it is in a moment."""

    text: str
    permanent: bool
    soon: bool = False


class Handed(NamedTuple):
    """What the mail server said when it took a message, and the receivers it refused, by mailbox; it may have refused all."""

    reply: str
    refused: Mapping[str, Refusal] = {}


class NotSent(PasserelleError):
    """The mail server did not take a message for anybody; `permanent` when trying again is of no use."""

    def __init__(self, text: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


class Transport(Protocol):
    """Hands one message to somebody who will deliver it."""

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Deliver to each receiver who is not refused, or raise NotSent."""
        ...


class Seal(Protocol):
    """Signs the bytes of a message."""

    def signed(self, message: bytes) -> bytes:
        """The message with its signature before it."""
        ...


class Smtp(Message):
    """Where the mail server is and how to speak to it: `security` is none, starttls or tls."""

    host: str
    port: int
    security: str = "none"
    user: str = ""
    password: str = ""
    timeout: float = 30.0


class SmtpTransport:
    """A real SMTP conversation, one connection a message; what `seal` signs is what leaves, byte by byte."""

    def __init__(self, smtp: Smtp, seal: Seal | None = None) -> None:
        self._smtp = smtp
        self._seal = seal

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        """Deliver over SMTP; a receiver who is refused does not hold up the others.

        Raises:
            NotSent: refused for good (5xx), for now (4xx), or the server cannot be reached.
        """
        smtp = self._smtp
        content = message.as_bytes(policy=SMTP)
        if self._seal is not None:
            content = await asyncio.to_thread(self._seal.signed, content)
        try:
            refused, reply = await aiosmtplib.send(
                content,
                sender=sender,
                recipients=receivers,
                hostname=smtp.host,
                port=smtp.port,
                username=smtp.user or None,
                password=smtp.password or None,
                use_tls=smtp.security == "tls",
                start_tls=smtp.security == "starttls",
                timeout=smtp.timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return Handed("", {each.recipient: _refusal(each.code, each.message) for each in error.recipients})
        except aiosmtplib.SMTPDataError as error:
            raise NotSent(f"message refused: {error.code} {error.message}", permanent=error.code in PERMANENT) from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotSent(f"login refused: {error.code}", permanent=False) from error
        except aiosmtplib.SMTPResponseException as error:  # of us, not of the message: somebody can put it right
            raise NotSent(f"{error.code} {error.message}", permanent=error.code == TOO_LARGE) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}", permanent=False) from error
        return Handed(reply, {mailbox: _refusal(no.code, no.message) for mailbox, no in refused.items()})


def _refusal(code: int, text: str) -> Refusal:
    return Refusal(f"receiver refused: {code} {text}", code in PERMANENT)


class Postman:
    """Sends what is due. Safe to run in several processes: a message is leased while it is sent.

    Without a `sender` the server is given the mailbox that the message says it is from. What it answers is kept and logged
    without the address of any receiver. A message that cannot be sent, whatever the reason, holds up no other.
    """

    def __init__(
        self,
        mails: Mails,
        transport: Transport,
        links: Links,
        enclosing: Enclosing,
        sender: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._mails = mails
        self._transport = transport
        self._links = links
        self._enclosing = enclosing
        self._sender = sender
        self._clock = clock

    async def deliver(self) -> int:
        """Send everything due now; gives how many messages were taken up.

        What is left of a batch whose lease would end during a conversation is taken up anew, by whoever comes first.
        """
        count = 0
        while due := await self._mails.due(claimed := self._clock(), BATCH, LEASE_SECONDS):
            for queued in due:
                if (self._clock() - claimed).total_seconds() > LEASE_SECONDS - CONVERSATION_SECONDS:
                    break
                await self._send(queued)
                count += 1
        return count

    async def _send(self, queued: QueuedMail) -> None:
        """Send a message to those who wait for it, and note for each what became of it."""
        refused = {rank: no for rank, box in queued.receivers.items() if (no := unwritable(box)) is not None}
        boxes = {rank: box for rank, box in queued.receivers.items() if rank not in refused}
        sender, reply = self._sender, ""
        try:
            message = await self._enclosing.enclosed(queued, self._written(queued))
            sender = sender or message["From"].addresses[0].addr_spec
            if boxes:
                reply, noes = await self._converse(message, sender, list(boxes.values()))
                refused |= {rank: noes[box] for rank, box in boxes.items() if box in noes}
        except NotYet as error:
            refused |= dict.fromkeys(boxes, Refusal(str(error), permanent=False, soon=True))
        except NotSent as error:
            refused |= dict.fromkeys(boxes, Refusal(str(error), error.permanent))
        except Exception as error:  # noqa: BLE001 - a fault of this one mail or of the transport: the others are sent all the same
            spoilt = isinstance(error, ValueError | LookupError)  # what the mail is made of; nothing else is known to last
            refused |= dict.fromkeys(boxes, Refusal(f"{type(error).__name__}: {error}", spoilt))
        await self._note(queued, sender, reply, refused)

    def _written(self, queued: QueuedMail) -> EmailMessage:
        """The message as its receiver gets it."""
        message = addressed(email.message_from_bytes(queued.eml, EmailMessage, policy=SMTP), queued)
        if not queued.link_facts:
            return message
        if "nonce" in queued.link_facts:
            return with_link(message, CODE, code_of(self._links, queued.link_facts))
        return with_link(message, queued.link_facts["link"], signed_address(self._links, queued.link_facts))

    async def _converse(self, message: EmailMessage, sender: str, receivers: list[str]) -> Handed:
        try:
            async with asyncio.timeout(CONVERSATION_SECONDS):
                return await self._transport.send(message, sender, receivers)
        except TimeoutError as error:
            raise NotSent(f"the conversation took longer than {CONVERSATION_SECONDS:g} seconds", permanent=False) from error

    async def _note(self, queued: QueuedMail, sender: str, reply: str, refused: Mapping[int, Refusal]) -> None:
        """Take down for each receiver what became of the message: accepted, to be tried again, or given up."""
        now = self._clock()
        waited = now - (queued.first_try or now)
        taken = Said(state=DeliveryState.ACCEPTED, reply=without_receivers(reply, queued, sender))
        said = dict.fromkeys(queued.ranks, taken)
        for rank, no in refused.items():
            text = without_receivers(no.text, queued, sender)
            if no.permanent or waited > GIVE_UP_AFTER:
                said[rank] = Said(state=DeliveryState.FAILED, reply=text)
            else:
                again = now + (SOON if no.soon else min(max(FIRST_RETRY, waited), LONGEST_RETRY))
                said[rank] = Said(state=DeliveryState.DEFERRED, reply=text, next_try=again)
        accepted = any(one.state is DeliveryState.ACCEPTED for one in said.values())
        await self._mails.noted(queued.message_id, now, said, self._enclosing.sent(queued, now) if accepted else None)
        self._log(queued, said)

    def _log(self, queued: QueuedMail, said: Mapping[int, Said]) -> None:
        about = {"case": queued.case_id, "letter": queued.letter, "message_id": queued.message_id}
        for what in dict.fromkeys((one.state, one.reply) for one in said.values()):
            state, text = what
            ranks = [rank for rank, one in said.items() if (one.state, one.reply) == what]
            match state:
                case DeliveryState.ACCEPTED:
                    log.info("accepted", **about, ranks=ranks)
                case DeliveryState.FAILED:
                    log.error("mail_failed", **about, ranks=ranks, error=text)
                case _:
                    log.warning("mail_deferred", **about, ranks=ranks, error=text)


def signed_address(links: Links, facts: Mapping[str, str]) -> str:
    """The address that opens what the facts of a link name; whoever holds it may answer, so it is kept nowhere."""
    link = Link(case=facts["case"], step=facts["step"], party=facts["party"], epoch=int(facts.get("epoch", "0")))
    return facts["link"].removesuffix(REDACTED) + links.token(link, datetime.fromisoformat(facts["expires"]))


def code_of(links: Links, facts: Mapping[str, str]) -> str:
    """The code of a letter, computed when it is sent, in two groups of digits."""
    code = links.code(facts["nonce"], *(facts[name] for name in CODE_FACTS))
    return f"{code[:4]} {code[4:]}"


def unwritable(mailbox: str) -> Refusal | None:
    """Why no mail server can be given a mailbox; None when it can."""
    if not mailbox:
        return Refusal("nobody's address is known", permanent=True)
    if not mailbox.isascii() or not mailbox.isprintable() or not re.fullmatch(ADDRESS, mailbox):
        return Refusal("the address cannot be written to: it is no plain mailbox@domain", permanent=True)
    return None


def addressed(message: EmailMessage, queued: QueuedMail) -> EmailMessage:
    """The message with the mailboxes of its receivers as they are now: one may have been corrected since it was written."""
    for field, boxes in (("To", (queued.to,)), ("Cc", queued.cc)):
        written = message[field].addresses if message[field] else ()
        if len(written) != len(boxes) or any(unwritable(box) for box in boxes):
            continue
        if tuple(address.addr_spec for address in written) != boxes:
            names = [address.display_name for address in written]
            anew = [Address(name, addr_spec=box) for name, box in zip(names, boxes, strict=True)]
            message.replace_header(field, ", ".join(map(str, anew)))
    return message


def without_receivers(text: str, queued: QueuedMail, sender: str) -> str:
    """What a server said of a message, without the addresses of its receivers."""
    return without_addresses(text, (queued.to, *queued.cc), sender)


def without_addresses(text: str, addresses: Iterable[str], sender: str = "") -> str:
    """A text with "receiver" for every address but the sender's, and for the names in the given addresses."""
    given = [address for address in addresses if address]
    whole = [re.escape(address) for address in given]
    names = [rf"(?<!\w){re.escape(address.partition('@')[0])}(?!\w)" for address in given]
    named = re.compile("|".join([*whole, ADDRESS, *names]), re.IGNORECASE)
    return named.sub(lambda found: found[0] if found[0].rstrip(".").casefold() == sender.casefold() else "receiver", text)
