"""The form of each answer: what it needs, what it refuses, and the facts the procedure takes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from models.case import Facts
from models.errors import Invalid
from models.forms import FORMS, NominationForm, nominees_of, read_form
from models.words import OPTIONS, Kind

SHA = "a" * 64
PERSON = {"person": "Participant 1", "email": "participant.1@poste-sn.example"}
ACTION = {"action": "Briefing of colleagues", "due": "2027-08-02"}
SCORES = {"score_content": 5, "score_organisation": 4, "score_usefulness": 3}
GRID = {"relevance": 4, "impact": 4, "feasibility": 3, "cost": 2}

FILLED: dict[tuple[Kind, str], tuple[dict[str, Any], Facts]] = {
    (Kind.COMPLETENESS, "complete"): ({}, Facts()),
    (Kind.COMPLETENESS, "return"): ({"remarks": "The objectives are missing."}, Facts()),
    (Kind.CORRECTION, "submit"): ({"title": "A clearer title", "objectives": ["One"]}, Facts()),
    (Kind.CORRECTION, "withdraw"): ({"remarks": "No longer needed."}, Facts()),
    (Kind.CONSULTATION, "no_objection"): ({}, Facts()),
    (Kind.CONSULTATION, "object"): ({"opinion": "Too early."}, Facts()),
    (Kind.DECISION, "approve"): ({"scores": GRID, "reasons": "Useful."}, Facts(scores=GRID)),
    (Kind.DECISION, "reject"): ({"reasons": "Outside the theme."}, Facts()),
    (Kind.DECISION, "defer"): ({"reasons": "After the budget."}, Facts()),
    (Kind.HOST_OFFER, "offer"): ({"start": "2027-05-03", "contact": "Protocol office"}, Facts(start=date(2027, 5, 3))),
    (Kind.HOST_OFFER, "refuse"): ({"remarks": "No capacity."}, Facts()),
    (Kind.HOST_AGREEMENT, "agree"): ({"contact": "Protocol office", "outline": "Four days"}, Facts()),
    (Kind.HOST_AGREEMENT, "refuse"): ({}, Facts()),
    (Kind.NOMINATION, "nominate"): ({"nominees": [PERSON, PERSON | {"substitute": True}]}, Facts()),
    (Kind.NOMINATION, "decline"): ({}, Facts()),
    (Kind.CLEARANCE, "clear"): ({"refused": ["N2"]}, Facts(verdicts={"N2": "refused"})),
    (Kind.CLEARANCE, "refuse"): ({}, Facts()),
    (Kind.ACCEPTANCE, "accept"): ({"refused": ["N1", "N2"]}, Facts(verdicts={"N1": "refused", "N2": "refused"})),
    (Kind.ACCEPTANCE, "refuse"): ({"remarks": "Not the profile."}, Facts()),
    (Kind.TRAVEL, "ready"): ({"visa": "granted", "insurance": "valid", "ticket": "issued"}, Facts()),
    (Kind.TRAVEL, "visa_refused"): ({}, Facts()),
    (Kind.TRAVEL, "unavailable"): ({}, Facts()),
    (Kind.AGENDA, "provide"): ({"lines": [{"day": "2027-05-03", "activity": "Welcome"}]}, Facts()),
    (Kind.CASCADING_PLAN, "submit"): ({"channels": "Briefing"}, Facts()),
    (Kind.ATTENDANCE, "confirm"): (
        {"attendance": {"N1": "attended", "N2": "no_show"}, "actual_start": "2027-05-03", "actual_end": "2027-05-05"},
        Facts(verdicts={"N1": "attended", "N2": "no_show"}, start=date(2027, 5, 3), end=date(2027, 5, 5)),
    ),
    (Kind.EVALUATION, "submit"): (SCORES, Facts()),
    (Kind.REPORT, "submit"): ({"text": "What was seen.", "summary": "In short.", "file": SHA}, Facts()),
    (Kind.REPORT_REVIEW, "accept"): ({}, Facts()),
    (Kind.REPORT_REVIEW, "return"): ({"remarks": "Say what comes next."}, Facts()),
    (Kind.TRANSFER_PLAN, "submit"): ({"actions": [ACTION, ACTION]}, Facts(planned=2)),
    (Kind.FOLLOW_UP, "submit"): (
        {"actions": [{"action": "Briefing", "done": True, "evidence": "Minutes"}, {"action": "Guide"}]},
        Facts(planned=2, done=1, evidence=True),
    ),
}

FAULTY: list[tuple[Kind, str, dict[str, Any], dict[str, str]]] = [
    (Kind.COMPLETENESS, "return", {"remarks": "  "}, {"remarks": "required"}),
    (Kind.REPORT_REVIEW, "return", {}, {"remarks": "required"}),
    (Kind.ACCEPTANCE, "refuse", {}, {"remarks": "required"}),
    (Kind.DECISION, "approve", {"scores": GRID}, {"reasons": "required"}),
    (Kind.DECISION, "approve", {"scores": {"impact": "high"}, "reasons": "x"}, {"scores.impact": "not_a_number"}),
    (Kind.DECISION, "approve", {"scores": {"impact": 6}, "reasons": "x"}, {"scores.impact": "out_of_range"}),
    (Kind.HOST_OFFER, "offer", {}, {"start": "required"}),
    (Kind.HOST_OFFER, "offer", {"start": "tomorrow"}, {"start": "not_a_date"}),
    (Kind.HOST_OFFER, "offer", {"start": "2027-05-03", "contact": "x" * 301}, {"contact": "too_long"}),
    (Kind.NOMINATION, "nominate", {"nominees": []}, {"nominees": "too_few"}),
    (Kind.NOMINATION, "nominate", {"nominees": [PERSON] * 13}, {"nominees": "too_many"}),
    (Kind.NOMINATION, "nominate", {"nominees": [PERSON | {"gender": "q"}]}, {"nominees.0.gender": "unknown"}),
    (Kind.NOMINATION, "nominate", {"nominees": [PERSON | {"language": "es"}]}, {"nominees.0.language": "unknown"}),
    (Kind.NOMINATION, "nominate", {"nominees": [PERSON, {}]}, {"nominees.1.person": "required", "nominees.1.email": "required"}),
    (Kind.AGENDA, "provide", {"lines": []}, {"lines": "too_few"}),
    (Kind.ATTENDANCE, "confirm", {"attendance": {"N1": "slept"}}, {"attendance.N1": "unknown"}),
    (Kind.ATTENDANCE, "confirm", {"actual_start": "2027-05-05", "actual_end": "2027-05-03"}, {"actual_end": "reversed"}),
    (Kind.EVALUATION, "submit", SCORES | {"score_content": 6}, {"score_content": "out_of_range"}),
    (Kind.EVALUATION, "submit", SCORES | {"score_content": 0}, {"score_content": "out_of_range"}),
    (Kind.REPORT, "submit", {"text": "x"}, {"summary": "required"}),
    (Kind.REPORT, "submit", {"summary": "x", "file": "../etc"}, {"file": "invalid"}),
    (Kind.TRANSFER_PLAN, "submit", {"actions": [{"action": "x"}]}, {"actions.0.due": "required"}),
    (Kind.TRAVEL, "ready", {"passport": "x"}, {"passport": "unknown"}),
]

MAILBOXES = ["participant.1@poste-sn.example", "o'brien+visit@mint-gh.example", "a@b.example", "p-1@xn--mnistre-3ya.example"]
NO_MAILBOXES = [
    "",
    "participant",
    "participant 1@poste-sn.example",
    "a@b.example, other@attack.example",
    "a@b.example\r\nBcc: other@attack.example",
    'a"b@poste-sn.example',
    "a..b@poste-sn.example",
    ".a@poste-sn.example",
    "a(b)@poste-sn.example",
    "a:b@poste-sn.example",
    "[a]@poste-sn.example",
    "a@[poste-sn.example",
    "é@poste-sn.example",
    "a@poste-sn",
    "a@poste\u2028sn.example",
    "x" * 250 + "@poste-sn.example",
]


def faults(kind: Kind, option: str, data: dict[str, Any]) -> dict[str, str]:
    """The faults of a form: code by field."""
    with pytest.raises(Invalid) as told:
        read_form(kind, option, data)
    return {fault.field: fault.code for fault in told.value.faults}


def test_every_option_of_every_kind_has_a_form_and_is_tried_here() -> None:
    assert set(FORMS) == set(FILLED) == {(kind, option) for kind, options in OPTIONS.items() for option in options}


@pytest.mark.parametrize(("kind", "option"), sorted(FILLED))
def test_a_well_filled_form_gives_the_facts_of_the_procedure(kind: Kind, option: str) -> None:
    data, facts = FILLED[kind, option]
    assert read_form(kind, option, data).facts() == facts


@pytest.mark.parametrize(("kind", "option"), sorted(FILLED))
def test_an_unknown_field_is_a_fault(kind: Kind, option: str) -> None:
    data, _ = FILLED[kind, option]
    assert faults(kind, option, data | {"surprise": 1}) == {"surprise": "unknown"}


@pytest.mark.parametrize(("kind", "option", "data", "told"), FAULTY, ids=lambda value: str(value)[:40])
def test_a_badly_filled_form_names_its_field(kind: Kind, option: str, data: dict[str, Any], told: dict[str, str]) -> None:
    assert faults(kind, option, data) == told


@pytest.mark.parametrize("kind", list(Kind))
def test_an_option_the_kind_does_not_have_is_named(kind: Kind) -> None:
    assert faults(kind, "shrug", {}) == {"option": "unknown_option"}


@pytest.mark.parametrize("mailbox", MAILBOXES)
def test_a_mailbox_that_mail_can_reach_is_taken(mailbox: str) -> None:
    read_form(Kind.NOMINATION, "nominate", {"nominees": [PERSON | {"email": mailbox}]})


@pytest.mark.parametrize("mailbox", NO_MAILBOXES)
def test_what_is_no_mailbox_is_refused_before_any_letter_is_written(mailbox: str) -> None:
    assert set(faults(Kind.NOMINATION, "nominate", {"nominees": [PERSON | {"email": mailbox}]})) == {"nominees.0.email"}


def test_a_follow_up_without_anything_done_is_no_evidence() -> None:
    form = read_form(Kind.FOLLOW_UP, "submit", {"actions": [{"action": "Guide", "evidence": "a draft"}]})
    assert form.facts() == Facts(planned=1, done=0, evidence=False)


def test_nominees_are_known_to_the_case_by_id_and_country_only() -> None:
    form = NominationForm.model_validate(
        {"nominees": [PERSON, PERSON | {"institution": "ML-CIGEM", "substitute": True}]},
    )
    facts = nominees_of(form, ["p-1", "p-2"], ["1" * 64, "2" * 64], "SN-POSTE")
    assert [(n.person, n.institution, n.country, n.substitute, n.form) for n in facts.nominees] == [
        ("p-1", "SN-POSTE", "SN", False, "1" * 64),
        ("p-2", "ML-CIGEM", "ML", True, "2" * 64),
    ]
    assert "Participant" not in facts.model_dump_json()
    assert "poste-sn.example" not in facts.model_dump_json()


@pytest.mark.parametrize(
    ("kind", "option", "data", "fault"),
    [
        (Kind.DECISION, "approve", {"reasons": "Useful.", "scores": {f"criterion {n}": 1 for n in range(51)}}, "scores"),
        (Kind.CLEARANCE, "clear", {"refused": [f"N{n}" for n in range(51)]}, "refused"),
        (Kind.ATTENDANCE, "confirm", {"attendance": {f"N{n}": "attended" for n in range(51)}}, "attendance"),
        (Kind.CORRECTION, "submit", {"objectives": ["x" * 4001]}, "objectives.0"),
    ],
)
def test_more_than_anybody_means_is_refused(kind: Kind, option: str, data: dict[str, Any], fault: str) -> None:
    assert set(faults(kind, option, data)) == {fault}


def test_half_a_pair_and_control_characters_are_left_out_of_every_text() -> None:
    form = read_form(Kind.CONSULTATION, "object", {"opinion": "Too\ud800 early\x00.\r\nSee below."})
    assert form.model_dump() == {"opinion": "Too early.\nSee below."}
