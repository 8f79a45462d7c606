"""A system of an institution reads what is asked, answers by the same rules as the page, and is told the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from models.case import Paper, Step
from models.forms import FORMS
from models.words import OPTIONS, Channel, Kind, State
from tests.api.situations import ASKED, PROBLEM, STEPS, Desk, encoded, fields
from tests.web.situations import ASKED as WHO
from tests.web.situations import CASE, CLOSES, DUE, NOW, a_paper
from tests.web.situations import FORMS as FILLED

INSTITUTIONS = [kind for kind in Kind if WHO.get(kind, "SN-POSTE") not in ("OFFICE", "N1")]
"""What institutions are asked; the office and people have no keys."""

ANSWERS = [(kind, option) for kind in INSTITUTIONS for option in OPTIONS[kind]]


def filled(kind: Kind, option: str) -> dict[str, Any]:
    """A filled form as JSON has it; the page's values are all texts."""
    return FORMS[kind, option].model_validate(FILLED[kind, option]).model_dump(mode="json", exclude_defaults=True)


@pytest.mark.parametrize(("kind", "option"), ANSWERS)
async def test_each_kind_of_step_is_answered_with_each_option(desk: Desk, kind: Kind, option: str) -> None:
    step = await desk.ask(kind)
    system = await desk.system(step.asked)
    shown = (await system.get(f"{ASKED}{step.id}")).json()
    form = filled(kind, option)
    assert option in shown["options"]
    Draft202012Validator.check_schema(shown["forms"][option])
    Draft202012Validator(shown["forms"][option]).validate(form)
    response = await system.answer(step, option, form)
    assert (response.status_code, response.json()["state"]) == (201, "recorded")
    assert response.headers["location"] == shown["href"] == f"{ASKED}{step.id}"
    decision = (await desk.step()).decision
    assert decision is not None
    assert (decision.option, decision.by, decision.channel) == (option, step.asked, Channel.API)
    assert decision.response == response.json()["reference"]


async def test_the_open_steps_of_an_institution_say_what_is_asked_by_when(desk: Desk) -> None:
    paper = await desk.workplace.contents.put(b"%PDF-1.7 terms", "application/pdf")
    await desk.ask(Kind.HOST_AGREEMENT, paper=paper, epoch=2)
    (asked,) = (await (await desk.system("MA-POSTE")).get(STEPS)).json()["steps"]
    assert asked | {"ask": ""} == {
        "case": CASE,
        "step": "host_agreement-1",
        "kind": "host_agreement",
        "round": 1,
        "title": "Visite d'étude : transferts d'argent",
        "ask": "",
        "asked": "MA-POSTE",
        "answering": "MA-POSTE",
        "options": ["agree", "refuse"],
        "state": "open",
        "opened": "2027-01-11T10:00:00Z",
        "due": "2027-01-25T17:00:00Z",
        "closes": "2027-02-01T17:00:00Z",
        "working_days": 9,
        "paper": paper,
        "epoch": 2,
        "href": f"{ASKED}host_agreement-1",
    }


async def test_what_is_asked_is_said_in_the_language_that_is_accepted(desk: Desk) -> None:
    await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    said = {language: (await system.get(STEPS, **{"Accept-Language": language})).json() for language in ("en", "fr", "ar", "pt")}
    asks = {language: steps["steps"][0]["ask"] for language, steps in said.items()}
    assert asks == {language: desk.workplace.words.say(language, "ask.host_offer") for language in asks}


async def test_a_step_that_closed_or_was_answered_is_asked_no_more(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    assert len((await system.get(STEPS)).json()["steps"]) == 1
    await system.answer(step, "decline", {"remarks": "Nobody is free."})
    assert (await system.get(STEPS)).json() == {"steps": [], "next": ""}
    shown = (await system.get(f"{ASKED}{step.id}")).json()
    assert (shown["state"], shown["stands"]["option"], shown["working_days"]) == ("answered", "decline", None)
    await desk.ask(Kind.HOST_OFFER)
    desk.clock.now = CLOSES + timedelta(seconds=1)
    assert (await (await desk.system("MA-POSTE")).get(STEPS)).json()["steps"] == []


async def test_of_a_case_only_the_open_steps_are_listed(desk: Desk) -> None:
    await desk.ask(Kind.NOMINATION)
    case = await desk.case()
    earlier = case.steps[0].model_copy(update={"id": "correction-1", "kind": Kind.CORRECTION, "state": State.ANSWERED})
    case.steps = [earlier, *case.steps]
    await desk.publish(case)
    system = await desk.system("SN-POSTE")
    assert [step["step"] for step in (await system.get(STEPS)).json()["steps"]] == ["nomination-1"]
    assert (await system.get(f"{ASKED}correction-1")).status_code == 200


async def test_who_holds_a_mandate_finds_what_is_asked_of_the_other(desk: Desk) -> None:
    await desk.workplace.offices.delegate("SN-POSTE", "SN-MAESE", NOW.date(), CLOSES.date())
    await desk.ask(Kind.NOMINATION, delegate="SN-MAESE")
    (asked,) = (await (await desk.system("SN-MAESE")).get(STEPS)).json()["steps"]
    assert (asked["asked"], asked["answering"]) == ("SN-POSTE", "SN-MAESE")
    await desk.ask(Kind.NOMINATION)
    assert (await (await desk.system("SN-MAESE")).get(STEPS)).json()["steps"] == []


async def test_a_long_list_is_read_on_where_it_ended(desk: Desk) -> None:
    await desk.ask(Kind.NOMINATION)
    case = await desk.case()
    for number in (2, 3):
        await desk.publish(case.model_copy(update={"id": f"AMEDIP-2027-000{number}"}))
    system = await desk.system("SN-POSTE")
    first = (await system.get(f"{STEPS}?limit=2")).json()
    rest = (await system.get(f"{STEPS}?limit=2&after={first['next']}")).json()
    assert [step["case"][-1] for step in first["steps"] + rest["steps"]] == ["1", "2", "3"]
    assert rest["next"] == ""


async def test_people_and_their_nominations_are_named_to_the_one_who_clears_them(desk: Desk) -> None:
    step = await desk.ask(Kind.CLEARANCE)
    shown = (await (await desk.system("SN-MAESE")).get(f"{ASKED}{step.id}")).json()
    assert [(person["nomination"], person["name"]) for person in shown["people"]] == [
        ("N1", "Participant 1"),
        ("N2", "Participant 2"),
    ]
    assert shown["request"] is None
    offer = await desk.ask(Kind.HOST_OFFER)
    shown = (await (await desk.system("MA-POSTE")).get(f"{ASKED}{offer.id}")).json()
    assert shown["request"]["objectives"] == ["Comprendre l'organisation", "Comparer les tarifs"]


async def test_the_same_answer_under_the_same_key_is_told_the_same(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    form = filled(Kind.NOMINATION, "nominate")
    first = await system.answer(step, "nominate", form, key="registry-17")
    again = await system.answer(step, "nominate", form, key="registry-17")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    renewed = await desk.system("SN-POSTE")
    assert (await renewed.answer(step, "nominate", form, key="registry-17")).json() == first.json()


async def test_another_answer_under_the_same_key_is_a_conflict(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    await system.answer(step, "decline", {"remarks": "Nobody is free."}, key="registry-17")
    other = await system.answer(step, "nominate", filled(Kind.NOMINATION, "nominate"), key="registry-17")
    assert (other.status_code, other.json()["code"], other.json()["facts"]["option"]) == (409, "conflict", "decline")
    stands = (await desk.step()).decision
    assert stands is not None
    assert stands.option == "decline"


async def test_the_key_of_one_institution_is_not_that_of_another(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    taken = await (await desk.system("MA-POSTE")).answer(step, "refuse", key="1")
    clearance = await desk.ask(Kind.CLEARANCE)
    other = await (await desk.system("SN-MAESE")).answer(clearance, "refuse", key="1")
    assert (taken.status_code, other.status_code) == (201, 201)


async def test_of_two_answers_the_first_stands_and_the_other_is_shown_it(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    await system.answer(step, "refuse", {"remarks": "No capacity."})
    other = await system.answer(step, "offer", {"start": "2027-05-10"})
    assert (other.status_code, other.headers["content-type"]) == (409, PROBLEM)
    assert other.json()["type"] == "urn:passerelle:problem:answered"
    assert other.json()["facts"] == {"option": "refuse", "by": "MA-POSTE", "at": "2027-01-11T10:00:00+00:00"}


async def test_while_the_case_cannot_be_told_an_answer_is_received_and_recorded_later(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    desk.hall.temporal_is_away = True
    received = await system.answer(step, "refuse", key="a")
    assert (received.status_code, received.json()["state"], received.json()["at"]) == (202, "received", None)
    (row,) = await desk.waiting()
    assert (row.answer.response, row.answer.received) == (received.json()["reference"], NOW)
    desk.hall.temporal_is_away = False
    again = await system.answer(step, "refuse", key="a")
    assert (again.status_code, again.json()["state"]) == (200, "recorded")


async def test_while_the_database_is_away_nothing_is_said_to_be_taken(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    desk.hall.database_is_away = True
    away = await system.answer(step, "refuse")
    assert (away.status_code, away.headers["content-type"], away.headers["retry-after"]) == (503, PROBLEM, "30")


async def test_an_answer_about_an_older_paper_is_refused_with_the_one_that_stands(desk: Desk) -> None:
    sha256 = await desk.workplace.contents.put(b"%PDF-1.7 terms of reference", "application/pdf")
    step = await desk.ask(Kind.HOST_AGREEMENT, paper=sha256)
    system = await desk.system("MA-POSTE")
    older = await system.answer(step, "agree", paper="a" * 64)
    assert (older.status_code, older.json()["code"], older.json()["facts"]) == (409, "superseded", {"paper": sha256})
    assert (await system.answer(step, "agree", paper=sha256)).status_code == 201


async def test_a_paper_is_read_by_whom_it_concerns(desk: Desk) -> None:
    sha256 = await desk.workplace.contents.put(b"%PDF-1.7 terms of reference", "application/pdf")
    letter = await desk.workplace.contents.put(b"%PDF-1.7 invitation", "application/pdf")
    await desk.ask(Kind.HOST_AGREEMENT, paper=sha256)
    case = await desk.case()
    case.papers = [a_paper(sha256), Paper(kind="invitation_letter", language="fr", sha256=letter, at=NOW, to="SN-POSTE")]
    await desk.publish(case)
    host, sending = await desk.system("MA-POSTE"), await desk.system("SN-POSTE")
    papers = f"/api/v1/cases/{CASE}/papers/"
    (shown,) = (await host.get(f"{ASKED}host_agreement-1")).json()["papers"]
    assert shown["href"] == papers + sha256
    read = await host.get(papers + sha256)
    assert (read.content, read.headers["content-type"]) == (b"%PDF-1.7 terms of reference", "application/pdf")
    assert "attachment" in read.headers["content-disposition"]
    assert [(await system.get(papers + letter)).status_code for system in (host, sending)] == [404, 200]
    assert [(await sending.get(papers + name)).status_code for name in (sha256, "b" * 64, "..%2f..", "%00")] == [404] * 4


async def test_after_the_closing_instant_nothing_is_taken(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    desk.clock.now = DUE + timedelta(minutes=1)
    assert (await system.answer(step, "offer", {"start": "2027-05-10"})).json()["late"] is True
    step = await desk.ask(Kind.NOMINATION)
    desk.clock.now = CLOSES + timedelta(seconds=1)
    late = await (await desk.system("SN-POSTE")).answer(step, "decline")
    assert (late.status_code, late.json()["code"], late.json()["facts"]["state"]) == (410, "closed", State.LAPSED)


@pytest.mark.parametrize(("language", "said"), [("en", "This field is needed"), ("fr-SN, en", "Ce champ est nécessaire")])
async def test_faults_are_named_by_field_in_the_language_that_is_accepted(desk: Desk, language: str, said: str) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    form = {"nominees": [{"person": "", "email": "no mailbox", "shoe_size": 43}]}
    response = await system.say(f"{step.id}/answers", {"option": "nominate", "form": form}, **{"Accept-Language": language})
    assert (response.status_code, response.headers["content-language"]) == (422, language[:2])
    person, email, unknown = response.json()["faults"]
    assert (person["field"], person["code"], person["text"]) == ("form.nominees.0.person", "required", said)
    assert (email["field"], unknown["field"], unknown["code"]) == ("form.nominees.0.email", "form.nominees.0.shoe_size", "unknown")
    assert await desk.waiting() == []


async def test_a_form_with_faults_does_not_use_up_its_key(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    faulty = await system.answer(step, "offer", {}, key="once")
    assert fields(faulty) == {"form.start": "required"}
    assert (await system.answer(step, "offer", {"start": "2027-05-10"}, key="once")).status_code == 201


async def test_a_rule_of_the_case_names_the_field_it_is_about(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    refused = await (await desk.system("MA-POSTE")).answer(step, "offer", {"start": "2028-05-10"})
    assert (refused.status_code, fields(refused)) == (422, {"form.start": "outside_periods"})


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"option": "give"}, "option"),
        ({"form": {}}, "option"),
        ({"option": "offer", "form": []}, "form"),
        ({"option": "offer", "paper": "x"}, "paper"),
        ({"option": "offer", "on_behalf_of": "FR-MINT"}, "on_behalf_of"),
        ({"option": ["offer"]}, "option"),
    ],
)
async def test_what_is_no_answer_is_refused_by_field(desk: Desk, said: Any, field: str) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    response = await (await desk.system("MA-POSTE")).say(f"{step.id}/answers", said)
    assert (response.status_code, list(fields(response))) == (422, [field])


@pytest.mark.parametrize("key", ["", "a b", "é", "k" * 201])
async def test_an_answer_needs_a_key_that_makes_it_the_same_when_sent_again(desk: Desk, key: str) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    headers = encoded(system.bearer | ({"Idempotency-Key": key} if key else {}))
    response = await desk.line.post(f"{ASKED}{step.id}/answers", json={"option": "refuse"}, headers=headers)
    assert (response.status_code, list(fields(response))) == (400, ["Idempotency-Key"])
    assert await desk.waiting() == []


async def test_whom_a_question_was_passed_on_to_answers_and_the_one_asked_is_told_so(desk: Desk) -> None:
    step: Step = await desk.ask(Kind.NOMINATION, delegate="SN-MAESE")
    refused = await (await desk.system("SN-POSTE")).answer(step, "decline")
    assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (409, "delegated", {"by": "SN-MAESE"})
    assert (await (await desk.system("SN-MAESE")).answer(step, "decline")).status_code == 201
    decision = (await desk.step()).decision
    assert decision is not None
    assert (decision.by, decision.on_behalf_of) == ("SN-MAESE", "SN-POSTE")


async def test_a_step_that_moved_up_is_asked_of_whom_it_moved_to(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION, escalated_to="SN-MAESE")
    for institution in ("SN-POSTE", "SN-MAESE"):
        (asked,) = (await (await desk.system(institution)).get(STEPS)).json()["steps"]
        assert asked["step"] == step.id


async def test_a_form_names_no_file_by_api(desk: Desk) -> None:
    nomination = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    paper = await desk.workplace.contents.put(b"%PDF-1.7 of another case", "application/pdf")
    shown = (await system.get(f"{ASKED}{nomination.id}")).json()
    assert "'cv':" in str(shown["forms"])
    assert "'cv_file':" not in str(shown["forms"])
    person = {"person": "Participant 4", "email": "p.4@poste-sn.example", "cv_file": paper}
    refused = await system.answer(nomination, "nominate", {"nominees": [person]})
    assert (refused.status_code, fields(refused)) == (422, {"form.nominees.0.cv_file": "unknown"})
    report = await desk.ask(Kind.REPORT, asked="SN-POSTE")
    refused = await system.answer(report, "submit", {"summary": "In short.", "file": paper})
    assert (refused.status_code, fields(refused)) == (422, {"form.file": "unknown"})
    assert await desk.waiting() == []
