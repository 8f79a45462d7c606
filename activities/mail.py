"""Mail: letters composed in the language of their receiver, queued with the case, and handed to the mail server.

A letter is composed and queued in the same transaction as the read model, with its link redacted. The postman computes the link
when it sends, keeps trying, and notes what the server said. A letter keeps its Message-ID through every copy.
"""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from icalendar import Calendar as Diary
from icalendar import Event
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from activities.letters import Facts
from activities.mime import CALENDAR, File, date_line, line, mailbox_line, message_bytes
from activities.parties import Parties, Party
from models.case import Case
from models.errors import Erased
from models.orders import Letter, Publication
from models.programme import Programme
from store.contents import Contents
from store.mails import QueuedMail
from wording import Words

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "letters"
SALT_HEADER = "X-Passerelle-Salt"
"""What keeps the sha256 of a letter, which the log and the bundles name, from being guessed with a name in it."""

NOBODY = "undisclosed-recipients:;"
"""Whom a letter is for that has no mailbox any more (source: RFC 5322, 3.4: an empty group)."""

DATED = ("agreed", "invitation")
MAIL_FAILED = "mail_failed"
NUMBERED = re.compile(r"(?=[A-Za-z-]*[0-9])[A-Za-z0-9]{1,12}(?:-[A-Za-z0-9]{1,12}){1,3}")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
LINK_LIFE = timedelta(days=3 * 366)
RIGHT_TO_LEFT = ("ar",)


class Written(NamedTuple):
    """A letter in words: whom it is for, its facts, its subject, its text with the link redacted."""

    party: Party
    facts: dict[str, Any]
    subject: str
    text: str

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Its paragraphs, each as a button, a list or lines."""
        return [block_of(paragraph, self.facts["link"]) for paragraph in re.split(r"\n{2,}", self.text.strip())]


class Composer:
    """Turns the letters of a publication into messages ready to send."""

    def __init__(self, facts: Facts, parties: Parties, contents: Contents, words: Words, folder: Path = TEMPLATES) -> None:
        self._facts = facts
        self._parties = parties
        self._contents = contents
        self._words = words
        self._texts = _templates(folder, escaped=False)
        self._pages = _templates(folder, escaped=True)

    async def compose(self, publication: Publication) -> list[QueuedMail]:
        """The messages of a publication's letters, in their order."""
        programme, case = publication.programme, publication.case
        return [
            (await self.message(programme, case, letter)).model_copy(update={"number": letter.number})
            for letter in publication.letters
        ]

    async def message(self, programme: Programme, case: Case, letter: Letter, **said: Any) -> QueuedMail:
        """One letter as a message without a number in its case; `said` are facts that only whoever orders it knows."""
        written = await self.written(programme, case, letter, **said)
        party, link = written.party, written.facts["link"]
        files = [file for paper in letter.papers if (file := await self._paper(case, paper)) is not None]
        if letter.letter in DATED:
            files.append(diary(case, written.facts))
        domain = programme.office.mailbox.partition("@")[2]
        message_id = f"<{local_id(case, letter)}@{domain}>"
        salt = line(SALT_HEADER, self._contents.salt(message_id))
        lines = [line("Message-ID", message_id), *headers(programme, case, letter, party), salt, line("Subject", written.subject)]
        return QueuedMail(
            message_id=message_id,
            case_id=case.id,
            step=letter.step,
            letter=letter.letter,
            party=letter.to,
            person=party.person,
            to=party.mailbox,
            name=party.institution if party.is_person else party.name,
            cc=(party.alternate,) if letter.alternate and party.alternate else (),
            language=party.language,
            link_facts=link_facts_of(case, letter, link),
            queued=letter.at,
            eml=message_bytes(lines, written.text, self._page(written), files),
        )

    async def written(self, programme: Programme, case: Case, letter: Letter, **said: Any) -> Written:
        """The words of a letter, in the language of whoever gets it."""
        party = await self._parties.party(programme, case, letter.to, letter.at)
        facts = await self._facts.of(programme, case, letter, party) | said
        folder = f"{letter.letter}/{party.language}"
        subject = one_line(self._texts.get_template(f"{folder}/subject.txt").render(facts))
        text = self._texts.get_template(f"{folder}/body.txt").render(facts).strip() + "\n"
        return Written(party, facts, subject, text)

    def subject(self, letter: str, language: str, facts: dict[str, Any]) -> str:
        """The subject of a letter in a language, without its case number; `facts` are what any subject may name."""
        subject = one_line(self._texts.get_template(f"{letter}/{language}/subject.txt").render(facts))
        return subject.removeprefix(f"[{facts['case_id']}] ")

    def _page(self, written: Written) -> str:
        language = written.party.language
        direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
        button = self._words.say(language, "answer.button")
        tag = "pt-PT" if language == "pt" else language
        page = self._pages.get_template("layout.html")
        return page.render(blocks=written.blocks, language=tag, direction=direction, button=button, **written.facts)

    async def _paper(self, case: Case, sha256: str) -> File | None:
        """A paper as an attachment; None when it was erased with the data of a person."""
        paper = next(paper for paper in case.papers if paper.sha256 == sha256)
        name = f"{case.id}-{paper.kind}-{paper.language}.pdf"
        try:
            return File(name, "application/pdf", await self._contents.get(sha256))
        except Erased:
            return None


def link_facts_of(case: Case, letter: Letter, address: str) -> dict[str, str]:
    """What the link of a letter about a step is computed from when it is sent; `address` is where it will stand. Else nothing."""
    step = case.step(letter.step) if letter.step else None
    if step is None:
        return {}
    opens = {"case": case.id, "step": step.id, "party": letter.to, "epoch": str(step.epoch)}
    return {**opens, "expires": (letter.at + LINK_LIFE).isoformat(), "link": address}


def local_id(case: Case, letter: Letter) -> str:
    """What is before the @ of a letter's Message-ID; of one that tells of another letter, that one's with a name behind it.

    Another letter, receiver or step under the same number is another message.
    """
    if letter.letter != MAIL_FAILED:
        to = sha256(f"{letter.to} {letter.step}".encode()).hexdigest()[:6]
        return f"{case.id}.{letter.number:04d}.{to}.{letter.letter}"
    about = letter.about.strip("<>").partition("@")[0]
    return f"{about}.{letter.letter}" + (f".{letter.count + 1}" if letter.count else "")


def headers(programme: Programme, case: Case, letter: Letter, party: Party) -> list[str]:
    """Who writes to whom, when, in which language and in answer to which case."""
    office = programme.office
    name, thread = one_line(office.name[party.language]), f"<{case.id}@{office.mailbox.partition('@')[2]}>"
    copied = [mailbox_line("Cc", "", party.alternate)] if letter.alternate and party.alternate else []
    return [
        line("References", thread),
        line("In-Reply-To", thread),
        date_line(letter.at),
        mailbox_line("From", name, office.mailbox),
        mailbox_line("To", one_line(party.name), party.mailbox) if party.mailbox else line("To", NOBODY),
        *copied,
        mailbox_line("Reply-To", name, office.mailbox),
        line("Content-Language", "pt-PT" if party.language == "pt" else party.language),
        line("Auto-Submitted", "auto-generated"),
    ]


def diary(case: Case, facts: dict[str, Any]) -> File:
    """The days of the visit for a diary."""
    assert case.visit_start is not None
    assert case.visit_end is not None
    event = Event()
    event.add("uid", f"{case.id}-visit@passerelle")
    event.add("dtstamp", case.clock)
    event.add("dtstart", case.visit_start)
    event.add("dtend", case.visit_end + timedelta(days=1))
    event.add("summary", f"{case.id} – {facts['title']}")
    event.add("location", facts["host_name"])
    found = Diary()
    found.add("prodid", "-//Passerelle//EN")
    found.add("version", "2.0")
    found.add("method", "PUBLISH")
    found.add_component(event)
    return File(f"{case.id}.ics", CALENDAR, found.to_ical())


def one_line(text: str) -> str:
    """A header's text: control characters and line ends become spaces."""
    return CONTROL.sub(" ", text).strip()


@cache
def _templates(folder: Path, *, escaped: bool) -> Environment:
    """The templates of a folder, compiled once a process: none holds anything of an installation."""
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=escaped, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    if escaped:
        environment.filters["whole"] = whole
    return environment


def whole(line: str) -> Markup:
    """A line of a page in which dates and case numbers stay on one line; broken at a hyphen, they turn round in Arabic."""
    return Markup(NUMBERED.sub(r'<span style="white-space:nowrap">\g<0></span>', str(escape(line))))


def block_of(paragraph: str, link: str) -> dict[str, Any]:
    """A paragraph of a letter as a block of its page: the button, a list, or lines."""
    lines = paragraph.strip().split("\n")
    if paragraph.strip() == link:
        return {"kind": "button", "lines": []}
    if all(line.startswith("- ") for line in lines):
        return {"kind": "list", "lines": [line[2:] for line in lines]}
    return {"kind": "text", "lines": lines}


def with_link(eml: EmailMessage, placeholder: str, link: str) -> EmailMessage:
    """The message with the signed address in place of the redacted one, each as a whole; attachments stay as they are."""
    for part in eml.walk():
        if part.get_content_maintype() == "text" and not part.is_attachment() and isinstance(part, EmailMessage):
            content = part.get_content()
            if placeholder in content:
                part.set_content(content.replace(placeholder, link), subtype=part.get_content_subtype(), cte="quoted-printable")
    return eml
