"""When a person may be erased: the case must be able to go on without them."""

from __future__ import annotations

import pytest

from models.case import Case, Nomination, Step
from models.erasing import DRAWN_ON, may_erase, person_of_party
from models.errors import Missing, Refused
from models.words import Ending, Kind, Phase, Standing, State
from tests.rules.situations import MONDAY, a_case
from workflows.papers import FORMS_OF


def case_of(standing: Standing, phase: Phase, *steps: Step) -> Case:
    """A case with one nomination."""
    case = a_case(*steps)
    case.phase = phase
    case.nominations = [
        Nomination(id="N1", person="p-1", institution="SN-POSTE", country="SN", rank=1, standing=standing),
    ]
    return case


def test_each_paper_is_known_by_the_forms_it_prints() -> None:
    assert DRAWN_ON.keys() == FORMS_OF.keys()
    assert {kind: forms for kind, forms in FORMS_OF.items() if not set(forms) <= set(DRAWN_ON[kind])} == {}


@pytest.mark.parametrize("standing", list(Standing))
def test_whoever_still_counts_on_a_place_cannot_be_erased(standing: Standing) -> None:
    out = (Standing.REFUSED, Standing.WITHDRAWN, Standing.REPLACED, Standing.VISA_REFUSED, Standing.UNAVAILABLE, Standing.NO_SHOW)
    if standing in out:
        may_erase(case_of(standing, Phase.TRAVELLING), "N1")
        return
    with pytest.raises(Refused, match="replace the nominee") as refusal:
        may_erase(case_of(standing, Phase.TRAVELLING), "N1")
    assert refusal.value.code == "still_travelling"


def test_once_the_visit_and_the_reports_are_over_they_can() -> None:
    may_erase(case_of(Standing.ATTENDED, Phase.FOLLOW_UP), "N1")


@pytest.mark.parametrize("how", [{"asked": "N1"}, {"asked": "MA-POSTE", "about": ("N1",)}, {"asked": "SN-POSTE", "delegate": "N1"}])
def test_while_a_question_is_put_to_them_or_about_them_they_cannot(how: dict[str, object]) -> None:
    step = Step.model_validate(
        {"id": "report-1", "kind": Kind.REPORT, "country": "SN", "opened": MONDAY, "state": State.OPEN} | how
    )
    with pytest.raises(Refused) as refusal:
        may_erase(case_of(Standing.REFUSED, Phase.FOLLOW_UP, step), "N1")
    assert refusal.value.code == "still_asked"


def test_in_a_case_that_has_ended_anybody_can() -> None:
    case = case_of(Standing.CONFIRMED, Phase.TRAVELLING)
    case.ended, case.ending = MONDAY, Ending.CANCELLED
    may_erase(case, "N1")


def test_a_person_is_known_by_nomination_or_as_a_colleague() -> None:
    case = case_of(Standing.ATTENDED, Phase.FOLLOW_UP)
    assert person_of_party(case, "N1") == "p-1"
    assert person_of_party(case, "SN-POSTE/p-abc-1") == "p-abc-1"
    with pytest.raises(Missing, match="N7"):
        person_of_party(case, "N7")
