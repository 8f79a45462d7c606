"""How well an institution matches what is asked, and why."""

from __future__ import annotations

import pytest

from activities.directory import match, root
from models.case import Candidate
from models.request import Asked
from store.reference import Country, Institution, Practice
from tests.rules.situations import a_case


def a_country(iso2: str, *, role: str = "partner", languages: tuple[str, ...] = ("fr",), communities: str = "AU") -> Country:
    """A country with its languages and communities."""
    return Country(
        iso2=iso2,
        role=role,
        names={"en": iso2},
        languages=languages,
        weekend=(5, 6),
        zone="UTC",
        communities=tuple(communities.split()),
    )


def an_institution(code: str, *, kind: str = "post_office", language: str = "fr") -> Institution:
    """An institution of a kind."""
    return Institution(code=code, country=code[:2], kind=kind, language=language, languages=(language,), name=code)


def a_practice(theme: str, kind: str = "post_office") -> Practice:
    """A practice of the inventory."""
    return Practice(code="P01", theme=theme, level="national", actor_kind=kind, titles={}, source="Dakar")


SENEGAL = a_country("SN", communities="AU ECOWAS")
ASKED: Asked = a_case().asked.model_copy(update={"preferred": ()})
OWN = [a_practice("remittances.formal")]


def scored(
    institution: Institution, country: Country, practices: list[Practice] = OWN, asked: Asked = ASKED
) -> tuple[int, tuple[str, ...]]:
    """Score and reasons."""
    found: Candidate = match(asked, institution, country, SENEGAL, practices)
    assert found.institution == institution.code
    return found.score, found.reasons


def test_whom_the_requester_prefers_comes_first_in_the_order_named() -> None:
    asked = ASKED.model_copy(update={"preferred": ("TN-OTE", "MA-POSTE")})
    assert scored(an_institution("TN-OTE"), a_country("TN"), asked=asked) == (100, ("preferred",))
    assert scored(an_institution("MA-POSTE"), a_country("MA"), asked=asked) == (99, ("preferred",))


def test_a_preferred_institution_need_not_be_of_a_partner_state() -> None:
    asked = ASKED.model_copy(update={"preferred": ("IT-MAE",)})
    assert scored(an_institution("IT-MAE"), a_country("IT", role="associate"), asked=asked)[0] == 100


def test_a_practice_of_the_very_theme_counts_most() -> None:
    country = a_country("GH", languages=("en",), communities="EAC")
    institution = an_institution("GH-POST", language="en")
    assert scored(institution, country) == (30, ("theme",))
    assert scored(institution, country, [a_practice("remittances.cost")]) == (15, ("near_theme",))
    assert scored(institution, country, [a_practice("remittances")]) == (15, ("near_theme",))


@pytest.mark.parametrize("practices", [[], [a_practice("health")], [a_practice("remittances.formal", "ministry")]])
def test_without_a_practice_of_its_kind_in_the_theme_an_institution_is_no_candidate(practices: list[Practice]) -> None:
    assert scored(an_institution("MA-POSTE"), a_country("MA"), practices) == (0, ())


def test_a_shared_language_and_community_bring_it_nearer() -> None:
    institution = an_institution("MA-POSTE", language="ar")
    assert scored(institution, a_country("MA", languages=("ar",), communities="LAS")) == (30, ("theme",))
    assert scored(institution, a_country("MA", languages=("ar", "fr"), communities="LAS")) == (40, ("theme", "language"))
    assert scored(an_institution("MA-POSTE"), a_country("MA", languages=("ar",))) == (50, ("theme", "language", "community"))


def test_neither_a_donor_nor_an_institution_at_home_is_a_candidate_unasked() -> None:
    assert scored(an_institution("FR-POST"), a_country("FR", role="associate")) == (0, ())
    assert scored(an_institution("SN-OTHER"), SENEGAL) == (0, ())


def test_a_theme_s_main_theme_is_what_stands_before_the_point() -> None:
    assert (root("remittances.formal"), root("health")) == ("remittances", "health")
