"""What a confirmation takes along when it leaves: the signed receipt, the proof of its place in the log, the log's checkpoint."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage

from markupsafe import escape

from activities.letters import CHECKPOINT
from evidence.entries import mail_entry
from evidence.issuing import Issuing
from models.errors import PasserelleError
from store.database import Then, Transaction
from store.mails import QueuedMail

CONFIRMATION = "recorded"
RECEIPT, SIGNATURE, PROOF = "receipt.json", "receipt.sig", "receipt.tlog-proof"


class NotYet(PasserelleError):
    """A message that cannot leave for a moment: what it takes along is being made."""


class Enclosing:
    """Puts into a confirmation what is made of it only when it leaves, and notes in the log that a mail was sent."""

    def __init__(self, issuing: Issuing) -> None:
        self._issuing = issuing
        self._log = issuing.log

    async def enclosed(self, queued: QueuedMail, message: EmailMessage) -> EmailMessage:
        """The message with its receipt, if it is a confirmation.

        Raises:
            NotYet: the receipt is not there yet; the answer is known to be recorded in a moment.
        """
        if queued.letter != CONFIRMATION:
            return message
        receipt = await self._issuing.of_step(queued.case_id, queued.step)
        if receipt is None:
            raise NotYet("its receipt is being made")
        proof = await self._log.proof(receipt.index)
        with_checkpoint(message, proof.note)
        message.add_attachment(receipt.body, "application", "json", filename=RECEIPT)
        message.add_attachment(receipt.signature, "application", "octet-stream", filename=SIGNATURE)
        message.add_attachment(proof.text.encode(), "application", "octet-stream", filename=PROOF)
        return message

    def sent(self, queued: QueuedMail, at: datetime) -> Then:
        """What is written with the note that a mail server took a message."""

        async def then(connection: Transaction) -> None:
            about = queued.case_id, queued.message_id, queued.letter, queued.step
            await self._log.append(connection, [mail_entry(*about, queued.content, at)])

        return then


def with_checkpoint(message: EmailMessage, note: str) -> None:
    """Print a checkpoint where the texts of a message leave room for it; read from left to right in every language."""
    page = "<br>".join(str(escape(line)) for line in note.rstrip("\n").split("\n"))
    prints = {
        "plain": note.rstrip("\n"),
        "html": f'<span dir="ltr" style="display:block;font-family:monospace;font-size:12px;text-align:left">{page}</span>',
    }
    for part in message.walk():
        printed = prints.get(part.get_content_subtype()) if part.get_content_maintype() == "text" else None
        if printed is not None and not part.is_attachment() and isinstance(part, EmailMessage):
            text = part.get_content().replace(CHECKPOINT, printed)
            part.set_content(text, subtype=part.get_content_subtype(), cte="quoted-printable")
