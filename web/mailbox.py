"""The mails caught on one machine, to be read in the browser; only `passerelle dev` shows them."""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import NamedTuple, Protocol

from models.errors import Missing

NAME = re.compile(r"[A-Za-z0-9_.-]{1,160}")


class StoredMail(NamedTuple):
    """One caught mail: the name of its file, its date, receiver, subject and content."""

    id: str
    at: datetime | None
    to: str
    subject: str
    message: EmailMessage

    @property
    def text(self) -> str:
        """The plain text."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body else ""

    @property
    def html(self) -> str:
        """The page."""
        body = self.message.get_body(("html",))
        return str(body.get_content()) if body else ""

    @property
    def attachments(self) -> list[EmailMessage]:
        """The attached files."""
        return [part for part in self.message.iter_attachments() if isinstance(part, EmailMessage)]


class MailPage(Protocol):
    """Caught mails, the newest first."""

    def messages(self) -> list[StoredMail]:
        """All of them."""
        ...

    def message(self, mail_id: str) -> StoredMail:
        """One of them; raises Missing."""
        ...


class MailFolder:
    """A folder of .eml files, as the sink of `dev` lays them down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def messages(self) -> list[StoredMail]:
        """All mails, the newest first."""
        files = sorted(self._folder.glob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)
        return [read(file) for file in files]

    def message(self, mail_id: str) -> StoredMail:
        """One mail by the name of its file.

        Raises:
            Missing: there is none.
        """
        file = self._folder / f"{mail_id}.eml"
        if not NAME.fullmatch(mail_id) or not file.is_file():
            raise Missing(f"no mail {mail_id}")
        return read(file)


def read(file: Path) -> StoredMail:
    """One mail from its file."""
    message = message_from_bytes(file.read_bytes(), EmailMessage, policy=SMTP)
    date = message["Date"]
    return StoredMail(file.stem, date.datetime if date else None, str(message["To"]), str(message["Subject"]), message)
