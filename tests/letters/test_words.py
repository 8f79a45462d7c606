"""The words of pages and letters: the same keys in every language, none missing, none empty."""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from evidence.findings import Layer
from models.acts import Waivable
from models.errors import PYDANTIC_CODES
from models.forms import FORMS, Form
from models.programme import Anchor, Unit
from models.rules import BUDGET, POSTPONE
from models.words import LANGUAGES, OPTIONS, DecisionKind, Ending, Format, Kind, Lapse, Phase, Standing, Verb

ROOT = Path(__file__).parents[2]
DOCUMENTS = """acknowledgement decision_letter terms_of_reference hosting_agreement invitation_letter visa_support_letter
agenda certificate transfer_plan closure_note"""
ANSWER = """button paper due case asked requester host visit remarks send choose recorded recorded_text on_behalf late received
received_text already already_text closed closed_text unknown unknown_text superseded superseded_text faults nothing_yet
language working_days you_on_behalf"""
FAULTS = """required unknown_option not_a_date not_a_number out_of_range outside_periods too_many too_few too_long threshold
unknown expected_list invalid same reversed too_short lead_time"""
FIELDS = """remarks opinion scores reasons start end contact outline nominees substitute person function language gender email
institution cv cv_file refused insurance ticket visa lines channels audience attendance actual_start actual_end score_content
score_organisation score_usefulness comments text summary file actions channel owner due evidence done practice title
expertise objectives results periods day time activity place action cost justification"""
REASONS = """nobody_answered withdrawn_by_requester veto criteria no_offer places_forfeited sending_institution_declined
nobody_can_travel nobody_attended no_evaluation no_report substitute places_taken recall rescheduled replaced host_withdrew
converted over_budget nobody_approved_budget widened delegation reassigned declined one_sided one_sided_justified postponed
released"""
OTHER_DECISIONS = {BUDGET, POSTPONE}
CHOICES = "gender.f gender.m gender.x attendance.attended attendance.left_early attendance.no_show yes no"

WORDS: dict[str, set[str]] = {
    "step": set(Kind) | OTHER_DECISIONS,
    "ask": set(Kind) | OTHER_DECISIONS,
    "option": {f"{kind}.{option}" for kind, options in OPTIONS.items() for option in options},
    "ending": set(Ending),
    "format": set(Format),
    "phase": set(Phase),
    "state": {"open", "answered", "lapsed", "withdrawn", "paused", "escalated"},
    "decision": set(DecisionKind),
    "consequence": set(Lapse),
    "nomination": set(Standing),
    "document": set(DOCUMENTS.split()),
    "delivery": {"failed", "bounced", "copy"},
    "outcome": {"approved", "rejected"},
    "answer": set(ANSWER.split()),
    "fault": set(FAULTS.split()) | set(PYDANTIC_CODES.values()),
    "field": set(FIELDS.split()),
    "choice": set(CHOICES.split()),
    "criterion": {"relevance", "impact", "feasibility", "cost"},
    "reason": set(REASONS.split()),
    "verb": set(Verb),
    "role": {"coordinator", "supervisor"},
    "closure": {"ceiling"},
    "missing": {"no_evaluation", "no_report"},
    "limit": set(Unit),
    "anchor": set(Anchor),
    "waiver": set(Waivable),
    "means": set(Layer),
}
"""The least that every language must say, by family; a key reads `family.name`."""

BRACES: dict[str, set[str]] = {
    "answer.recorded_text": {"answer", "by", "when", "reference"},
    "answer.on_behalf": {"name"},
    "answer.you_on_behalf": {"name"},
    "answer.received_text": {"reference"},
    "answer.refused_text": {"reference"},
    "answer.already_text": {"answer", "by", "when"},
    "answer.closed_text": {"when"},
    "answer.tacit_text": {"answer", "when"},
    "answer.recalled_text": {"when"},
    "answer.set_aside_text": {"when"},
    "answer.delegated_text": {"name"},
    "answer.passed_text": {"name"},
    "delivery.failed": {"name", "said"},
    "delivery.bounced": {"name", "said"},
    "delivery.copy": {"name"},
    "fault.out_of_range": {"low", "high"},
    "fault.too_many": {"limit"},
    "fault.too_few": {"limit"},
    "fault.too_long": {"limit"},
    "fault.threshold": {"threshold"},
    "fault.unknown": {"value"},
    "fault.lead_time": {"first"},
    "answer.reference": {"reference"},
    "reason.nobody_answered": {"step"},
    "audit.place": {"event", "run"},
    "line.by": {"by"},
    "line.on_behalf": {"by"},
    "line.asked": {"by"},
    "line.how": {"how"},
    "line.received": {"when"},
    "line.about": {"about"},
    "line.reason": {"reason"},
    "line.form": {"sha256"},
    "line.bound": {"sha256"},
    "line.proof": {"sha256"},
    "line.paper": {"document", "sha256"},
    "line.mail": {"letter", "sha256", "to"},
    "line.dates": {"closes", "due"},
    "line.grace": {"value"},
    "line.waiver": {"by", "rule"},
    "line.events": {"begin", "end", "run"},
    "limit.working_days": {"value"},
    "limit.calendar_days": {"value"},
    "limit.weeks": {"value"},
    "limit.months": {"value"},
}
"""Keys whose words carry facts, with the names of these facts."""

every_language = pytest.mark.parametrize("language", LANGUAGES)


def catalog(language: str) -> Catalog:
    """The words of a language."""
    path = ROOT / "locale" / language / "LC_MESSAGES" / "passerelle.po"
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def messages(language: str) -> dict[str, Message]:
    """The messages of a language by key, the header left out."""
    return {key_of(message): message for message in catalog(language) if message.id}


def key_of(message: Message) -> str:
    """A message's key; the singular one where it has a plural."""
    return message.id if isinstance(message.id, str) else message.id[0]


def texts(message: Message) -> tuple[str, ...]:
    """What a message says, one text for each plural form."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


@every_language
def test_a_language_has_every_word_of_the_procedure(language: str) -> None:
    wanted = {f"{family}.{name}" for family, names in WORDS.items() for name in names}
    assert wanted - set(messages(language)) == set()


@every_language
def test_every_language_has_the_keys_of_english(language: str) -> None:
    assert set(messages(language)) ^ set(messages("en")) == set()


@every_language
def test_no_word_is_empty_uncertain_or_its_own_key(language: str) -> None:
    wrong = [
        key
        for key, message in messages(language).items()
        if message.fuzzy or any(not text.strip() or text in (key, message.id) for text in texts(message))
    ]
    assert wrong == []


@every_language
def test_words_carry_the_same_facts_in_every_language(language: str) -> None:
    for key, message in messages(language).items():
        for text in texts(message):
            assert set(re.findall(r"\{(\w+)\}", text)) == BRACES.get(key, set()), key


@every_language
def test_plural_forms_are_complete(language: str) -> None:
    words = catalog(language)
    assert words.num_plurals == get_plural(language).num_plurals
    counted = [message for message in words if message.id and message.pluralizable]
    assert [key_of(message) for message in counted] == ["answer.working_days"]
    for message in counted:
        assert len(texts(message)) == words.num_plurals
        assert all(text.strip() for text in texts(message))
        assert "%(num)s" in texts(message)[-1]


@every_language
def test_the_header_names_the_language(language: str) -> None:
    assert str(catalog(language).locale).partition("_")[0] == language


def test_every_field_of_a_form_has_a_label() -> None:
    names = {name for form in FORMS.values() for name in fields_of(form)}
    assert names >= {"nominees", "person", "activity", "due"}
    assert names - WORDS["field"] == set()


def fields_of(form: type[Form]) -> set[str]:
    """The names of a form's fields and of those of the entries it lists."""
    names = set(form.model_fields)
    for field in form.model_fields.values():
        for part in get_args(field.annotation):
            if isinstance(part, type) and issubclass(part, Form):
                names |= fields_of(part)
    return names


def test_every_fault_of_a_request_or_form_has_a_word() -> None:
    codes = written(r"Fault\([^()]*?code=\"(\w+)\"", "models")
    assert codes >= {"same", "lead_time"}
    assert codes - WORDS["fault"] == set()


def test_every_reason_the_procedure_gives_has_a_word() -> None:
    reasons = written(r"(?:raise Ended\([^,()]+, |reject\(desk, )f?\"(\w+)", "workflows")
    assert reasons >= {"veto", "nobody_answered", "nobody_attended"}
    assert reasons - WORDS["reason"] == set()


def written(pattern: str, folder: str) -> set[str]:
    """What a pattern finds in the modules of a folder."""
    return {found for path in (ROOT / folder).glob("*.py") for found in re.findall(pattern, path.read_text(encoding="utf-8"))}


@every_language
@pytest.mark.parametrize(("file", "column"), [("institutions", "focal_point_role"), ("contacts", "role"), ("coordinators", "role")])
def test_every_office_of_the_reference_data_has_a_name(language: str, file: str, column: str) -> None:
    with (ROOT / "data" / f"{file}.csv").open(encoding="utf-8", newline="") as rows:
        slugs = {re.sub(r"[^a-z0-9]+", "_", row[column].lower()).strip("_") for row in csv.DictReader(rows)}
    assert {f"role.{slug}" for slug in slugs} - set(messages(language)) == set()


def test_an_iso_date_in_arabic_words_reads_from_the_left() -> None:
    bare = [
        key
        for key, message in messages("ar").items()
        if any(re.search(r"(?<!\u200e)(?:\b\d{4}-\d{2}-\d{2}|\{first\})", text) for text in texts(message))
    ]
    assert bare == []


def test_every_criterion_of_a_programme_has_a_word() -> None:
    for path in (ROOT / "programmes").glob("*.toml"):
        criteria = tomllib.loads(path.read_text(encoding="utf-8"))["decision"]["weights"]
        assert set(criteria) - WORDS["criterion"] == set(), path.name


def test_arabic_words_that_documents_print_carry_no_vowel_signs() -> None:
    printed = ("format", "criterion", "outcome", "nomination", "ending", "reason", "closure")
    words = {key: texts(message) for key, message in messages("ar").items() if key.partition(".")[0] in printed}
    assert words
    assert [key for key, said in words.items() if re.search("[\u064b-\u0652\u0670]", "".join(said))] == []
