"""What lies between the filled page and the record: the choice is repeated and confirmed, kept for later, never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from icalendar import Calendar

from models.case import Transition
from models.forms import FORMS as MODELS
from models.words import LANGUAGES, Kind, Verb
from tests.web.situations import FORMS, NOW, PERSON, TITLE, Desk, clean, decided
from web.respond.fields import FIELDS, inputs_of

every_language = pytest.mark.parametrize("language", LANGUAGES)
OFFER = {"option": "offer", "HostOffer.start": "2027-05-10", "HostOffer.remarks": "Two\nlines </textarea>"}


def filled(kind: Kind, option: str) -> dict[str, str]:
    """A page filled with a plausible form, its option chosen."""
    name = MODELS[kind, option].__name__
    return {"option": option, **inputs_of(FIELDS[name], name, FORMS[kind, option])}


@every_language
@pytest.mark.parametrize(("kind", "option"), list(FORMS))
async def test_the_choice_and_all_that_was_filled_in_is_repeated_before_it_is_recorded(
    desk: Desk, kind: Kind, option: str, language: str
) -> None:
    say = desk.workplace.words.say
    paper = await desk.keep({"summary": "In short."}) if kind is Kind.REPORT_REVIEW else ""
    path = await desk.ask(kind, paper=paper, about=("N1",) if paper else ("N1", "N2"))
    _, page = await desk.open(path, lang=language)
    answer, page = await desk.press(path, page.form | filled(kind, option) | {"do": "review"}, lang=language)
    assert answer.status_code == 200
    assert (await desk.step()).is_open
    for key in ("answer.confirm", f"option.{kind}.{option}", "answer.not_yet", "answer.send", "answer.change"):
        assert say(language, key) in page.words
    for value in texts(FORMS[kind, option]):
        assert value in page.text
    assert [a["value"] for a in page.all("button")] == ["record", "change"]


def texts(value: object) -> list[str]:
    """The texts in a form that are shown as they were typed."""
    if isinstance(value, dict):
        return [text for name, item in value.items() if name not in ("gender", "attendance", "refused") for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return str(value).split("\n") if isinstance(value, str) else []


async def test_who_wants_to_change_something_finds_everything_as_it_was(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    _, confirming = await desk.press(path, page.form | OFFER | {"do": "review"})
    answer, page = await desk.press(path, confirming.form | {"do": "change"})
    assert answer.status_code == 200
    assert {name: page.form[name] for name in OFFER} == OFFER
    answer, _ = await desk.send(path, {})
    assert (await desk.form())["remarks"] == OFFER["HostOffer.remarks"]


async def test_people_refused_are_repeated_by_name(desk: Desk) -> None:
    path = await desk.ask(Kind.CLEARANCE)
    _, page = await desk.open(path)
    _, page = await desk.press(path, page.form | {"option": "clear", "Verdicts.refused.N2": "on", "do": "review"}, lang="en")
    assert "Nominees refused Participant 2" in page.words


@every_language
async def test_what_is_saved_is_there_when_one_comes_back(desk: Desk, language: str) -> None:
    path = await desk.ask(Kind.NOMINATION)
    fields = {f"NominationForm.nominees.0.{name}": value for name, value in PERSON.items()} | {"option": "nominate"}
    _, page = await desk.open(path, lang=language)
    _, page = await desk.press(path, page.form | fields | {"do": "save"})
    assert desk.workplace.words.say(language, "answer.saved") in page.words
    assert (await desk.step()).is_open
    desk.clock.now += timedelta(hours=11)
    for address in (path, clean(path)):
        _, page = await desk.open(address)
        assert {name: page.form[name] for name in fields} == fields
    assert await desk.cases.taken_in() == []


async def test_faults_lose_nothing_even_when_the_page_is_left(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    answer, _ = await desk.send(path, OFFER | {"HostOffer.start": "soon"})
    assert answer.status_code == 422
    _, page = await desk.open(path)
    assert (page.form["HostOffer.start"], page.form["HostOffer.remarks"]) == ("soon", OFFER["HostOffer.remarks"])


async def test_a_draft_is_gone_once_it_is_recorded_or_the_visit_has_ended(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    await desk.press(path, page.form | OFFER | {"do": "save"})
    desk.clock.now += timedelta(hours=13)
    _, page = await desk.open(path)
    assert page.form["HostOffer.remarks"] == ""
    await desk.press(path, page.form | OFFER | {"do": "save"})
    await desk.send(path, {})
    visit = await desk.workplace.visits.of(desk.browser.cookies["answer"], "AMEDIP-2027-0001", "host_offer-1", desk.clock.now)
    assert visit is not None
    assert visit.draft == {}


async def test_a_draft_is_nobody_else_s(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER, escalated_to="MA-MCMRE")
    _, page = await desk.open(path)
    await desk.press(path, page.form | OFFER | {"do": "save"})
    _, page = await desk.open(desk.link("host_offer-1", "MA-MCMRE"))
    assert page.form["HostOffer.remarks"] == ""


async def test_two_tabs_record_what_each_of_them_showed(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    _, one = await desk.press(path, page.form | OFFER | {"do": "review"})
    await desk.press(path, page.form | OFFER | {"HostOffer.contact": "Another tab", "do": "review"})
    await desk.press(path, one.form | {"do": "record"})
    assert (await desk.form())["contact"] == ""


@every_language
async def test_whoever_answered_sees_what_was_recorded_whenever_the_page_is_opened(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    path = await desk.ask(Kind.NOMINATION, names=())
    fields = {f"NominationForm.nominees.0.{name}": value for name, value in PERSON.items()} | {"option": "nominate"}
    await desk.send(path, fields)
    _, page = await desk.open(path, lang=language)
    decision = (await desk.step()).decision
    assert decision is not None
    for text in (
        say(language, "answer.was_filled"),
        "Participant 4",
        say(language, "answer.reference", reference=decision.response),
    ):
        assert text in page.words


async def test_somebody_else_who_was_asked_is_not_shown_what_was_filled_in(desk: Desk) -> None:
    form = await desk.keep({"remarks": "Between us."})
    path = await desk.ask(Kind.HOST_OFFER, **decided("refuse", form=form))
    _, page = await desk.open(path)
    assert "Between us." in page.words
    _, page = await desk.open(desk.link("host_offer-1", "TN-OTE"))
    assert "Between us." not in page.words


@every_language
async def test_the_way_of_the_case_so_far_is_told_in_words(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    path = await desk.ask(Kind.HOST_OFFER)
    case = await desk.cases.case("AMEDIP-2027-0001")
    told = [(Verb.LAUNCHED, None), (Verb.APPROVED, "decision-1"), (Verb.OBJECTED, "consultation-1"), (Verb.OPENED, "host_offer-1")]
    case.said = [
        Transition(seq=n, run=1, at=NOW, event=n, verb=verb, step=step or "", kind=Kind(step[:-2]) if step else None)
        for n, (verb, step) in enumerate(told, start=1)
    ]
    await desk.publish(case)
    _, page = await desk.open(path, lang=language)
    assert say(language, "answer.way") in page.words
    assert [say(language, f"verb.{verb}") in page.words for verb, _ in told] == [True, True, False, True]


async def test_the_dates_can_be_entered_in_a_diary(desk: Desk) -> None:
    path = await desk.ask(Kind.ACCEPTANCE)
    _, page = await desk.open(path)
    [address] = [a["href"] for a in page.all("a") if a["href"].endswith(".ics")]
    answer = await desk.browser.get(address)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    due, visit = Calendar.from_ical(answer.content).walk("VEVENT")
    assert due.decoded("dtstart") == (await desk.step()).schedule.due  # type: ignore[union-attr]
    assert (str(visit.decoded("dtstart")), str(visit.decoded("dtend"))) == ("2027-05-10", "2027-05-14")
    assert TITLE in str(visit["summary"])
