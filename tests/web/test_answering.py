"""An answer given on a page: every form comes back whole, every fault is named where it belongs, nothing is recorded falsely."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forms import FORMS as MODELS
from models.forms import read_form
from models.words import LANGUAGES, OPTIONS, Kind
from tests.web.situations import FORMS, PERSON, Desk, Page, a_paper
from web.respond.fields import FIELDS, Field, inputs_of, read_back, shown_again, values_of

every_language = pytest.mark.parametrize("language", LANGUAGES)


def filled(kind: Kind, option: str, form: dict[str, Any] | None = None) -> dict[str, str]:
    """A page filled with a form, its option chosen."""
    name = MODELS[kind, option].__name__
    return {"option": option, **inputs_of(FIELDS[name], name, FORMS[kind, option] if form is None else form)}


def test_every_kind_and_option_is_tried() -> None:
    assert {(kind, option) for kind, options in OPTIONS.items() for option in options} == set(FORMS)


@pytest.mark.parametrize(("kind", "option"), list(FORMS))
async def test_an_answer_is_recorded_as_it_was_filled_in(desk: Desk, kind: Kind, option: str) -> None:
    paper = await desk.keep({"summary": "In short."}) if kind is Kind.REPORT_REVIEW else ""
    path = await desk.ask(kind, paper=paper, about=("N1",) if paper else ("N1", "N2"))
    answer, page = await desk.send(path, filled(kind, option))
    assert answer.status_code == 200
    assert desk.workplace.words.say("en", "answer.recorded") in (await desk.open(str(answer.url), lang="en"))[1].words or page
    step = await desk.step()
    assert step.option == option
    assert step.decision is not None
    assert step.decision.by == step.asked
    if kind is not Kind.NOMINATION:
        expected = read_form(kind, option, FORMS[kind, option]).model_dump(mode="json")
        assert await desk.form() == expected


async def test_every_field_of_a_form_can_be_filled_on_its_page(desk: Desk) -> None:
    for name, fields in FIELDS.items():
        [model] = {form for form in MODELS.values() if form.__name__ == name}
        assert set(model.model_fields) - {field.name for field in fields} == set(), name


async def test_nominees_are_kept_as_people_in_the_order_named(desk: Desk) -> None:
    path = await desk.ask(Kind.NOMINATION, names=())
    await desk.send(path, filled(Kind.NOMINATION, "nominate"))
    step = await desk.step()
    assert step.decision is not None
    first, second = step.decision.facts.nominees
    people = await desk.workplace.persons.of([first.person, second.person])
    assert [people[n.person].name for n in (first, second)] == ["Participant 4", "Participant 5"]
    assert (first.institution, first.substitute, second.substitute) == ("SN-POSTE", False, True)


@every_language
async def test_a_fault_is_named_in_the_readers_language_with_its_field_and_takes_the_focus(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    path = await desk.ask(Kind.HOST_OFFER)
    answer, page = await desk.send(path, {"option": "offer", "HostOffer.contact": "Protocol office"}, lang=language)
    assert answer.status_code == 422
    assert f"{say(language, 'field.start')} – {say(language, 'fault.required')}" in page.words
    [focused] = [a for _, a in page.elements if "autofocus" in a]
    assert (focused["id"], focused["aria-invalid"]) == ("HostOffer.start", "true")
    assert focused["aria-describedby"] in [a.get("id") for _, a in page.elements]
    assert "#HostOffer.start" in [a["href"] for a in page.all("a")]
    assert 'value="Protocol office"' in answer.text
    assert await desk.cases.taken_in() == []


WRONG: list[tuple[Kind, str, dict[str, str], str, str]] = [
    (Kind.HOST_OFFER, "offer", {"HostOffer.start": "soon"}, "HostOffer.start", "not_a_date"),
    (Kind.HOST_OFFER, "offer", {"HostOffer.start": "2027-12-24"}, "HostOffer.start", "outside_periods"),
    (Kind.HOST_OFFER, "offer", {"HostOffer.start": "2027-05-10", "HostOffer.contact": "x" * 301}, "HostOffer.contact", "too_long"),
    (Kind.EVALUATION, "submit", {"Evaluation.score_content": "6"}, "Evaluation.score_content", "out_of_range"),
    (Kind.EVALUATION, "submit", {"Evaluation.score_content": "very"}, "Evaluation.score_content", "not_a_number"),
    (Kind.DECISION, "approve", {"Assessment.scores.impact": "7"}, "Assessment.scores.impact", "out_of_range"),
    (Kind.DECISION, "approve", {"Assessment.reasons": "Good", "Assessment.scores.impact": "1"}, "option", "threshold"),
    (Kind.NOMINATION, "nominate", {}, "NominationForm.nominees", "required"),
    (Kind.AGENDA, "provide", {"AgendaForm.lines.5.day": "2027-05-10"}, "AgendaForm.lines.0.activity", "required"),
    (Kind.TRANSFER_PLAN, "submit", {"TransferPlan.actions.1.action": "Guide"}, "TransferPlan.actions.0.due", "required"),
    (
        Kind.ATTENDANCE,
        "confirm",
        {"Attendance.actual_start": "2027-05-12", "Attendance.actual_end": "2027-05-10"},
        "Attendance.actual_end",
        "reversed",
    ),
    (Kind.ATTENDANCE, "confirm", {"Attendance.attendance.N9": "attended"}, "option", "unknown"),
    (Kind.CLEARANCE, "clear", {"Verdicts.refused.N9": "on"}, "option", "unknown"),
    (Kind.ACCEPTANCE, "refuse", {}, "NeededRemarks.remarks", "required"),
    (Kind.HOST_OFFER, "", {}, "option", "required"),
    (Kind.HOST_OFFER, "obey", {}, "option", "unknown_option"),
    (
        Kind.DECISION,
        "reject",
        {"Assessment.reasons": "x", "Assessment.scores.beauty": "9"},
        "Assessment.scores.beauty",
        "out_of_range",
    ),
]


@pytest.mark.parametrize(("kind", "option", "fields", "place", "code"), WRONG)
async def test_a_fault_stands_at_its_field(
    desk: Desk, kind: Kind, option: str, fields: dict[str, str], place: str, code: str
) -> None:
    path = await desk.ask(kind)
    answer, page = await desk.send(path, {"option": option} | fields, lang="en")
    facts = {"limit": "300", "low": "1" if kind is Kind.EVALUATION else "0", "high": "5", "threshold": "60", "value": "N9"}
    assert answer.status_code == 422
    assert f"#{place}" in [a["href"] for a in page.all("a")]
    assert desk.workplace.words.say("en", f"fault.{code}", **facts) in page.words
    assert "{" not in page.words
    assert (await desk.step()).is_open


async def test_rows_left_empty_move_up_so_that_a_fault_names_the_row_shown(desk: Desk) -> None:
    path = await desk.ask(Kind.NOMINATION)
    row = "NominationForm.nominees."
    fields = {f"{row}1.{name}": value for name, value in PERSON.items()} | {f"{row}3.person": "Participant 5"}
    answer, page = await desk.send(path, {"option": "nominate"} | fields, lang="en")
    assert answer.status_code == 422
    assert (page.form[f"{row}0.person"], page.form[f"{row}1.person"], page.form[f"{row}3.person"]) == (
        "Participant 4",
        "Participant 5",
        "",
    )
    assert f"#{row}1.email" in [a["href"] for a in page.all("a")]
    assert "Nominees 2 E-mail address – This field is needed" in page.words


async def test_a_corrected_answer_is_taken_after_the_case_refused_the_first(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    first = {"option": "offer", "HostOffer.start": "2027-12-24"}
    _, page = await desk.open(path)
    opened = page.hidden
    refused, page = await desk.press(path, opened | first)
    assert refused.status_code == 422
    assert page.hidden["response"] != opened["response"]
    again, _ = await desk.press(path, opened | first | {"HostOffer.start": "2027-05-10"})
    assert again.status_code == 200
    assert (await desk.step()).option == "offer"
    assert (await desk.form())["start"] == "2027-05-10"


async def test_the_button_pressed_twice_records_once_and_shows_the_same(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    fields = page.hidden | filled(Kind.HOST_OFFER, "offer")
    first, _ = await desk.press(path, fields)
    second, _ = await desk.press(path, fields)
    assert str(first.url) == str(second.url)
    assert first.text == second.text


async def test_a_filled_in_text_keeps_its_lines_and_loses_control_characters(desk: Desk) -> None:
    path = await desk.ask(Kind.TRAVEL)
    await desk.send(path, {"option": "unavailable", "Travel.remarks": "One\r\nTwo\x00\x1b[31m \u202eThree🧳"})
    assert (await desk.form())["remarks"] == "One\nTwo[31m \u202eThree🧳"


async def test_an_answer_to_a_paper_that_was_replaced_shows_the_new_one_and_keeps_what_was_filled_in(desk: Desk) -> None:
    old = await desk.workplace.contents.put(b"%PDF-1.7 old", "application/pdf")
    new = await desk.workplace.contents.put(b"%PDF-1.7 new", "application/pdf")
    path = await desk.ask(Kind.HOST_AGREEMENT, paper=new)
    case = await desk.cases.case("AMEDIP-2027-0001")
    case.papers = [a_paper(old), a_paper(new)]
    await desk.publish(case)
    _, page = await desk.open(path)
    fields = page.form | {"paper": old, "option": "agree", "HostAgreement.outline": "Four days"}
    answer, page = await desk.press(path, fields, lang="en")
    assert answer.status_code == 409
    assert desk.workplace.words.say("en", "answer.superseded_text") in page.words
    assert any(a["href"].endswith(new) for a in page.all("a"))
    assert ">\nFour days</textarea>" in answer.text
    assert page.hidden["paper"] == new
    assert (await desk.step()).is_open
    answer, _ = await desk.press(path, page.form | {"option": "agree", "HostAgreement.outline": "Four days"})
    assert (answer.status_code, (await desk.step()).option) == (200, "agree")


async def test_a_link_of_somebody_who_was_not_asked_answers_nothing(desk: Desk) -> None:
    await desk.ask(Kind.HOST_OFFER)
    path = desk.link("host_offer-1", "TN-OTE")
    answer, page = await desk.send(path, filled(Kind.HOST_OFFER, "refuse"), lang="en")
    assert answer.status_code == 409
    assert desk.workplace.words.say("en", "answer.passed") in page.words
    assert page.all("form") == []
    assert (await desk.step()).is_open


def text(field: Field) -> st.SearchStrategy[Any]:
    """What somebody may fill into a field, as a form's value."""
    word = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
    each = st.dictionaries(st.sampled_from(["N1", "N2", "relevance"]), word, min_size=1)
    match field.type:
        case "rows":
            rows = st.fixed_dictionaries({field.fields[0].name: word}, optional={f.name: text(f) for f in field.fields[1:]})
            return st.lists(rows, min_size=1, max_size=9)
        case "check":
            return st.just(True)
        case "people":
            return st.lists(st.sampled_from(["N1", "N2", "N3"]), min_size=1, unique=True)
        case "attendance" | "scores":
            return each
        case "lines":
            return st.lists(word, min_size=1)
        case _:
            return word


@given(st.data())
def test_what_a_page_shows_is_read_back_the_same(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FIELDS)))
    form = data.draw(st.fixed_dictionaries({}, optional={field.name: text(field) for field in FIELDS[name]}))
    assert values_of(FIELDS[name], name, inputs_of(FIELDS[name], name, form)) == form


@given(st.data())
def test_whatever_is_posted_is_read_without_a_crash_and_shown_again_the_same(data: st.DataObject) -> None:
    kind, option = data.draw(st.sampled_from(sorted(MODELS)))
    name = MODELS[kind, option].__name__
    paths = st.lists(
        st.sampled_from([*(f.name for f in FIELDS[name]), "0", "7", "99", "person", "day", "x", ""]), min_size=1, max_size=4
    )
    posted = data.draw(st.dictionaries(paths.map(lambda parts: f"{name}.{'.'.join(parts)}"), st.text(max_size=8), max_size=6))
    form = read_back(kind, option, posted)
    assert read_back(kind, option, shown_again(kind, option, posted)) == form


def test_a_page_is_parsed_as_browsers_do() -> None:
    assert Page('<p id="a">x &amp; y</p>').words == "x & y"
