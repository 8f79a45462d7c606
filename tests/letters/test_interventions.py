"""What the letters about an intervention say, each to whoever it concerns, in their language."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from activities.told import money
from models.rules import BUDGET, POSTPONE
from models.words import LANGUAGES, DecisionKind, Format, Kind, Standing, State, Verb
from tests.letters.situations import HELD_ON, Desk, body
from tests.mail.conftest import Filing
from tests.mail.situations import OPENED, amedip

OFFICE = amedip().office
every_language = pytest.mark.parametrize("language", LANGUAGES)
LABEL_WITHOUT_FACT = re.compile(r"- [^:]*:\s*")


async def every_letter(desk: Desk) -> dict[str, dict[str, Any]]:
    """How the procedure orders each letter about an intervention."""
    reason = await desk.keep("The ministry is being reorganised.")
    desk.hold(reason)
    desk.offer(99000)
    desk.decide_on(BUDGET)
    postponed = desk.decide_on(POSTPONE)
    postponed.id = "decision-3"
    new, old = desk.case.nominations[-1], desk.case.nominations[0]
    new.replaces = old.id
    nomination = {"step": "nomination-1"}
    return {
        "reassigned": nomination | {"reason": reason},
        "called_off": nomination | {"reason": "recall"},
        "recalled": {"step": "host_offer-1", "reason": reason},
        "delegated": nomination | {"about": desk.case.partner},
        "delegation_ended": nomination,
        "time_asked": nomination | {"count": 3, "reason": reason},
        "held": {"reason": reason},
        "resumed": {},
        "hold_review": {},
        "rescheduled": {"reason": reason},
        "converted": {"reason": reason},
        "host_withdrew": {"about": desk.case.partner, "reason": reason},
        "replaced": {"about": new.id, "reason": reason},
        "handed_over": {"reason": reason},
        "dormant": nomination | {"count": 3},
        "gender_balance": {},
        "ask_budget": {"step": "decision-2"},
        "ask_postpone": {"step": "decision-3"},
        "widened": {},
        "declined": nomination | {"reason": reason, "consequence": "forfeit"},
        "agenda": {"papers": (desk.file.paper,)},
        "nominees_outcome": {"step": "clearance-1"},
        "certificate_held": {"to": "N1", "reason": "no_report"},
        "override": {"step": "completeness-1", "reason": reason},
        "not_selected": {"step": "host_offer-1", "reason": "over_budget"},
        "reserved": {"to": "N1", "reason": reason},
    }


@every_language
async def test_every_letter_about_an_intervention_is_whole_in_its_language(filing: Filing, language: str) -> None:
    desk = Desk(await filing(language))
    for letter, said in (await every_letter(desk)).items():
        text = await desk.text(letter, **said)
        assert "None" not in text, letter
        assert "{{" not in text, letter
        assert "\n\n\n" not in text, letter
        assert [line for line in text.splitlines() if LABEL_WITHOUT_FACT.fullmatch(line)] == [], letter


@every_language
async def test_whoever_answers_on_behalf_of_another_is_told_so_first_in_text_and_page(filing: Filing, language: str) -> None:
    desk = Desk(await filing(language))
    step, delegate = desk.step(Kind.NOMINATION), desk.case.partner
    step.delegate = delegate
    name = (await desk.file.workplace.parties.institution(step.asked)).name
    sentence = desk.file.workplace.words.say(language, "answer.you_on_behalf", name=name)
    for letter in ("ask_nomination", "reminder", "overdue", "extended"):
        there = await desk.file.workplace.parties.institution(delegate)
        message = await desk.mail(letter, delegate, step=step.id)
        told = desk.file.workplace.words.say(there.language, "answer.you_on_behalf", name=name)
        assert body(message).split("\n\n")[1] == told, letter
        assert f">{told}</p>" in body(message, "html").replace("&#39;", "'"), letter
        assert sentence not in await desk.text(letter, step.asked, step=step.id), letter


async def test_whoever_is_asked_above_another_does_not_answer_on_their_behalf(filing: Filing) -> None:
    desk = Desk(await filing("fr"))
    step = desk.step(Kind.COMPLETENESS)
    step.asked, step.escalated_to, step.state, step.decision = OFFICE.code, f"{OFFICE.code}/supervisor", State.OPEN, None
    assert "on behalf of" not in await desk.text("reminder", f"{OFFICE.code}/supervisor", step=step.id)


async def test_a_letter_gives_the_coordinator_s_own_words_as_its_reason(filing: Filing) -> None:
    desk = Desk(await filing("fr"))
    desk.case.reason = "no_offer"
    text = await desk.text("reassigned", step="nomination-1", reason=await desk.keep("La direction change."))
    assert "La direction change." in text
    assert "appel" not in text
    assert "institution a été déliée" in await desk.text("called_off", step="nomination-1", reason="released")


async def test_a_case_on_hold_says_since_when_and_why(filing: Filing) -> None:
    desk = Desk(await filing("fr"))
    desk.hold(await desk.keep("Les frontières sont fermées."))
    for letter in ("held", "hold_review"):
        text = await desk.text(letter)
        assert "mardi 10 novembre 2026" in text
        assert "Les frontières sont fermées." in text


async def test_a_hold_that_ended_while_its_letter_was_written_is_told_all_the_same(filing: Filing) -> None:
    desk = Desk(await filing("fr"))
    desk.happened(Verb.HELD, OPENED - timedelta(days=30))
    desk.happened(Verb.HELD, HELD_ON)
    assert "mardi 10 novembre 2026" in await desk.text("held", reason="rescheduled")


async def test_nominations_are_kept_when_a_host_withdraws_and_fall_with_a_provider_of_experts(filing: Filing) -> None:
    desk = Desk(await filing("fr"))
    desk.case.released = [desk.case.partner]
    former = (await desk.file.workplace.parties.institution(desk.case.partner)).name
    kept = await desk.text("host_withdrew", reason="host_withdrew")
    desk.case.asked = desk.case.asked.model_copy(update={"format": Format.EXPERT_ASSIGNMENT})
    fallen = await desk.text("host_withdrew", reason="host_withdrew")
    assert former in kept
    assert former in fallen
    assert "Les désignations sont maintenues" in kept
    assert "Les experts de cette institution ne prennent plus part" in fallen


async def test_a_replacement_names_the_new_nominee_and_the_old(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    old, new = desk.case.nominations[0], desk.case.nominations[-1]
    new.replaces = old.id
    names = [(await desk.file.workplace.parties.party(amedip(), desk.case, n.id)).name for n in (new, old)]
    assert f"{names[0]} is nominated in place of {names[1]}." in await desk.text("replaced", about=new.id)


async def test_who_takes_a_case_over_reads_what_is_open_with_whom_and_until_when(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    lines = [line for line in (await desk.text("handed_over")).splitlines() if " – " in line and line.startswith("- ")]
    asked = (await desk.file.workplace.parties.institution(desk.requesting)).name
    assert [line.split(" – ")[:2] for line in lines] == [["- Nomination", asked], ["- Agenda", asked]]
    due = desk.step(Kind.AGENDA).schedule
    assert due is not None
    assert due.due.date().isoformat() in lines[1]


async def test_a_case_with_nothing_open_says_so_to_its_new_coordinator(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    for step in desk.case.steps:
        step.state = State.ANSWERED
    assert "No question is open." in await desk.text("handed_over")


async def test_a_donor_reads_cost_and_ceiling_of_the_offer_in_question(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    desk.offer(12500)
    step = desk.decide_on(BUDGET, desk.step(Kind.HOST_OFFER).asked)
    text = await desk.text("ask_budget", step=step.id)
    assert "- Cost: 12,500 " in text
    assert re.search(rf"- Ceiling: {desk.case.asked.ceiling:,} \w+", text)
    assert "working day" in text


async def test_a_reminder_of_another_decision_says_what_is_to_be_decided(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    for about, named in ((BUDGET, "Cost above the ceiling"), (POSTPONE, "Postponement of the visit")):
        step = desk.decide_on(about)
        message = await desk.mail("reminder", step=step.id)
        assert message["Subject"] == f"[{desk.case.id}] Reminder: {named}"
        desk.case.steps.remove(step)


@pytest.mark.parametrize(
    ("language", "country", "written"),
    [
        ("en", "GH", "12,000 euros"),
        ("fr", "SN", "12\u202f000 euros"),
        ("pt", "CV", "12\u00a0000 euros"),
        ("ar", "EG", "١٢٬٠٠٠ يورو"),
        ("ar", "MA", "12.000 يورو"),
    ],
)
def test_an_amount_is_written_as_the_reader_s_country_does(language: str, country: str, written: str) -> None:
    assert money(language, country, 12000, "EUR") == written


async def test_nobody_can_travel_lists_where_each_nominee_stands_but_those_replaced(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    first, *others = desk.case.nominations
    first.standing = Standing.REPLACED
    for nomination in others:
        nomination.standing = Standing.VISA_REFUSED
    step = desk.decide_on(POSTPONE)
    text = await desk.text("ask_postpone", step=step.id)
    assert text.count(" – Visa refused") == len(others)
    assert "Replaced" not in text


async def test_an_outcome_names_the_nominees_of_the_step_only(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    step = desk.step(Kind.CLEARANCE)
    step.about = ("N2",)
    desk.case.nomination("N2").standing = Standing.REFUSED
    text = await desk.text("nominees_outcome", step=step.id)
    assert [line.split(" – ")[1] for line in text.splitlines() if line.startswith("- ") and " – " in line] == ["Refused"]


async def test_a_widened_call_names_the_institutions_asked_now(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    assert "No institution is being asked" in await desk.text("widened")
    offer = desk.step(Kind.HOST_OFFER)
    offer.state, offer.asked = State.OPENING, desk.case.partner
    partner = (await desk.file.workplace.parties.institution(desk.case.partner)).name
    assert f"Institutions asked now:\n\n- {partner}\n" in await desk.text("widened")


async def test_a_delegation_taken_back_at_once_still_names_the_delegate(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    desk.happened(Verb.DELEGATED, HELD_ON, step="nomination-1", about=desk.case.partner)
    partner = (await desk.file.workplace.parties.institution(desk.case.partner)).name
    assert f"{partner} now answers" in await desk.text("delegated", step="nomination-1")


async def test_a_recalled_answer_is_named(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    assert "It was: Make an offer." in await desk.text("recalled", step="host_offer-1", reason="recall")


async def test_more_time_is_asked_for_in_working_days_of_the_language(filing: Filing) -> None:
    desk = Desk(await filing("ar"))
    assert "مدتها 3 أيام عمل" in await desk.text("time_asked", step="nomination-1", count=3)


async def test_a_declined_question_says_what_follows(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    said = {"step": "nomination-1", "reason": "declined"}
    assert "the places are lost" in await desk.text("declined", consequence="forfeit", **said)
    assert "Without an answer" not in await desk.text("declined", **said)


async def test_an_institution_counts_its_silences(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    assert "- Questions in a row without an answer: 4" in await desk.text("dormant", about=desk.case.partner, count=4)


async def test_a_certificate_that_is_held_names_what_is_missing(filing: Filing) -> None:
    desk = Desk(await filing("en"))
    assert "What is missing: your mission report." in await desk.text("certificate_held", "N1", reason="no_report")
    assert "What is missing: your evaluation" in await desk.text("certificate_held", "N1", reason="no_evaluation")


async def test_the_office_is_named_in_the_language_of_whoever_reads_of_it(filing: Filing) -> None:
    desk = Desk(await filing("fr"))
    step = desk.step(Kind.COMPLETENESS)
    assert step.decision is not None
    step.decision = step.decision.model_copy(update={"by": OFFICE.code, "on_behalf_of": desk.requesting})
    assert step.decision.kind is DecisionKind.EXPLICIT
    text = await desk.text("recorded", step=step.id)
    assert text.count(OFFICE.name["fr"]) == 2, "once as the one who answered, once as the one who writes"
    assert OFFICE.name["en"] not in text
