"""A request that breaks rules is refused with every fault named by field, in one answer."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.errors import Invalid
from models.request import Known, Request, asked_of, check_request, earliest_start, fits, read_request, sound_request, visit_end
from tests.rules.situations import amedip

REQUESTS = Path(__file__).parents[2] / "data" / "requests"
KNOWN = Known(
    institutions={"SN-POSTE": "post_office", "MA-POSTE": "post_office", "TN-OTE": "agency"},
    themes=frozenset({"remittances.formal"}),
)
TODAY = date(2026, 11, 2)


def as_filed(**changed: Any) -> dict[str, Any]:
    """The study visit asked for by the Senegalese post, with some fields changed."""
    data = tomllib.loads((REQUESTS / "01-sn-poste-study-visit.toml").read_text(encoding="utf-8"))
    return data | changed


def faults(data: dict[str, Any], today: date = TODAY) -> dict[str, str]:
    """The faults of a request: code by field."""
    try:
        check_request(read_request(data), amedip(), KNOWN, today)
    except Invalid as error:
        return {fault.field: fault.code for fault in error.faults}
    return {}


@pytest.mark.parametrize("file", sorted(REQUESTS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_requests_that_come_along_are_sound(file: Path) -> None:
    request = read_request(tomllib.loads(file.read_text(encoding="utf-8")))
    known = Known(
        institutions=dict.fromkeys((request.requesting_institution, *request.preferred_hosts), "ministry"),
        themes=frozenset({request.theme}),
    )
    check_request(request, amedip(), known, request.periods[0].earliest - timedelta(weeks=20))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"programme": "other"}, {"programme": "unknown"}),
        ({"requesting_institution": "XX-NONE"}, {"requesting_institution": "unknown"}),
        ({"preferred_hosts": ["XX-NONE"]}, {"preferred_hosts.0": "unknown"}),
        ({"preferred_hosts": ["MA-POSTE", "SN-POSTE"]}, {"preferred_hosts.1": "same"}),
        ({"preferred_hosts": ["MA-POSTE", "MA-POSTE"]}, {"preferred_hosts.1": "same"}),
        ({"theme": "astronomy"}, {"theme": "unknown"}),
        ({"level": "galactic"}, {"level": "unknown"}),
        ({"language": "es"}, {"language": "unknown"}),
        ({"places": 4}, {"places": "out_of_range"}),
        ({"places": 0}, {"places": "out_of_range"}),
        ({"duration_days": 6}, {"duration_days": "out_of_range"}),
        ({"duration_days": 0}, {"duration_days": "out_of_range"}),
        ({"budget": {"ceiling": -1, "currency": "EUR"}}, {"budget.ceiling": "out_of_range"}),
        ({"budget": {"ceiling": 0, "currency": "EUR"}}, {"budget.ceiling": "out_of_range"}),
        ({"budget": {"ceiling": "NaN", "currency": "EUR"}}, {"budget.ceiling": "invalid"}),
        ({"budget": {"ceiling": 100, "currency": "XAU"}}, {"budget.currency": "unknown"}),
        ({"budget": {"ceiling": 100, "currency": "EUR", "tip": 1}}, {"budget.tip": "unknown"}),
        ({"format": "holiday"}, {"format": "unknown"}),
        ({"title": ""}, {"title": "required"}),
        ({"title": "x" * 301}, {"title": "too_long"}),
        ({"objectives": []}, {"objectives": "too_few"}),
        ({"places": "three"}, {"places": "not_a_number"}),
        ({"surprise": 1}, {"surprise": "unknown"}),
    ],
    ids=str,
)
def test_a_broken_rule_is_named_by_its_field(changed: dict[str, Any], fault: dict[str, str]) -> None:
    assert faults(as_filed(**changed)) == fault


@pytest.mark.parametrize(
    ("period", "code"),
    [
        ((date(2027, 5, 10), date(2027, 5, 3)), "reversed"),
        ((date(2027, 5, 10), date(2027, 5, 12)), "too_short"),
        ((date(2027, 2, 1), date(2027, 2, 24)), "lead_time"),
    ],
)
def test_a_period_must_hold_the_visit_after_the_lead_time(period: tuple[date, date], code: str) -> None:
    earliest, latest = period
    assert faults(as_filed(periods=[{"earliest": earliest, "latest": latest}])) == {"periods.0": code}


def test_a_period_that_begins_inside_the_lead_time_may_end_after_it() -> None:
    first = earliest_start(amedip(), TODAY)
    assert first == date(2027, 2, 22)
    assert faults(as_filed(periods=[{"earliest": "2027-02-01", "latest": "2027-02-25"}])) == {}


def test_only_so_many_periods_are_proposed() -> None:
    period = {"earliest": "2027-05-10", "latest": "2027-05-21"}
    assert faults(as_filed(periods=[period] * 4)) == {"periods": "too_many"}
    assert faults(as_filed(periods=[])) == {"periods": "too_few"}


def test_a_day_that_is_none_is_named() -> None:
    assert faults(as_filed(periods=[{"earliest": "2027-02-30", "latest": "2027-05-21"}])) == {"periods.0.earliest": "not_a_date"}


def test_every_fault_of_a_field_is_told_at_once() -> None:
    broken = {key: value for key, value in as_filed(title="", places="three", surprise=1).items() if key != "theme"}
    assert faults(broken) == {"title": "required", "places": "not_a_number", "surprise": "unknown", "theme": "required"}


def test_every_broken_rule_is_told_at_once() -> None:
    broken = as_filed(
        requesting_institution="XX-NONE",
        preferred_hosts=["XX-NONE"],
        language="es",
        places=9,
        duration_days=30,
        budget={"ceiling": -5, "currency": "XAU"},
        periods=[{"earliest": "2027-05-10", "latest": "2027-05-03"}, {"earliest": "2026-12-01", "latest": "2026-12-31"}],
    )
    assert set(faults(broken)) == {
        "requesting_institution",
        "preferred_hosts.0",
        "language",
        "places",
        "duration_days",
        "budget.ceiling",
        "budget.currency",
        "periods.0",
        "periods.1",
    }


def test_a_fault_says_its_file_and_its_facts() -> None:
    with pytest.raises(Invalid) as told:
        read_request({}, source="request.toml")
    assert str(told.value).startswith("request.toml: reference: ")
    with pytest.raises(Invalid) as told:
        check_request(read_request(as_filed(places=9)), amedip(), KNOWN, TODAY)
    assert told.value.faults[0].facts == {"low": "1", "high": "3"}


def test_a_visit_fits_when_it_lies_whole_in_one_period() -> None:
    asked = asked_of(Request.model_validate(as_filed()), "0" * 64)
    first = date(2027, 1, 1)
    assert visit_end(asked, date(2027, 4, 5)) == date(2027, 4, 8)
    assert fits(asked, date(2027, 4, 5), first)
    assert fits(asked, date(2027, 4, 27), first)
    assert not fits(asked, date(2027, 4, 28), first)
    assert not fits(asked, date(2027, 4, 4), first)
    assert not fits(asked, date(2027, 5, 1), first)
    assert not fits(asked, date(2027, 4, 5), date(2027, 4, 6))


def test_the_case_takes_along_codes_and_figures_but_no_text() -> None:
    request = Request.model_validate(as_filed())
    carried = asked_of(request, "0" * 64).model_dump_json()
    assert request.title not in carried
    assert request.expertise_sought not in carried
    assert not any(text in carried for text in (*request.objectives, *request.expected_results, request.legal_basis))


def all_faults(data: dict[str, Any], **other: Any) -> dict[str, str]:
    """The faults of form and the broken rules of a request: code by field."""
    programmes = other.get("programmes", {"amedip": amedip()})
    with pytest.raises(Invalid) as told:
        sound_request(data, programmes, KNOWN, TODAY, source="request.toml")
    assert all(line.startswith("request.toml: ") for line in str(told.value).splitlines())
    return {fault.field: fault.code for fault in told.value.faults}


def test_a_sound_request_is_given_back() -> None:
    assert sound_request(as_filed(), {"amedip": amedip()}, KNOWN, TODAY) == read_request(as_filed())


def test_a_visit_of_thousands_of_years_is_refused_by_its_field() -> None:
    assert faults(as_filed(duration_days=5_000_000)) == {
        "duration_days": "out_of_range",
        "periods.0": "too_short",
        "periods.1": "too_short",
    }


def test_an_unknown_programme_hides_no_other_fault() -> None:
    broken = as_filed(programme="nope", places=9, level="galactic", budget={"ceiling": -5, "currency": "XAU"})
    expected = {"programme": "unknown", "places": "out_of_range", "level": "unknown"}
    expected |= {"budget.ceiling": "out_of_range", "budget.currency": "unknown"}
    assert all_faults(broken) == expected
    two = {"amedip": amedip(), "other": amedip().model_copy(update={"code": "other"})}
    assert all_faults(broken, programmes=two) == {"programme": "unknown", "level": "unknown"}


def test_a_field_that_cannot_be_read_hides_no_broken_rule() -> None:
    broken = as_filed(
        places="many",
        language="es",
        duration_days=9,
        surprise=1,
        objectives=["", 3],
        preferred_hosts=[7, "XX-NONE"],
        budget={"ceiling": "NaN", "currency": "XAU"},
        periods=[{"earliest": "2027-02-30", "latest": "2027-05-21"}, {"earliest": "2027-05-10", "latest": "2027-05-03"}],
    )
    del broken["theme"]
    assert all_faults(broken) == {
        "places": "not_a_number",
        "theme": "required",
        "surprise": "unknown",
        "objectives.1": "invalid",
        "preferred_hosts.0": "invalid",
        "preferred_hosts.1": "unknown",
        "budget.ceiling": "invalid",
        "periods.0.earliest": "not_a_date",
        "language": "unknown",
        "duration_days": "out_of_range",
        "budget.currency": "unknown",
        "periods.1": "reversed",
    }


@pytest.mark.parametrize("field", sorted(Request.model_fields))
def test_whatever_is_wrong_with_one_field_another_is_checked(field: str) -> None:
    other = "level" if field != "level" else "language"
    wrongs: tuple[Any, ...] = ({}, [], 7.5, None, [[]], {"a": 1}, "x" * 5000, [None], float("inf"))
    for wrong in wrongs:
        assert all_faults(as_filed(**{field: wrong, other: "none such"}))[other] == "unknown"


def test_a_request_without_anything_names_every_needed_field() -> None:
    needed = {name for name, field in Request.model_fields.items() if field.is_required()}
    assert all_faults({}) == dict.fromkeys(needed, "required")


def test_what_cannot_be_printed_is_left_out_of_a_request() -> None:
    request = read_request(as_filed(title="Comparer\x07 les tarifs\ud83d", objectives=["Une\x1b ligne"]))
    assert (request.title, request.objectives) == ("Comparer les tarifs", ("Une ligne",))
