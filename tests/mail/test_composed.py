"""Every letter in every language, as it is archived and as it is read by whoever gets it."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar as Diary

from activities.letters import REDACTED
from activities.mail import headers
from activities.parties import Party
from models.words import LANGUAGES
from tests.mail.conftest import Filing
from tests.mail.situations import LETTERS, OPENED, PDF, CaseFile, a_chase, amedip
from workplace import Workplace

OFFICE = "coordination@amedip.example"
every_language = pytest.mark.parametrize("language", LANGUAGES)


class Page(HTMLParser):
    """The text, the links and the attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.tags: dict[str, dict[str, str | None]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags[tag] = dict(attrs)
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


def read(eml: bytes) -> EmailMessage:
    """The message of archived bytes."""
    message: EmailMessage = message_from_bytes(eml, EmailMessage, policy=SMTP)
    assert message.defects == []
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """What the receiver reads, as text or page."""
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def boxes(message: EmailMessage, field: str) -> list[str]:
    """The mailboxes of a header."""
    return [address.addr_spec for address in message[field].addresses] if message[field] else []


@every_language
async def test_every_letter_is_whole_in_its_language(filing: Filing, language: str) -> None:
    file = await filing(language)
    for name in LETTERS:
        file.case.ending, file.case.reason = None, ""
        mail = await file.mail(name)
        message = read(mail.eml)
        assert mail.language == language
        assert message["Subject"].startswith("[AMEDIP-2026-0001] "), name
        assert message["Content-Language"] == ("pt-PT" if language == "pt" else language)
        assert message["Auto-Submitted"] == "auto-generated"
        assert (boxes(message, "To"), boxes(message, "Cc")) == ([mail.to], list(mail.cc)), name
        assert (boxes(message, "From"), boxes(message, "Reply-To")) == ([OFFICE], [OFFICE])
        assert message["From"].addresses[0].display_name == amedip().office.name[language]
        text, page = text_of(message), Page(text_of(message, "html"))
        assert re.sub(r"\s+", "", text.replace("- ", "")) != ""
        assert "{{" not in text
        assert (page.tags["html"]["lang"], page.tags["html"]["dir"]) == (message["Content-Language"], _direction(language))
        assert page.links == ([f"https://exchanges.example/r/{REDACTED}"] if REDACTED in text else []), name


def _direction(language: str) -> str:
    return "rtl" if language == "ar" else "ltr"


@every_language
async def test_text_and_page_say_the_same(filing: Filing, language: str) -> None:
    file = await filing(language)
    for name in LETTERS:
        file.case.ending, file.case.reason = None, ""
        message = read((await file.mail(name)).eml)
        said = [line.removeprefix("- ") for line in text_of(message).splitlines() if line.strip() and REDACTED not in line]
        page = " ".join(Page(text_of(message, "html")).text.split())
        assert [line for line in said if " ".join(line.split()) not in page] == [], name


async def test_no_letter_speaks_of_a_fact_that_is_empty(filing: Filing) -> None:
    for language in LANGUAGES:
        file = await filing(language)
        for name in LETTERS:
            file.case.ending, file.case.reason = None, ""
            text = text_of(read((await file.mail(name)).eml))
            assert [line for line in text.splitlines() if re.fullmatch(r"- [^:]*:\s*", line)] == [], f"{name} {language}"
            assert "None" not in text


async def test_a_message_id_tells_case_number_and_letter_and_is_the_same_again(filing: Filing) -> None:
    file = await filing("fr")
    first, again = await file.mail("ask_host_offer"), await file.mail("ask_host_offer")
    assert re.fullmatch(r"<AMEDIP-2026-0001\.0007\.[0-9a-f]{6}\.ask_host_offer@amedip\.example>", first.message_id)
    assert read(first.eml)["Message-ID"] == first.message_id
    assert again.eml == first.eml
    assert (await file.mail("ask_host_offer", number=8)).message_id != first.message_id


async def test_the_letters_of_a_case_are_one_thread(filing: Filing) -> None:
    file = await filing("en")
    for name in ("ask_host_offer", "reminder", "recorded"):
        message = read((await file.mail(name)).eml)
        assert message["References"] == message["In-Reply-To"] == "<AMEDIP-2026-0001@amedip.example>"


async def test_a_letter_is_dated_when_it_was_written(filing: Filing) -> None:
    assert read((await (await filing("ar")).mail("reminder")).eml)["Date"].datetime == OPENED


async def test_the_alternate_is_copied_on_a_chase_only(filing: Filing) -> None:
    file = await filing("fr")
    assert boxes(read((await file.mail("overdue")).eml), "Cc") == ["alternate@poste-sn.example"]
    assert read((await file.mail("reminder")).eml)["Cc"] is None


async def test_a_participant_is_written_to_by_name_and_archived_without_it_in_the_queue(filing: Filing) -> None:
    mail = await (await filing("fr")).mail("invitation")
    message = read(mail.eml)
    assert message["To"].addresses[0].display_name == "Participant 1"
    assert (mail.person, mail.name) == ("p-fr-1", "Société nationale La Poste")


async def test_the_paper_asked_about_is_attached(filing: Filing) -> None:
    for language in LANGUAGES:
        message = read((await (await filing(language)).mail("ask_host_agreement")).eml)
        (paper,) = message.iter_attachments()
        assert paper.get_content() == PDF
        assert (paper.get_content_type(), paper.get_filename()) == (
            "application/pdf",
            f"AMEDIP-2026-0001-terms_of_reference-{language}.pdf",
        )


@pytest.mark.parametrize("name", ["agreed", "invitation"])
async def test_agreed_dates_come_with_an_entry_for_the_diary(filing: Filing, name: str) -> None:
    file = await filing("pt")
    message = read((await file.mail(name)).eml)
    (part,) = message.iter_attachments()
    assert (part.get_content_type(), part["Content-Type"].params["method"]) == ("text/calendar", "PUBLISH")
    assert part.get_filename() == "AMEDIP-2026-0001.ics"
    diary = Diary.from_ical(part.get_content())
    (event,) = diary.walk("VEVENT")
    assert file.case.visit_start is not None
    assert file.case.visit_end is not None
    assert event.decoded("DTSTART") == file.case.visit_start
    assert event.decoded("DTEND") == file.case.visit_end + timedelta(days=1)
    assert str(event["SUMMARY"]).startswith("AMEDIP-2026-0001 – ")
    assert event["LOCATION"] == "Ministère des Affaires sociales"


@pytest.mark.parametrize(
    ("language", "due"),
    [
        ("en", "Monday, 23 November 2026, 17:00 (Accra) – 2026-11-23"),
        ("fr", "lundi 23 novembre 2026, 17:00 (Dakar) – 2026-11-23"),
        ("ar", "الاثنين، ٢٣ نوفمبر ٢٠٢٦، ١٧:٠٠ (القاهرة) – \u200e2026-11-23\u200e"),
        ("pt", "segunda-feira, 23 de novembro de 2026, 17:00 (Cabo Verde) – 2026-11-23"),
    ],
)
async def test_a_deadline_is_told_in_the_words_hour_and_digits_of_the_receiver(filing: Filing, language: str, due: str) -> None:
    assert due in text_of(read((await (await filing(language)).mail("ask_host_offer")).eml))


async def test_a_date_or_case_number_stays_on_one_line_of_the_page(filing: Filing) -> None:
    page = text_of(read((await (await filing("ar")).mail("ask_host_offer")).eml), "html")
    for whole in ("2026-11-23", "2027-03-07", "AMEDIP-2026-0001"):
        assert f'<span style="white-space:nowrap">{whole}</span>' in page


async def test_silence_of_a_consultee_is_named_before_the_decision(filing: Filing) -> None:
    french = text_of(read((await (await filing("fr")).mail("ask_decision")).eml))
    english = text_of(read((await (await filing("en")).mail("ask_decision")).eml))
    assert "Société nationale La Poste\u00a0: Pas d’objection (tacite)" in french
    assert "Ministry of the Interior, Migration Unit: No objection (tacit)" in english


async def test_a_request_s_text_cannot_become_markup_or_a_fact(workplace: Workplace) -> None:
    hostile = "<script>alert(1)</script> {{ link }} {% raw %} & \u202e"
    file = await CaseFile(workplace, "fr").open(title=hostile, expertise_sought=hostile)
    message = read((await file.mail("ask_host_offer")).eml)
    assert hostile in text_of(message)
    page = Page(text_of(message, "html"))
    assert "script" not in page.tags
    assert hostile in page.text


NAMES = st.text(min_size=1, max_size=80) | st.sampled_from(
    [
        "Participant 1\r\nBcc: attacker@attack.example",
        "Participant 1\nBcc: attacker@attack.example\n\nbody",
        '"Participant 1" <attacker@attack.example>, x',
        "a@b.example, attacker@attack.example",
        "Participant 1\u2028To: attacker@attack.example",
        "Participant 1\x85To: attacker@attack.example",
        "=?utf-8?q?=0D=0ABcc:_attacker@attack.example?=",
        "شخص 1\r\nBcc: attacker@attack.example",
        "x" * 300,
        "<>",
        "\\",
        '"',
        ",;:",
        "\u202eevil",
    ]
)


@given(NAMES)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_a_name_holds_a_letter_has_exactly_its_receivers(name: str) -> None:
    party = Party(
        code="N1",
        name=name,
        language="fr",
        country="SN",
        zone="Africa/Dakar",
        mailbox="participant.1@poste-sn.example",
        alternate="alternate@poste-sn.example",
    )
    case, letter = a_chase()
    lines = "".join(headers(amedip(), case, letter, party))
    message = message_from_bytes((lines + "\r\n").encode("ascii"), EmailMessage, policy=SMTP)
    assert boxes(message, "To") == ["participant.1@poste-sn.example"]
    assert boxes(message, "Cc") == ["alternate@poste-sn.example"]
    assert sorted(set(message.keys())) == [
        "Auto-Submitted",
        "Cc",
        "Content-Language",
        "Date",
        "From",
        "In-Reply-To",
        "References",
        "Reply-To",
        "To",
    ]
    assert message.get_payload() == ""
    assert max(map(len, lines.split("\r\n"))) <= 998
