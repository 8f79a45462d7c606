"""What a page says of a question that takes no answer, and of an answer that came in: never "recorded" falsely."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cases import Cases
from models.case import Decision
from models.words import LANGUAGES, DecisionKind, Kind, State
from tests.web.situations import CLOSES, NOW, Counter, Desk, decided, done

every_language = pytest.mark.parametrize("language", LANGUAGES)
OFFER = {"option": "offer", "HostOffer.start": "2027-05-10"}
REFUSAL = {"option": "refuse", "Remarks.remarks": "No capacity."}


@every_language
async def test_a_recorded_answer_is_confirmed_with_reference_and_local_time(desk: Desk, language: str) -> None:
    words = desk.workplace.words
    answer, page = await desk.send(await desk.ask(Kind.HOST_OFFER), OFFER, lang=language)
    facts = {
        "answer": words.say(language, "option.host_offer.offer"),
        "by": "Poste Maroc",
        "when": words.moment(language, "MA", "Africa/Casablanca", NOW),
        "reference": done(answer),
    }
    assert answer.status_code == 200
    assert words.say(language, "answer.recorded") in page.words
    assert words.say(language, "answer.recorded_text", **facts) in page.words
    assert page.all("form", "textarea") == []
    assert page.all("html")[0]["lang"].startswith(language)


@every_language
async def test_an_answer_the_case_could_not_be_told_yet_is_received_not_recorded(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    path = await desk.ask(Kind.HOST_OFFER)
    desk.cases.temporal_is_away = True
    answer, page = await desk.send(path, OFFER, lang=language)
    assert answer.status_code == 202
    assert say(language, "answer.received_text", reference=done(answer)) in page.words
    assert say(language, "answer.recorded_text", answer="", by="", when="", reference="")[:8] not in page.words
    desk.cases.temporal_is_away = False
    await desk.cases.redeliver()
    answer, page = await desk.open(str(answer.url))
    assert answer.status_code == 200
    assert say(language, "answer.recorded") in page.words


async def test_an_answer_refused_after_its_receipt_says_why_and_is_there_to_be_corrected(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    desk.cases.temporal_is_away = True
    _, page = await desk.open(path, lang="en")
    answer, _ = await desk.press(
        path, page.hidden | OFFER | {"HostOffer.start": "2027-12-24", "HostOffer.contact": "Protocol office"}
    )
    desk.cases.temporal_is_away = False
    await desk.cases.redeliver()
    _, page = await desk.open(str(answer.url))
    assert desk.workplace.words.say("en", "answer.refused_text", reference=done(answer)) in page.words
    assert "First day – The dates are outside the proposed periods" in page.words
    assert (page.form["HostOffer.start"], page.form["HostOffer.contact"]) == ("2027-12-24", "Protocol office")
    answer, _ = await desk.press(path, page.hidden | OFFER)
    assert (await desk.step()).option == "offer"


async def test_another_answer_while_the_first_waits_shows_the_first(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    desk.cases.temporal_is_away = True
    _, page = await desk.open(path)
    await desk.press(path, page.hidden | OFFER)
    answer, shown = await desk.press(path, page.hidden | REFUSAL, lang="en")
    assert answer.status_code == 409
    assert desk.workplace.words.say("en", "answer.received_text", reference=page.hidden["response"]) in shown.words
    assert [row.answer.option for row in await desk.cases.taken_in()] == ["offer"]


@every_language
async def test_an_answered_question_says_who_answered_what_and_when(desk: Desk, language: str) -> None:
    words = desk.workplace.words
    path = await desk.ask(Kind.HOST_OFFER, **decided("refuse", by="OFFICE", behalf="MA-POSTE", late=True))
    answer, page = await desk.open(path, lang=language)
    when = words.moment(language, "MA", "Africa/Casablanca", NOW)
    option = words.say(language, "option.host_offer.refuse")
    office = desk.cases.programmes["amedip"].office.name[language]
    assert answer.status_code == 200
    assert words.say(language, "answer.already") in page.words
    assert words.say(language, "answer.already_text", answer=option, by=office, when=when) in page.words
    assert words.say(language, "answer.on_behalf", name="Poste Maroc") in page.words
    assert words.say(language, "answer.late") in page.words
    assert page.all("form") == []


async def test_an_answer_to_an_answered_question_shows_what_stands(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, early = await desk.open(path)
    await desk.send(path, OFFER)
    answer, page = await desk.press(path, early.hidden | REFUSAL, lang="en")
    assert answer.status_code == 409
    assert "This answer stands: Make an offer. Given by: Poste Maroc." in page.words
    assert (await desk.step()).option == "offer"


@every_language
@pytest.mark.parametrize("state", [State.LAPSED, State.WITHDRAWN])
async def test_a_closed_question_says_when_it_closed(desk: Desk, language: str, state: State) -> None:
    words = desk.workplace.words
    path = await desk.ask(Kind.HOST_OFFER, state=state, closed=NOW)
    answer, page = await desk.open(path, lang=language)
    when = words.moment(language, "MA", "Africa/Casablanca", NOW)
    assert answer.status_code == 200
    assert words.say(language, "answer.closed_text", when=when) in page.words
    assert page.all("form") == []
    answer, page = await desk.press(path, OFFER, lang=language)
    assert answer.status_code == 410
    assert words.say(language, "answer.closed_text", when=when) in page.words


async def test_an_answer_after_the_closing_instant_is_refused_before_the_case_has_noticed(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, early = await desk.open(path)
    desk.clock.now = CLOSES + timedelta(minutes=1)
    await desk.open(path)
    answer, page = await desk.press(path, early.hidden | OFFER, lang="en")
    assert answer.status_code == 410
    assert "2027-02-01" in page.words
    assert (await desk.step()).is_open


async def test_an_answer_between_due_date_and_closing_is_recorded_as_late(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    desk.clock.now = CLOSES - timedelta(hours=1)
    _, page = await desk.send(path, OFFER, lang="en")
    assert desk.workplace.words.say("en", "answer.late") in page.words


@every_language
async def test_silence_taken_as_consent_is_told_as_such(desk: Desk, language: str) -> None:
    words = desk.workplace.words
    tacit = Decision(option="no_objection", kind=DecisionKind.TACIT, on_behalf_of="CH-SDC", recorded=NOW)
    path = await desk.ask(Kind.CONSULTATION, state=State.LAPSED, closed=NOW, decision=tacit)
    _, page = await desk.open(path, lang=language)
    when = words.moment(language, "CH", "Europe/Zurich", NOW)
    option = words.say(language, "option.consultation.no_objection")
    assert words.say(language, "answer.tacit_text", answer=option, when=when) in page.words


async def test_a_question_on_hold_can_still_be_answered(desk: Desk) -> None:
    answer, _ = await desk.send(await desk.ask(Kind.HOST_OFFER, state=State.PAUSED), OFFER)
    assert (answer.status_code, (await desk.step()).option) == (200, "offer")


@every_language
async def test_with_the_database_away_nothing_is_recorded_and_nothing_filled_in_is_lost(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    path = await desk.ask(Kind.HOST_OFFER)
    _, early = await desk.open(path)
    fields = early.hidden | OFFER | {"HostOffer.remarks": "\nTwo </textarea> lines\n"}
    desk.cases.database_is_away = True
    answer, page = await desk.press(path, fields, lang=language)
    assert answer.status_code == 503
    assert say(language, "answer.not_recorded") in page.words
    desk.cases.database_is_away = False
    again = page.all("form")[0]["action"]
    assert again.endswith(f"lang={language}")
    assert sorted(a["name"] for a in page.all("textarea")) == sorted({*fields, "do"})
    assert "Two </textarea> lines" in page.text
    assert (await desk.step()).is_open
    answer, page = await desk.press(path, fields, lang=language)
    assert say(language, "answer.recorded") in page.words


async def test_an_answer_that_could_not_be_kept_comes_back_filled_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, early = await desk.open(path)
    monkeypatch.setattr(Counter, "case", Cases.case)
    desk.cases.database_is_away = True
    answer, page = await desk.press(path, early.hidden | OFFER, lang="en")
    assert answer.status_code == 503
    assert desk.workplace.words.say("en", "answer.not_recorded") in page.words
    assert (page.form["HostOffer.start"], page.form["response"]) == ("2027-05-10", early.hidden["response"])


async def test_a_page_that_cannot_be_read_says_so_in_the_readers_language(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    desk.cases.database_is_away = True
    answer, page = await desk.open(path, lang="ar")
    assert answer.status_code == 503
    assert desk.workplace.words.say("ar", "answer.away") in page.words


async def test_the_other_languages_of_an_outcome_keep_the_outcome(desk: Desk) -> None:
    answer, page = await desk.send(await desk.ask(Kind.HOST_OFFER), OFFER)
    [address] = [a["href"] for a in page.all("a") if a.get("hreflang") == "pt"]
    _, page = await desk.open(address)
    assert done(answer) in page.words
    assert desk.workplace.words.say("pt", "answer.recorded") in page.words


MOVED: dict[str, dict[str, Any]] = {
    "delegated": {"delegate": "MA-POSTE/2"},
    "passed": {"asked": "SN-MAESE", "first_asked": "MA-POSTE"},
    "set_aside": {"voided": NOW, "state": State.WITHDRAWN, "closed": NOW},
    "recalled": {"voided": NOW, **decided("offer")},
}
"""What became of a question put to the Moroccan post, and what its page then says."""


@every_language
@pytest.mark.parametrize("moved", MOVED)
async def test_a_link_to_a_question_that_moved_on_says_so(desk: Desk, language: str, moved: str) -> None:
    path = await desk.ask(Kind.HOST_OFFER, party="MA-POSTE", **MOVED[moved])
    _, page = await desk.open(path, lang=language)
    assert desk.workplace.words.say(language, f"answer.{moved}") in page.words
    assert page.all("form", "textarea") == []
