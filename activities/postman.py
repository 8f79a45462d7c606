"""The postman: takes due mails from the queue, computes their links, and hands them to the mail server until it accepts."""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Protocol

import aiosmtplib
import structlog

from activities.letters import REDACTED
from activities.mail import with_link
from evidence.links import Link, Links
from models.errors import PasserelleError
from models.message import Message
from store.mails import Mails, QueuedMail

GIVE_UP_AFTER = timedelta(hours=72)
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=4)
LEASE_SECONDS = 120.0
CONVERSATION_SECONDS = 60.0
BATCH = 20
PERMANENT = range(500, 600)
ADDRESS = r"[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()\[\]]+"

log = structlog.get_logger("postman")


class NotSent(PasserelleError):
    """The mail server did not take a message; `permanent` when trying again is of no use."""

    def __init__(self, text: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


class Transport(Protocol):
    """Hands one message to somebody who will deliver it; gives the server's last reply."""

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> str:
        """Deliver to the first receiver, whom the message is for, and to those who get a copy, or raise NotSent."""
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
    """A real SMTP conversation, one connection a message."""

    def __init__(self, smtp: Smtp) -> None:
        self._smtp = smtp

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> str:
        """Deliver over SMTP; a copy that is refused does not hold up the message.

        Raises:
            NotSent: refused for good (5xx), for now (4xx), or the server cannot be reached.
        """
        smtp = self._smtp
        try:
            refused, reply = await aiosmtplib.send(
                message,
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
            first = next((each for each in error.recipients if each.recipient == receivers[0]), error.recipients[0])
            raise NotSent(f"receiver refused: {first.code} {first.message}", permanent=first.code in PERMANENT) from error
        except aiosmtplib.SMTPDataError as error:
            raise NotSent(f"message refused: {error.code} {error.message}", permanent=error.code in PERMANENT) from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotSent(f"login refused: {error.code}", permanent=False) from error
        except aiosmtplib.SMTPResponseException as error:  # of us, not of the message: somebody can put it right
            raise NotSent(f"{error.code} {error.message}", permanent=False) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}", permanent=False) from error
        if receivers[0] in refused:
            no = refused[receivers[0]]
            raise NotSent(f"receiver refused: {no.code} {no.message}", permanent=no.code in PERMANENT)
        if refused:
            return f"{reply} (refused: {len(refused)} of {len(receivers)})"
        return reply


class Postman:
    """Sends what is due. Safe to run in several processes: a message is leased while it is sent.

    Without a `sender` the server is given the mailbox that the message says it is from. What it answers is kept and logged
    without the address of any receiver. A message that cannot be sent, whatever the reason, holds up no other.
    """

    def __init__(self, mails: Mails, transport: Transport, links: Links, sender: str, clock: Callable[[], datetime]) -> None:
        self._mails = mails
        self._transport = transport
        self._links = links
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
        sender = self._sender
        try:
            message = self._written(queued)
            sender = sender or message["From"].addresses[0].addr_spec
            reply = await self._converse(message, sender, [queued.to, *queued.cc])
        except NotSent as error:
            await self._not_sent(queued, sender, error)
        except Exception as error:  # noqa: BLE001 - a fault of this one mail or of the transport: the others are sent all the same
            spoilt = isinstance(error, ValueError | LookupError)  # what the mail is made of; nothing else is known to last
            await self._not_sent(queued, sender, NotSent(f"{type(error).__name__}: {error}", permanent=spoilt))
        else:
            await self._mails.accepted(queued.message_id, self._clock(), without_receivers(reply, queued, sender))
            log.info("accepted", case=queued.case_id, letter=queued.letter, message_id=queued.message_id)

    def _written(self, queued: QueuedMail) -> EmailMessage:
        """The message as its receiver gets it."""
        if not queued.to:
            raise NotSent("nobody's address is known", permanent=True)
        message = email.message_from_bytes(queued.eml, EmailMessage, policy=SMTP)
        facts = queued.link_facts
        if not facts:
            return message
        link = Link(case=facts["case"], step=facts["step"], party=facts["party"], epoch=int(facts.get("epoch", "0")))
        token = self._links.token(link, datetime.fromisoformat(facts["expires"]))
        return with_link(message, facts["link"], facts["link"].removesuffix(REDACTED) + token)

    async def _converse(self, message: EmailMessage, sender: str, receivers: list[str]) -> str:
        try:
            async with asyncio.timeout(CONVERSATION_SECONDS):
                return await self._transport.send(message, sender, receivers)
        except TimeoutError as error:
            raise NotSent(f"the conversation took longer than {CONVERSATION_SECONDS:g} seconds", permanent=False) from error

    async def _not_sent(self, queued: QueuedMail, sender: str, error: NotSent) -> None:
        now = self._clock()
        waited = now - (queued.first_try or now)
        said = without_receivers(str(error), queued, sender)
        about = {"case": queued.case_id, "letter": queued.letter, "message_id": queued.message_id, "error": said}
        if error.permanent or waited > GIVE_UP_AFTER:
            await self._mails.failed(queued.message_id, said)
            log.error("mail_failed", **about)
            return
        await self._mails.deferred(queued.message_id, said, now + min(max(FIRST_RETRY, waited), LONGEST_RETRY))
        log.warning("mail_deferred", **about)


def without_receivers(text: str, queued: QueuedMail, sender: str) -> str:
    """What a server said, with "receiver" for every address but the sender's, and for the receivers' names in theirs."""
    addresses = [address for address in (queued.to, *queued.cc) if address]
    whole = [re.escape(address) for address in addresses]
    names = [rf"(?<!\w){re.escape(address.partition('@')[0])}(?!\w)" for address in addresses]
    named = re.compile("|".join([*whole, ADDRESS, *names]), re.IGNORECASE)
    return named.sub(lambda found: found[0] if found[0].rstrip(".").casefold() == sender.casefold() else "receiver", text)
