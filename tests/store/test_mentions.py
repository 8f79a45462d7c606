"""Somebody is found wherever a text names them, and nowhere else."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

import pytest

from store.mentions import Mentions, attached

SOMEBODY = Mentions(["Élisée d’Exemple-Un"], ["expert.a@people.example"])
ARABIC = Mentions(["الخبير أول"])


@pytest.mark.parametrize(
    "text",
    [
        "Élisée d’Exemple-Un travels in May.",
        "E\u0301lise\u0301e d’Exemple-Un",
        "ELISEE D'EXEMPLE UN",
        "Exemple-Un, Élisée d’",
        "Élisée M. d’Exemple-Un",
        "Éli\u200bsée d’Exemple\u00ad-Un",
        "Write to Expert.A@people.example.",
        "<expert.a@PEOPLE.example>",
    ],
)
def test_a_name_is_found_in_whatever_way_it_is_written(text: str) -> None:
    assert SOMEBODY.in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Élisée travels with somebody else.",
        "Élisée d’Exemple-Une",
        "Un exemple d’une mission: Élisée",
        "An expert.a@people.example.example, or another.expert.a@people.example",
    ],
)
def test_another_name_is_not_taken_for_it(text: str) -> None:
    assert not SOMEBODY.in_text(text)


def test_vowel_marks_and_signs_of_direction_hide_nobody() -> None:
    assert ARABIC.in_text("\u2067الخَبِير أوّل\u2069")
    assert not ARABIC.in_text("الخبير الثاني")


def test_a_word_twice_in_a_name_is_needed_twice() -> None:
    assert not Mentions(["Participant One One"]).in_text("Participant One")


def test_a_name_without_words_names_nobody() -> None:
    assert not Mentions(["", "–"], [""]).in_text("– anything at all")


def test_it_is_found_in_the_values_of_a_form_however_deep_and_escaped() -> None:
    form = json.dumps({"actions": [{"owner": "Élisée d’Exemple-Un", "due": 1}]}).encode()
    assert b"\\u00c9" in form
    assert SOMEBODY.in_content(form, "application/json")
    assert not SOMEBODY.in_content(b'{"actions": [{"owner": "Expert B"}]}', "application/json")


@pytest.mark.parametrize("field", ["Subject", "To", "text", "page", "nothing"])
def test_it_is_found_in_every_part_of_a_mail(field: str) -> None:
    name = "Élisée d’Exemple-Un"
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = name if field == "Subject" else "An exchange"
    mail["To"] = f'"{name}" <a@people.example>' if field == "To" else "b@people.example"
    mail.set_content(f"Dear {name},\n" if field == "text" else "Dear colleague,\n", cte="quoted-printable")
    page = "<p>Élisée <b>d&rsquo;Exemple</b>-Un</p>" if field == "page" else "<p>Nobody</p>"
    mail.add_alternative(page, subtype="html", cte="base64")
    assert SOMEBODY.in_content(mail.as_bytes(), "message/rfc822") is (field != "nothing")


def test_a_mail_within_a_mail_is_read_too() -> None:
    inner, outer = EmailMessage(policy=SMTP), EmailMessage(policy=SMTP)
    inner.set_content("Élisée d’Exemple-Un")
    outer.set_content("See below.")
    outer.add_attachment(inner)
    assert SOMEBODY.in_content(outer.as_bytes(), "message/rfc822")


def test_what_is_attached_to_a_mail_is_known_by_its_sha256() -> None:
    mail = EmailMessage(policy=SMTP)
    mail.set_content("Enclosed.")
    mail.add_attachment(b"%PDF-1.7 paper", maintype="application", subtype="pdf", filename="paper.pdf")
    assert sha256(b"%PDF-1.7 paper").hexdigest() in attached(mail.as_bytes())


def test_a_scan_says_nothing() -> None:
    assert not SOMEBODY.in_content("Élisée d’Exemple-Un".encode(), "application/pdf")
