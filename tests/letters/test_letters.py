"""Every letter is complete in every language and asks for the same facts in each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.meta import find_undeclared_variables

from models.rules import BUDGET, POSTPONE
from models.words import LANGUAGES, Kind

LETTERS = Path(__file__).parents[2] / "templates" / "letters"

BASE = {"case_id", "title", "recipient_name", "institution_name", "office_name", "programme_name"}
ASK = BASE | {"requesting_name", "due_words", "working_days", "link"}
ABOUT = {"format_name", "theme_name"}

FACTS: dict[str, set[str]] = {
    "ask_completeness": ASK | ABOUT,
    "ask_correction": ASK | {"remarks"},
    "ask_consultation": ASK | ABOUT,
    "ask_decision": ASK | ABOUT | {"opinions"},
    "ask_host_offer": ASK | ABOUT | {"expertise", "periods", "places", "duration_days"},
    "ask_host_agreement": ASK | {"visit_words", "paper_name", "paper_sha256"},
    "ask_nomination": ASK | {"visit_words", "host_name", "places"},
    "ask_clearance": ASK | {"visit_words", "host_name", "nominees"},
    "ask_acceptance": ASK | {"visit_words", "nominees"},
    "ask_travel": ASK | {"visit_words", "host_name"},
    "ask_agenda": ASK | {"visit_words"},
    "ask_cascading_plan": ASK | {"visit_words", "host_name"},
    "ask_attendance": ASK | {"visit_words", "participants"},
    "ask_evaluation": ASK | {"visit_words", "host_name"},
    "ask_report": ASK | {"visit_words", "round", "remarks"},
    "ask_report_review": ASK | {"participant_name", "round"},
    "ask_transfer_plan": ASK | {"visit_words", "host_name"},
    "ask_follow_up": ASK | {"months", "actions"},
    "reminder": BASE | {"step_name", "due_words", "working_days", "link"},
    "overdue": BASE | {"step_name", "due_words", "closes_words", "link"},
    "escalation": BASE | {"step_name", "asked_name", "passed_words", "due_words", "link"},
    "must_choose": BASE | {"step_name", "asked_name", "closes_words"},
    "recorded": BASE
    | {"step_name", "answer_name", "answered_by", "on_behalf_of", "recorded_words", "reference", "late", "checkpoint"},
    "lapsed": BASE | {"step_name", "due_words", "consequence"},
    "extended": BASE | {"step_name", "due_words", "link", "reason"},
    "cancelled": BASE | {"ending_name", "reason"},
    "acknowledgement": BASE | ABOUT | {"reference"},
    "decision": BASE | {"outcome_name", "reasons"},
    "agreed": BASE | {"visit_words", "host_name", "requesting_name"},
    "invitation": BASE | {"visit_words", "host_name"},
    "certificate": BASE | {"visit_words", "host_name"},
    "closure": BASE | {"ending_name", "reason"},
    "reassigned": BASE | {"step_name", "asked_name", "reason"},
    "called_off": BASE | {"step_name", "reason"},
    "converted": BASE | {"format_name", "reason"},
    "recalled": BASE | {"step_name", "answer_name", "reason"},
    "delegated": BASE | {"step_name", "delegate_name"},
    "delegation_ended": BASE | {"step_name", "asked_name"},
    "time_asked": BASE | {"step_name", "asked_name", "working_days", "due_words", "reason"},
    "held": BASE | {"held_words", "reason"},
    "resumed": BASE | {"visit_words"},
    "hold_review": BASE | {"held_words", "reason"},
    "rescheduled": BASE | {"visit_words", "reason"},
    "host_withdrew": BASE | {"former_host_name", "kept", "reason"},
    "replaced": BASE | {"nominee_name", "replaced_name", "reason"},
    "handed_over": BASE | {"open_steps", "reason"},
    "dormant": BASE | {"asked_name", "count"},
    "gender_balance": BASE | {"places"},
    "ask_budget": ASK | {"host_name", "cost_words", "ceiling_words"},
    "ask_postpone": ASK | {"visit_words", "nominees"},
    "widened": BASE | {"candidates"},
    "declined": BASE | {"step_name", "asked_name", "reason", "consequence"},
    "agenda": BASE | {"visit_words", "host_name"},
    "nominees_outcome": BASE | {"step_name", "outcomes"},
    "certificate_held": BASE | {"missing"},
    "override": BASE | {"step_name", "answer_name", "reason"},
    "not_selected": BASE | {"reason"},
    "mail_failed": BASE | {"letter_name", "receivers", "letter_reference"},
    "reserved": BASE | {"reason"},
    "code": BASE | {"step_name", "code"},
}
"""The facts of each letter, the same in every language."""

WITH_REASON = [
    "reassigned",
    "called_off",
    "recalled",
    "time_asked",
    "held",
    "hold_review",
    "rescheduled",
    "replaced",
    "override",
    "converted",
    "not_selected",
    "reserved",
]

OPTIONAL: dict[str, dict[str, object]] = {
    "ask_decision": {"opinions": []},
    "ask_report": {"round": 1, "remarks": ""},
    "ask_follow_up": {"actions": []},
    "recorded": {"on_behalf_of": "", "late": False},
    "closure": {"reason": ""},
    "extended": {"reason": ""},
    "resumed": {"visit_words": ""},
    "host_withdrew": {"kept": False, "reason": ""},
    "handed_over": {"open_steps": [], "reason": ""},
    "widened": {"candidates": []},
    "declined": {"reason": "", "consequence": ""},
    **{letter: {"reason": ""} for letter in WITH_REASON},
}
"""What a letter's facts look like when there is nothing to say; every other fact is always given."""

LISTS = {"opinions", "periods", "nominees", "participants", "actions", "open_steps", "candidates", "outcomes", "receivers"}
STATEMENTS = {"if", "elif", "else", "endif", "for", "endfor"}
CLOSURE_NOTE = {"en": "closure note", "fr": "note de clôture", "ar": "مذكرة الإقفال", "pt": "nota de encerramento"}
NUMBERS: dict[str, object] = {"round": 2, "months": 6, "late": True, "kept": True}

TEXTS = sorted((language, letter) for language in LANGUAGES for letter in FACTS)
every_text = pytest.mark.parametrize(("language", "letter"), TEXTS, ids=[f"{a}-{b}" for a, b in TEXTS])

environment = Environment(
    loader=FileSystemLoader(LETTERS), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)


def source(letter: str, language: str, part: str) -> str:
    """A letter's subject or body as written."""
    return (LETTERS / letter / language / f"{part}.txt").read_text(encoding="utf-8")


def filled(letter: str) -> dict[str, object]:
    """Every fact of a letter, each saying its own name."""
    facts: dict[str, object] = {}
    for name in FACTS[letter]:
        facts[name] = [f"«{name} 1»", f"«{name} 2»"] if name in LISTS else NUMBERS.get(name, f"«{name}»")
    return facts


def rendered(letter: str, language: str, facts: dict[str, object]) -> tuple[str, str]:
    """Subject and body of a letter with these facts."""
    subject, body = (environment.get_template(f"{letter}/{language}/{part}.txt").render(facts) for part in ("subject", "body"))
    return subject, body


def test_the_folders_are_the_letters_of_the_table() -> None:
    assert {folder.name for folder in LETTERS.glob("*/")} == set(FACTS)


def test_every_kind_of_step_and_of_decision_has_a_letter_that_asks() -> None:
    asked = {*Kind, BUDGET, POSTPONE}
    assert {f"ask_{question}" for question in asked} == {letter for letter in FACTS if letter.startswith("ask_")}


@pytest.mark.parametrize("letter", sorted(FACTS))
def test_a_letter_holds_the_four_languages_and_nothing_else(letter: str) -> None:
    held = {path.relative_to(LETTERS / letter).as_posix() for path in (LETTERS / letter).rglob("*.*")}
    assert held == {f"{language}/{part}.txt" for language in LANGUAGES for part in ("subject", "body")}


@every_text
def test_a_letter_uses_exactly_its_facts(language: str, letter: str) -> None:
    text = source(letter, language, "subject") + source(letter, language, "body")
    assert find_undeclared_variables(environment.parse(text)) == FACTS[letter]


@every_text
def test_a_letter_is_plain_text_with_bare_facts(language: str, letter: str) -> None:
    text = source(letter, language, "subject") + source(letter, language, "body")
    printed = re.findall(r"\{\{(.*?)\}\}", text)
    statements = re.findall(r"\{%(.*?)%\}", text)
    assert [name for name in printed if not re.fullmatch(r" [a-z_0-9]+ ", name)] == []
    assert [words.split()[0] for words in statements if words.split()[0] not in STATEMENTS] == []
    assert "{#" not in text
    assert re.search(r"</?[A-Za-z]", text) is None


@every_text
def test_a_letter_prints_every_fact_it_is_given(language: str, letter: str) -> None:
    facts = filled(letter)
    text = "\n".join(rendered(letter, language, facts))
    values = [item for value in facts.values() for item in (value if isinstance(value, list) else [value])]
    assert [value for value in values if isinstance(value, str) and value not in text] == []


@every_text
def test_a_letter_stands_when_there_is_nothing_optional_to_say(language: str, letter: str) -> None:
    for facts in (filled(letter), filled(letter) | OPTIONAL.get(letter, {})):
        _, body = rendered(letter, language, facts)
        paragraphs = body.split("\n\n")
        assert all(paragraph.strip() for paragraph in paragraphs), "an empty paragraph"
        assert "\n\n\n" not in body
        assert [line for line in body.splitlines() if line != line.strip()] == []
        assert [line for line in body.splitlines() if line == "-"] == []


@every_text
def test_a_subject_is_one_line_that_begins_with_the_case_number(language: str, letter: str) -> None:
    assert source(letter, language, "subject").startswith("[{{ case_id }}] ")
    for facts in (filled(letter), filled(letter) | OPTIONAL.get(letter, {})):
        subject, _ = rendered(letter, language, facts)
        assert subject.startswith("[«case_id»] ")
        assert len(subject.splitlines()) == 1
        assert subject == subject.strip()


@every_text
def test_a_link_is_a_paragraph_of_its_own_before_the_details(language: str, letter: str) -> None:
    paragraphs = source(letter, language, "body").split("\n\n")
    mentions = [n for n, paragraph in enumerate(paragraphs) if "{{ link }}" in paragraph]
    assert [paragraphs[n] for n in mentions] == (["{{ link }}"] if "link" in FACTS[letter] else [])
    first_list = next((n for n, paragraph in enumerate(paragraphs) if paragraph.startswith("- ")), len(paragraphs))
    assert all(n < first_list for n in mentions)


@every_text
def test_a_letter_with_a_date_says_it_before_the_link(language: str, letter: str) -> None:
    if "link" in FACTS[letter]:
        before, _, _ = source(letter, language, "body").partition("{{ link }}")
        assert "{{ due_words }}" in before


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_escalation_says_the_new_date_and_the_one_that_has_passed(language: str) -> None:
    asked, passed = (source("escalation", language, "body").find(date) for date in ("{{ due_words }}", "{{ passed_words }}"))
    assert 0 < asked < passed


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_closure_note_is_promised_only_to_a_case_that_has_one(language: str) -> None:
    facts = filled("closure")
    _, whole = rendered("closure", language, facts | {"reason": ""})
    _, early = rendered("closure", language, facts)
    assert CLOSURE_NOTE[language] in whole
    assert CLOSURE_NOTE[language] not in early


@every_text
def test_a_letter_names_the_institution_it_goes_to_once_and_in_its_first_line(language: str, letter: str) -> None:
    """Whoever answers on behalf of another is told so right below that line."""
    first, *others = source(letter, language, "body").splitlines()
    assert first.endswith("{{ institution_name }}")
    assert others[0] == ""
    assert "institution_name" not in source(letter, language, "subject") + "".join(others)


@every_text
def test_no_letter_names_a_day_of_its_own(language: str, letter: str) -> None:
    text = source(letter, language, "subject") + source(letter, language, "body")
    assert re.search(r"\d{4}-\d{2}", text) is None
