"""What a page says of an open question, in every language, to eyes and to screen readers."""

from __future__ import annotations

import re
from collections import Counter as Tally

import pytest

from models.words import LANGUAGES, OPTIONS, Kind
from tests.web.situations import NOW, TITLE, Desk, Page, a_case, a_paper, decided

every_kind = pytest.mark.parametrize("kind", list(Kind))
every_language = pytest.mark.parametrize("language", LANGUAGES)
RIGHT_TO_LEFT_OVERRIDE = "\u202e"
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    'O\'Neil & "Sons" {{ 7 * 7 }}',
    f"{RIGHT_TO_LEFT_OVERRIDE}elpmaxe \u200f\u200e",
    "🧑🏽‍💼 Participant",
    "x" * 300,
]


async def asked(desk: Desk, kind: Kind) -> str:
    """A question of a kind with the papers it needs."""
    paper = ""
    if kind is Kind.REPORT_REVIEW:
        paper = await desk.keep({"summary": "In short.", "text": "What was seen.\nAnd heard."})
    return await desk.ask(kind, paper=paper, about=("N1",) if kind is Kind.REPORT_REVIEW else ("N1", "N2"))


@every_kind
@every_language
async def test_a_question_is_put_in_the_language_chosen(desk: Desk, kind: Kind, language: str) -> None:
    words = desk.workplace.words
    answer, page = await desk.open(await asked(desk, kind), lang=language)
    [html] = page.all("html")
    assert answer.status_code == 200
    assert html == {"lang": "pt-PT" if language == "pt" else language, "dir": "rtl" if language == "ar" else "ltr"}
    for key in (f"step.{kind}", f"ask.{kind}", "answer.nothing_yet", "answer.review"):
        assert words.say(language, key) in page.words
    for option in OPTIONS[kind] if len(OPTIONS[kind]) > 1 else []:
        assert words.say(language, f"option.{kind}.{option}") in page.words
    assert TITLE in page.words
    assert "AMEDIP-2027-0001" in page.words
    assert "2027-01-25" in page.words
    assert not re.search(r"[{}]", page.words)


@every_kind
async def test_every_control_has_a_label_and_every_reference_leads_somewhere(desk: Desk, kind: Kind) -> None:
    _, page = await desk.open(await asked(desk, kind))
    controls = [a for a in page.all("input", "select", "textarea") if a.get("type") != "hidden"]
    ids = Tally(a["id"] for _, a in page.elements if "id" in a)
    assert controls
    assert [a["id"] for a in controls if a["id"] not in {label["for"] for label in page.all("label")}] == []
    assert [each for each, count in ids.items() if count > 1] == []
    assert len(page.all("h1")) == 1


async def test_a_page_speaks_the_language_of_the_one_asked_and_offers_the_others(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    assert page.all("html") == [{"lang": "fr", "dir": "ltr"}]
    assert [a["hreflang"] for a in page.all("a") if "hreflang" in a] == ["en", "ar", "pt"]


async def test_arabic_months_are_those_of_the_country_asked(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path, lang="ar")
    assert "يناير" in page.words
    path = await desk.ask(Kind.HOST_OFFER, asked="DZ-MAE")
    _, page = await desk.open(path, lang="ar")
    assert "جانفي" in page.words


async def test_the_working_days_left_are_counted_from_now_in_the_calendar_of_the_one_asked(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path, lang="en")
    assert "(9 working days)" in page.words  # 14 January is a holiday in Morocco
    desk.clock.now = NOW.replace(day=22)
    _, page = await desk.open(path, lang="en")
    assert "(1 working day)" in page.words


async def test_what_follows_from_silence_is_said_until_it_has_happened(desk: Desk) -> None:
    sentence = desk.workplace.words.say("fr", "consequence.escalate")
    _, page = await desk.open(await desk.ask(Kind.ACCEPTANCE))
    assert sentence in page.words
    path = await desk.ask(Kind.ACCEPTANCE, escalated_to="MA-MCMRE", party="MA-MCMRE")
    _, page = await desk.open(path)
    assert sentence not in page.words
    assert "Poste Maroc" in page.words


async def test_a_host_reads_expertise_objectives_and_periods_before_it_offers(desk: Desk) -> None:
    _, page = await desk.open(await desk.ask(Kind.HOST_OFFER), lang="en")
    for text in ("Service de transfert d'argent", "Comparer les tarifs", "Une note", "2027-06-11"):
        assert text in page.words


async def test_a_coordinator_reads_the_report_under_review(desk: Desk) -> None:
    _, page = await desk.open(await asked(desk, Kind.REPORT_REVIEW))
    assert "In short." in page.words
    assert "What was seen. And heard." in page.words
    assert "Participant 1" in page.words


async def test_a_returned_request_shows_the_remarks_and_the_texts_to_correct(desk: Desk) -> None:
    path = await desk.ask(Kind.CORRECTION)
    case = await desk.cases.case("AMEDIP-2027-0001")
    form = await desk.keep({"remarks": "The results are vague."})
    returned = a_case(case.asked.request, Kind.COMPLETENESS, **decided("return", by="OFFICE", form=form)).steps
    case.steps = [*returned, *case.steps]
    await desk.publish(case)
    _, page = await desk.open(path)
    assert "The results are vague." in page.words
    assert page.form["Correction.objectives"] == "Comprendre l'organisation\nComparer les tarifs"


async def test_a_follow_up_lists_every_action_of_the_plan(desk: Desk) -> None:
    path = await desk.ask(Kind.FOLLOW_UP)
    case = await desk.cases.case("AMEDIP-2027-0001")
    plan = await desk.keep({"actions": [{"action": f"Action {n}"} for n in range(1, 8)]})
    planned = a_case(case.asked.request, Kind.TRANSFER_PLAN, **decided("submit", by="SN-POSTE", form=plan)).steps
    case.steps = [*planned, *case.steps]
    await desk.publish(case)
    _, page = await desk.open(path)
    assert [page.form[f"FollowUp.actions.{n}.action"] for n in range(7)] == [f"Action {n}" for n in range(1, 8)]


async def test_people_are_nominated_from_institutions_of_the_country_the_one_asked_first(desk: Desk) -> None:
    _, page = await desk.open(await desk.ask(Kind.NOMINATION))
    codes = [a["value"] for a in page.all("option") if "-" in a["value"]]
    assert page.words.index("Société nationale La Poste") < page.words.index("Ministère")
    assert "SN-POSTE" not in codes
    assert {code[:2] for code in codes} == {"SN"}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_arrives_whole_and_harmless(desk: Desk, name: str) -> None:
    _, page = await desk.open(await desk.ask(Kind.CLEARANCE, names=(name, "Participant 2")))
    assert name in page.text
    assert page.all("script", "img") == []
    assert len(page.all("bdi")) >= 5


async def test_a_paper_is_handed_out_to_its_question_only(desk: Desk) -> None:
    paper = await desk.workplace.contents.put(b"%PDF-1.7 terms", "application/pdf")
    other = await desk.workplace.contents.put(b"%PDF-1.7 other", "application/pdf")
    path = await desk.ask(Kind.HOST_AGREEMENT, paper=paper)
    case = await desk.cases.case("AMEDIP-2027-0001")
    case.papers = [a_paper(paper), a_paper(other)]
    await desk.publish(case)
    _, page = await desk.open(path)
    [address] = [a["href"] for a in page.all("a") if "/paper/" in a["href"]]
    answer = await desk.browser.get(address)
    assert answer.content == b"%PDF-1.7 terms"
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].endswith("AMEDIP-2027-0001-terms_of_reference-fr.pdf")
    for sha256 in (other, case.asked.request, "0" * 64, "..%2f..%2fetc"):
        assert (await desk.browser.get(f"{path}/paper/{sha256}")).status_code == 404


async def test_a_link_that_is_not_ours_says_so_in_a_language_the_browser_accepts(desk: Desk) -> None:
    path = await desk.ask(Kind.AGENDA)
    for wrong in ("/r/x", "/r/é", f"{path[:-1]}", f"{path}A", desk.link("agenda-9", "MA-POSTE")):
        answer = await desk.browser.get(wrong, headers={"accept-language": "de, pt-BR;q=0.8, en;q=0.5"})
        assert answer.status_code == 404
        assert desk.workplace.words.say("pt", "answer.unknown") in Page(answer.text).words
