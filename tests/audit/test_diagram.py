"""The diagram says of the procedure what the code and the cases played by it say."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from models.case import Case
from models.errors import Invalid
from models.programme import Programme
from models.rules import subject_of
from models.words import LANGUAGES, OPTIONS, RESTS_ON, Format, Kind, Lapse
from rehearsal.diagram import ASKED, BEGIN, END, between, diagram
from tests.histories.golden import GOLDEN, HISTORIES
from tests.procedure.scenarios import PROGRAMMES

AMEDIP = PROGRAMMES["amedip"]


def visits(case: Case) -> bool:
    """Whether the beneficiary's people travel."""
    return case.asked.format is Format.STUDY_VISIT


ROLES: dict[str, Callable[[Case], set[str]]] = {
    "coordinator": lambda case: {AMEDIP.office.code},
    "requesting": lambda case: {case.asked.requesting},
    "consultee": lambda case: {consultee.institution for consultee in AMEDIP.consultees},
    "candidate": lambda case: {candidate.institution for candidate in case.candidates},
    "host": lambda case: {case.host, *(step.asked for step in case.steps if step.option == "offer")},
    "sending": lambda case: {case.sending},
    "focal_point": lambda case: {step.asked for step in case.steps if step.kind is Kind.CLEARANCE},
    "participant": lambda case: {nomination.id for nomination in case.nominations},
    "beneficiaries": lambda case: (
        {nomination.institution for nomination in case.nominations} if visits(case) else {case.beneficiary}
    ),
    "participant_and_host": lambda case: {case.host, *(nomination.id for nomination in case.nominations)},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_whom_the_diagram_names_was_asked_in_the_golden_cases(name: str) -> None:
    case = Case.model_validate_json((HISTORIES / name / "state.txt").read_text(encoding="utf-8"))
    about_the_exchange = [step for step in case.steps if step.in_force and not subject_of(step)]
    first = {step.id: (step.first_asked or step.asked, step.kind) for step in about_the_exchange}
    others = {step: asked for step, (asked, kind) in first.items() if asked not in ROLES[ASKED[kind]](case)}
    assert others == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_edge_and_answer_stands_in_the_diagram_of_every_language(language: str) -> None:
    drawn = diagram(language)
    nodes = re.findall(r"^    (\w+)\[", drawn, re.MULTILINE)
    assert sorted(nodes) == sorted(Kind)
    edges = {tuple(edge) for edge in re.findall(r"^  (\w+) --> (\w+)$", drawn, re.MULTILINE)}
    assert edges >= {(before, kind) for kind in Kind for before in RESTS_ON[kind]}
    rows = [line for line in drawn.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(Kind)
    assert {len(row.split(" | ")) for row in rows} == {6}
    assert sum(len(row.split(" | ")[3].split(", ")) for row in rows) == sum(len(options) for options in OPTIONS.values())


def test_what_silence_leads_to_is_the_programme_s() -> None:
    drawn = diagram("en", stricter(AMEDIP))
    assert "Consultation<br/>each consultee<br/>silence: the case ends" in drawn
    assert "  consultation -.-> ending_lapsed" in drawn
    assert "  consultation -.-> ending_lapsed" not in diagram()


def stricter(programme: Programme) -> Programme:
    """A programme in which a silent consultee ends the case."""
    rule = programme.step(Kind.CONSULTATION).model_copy(update={"lapse": Lapse.END_CASE})
    return programme.model_copy(update={"steps": programme.steps | {Kind.CONSULTATION: rule}})


def test_the_diagram_is_put_between_the_marks_of_a_page() -> None:
    page = f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n"
    new = between(page, "new\n")
    assert new == f"Before.\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter.\n"
    assert between(new, "new\n") == new


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END} {BEGIN}", f"{BEGIN} {END} {BEGIN}", f"{BEGIN} {END} {END}"])
def test_a_page_without_its_marks_is_left_alone(page: str) -> None:
    with pytest.raises(Invalid, match="the marks"):
        between(page, "new")
