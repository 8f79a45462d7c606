"""Hostile texts arrive whole: in the form kept from page and API, in a letter's text and page, in a paper, in a calendar."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from icalendar import Calendar

from activities.mail import diary
from activities.typesetting import LANGUAGES, Typesetter, data_digest, printable
from models.case import Nominee
from models.orders import Letter, Publication
from models.words import Kind
from store.persons import Person
from tests.api.situations import ASKED, Desk, Hall
from tests.documents.samples import sample
from tests.hostile import TEXTS, as_kept, letters, on_one_line
from tests.mail.situations import OPENED, CaseFile, amedip
from tests.web.situations import CASE, NOW, PERSON, Clock
from tests.web.situations import Desk as PageDesk
from web.respond.diary import diary as page_diary
from workplace import Workplace

every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
some_languages = pytest.mark.parametrize("language", ["fr", "ar"])
WITHOUT_GLYPH = {"emoji", "ethiopic", "noncharacters"}
"""The texts with letters that the fonts of papers do not draw: they are named there, `[U+1F600]`."""


LAID_OUT = ("br", "bdi")
"""The elements that a text with line ends or numbers is laid out with."""


class Read(HTMLParser):
    """A page as a reader has it: the elements in order, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element's name and those of its attributes."""
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.text += data


def flat(text: str) -> str:
    """A text with its white space made one."""
    return " ".join(text.split())


def close(text: str) -> str:
    """A text without white space: lines of a page have none between them."""
    return "".join(text.split())


@pytest_asyncio.fixture
async def pages(app: FastAPI, hall: Hall, workplace: Workplace, clock: Clock) -> AsyncIterator[PageDesk]:
    """A browser before the pages."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example") as browser:
        yield PageDesk(hall, workplace, browser, clock)


async def kept(workplace: Workplace, case: Any) -> tuple[dict[str, Any], Person, Nominee]:
    """The only nominee of a case as kept: the entry, the person, what the case is told."""
    (nominee,) = case.steps[-1].decision.facts.nominees
    entry = json.loads(await workplace.contents.get(nominee.form))
    return entry, await workplace.persons.get(nominee.person), nominee


@every_text
async def test_by_api(desk: Desk, text: str) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    person = {"person": text, "function": text, "cv": text, "email": "p@poste-sn.example"}
    taken = await system.answer(step, "nominate", {"nominees": [person], "justification": text})
    assert taken.status_code == 201
    case = await desk.case()
    entry, known, nominee = await kept(desk.workplace, case)
    decision = case.steps[-1].decision
    assert decision is not None
    form = json.loads(await desk.workplace.contents.get(decision.form))
    whole = as_kept(text)
    assert (entry["person"], entry["function"], entry["cv"], known.name, form["justification"]) == (whole,) * 5
    assert len(whole) < 5 or whole not in nominee.model_dump_json() + decision.model_dump_json()
    await desk.ask(Kind.CLEARANCE, about=("N1",))
    case = await desk.case()
    case.nominations[0].person = known.id
    await desk.publish(case)
    shown = await (await desk.system("SN-MAESE")).get(f"{ASKED}clearance-1")
    assert [person["name"] for person in shown.json()["people"]] == [whole]


@every_text
async def test_by_page(pages: PageDesk, text: str) -> None:
    path = await pages.ask(Kind.NOMINATION)
    rows = {f"NominationForm.nominees.0.{name}": value for name, value in (PERSON | {"person": text, "cv": text}).items()}
    opened, page = await pages.open(path)
    at = opened.url.path
    filled = page.form | rows | {"option": "nominate", "NominationForm.justification": text, "do": "review"}
    reviewed, asked = await pages.press(at, filled)
    assert reviewed.status_code == 200
    assert flat(as_kept(text)) in flat(as_kept(asked.text))
    plain = Read((await pages.press(at, {n: "x" if v == text else v for n, v in filled.items()}))[0].text)
    shown = Read(reviewed.text)
    assert [tag for tag in shown.tags if tag not in LAID_OUT] == [tag for tag in plain.tags if tag not in LAID_OUT]
    assert set(shown.attributes) == set(plain.attributes)
    recorded, _ = await pages.press(at, asked.form | {"do": "record"})
    assert recorded.status_code == 200
    entry, known, _ = await kept(pages.workplace, await pages.cases.case(CASE))
    assert (entry["person"], entry["cv"], known.name) == (as_kept(text),) * 3


@pytest.fixture
def filing(workplace: Workplace) -> Callable[..., Awaitable[CaseFile]]:
    """Opens a case of a language whose title, and whose first nominee's name, is a text."""

    async def file(language: str, text: str) -> CaseFile:
        opened = await CaseFile(workplace, language).open(title=text)
        name = as_kept(text)
        person = Person(id="p-hostile", name=name, language=language, email="p@nominee.example", institution=opened.case.sending)
        await workplace.persons.add(opened.case.id, [person])
        opened.case.nominations[0].person = person.id
        return opened

    return file


async def composed(file: CaseFile, letter: str, to: str) -> EmailMessage:
    """A letter of a case as a message."""
    order = Letter(letter=letter, to=to, at=OPENED, number=7, step=f"{Kind.CLEARANCE}-1" if letter == "ask_clearance" else "")
    (queued,) = await file.composer.compose(Publication(programme=amedip(), case=file.case, letters=(order,)))
    message: EmailMessage = message_from_bytes(queued.eml, EmailMessage, policy=SMTP)
    return message


def read(message: EmailMessage, kind: str) -> str:
    """A message's text or page."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@some_languages
@every_text
async def test_in_a_letter(filing: Callable[..., Awaitable[CaseFile]], language: str, text: str) -> None:
    file, plain = await filing(language, text), as_kept(text)
    message = await composed(file, "ask_clearance", file.case.asked.requesting)
    page = Read(read(message, "html"))
    for said in (read(message, "plain"), page.text):
        assert close(as_kept(said)).count(close(plain)) >= 2, "as title and as name"
    assert not {"script", "img", "b", "textarea"} & set(page.tags)
    assert not {"onerror", "onclick"} & set(page.attributes)
    assert page.tags.count("title") <= 1
    invitation = await composed(file, "invitation", "N1")
    name, mailbox = parseaddr(str(invitation["To"]))
    assert (close(name), mailbox) == (close(on_one_line(plain)), "p@nominee.example")
    assert len(invitation["To"].addresses) == 1
    assert not {"bcc", "x-mailer"} & {name.lower() for name in invitation}


@some_languages
@every_text
async def test_in_the_calendar_of_a_letter_and_of_the_page(
    filing: Callable[..., Awaitable[CaseFile]], language: str, text: str
) -> None:
    case, plain = (await filing(language, text)).case, as_kept(text)
    step = case.steps[-1]
    calendars: tuple[bytes, bytes] = (
        diary(case, {"title": plain, "host_name": plain}).data,
        page_diary(case, step, plain, plain, plain, NOW),
    )
    for data in calendars:
        found = Calendar.from_ical(bytes(data))
        visit = next(event for event in found.walk("VEVENT") if str(event["uid"]).endswith("-visit@passerelle"))
        assert flat(str(visit["summary"])) == flat(f"{case.id} – {plain}")
        assert flat(str(visit["location"])) == flat(plain)
        assert {event.name for event in found.walk()} <= {"VCALENDAR", "VEVENT"}
        assert all(len(line.encode()) <= 75 for line in data.decode().split("\r\n"))


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    """One typesetter for all papers."""
    return Typesetter()


@pytest.fixture(scope="module")
def pdftotext() -> str:
    """The program that reads a paper's text."""
    found = shutil.which("pdftotext")
    if found is None:
        pytest.skip("no pdftotext on this machine: install the package poppler-utils")
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TEXTS)
def test_in_a_paper(typesetter: Typesetter, pdftotext: str, tmp_path: Path, language: str, name: str) -> None:
    text = as_kept(TEXTS[name])
    facts: dict[str, Any] = sample("invitation_letter", language)
    facts |= {"title": text, "participant": {**facts["participant"], "name": text}}
    without = facts | {"title": "", "participant": {**facts["participant"], "name": ""}}
    more, less = (copied_out(pdftotext, typesetter, language, said, tmp_path) for said in (facts, without))
    printed = str(printable(text, typesetter._glyphs))
    assert (printed != printable(text, frozenset(range(0x110000)))) == (name in WITHOUT_GLYPH)
    missing = Counter(letters(printed) * 2) - (more - less)
    assert not missing, f"{missing} of {printed!r} is not in the paper"


def copied_out(pdftotext: str, typesetter: Typesetter, language: str, facts: dict[str, Any], folder: Path) -> Counter[str]:
    """The letters that a reader copies out of an invitation, without the digest of its facts."""
    (folder / "paper.pdf").write_bytes(typesetter.set("invitation_letter", language, facts, date(2026, 11, 17)))
    done = subprocess.run([pdftotext, "-enc", "UTF-8", folder / "paper.pdf", "-"], capture_output=True, check=True)
    found, digest = letters(done.stdout.decode()), data_digest(facts)
    assert digest in found
    return Counter(found.replace(digest, ""))
