"""The postman: takes due mails from the queue, computes their links, and hands them to the mail server until it accepts."""

from __future__ import annotations

import asyncio
import email
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
    """Sends what is due. Safe to run in several processes: a message is leased while it is sent."""

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
        message = email.message_from_bytes(queued.eml, EmailMessage, policy=SMTP)
        if queued.link_facts:
            facts = queued.link_facts
            link = Link(case=facts["case"], step=facts["step"], party=facts["party"])
            message = with_link(message, REDACTED, self._links.token(link, datetime.fromisoformat(facts["expires"])))
        try:
            reply = await self._converse(message, [queued.to, *queued.cc])
        except NotSent as error:
            await self._not_sent(queued, error)
            return
        await self._mails.accepted(queued.message_id, self._clock(), reply)
        log.info("accepted", case=queued.case_id, letter=queued.letter, message_id=queued.message_id)

    async def _converse(self, message: EmailMessage, receivers: list[str]) -> str:
        try:
            async with asyncio.timeout(CONVERSATION_SECONDS):
                return await self._transport.send(message, self._sender, receivers)
        except TimeoutError as error:
            raise NotSent(f"the conversation took longer than {CONVERSATION_SECONDS:g} seconds", permanent=False) from error

    async def _not_sent(self, queued: QueuedMail, error: NotSent) -> None:
        waited = self._clock() - queued.queued
        if error.permanent or waited > GIVE_UP_AFTER:
            await self._mails.failed(queued.message_id, str(error))
            log.error("mail_failed", case=queued.case_id, letter=queued.letter, message_id=queued.message_id, error=str(error))
            return
        wait = min(max(FIRST_RETRY, waited), LONGEST_RETRY)
        await self._mails.deferred(queued.message_id, str(error), self._clock() + wait)
        log.warning("mail_deferred", case=queued.case_id, letter=queued.letter, message_id=queued.message_id, error=str(error))
