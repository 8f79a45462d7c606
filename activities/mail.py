"""Mail: letters composed in the language of their receiver, queued with the case, and handed to the mail server.

A letter is composed and queued in the same transaction as the read model, with its link redacted. The postman computes the link
when it sends, keeps trying, and notes what the server said. A letter keeps its Message-ID through every copy.
"""

from __future__ import annotations

import re
from datetime import timedelta
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from icalendar import Calendar as Diary
from icalendar import Event
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from activities.letters import Facts
from activities.parties import Parties, Party
from models.case import Case
from models.orders import Letter, Publication
from models.programme import Programme
from store.contents import Contents
from store.mails import QueuedMail
from wording import Words

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "letters"
DATED = ("agreed", "invitation")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
LINK_LIFE = timedelta(days=3 * 366)
RIGHT_TO_LEFT = ("ar",)


class Composer:
    """Turns the letters of a publication into messages ready to send."""

    def __init__(self, facts: Facts, parties: Parties, contents: Contents, words: Words, folder: Path = TEMPLATES) -> None:
        self._facts = facts
        self._parties = parties
        self._contents = contents
        self._words = words
        loader = FileSystemLoader(folder)
        options: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
        self._texts = Environment(loader=loader, autoescape=False, **options)
        self._pages = Environment(loader=loader, autoescape=True, **options)

    async def compose(self, publication: Publication) -> list[QueuedMail]:
        """The messages of a publication's letters, in their order."""
        return [await self._message(publication.programme, publication.case, letter) for letter in publication.letters]

    async def _message(self, programme: Programme, case: Case, letter: Letter) -> QueuedMail:
        party = await self._parties.party(programme, case, letter.to)
        facts = await self._facts.of(programme, case, letter, party)
        message = self._envelope(programme, case, letter, party)
        folder = f"{letter.letter}/{party.language}"
        set_subject(message, one_line(self._texts.get_template(f"{folder}/subject.txt").render(facts)))
        text = self._texts.get_template(f"{folder}/body.txt").render(facts).strip() + "\n"
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(self._page(text, facts, party), subtype="html", cte="quoted-printable")
        for paper in letter.papers:
            await self._attach(message, case, paper)
        if letter.letter in DATED:
            self._add_diary(message, case, facts)
        about = {"case": case.id, "step": letter.step, "party": letter.to} if letter.step else {}
        expires = {"expires": (letter.at + LINK_LIFE).isoformat()} if about else {}
        return QueuedMail(
            message_id=message["Message-ID"],
            case_id=case.id,
            step=letter.step,
            letter=letter.letter,
            person=party.person,
            to=party.mailbox,
            name=party.institution if party.is_person else party.name,
            cc=(party.alternate,) if letter.alternate and party.alternate else (),
            language=party.language,
            link_facts={**about, **expires},
            queued=letter.at,
            eml=message.as_bytes(policy=SMTP),
        )

    def _envelope(self, programme: Programme, case: Case, letter: Letter, party: Party) -> EmailMessage:
        office = programme.office
        domain = office.mailbox.partition("@")[2]
        message = EmailMessage(policy=SMTP)
        message["Message-ID"] = f"<{case.id}.{letter.number:04d}.{letter.letter}@{domain}>"
        message["In-Reply-To"] = message["References"] = f"<{case.id}@{domain}>"
        message["Date"] = letter.at
        set_address(message, "From", office.name[party.language], office.mailbox)
        set_address(message, "To", party.name, party.mailbox)
        if letter.alternate and party.alternate:
            set_address(message, "Cc", "", party.alternate)
        set_address(message, "Reply-To", office.name[party.language], office.mailbox)
        message["Content-Language"] = "pt-PT" if party.language == "pt" else party.language
        message["Auto-Submitted"] = "auto-generated"
        return message

    def _page(self, text: str, facts: dict[str, Any], party: Party) -> str:
        blocks = [block_of(paragraph, facts["link"]) for paragraph in re.split(r"\n{2,}", text.strip())]
        direction = "rtl" if party.language in RIGHT_TO_LEFT else "ltr"
        button = self._words.say(party.language, "answer.button")
        language = "pt-PT" if party.language == "pt" else party.language
        page = self._pages.get_template("layout.html")
        return page.render(blocks=blocks, language=language, direction=direction, button=button, **facts)

    async def _attach(self, message: EmailMessage, case: Case, sha256: str) -> None:
        paper = next(paper for paper in case.papers if paper.sha256 == sha256)
        name = f"{case.id}-{paper.kind}-{paper.language}.pdf"
        message.add_attachment(await self._contents.get(sha256), maintype="application", subtype="pdf", filename=name)

    def _add_diary(self, message: EmailMessage, case: Case, facts: dict[str, Any]) -> None:
        assert case.visit_start is not None
        assert case.visit_end is not None
        event = Event()
        event.add("uid", f"{case.id}-visit@passerelle")
        event.add("dtstamp", case.clock)
        event.add("dtstart", case.visit_start)
        event.add("dtend", case.visit_end + timedelta(days=1))
        event.add("summary", f"{case.id} – {facts['title']}")
        event.add("location", facts["host_name"])
        diary = Diary()
        diary.add("prodid", "-//Passerelle//EN")
        diary.add("version", "2.0")
        diary.add("method", "PUBLISH")
        diary.add_component(event)
        content = diary.to_ical().decode()
        message.add_attachment(content, subtype="calendar", filename=f"{case.id}.ics", params={"method": "PUBLISH"})


def one_line(text: str) -> str:
    """A header's text: control characters and line ends become spaces."""
    return CONTROL.sub(" ", text).strip()


def set_subject(message: EmailMessage, subject: str) -> None:
    """The subject; beyond ASCII the older Header class folds it, for the newer one doubles the space before an encoded word."""
    if subject.isascii():
        message["Subject"] = subject
    else:
        message.set_raw("Subject", folded("Subject", subject))


def set_address(message: EmailMessage, field: str, name: str, mailbox: str) -> None:
    """One mailbox with its display name, checked part by part; a name never adds a receiver."""
    address = Address(display_name=one_line(name), addr_spec=mailbox)
    if address.display_name.isascii():
        message[field] = address
    else:
        message.set_raw(field, f"{folded(field, address.display_name)}\n <{address.addr_spec}>")


def folded(field: str, text: str) -> str:
    """A text as encoded words in lines of at most 76 characters."""
    return Header(text, "utf-8", header_name=field, maxlinelen=76).encode()


def block_of(paragraph: str, link: str) -> dict[str, Any]:
    """A paragraph of a letter as a block of its page: the button, a list, or lines."""
    lines = paragraph.strip().split("\n")
    if paragraph.strip() == link:
        return {"kind": "button", "lines": []}
    if all(line.startswith("- ") for line in lines):
        return {"kind": "list", "lines": [line[2:] for line in lines]}
    return {"kind": "text", "lines": lines}


def with_link(eml: EmailMessage, placeholder: str, link: str) -> EmailMessage:
    """The message with the signed link in place of the redacted one; attachments stay as they are."""
    for part in eml.walk():
        if part.get_content_maintype() == "text" and not part.is_attachment() and isinstance(part, EmailMessage):
            content = part.get_content()
            if placeholder in content:
                part.set_content(content.replace(placeholder, link), subtype=part.get_content_subtype(), cte="quoted-printable")
    return eml
