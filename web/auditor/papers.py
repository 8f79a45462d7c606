"""The papers and mails of a case, and whatever its state names by sha256: shown as text where that is safe, or handed out."""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

from evidence.bundle import named_in
from evidence.entries import EntryKind
from evidence.log import Log
from models.case import Paper
from models.errors import Missing
from reading import Reading
from store.finding import Facts
from store.mails import MailRow
from web.auditor.gate import Signed
from web.auditor.parts import Parts
from web.auditor.past import party_of, spread
from web.pages import disposition

SHA256 = re.compile(r"[0-9a-f]{64}")
MAILBOX = re.compile(r"[A-Za-z0-9._%+'-]+@(?=[A-Za-z0-9-]+\.)")
LONGEST_TEXT = 100_000
MAIL = "message/rfc822"
ENDINGS = {"application/pdf": "pdf", "application/json": "json", "text/plain": "txt", "image/png": "png", "image/jpeg": "jpg"}
TEXTS = ("text/plain", "application/json")


class Shown(NamedTuple):
    """A text that a page shows: its subject if it is a mail, whether it is cut."""

    text: str
    subject: str = ""
    cut: bool = False


class PaperPages:
    """The routes of papers, mails and contents."""

    def __init__(self, parts: Parts, cases: Reading, log: Log) -> None:
        self._parts = parts
        self._cases = cases
        self._log = log
        self.router = APIRouter()
        parts.shows(self.router, "/papers", self.listing)
        parts.shows(self.router, "/contents/{sha256}", self.content)
        parts.shows(self.router, "/contents/{sha256}/file", self.file)

    async def listing(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """Every paper and every mail."""
        case, mails = await self._cases.case(facts.id), await self._cases.mails(facts.id)
        deliveries = dict[str, list[object]]()
        for one in await self._cases.deliveries(facts.id):
            deliveries.setdefault(one.message_id, []).append(one)
        entries = await self._log.entries_of(facts.id)
        context = {
            "papers": case.papers,
            "mails": [(mail, receiver(mail), deliveries.get(mail.message_id, [])) for mail in mails],
            "indexes": {(row.kind, row.ref): row.index for row in entries},
            "document": lambda paper: (EntryKind.DOCUMENT, f"{facts.id}/{paper.sha256}"),
            "posted": lambda mail: (EntryKind.MAIL, mail.message_id),
        }
        return self._parts.page(request, signed, facts, "papers", "papers.html", context)

    async def content(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """What stands under a sha256."""
        sha256, media, data, paper, mail = await self._found(request, facts)
        context = {
            "sha256": sha256,
            "media": media,
            "size": len(data),
            "paper": paper,
            "mail": mail,
            "shown": shown(data, media),
        }
        return self._parts.page(request, signed, facts, "content", "content.html", context)

    async def file(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """The bytes that stand under a sha256, for keeping."""
        sha256, media, data, paper, mail = await self._found(request, facts)
        ending = "eml" if mail else ENDINGS.get(media, "bin")
        name = f"{facts.id}-{paper.kind}-{paper.language}" if paper else f"{facts.id}-{sha256[:16]}"
        headers = disposition(f"{name}.{ending}") | {"Content-Security-Policy": "sandbox; default-src 'none'"}
        return Response(data, media_type=media if media in ENDINGS else "application/octet-stream", headers=headers)

    async def _found(self, request: Request, facts: Facts) -> tuple[str, str, bytes, Paper | None, MailRow | None]:
        """A content that the case names, what it is, and its bytes.

        Raises:
            Missing: the case names none of that sha256, or it is not there.
            Erased: it was, and was erased with the data of a person.
            Corrupt: its bytes are damaged.
        """
        sha256 = str(request.path_params["sha256"])
        if not SHA256.fullmatch(sha256):
            raise Missing("no sha256")
        case = await self._cases.case(facts.id)
        paper = next((one for one in case.papers if one.sha256 == sha256), None)
        mails = [] if paper else await self._cases.mails(facts.id)
        mail = next((one for one in mails if one.content == sha256), None)
        if paper is None and mail is None and sha256 not in await self._named(facts, case.model_dump_json()):
            raise Missing("the case names no such content")
        media = (await self._cases.media(sha256)).partition(";")[0]
        return sha256, media, await self._cases.content(sha256), paper, mail

    async def _named(self, facts: Facts, state: str) -> set[str]:
        said = [one.model_dump(mode="json") for one in await self._cases.timeline(facts.id)]
        return named_in(json.loads(state)) | named_in(said)


def receiver(mail: MailRow) -> str:
    """Whom a mail is for, by code."""
    return party_of(mail.link_facts.get("party", "") or mail.person or mail.to)


def shown(data: bytes, media: str) -> Shown | None:
    """What of a content can be shown as text, mailboxes without their names; None where it is no text."""
    subject = ""
    if media == MAIL:
        message = message_from_bytes(data, EmailMessage, policy=SMTP)
        body = message.get_body(("plain",))
        try:
            subject, text = str(message["Subject"] or ""), str(body.get_content()) if body else ""
        except (LookupError, ValueError):
            return None
    elif media in TEXTS:
        text = spread(data.decode("utf-8", errors="replace"))
    else:
        return None
    return Shown(MAILBOX.sub("…@", text[:LONGEST_TEXT]), MAILBOX.sub("…@", subject), len(text) > LONGEST_TEXT)
