"""Every document of a case compiles, can be read by people, by machines and by screen readers, and says what it was made from."""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import typst
from pypdf import PdfReader

from activities.typesetting import FOLDER, KINDS, LANGUAGES, Typesetter, data_digest
from tests.documents.samples import bilingual, sample

ISSUED = date(2026, 11, 17)
INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HOSTILE = [
    '#read("secret.txt")',
    '#import "_page.typ": *; $x$ *bold* _it_ `raw` <label> @ref // no comment',
    "\"quoted\" \\ 'single' «guillemets» {host} {{ title }}",
    "smile \U0001f600 family \U0001f469\u200d\U0001f467 flag \U0001f1f8\U0001f1f3",
    "የኢትዮጵያ 移民 नाम",
    "mark\u200f and \u200emark, override \u202eabc, isolate \u2067abc",
    "bell\x07 nul\x00 separator\u2028 noncharacter\ufffe private\ue000",
    "lonely accent \u0301, soft\u00adhyphen, zero\u200bwidth",
    "N" * 300,
    "ن" * 300,
    "Ministry of a very long name " * 10,
    "وزارة ذات اسم طويل جدا " * 13,
]


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    """One typesetter for all tests, as one process has."""
    return Typesetter()


def read(pdf: bytes) -> str:
    """The text of a document as a reader copies it, without marks of direction, white space made single."""
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(INVISIBLE.sub("", text).split())


def words(language: str) -> dict[str, dict[str, object]]:
    """The fixed words of the documents in a language."""
    found: dict[str, dict[str, object]] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return found


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of the words with its dotted path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}")
    else:
        yield path, str(value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_language_is_archivable_accessible_and_names_its_case(
    typesetter: Typesetter, kind: str, language: str
) -> None:
    facts = sample(kind, language)
    pdf = typesetter.set(kind, language, facts, ISSUED)
    reader = PdfReader(io.BytesIO(pdf))
    described = reader.xmp_metadata.stream.get_data().decode() if reader.xmp_metadata else ""
    for standard in ("<pdfaid:part>3<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<"):
        assert standard in described
    assert str(reader.root_object["/Lang"]).lower().split("-")[0] == language
    text = read(pdf)
    assert "AMEDIP-2026-0001" in text
    assert data_digest(facts) in text.replace(" ", "")
    assert "2026-11-17" in text
    assert f"1 / {len(reader.pages)}" in text
    assert str(words(language)[kind]["heading"]) in text


def test_every_kind_has_its_template_and_no_template_is_without_a_kind() -> None:
    assert {path.stem for path in FOLDER.glob("*.typ")} - {"_page"} == set(KINDS)


def test_the_same_facts_give_the_same_bytes(typesetter: Typesetter) -> None:
    facts = sample("certificate", "ar")
    first = typesetter.set("certificate", "ar", facts, ISSUED)
    typesetter.set("agenda", "fr", sample("agenda", "fr"), ISSUED)
    assert typesetter.set("certificate", "ar", facts, ISSUED) == first
    assert Typesetter().set("certificate", "ar", facts, ISSUED) == first


def test_the_digest_in_the_footer_is_that_of_the_attached_facts(typesetter: Typesetter) -> None:
    facts = sample("agenda", "en") | {"title": HOSTILE[3]}
    pdf = typesetter.set("agenda", "en", facts, ISSUED)
    (attached,) = PdfReader(io.BytesIO(pdf)).attachments["data.json"]
    assert json.loads(attached) == facts
    assert hashlib.sha256(attached).hexdigest() == data_digest(facts)
    assert data_digest(facts) in read(pdf).replace(" ", "")


def test_typst_code_in_a_fact_is_printed_not_run(typesetter: Typesetter, tmp_path: Path) -> None:
    facts = sample("certificate", "en") | {"title": '#read("secret.txt") #panic()'}
    assert '#read("secret.txt") #panic()' in read(typesetter.set("certificate", "en", facts, ISSUED))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_fact_breaks_a_document(typesetter: Typesetter, text: str, language: str) -> None:
    facts: dict[str, object] = sample("hosting_agreement", language)
    facts |= dict.fromkeys(("programme_name", "office_name", "title", "contact", "agreed_by", "expertise"), text)
    facts |= {name: {"name": text, "country": text} for name in ("requesting", "host", "sending")}
    facts |= {"objectives": [text], "expected_results": []}
    assert "AMEDIP-2026-0001" in read(typesetter.set("hosting_agreement", language, facts, ISSUED))


def test_a_letter_without_glyph_is_printed_as_its_code_point(typesetter: Typesetter) -> None:
    facts = sample("certificate", "en") | {"title": "Visit \U0001f600 to ኢ"}
    assert "Visit [U+1F600] to [U+12A2]" in read(typesetter.set("certificate", "en", facts, ISSUED))


def test_an_override_of_direction_does_not_turn_a_name_around(typesetter: Typesetter) -> None:
    facts = sample("certificate", "en") | {"title": "Visit \u202eabc"}
    pdf = typesetter.set("certificate", "en", facts, ISSUED)
    assert "Visit abc" in " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_a_word_longer_than_a_line_is_broken(typesetter: Typesetter) -> None:
    facts = sample("certificate", "en") | {"title": "N" * 300}
    page = PdfReader(io.BytesIO(typesetter.set("certificate", "en", facts, ISSUED))).pages[0]
    lines = [line for line in page.extract_text(extraction_mode="layout").splitlines() if "NNNN" in line]
    assert len(lines) > 3


def test_arabic_is_extracted_in_the_order_it_is_read(typesetter: Typesetter) -> None:
    text = read(typesetter.set("visa_support_letter", "ar", sample("visa_support_letter", "ar"), ISSUED))
    assert "أن الشخص المذكور أدناه مدعو إلى المشاركة في تبادل للخبراء بين المؤسسات." in text
    assert "المؤسسة المضيفة، بريد المغرب (المغرب)" in text
    assert "5 أبريل 2027" in text


def test_fixed_arabic_words_carry_no_vowel_signs_since_readers_of_pdf_misplace_them() -> None:
    assert not [path for path, text in leaves(words("ar")) if re.search("[\u064b-\u0652\u0670]", text)]


@pytest.mark.parametrize(("first", "second"), [("fr", "ar"), ("ar", "pt")])
def test_an_agreement_between_two_languages_holds_both(typesetter: Typesetter, first: str, second: str) -> None:
    pdf = typesetter.set("hosting_agreement", first, bilingual(first, second), ISSUED)
    text = read(pdf)
    for language in (first, second):
        assert str(words(language)["hosting_agreement"]["heading"]) in text
        assert str(words(language)["facts"]["expected_results"]) in text
        assert str(words(first)["languages"][language]) in text
    assert re.search(rb"/Lang ?\(" + second.encode(), uncompressed(pdf)) is not None


def uncompressed(pdf: bytes) -> bytes:
    """Every object of a PDF as plain text."""
    reader = PdfReader(io.BytesIO(pdf))
    return b"\n".join(
        repr(reader.get_object(number)).encode().replace(b"'/Lang': '", b"/Lang (")
        for number in sorted({*reader.xref[0], *reader.xref_objStm})
    )


def test_an_agreement_in_one_language_does_not_speak_of_two(typesetter: Typesetter) -> None:
    text = read(typesetter.set("hosting_agreement", "en", sample("hosting_agreement", "en"), ISSUED))
    assert "drawn up in" not in text


def test_what_is_not_known_yet_is_said_and_what_is_empty_left_out(typesetter: Typesetter) -> None:
    facts = sample("terms_of_reference", "en")
    facts |= {"host": {"name": "", "country": ""}, "visit": None, "legal_basis": ""}
    text = read(typesetter.set("terms_of_reference", "en", facts, ISSUED))
    assert "Host institution not yet known" in text
    assert "Visit not yet known" in text
    assert "Legal basis" not in text


def test_lists_may_be_empty(typesetter: Typesetter) -> None:
    nothing: dict[str, dict[str, object]] = {
        "agenda": {"lines": []},
        "transfer_plan": {"actions": []},
        "decision_letter": {"criteria": [], "opinions": []},
        "acknowledgement": {"objectives": [], "expected_results": [], "periods": []},
        "closure_note": {"participants": [], "follow_ups": [], "costs": [], "practice": "", "reason": ""},
    }
    for kind, empty in nothing.items():
        text = read(typesetter.set(kind, "fr", sample(kind, "fr") | empty, ISSUED))
        assert ("Néant." in text) == (kind != "decision_letter")


def test_a_rejected_request_is_told_that_the_case_is_closed(typesetter: Typesetter) -> None:
    facts = sample("decision_letter", "en") | {"outcome": "Rejected", "outcome_code": "rejected"}
    text = read(typesetter.set("decision_letter", "en", facts, ISSUED))
    assert "Decision: Rejected" in text
    assert "This decision closes the case." in text


def test_a_missing_fact_stops_the_document(typesetter: Typesetter) -> None:
    facts = sample("certificate", "en")
    del facts["actual"]
    with pytest.raises(typst.TypstError, match="actual"):
        typesetter.set("certificate", "en", facts, ISSUED)


@pytest.mark.parametrize(("kind", "language"), [("diploma", "en"), ("../secret", "en"), ("agenda", "de")])
def test_an_unknown_kind_or_language_is_refused(typesetter: Typesetter, kind: str, language: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        typesetter.set(kind, language, {}, ISSUED)


def test_the_four_languages_have_the_same_words_with_the_same_places_for_facts() -> None:
    def shape(language: str) -> dict[str, list[str]]:
        return {path: sorted(re.findall(r"\{\w+\}", text)) for path, text in leaves(words(language))}

    assert all(text.strip() for language in LANGUAGES for _, text in leaves(words(language)))
    for language in LANGUAGES:
        assert shape(language) == shape("en")
