"""Places, the reserve, substitutes and replacements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.case import Case, Nominee
from models.rules import TAKEN, has_place, nominate, replacement
from models.words import Standing
from tests.rules.situations import a_case, nominees


def standings(case: Case) -> list[tuple[str, str]]:
    """Each nomination's person and standing, by rank."""
    return [(n.person, n.standing) for n in sorted(case.nominations, key=lambda n: n.rank)]


def test_a_fourth_nominee_of_a_country_is_kept_in_reserve() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", "SN-POSTE", "SN-POSTE", "SN-POSTE"), places=5, per_country=3)
    assert [n.standing for n in case.nominations] == [Standing.PROPOSED] * 3 + [Standing.RESERVE]


def test_a_country_s_people_are_counted_over_all_its_institutions() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", "SN-FAISE", "SN-MAESE", "SN-FAISE", "ML-CIGEM"), places=5, per_country=3)
    assert [n.standing for n in case.nominations] == [Standing.PROPOSED] * 3 + [Standing.RESERVE, Standing.PROPOSED]


def test_a_country_s_people_of_an_earlier_nomination_count() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", "SN-POSTE"), places=5, per_country=3)
    nominate(case, (Nominee(person="p-8", institution="SN-FAISE", country="SN"),) * 2, places=5, per_country=3)
    assert [n.standing for n in case.nominations] == [Standing.PROPOSED] * 3 + [Standing.RESERVE]
    assert [n.id for n in case.nominations] == ["N1", "N2", "N3", "N4"]


def test_people_beyond_the_places_are_ranked_in_reserve_not_lost() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", "ML-CIGEM", "GH-BOG"), places=2, per_country=3)
    assert standings(case) == [("p-1", "proposed"), ("p-2", "proposed"), ("p-3", "reserve")]


def test_a_substitute_waits_in_reserve_even_when_a_place_is_free() -> None:
    case = a_case()
    nominate(case, (*nominees(substitute="SN-POSTE"), *nominees("SN-POSTE")), places=3, per_country=3)
    assert standings(case) == [("p-1", "proposed"), ("p-substitute", "reserve")]


def test_a_fallen_nominee_is_replaced_by_the_named_substitute_first() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", "SN-POSTE", "SN-POSTE", substitute="SN-POSTE"), places=2, per_country=3)
    fallen = case.nomination("N1")
    fallen.standing = Standing.REFUSED
    risen = replacement(case, fallen, places=2, per_country=3)
    assert risen is not None
    assert (risen.person, risen.standing, risen.replaces) == ("p-substitute", Standing.PROPOSED, "N1")
    case.nomination("N2").standing = Standing.VISA_REFUSED
    risen = replacement(case, case.nomination("N2"), places=2, per_country=3)
    assert risen is not None
    assert (risen.person, risen.replaces) == ("p-3", "N2")


def test_a_replacement_is_a_nomination_of_its_own_linked_to_the_old() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", substitute="SN-POSTE"), places=1, per_country=3)
    fallen = case.nomination("N1")
    fallen.standing = Standing.UNAVAILABLE
    risen = replacement(case, fallen, places=1, per_country=3)
    assert risen is not None
    assert risen is not fallen
    assert (fallen.person, fallen.standing) == ("p-1", Standing.UNAVAILABLE)


def test_nobody_rises_while_the_place_is_taken_or_the_country_is_full() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE", "SN-POSTE", "ML-CIGEM", substitute="SN-POSTE"), places=3, per_country=2)
    assert replacement(case, case.nomination("N1"), places=3, per_country=2) is None
    case.nomination("N3").standing = Standing.REFUSED
    assert replacement(case, case.nomination("N3"), places=3, per_country=2) is None


def test_nobody_rises_when_the_reserve_is_empty() -> None:
    case = a_case()
    nominate(case, nominees("SN-POSTE"), places=1, per_country=3)
    case.nomination("N1").standing = Standing.REFUSED
    assert replacement(case, case.nomination("N1"), places=1, per_country=3) is None


CODES = st.sampled_from(["SN-POSTE", "SN-FAISE", "ML-CIGEM", "GH-BOG"])
NOMINEES = st.lists(st.tuples(CODES, st.booleans()), max_size=12).map(
    lambda named: tuple(
        Nominee(person=f"p-{n}", institution=code, country=code[:2], substitute=substitute)
        for n, (code, substitute) in enumerate(named)
    )
)


@given(NOMINEES, st.integers(1, 5), st.integers(1, 3), st.lists(st.sampled_from(Standing), max_size=12))
def test_no_more_people_hold_places_than_there_are_whatever_becomes_of_them(
    named: tuple[Nominee, ...], places: int, per_country: int, falls: list[Standing]
) -> None:
    case = a_case()
    nominate(case, named, places, per_country)
    assert sorted(n.person for n in case.nominations) == sorted(n.person for n in named)
    for nomination, fall in zip(list(case.nominations), falls, strict=False):
        if nomination.standing is not Standing.RESERVE and fall not in TAKEN:
            nomination.standing = fall
            replacement(case, nomination, places, per_country)
    taken = case.standing(*TAKEN)
    assert len(taken) <= places
    assert all(sum(n.country == code for n in taken) <= per_country for code in ("SN", "ML", "GH"))
    assert len({n.id for n in case.nominations}) == len(named)


def test_a_place_is_free_until_it_is_taken() -> None:
    case = a_case()
    assert has_place(case, "SN", places=1, per_country=3)
    nominate(case, nominees("ML-CIGEM"), places=1, per_country=3)
    assert not has_place(case, "SN", places=1, per_country=3)
