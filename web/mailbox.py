"""The mails caught on one machine, to be read in the browser; only `passerelle dev` shows them."""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import NamedTuple, Protocol

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from models.errors import Missing
from web.pages import Pages, disposition

NAME = re.compile(r"[A-Za-z0-9_.-]{1,160}")
READ = ["GET", "HEAD"]
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
NEW_WINDOW = '<base target="_blank">'


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


class Mailbox:
    """The routes of the pages that show caught mails; a mail's own page is shut in a sandbox, its links open beside it."""

    def __init__(self, mails: MailPage, pages: Pages) -> None:
        self._mails = mails
        self._pages = pages
        self.router = APIRouter()
        self.router.add_api_route("/mails", self.listing, methods=READ)
        self.router.add_api_route("/mails/{mail_id}", self.mail, methods=READ)
        self.router.add_api_route("/mails/{mail_id}/page", self.html, methods=READ)
        self.router.add_api_route("/mails/{mail_id}/attachments/{number}", self.attachment, methods=READ)

    async def listing(self) -> Response:
        """All mails, the newest first."""
        return self._pages.page("mails.html", "en", {"mails": self._mails.messages()})

    async def mail(self, mail_id: str) -> Response:
        """One mail: its page, its text, its attachments."""
        found = self._found(mail_id)
        return self._pages.page("mail.html", "en", {"mail": found}) if found else not_found()

    async def html(self, mail_id: str) -> Response:
        """The page inside a mail."""
        found = self._found(mail_id)
        if found is None:
            return not_found()
        page = found.html.replace("<head>", f"<head>{NEW_WINDOW}", 1)
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": MAIL_POLICY})

    async def attachment(self, mail_id: str, number: int) -> Response:
        """An attached file."""
        found = self._found(mail_id)
        if found is None or not 0 <= number < len(found.attachments):
            return not_found()
        part = found.attachments[number]
        content = part.get_payload(decode=True)
        name = disposition(part.get_filename() or "file")
        return Response(content if isinstance(content, bytes) else b"", media_type=part.get_content_type(), headers=name)

    def _found(self, mail_id: str) -> StoredMail | None:
        try:
            return self._mails.message(mail_id)
        except Missing:
            return None


def not_found() -> Response:
    """Said where there is no such mail."""
    return PlainTextResponse("not found", status_code=404)
