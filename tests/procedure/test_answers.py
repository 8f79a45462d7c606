"""Answers: in any order, at the last instant, too late, twice, by the wrong one, about the wrong paper."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from models import rules
from models.acts import Doing
from models.case import Answer
from models.errors import Invalid, Refused
from models.words import DecisionKind, Ending, Kind, Phase, Standing, State, Verb
from store.inbox import Inbox
from tests.procedure.driven import OFFICE, SUPERVISOR, Driven
from tests.procedure.scenarios import PROGRAMMES


async def test_consultees_answer_in_any_order(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    await case.answer("consultation-2", "object", form={"opinion": "Covered last year."})
    assert (await case.step("consultation-1")).state is State.OPEN
    await case.answer("consultation-1")
    assert (await case.step("decision")).state is State.OPEN


async def test_five_answers_at_the_same_moment_are_all_recorded_once(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    steps = [step for step in (await case.state()).steps if step.is_open]
    assert [step.kind for step in steps] == [Kind.TRAVEL] * 3 + [Kind.AGENDA, Kind.CASCADING_PLAN]
    given = [await case.given(step.id) for step in reversed(steps)]
    outcomes = await asyncio.gather(*(case.cases.answer(each) for each in given))
    await case.settle()
    assert [outcome.state for outcome in outcomes] == ["recorded"] * 5
    for step in steps:
        assert (await case.said(step=step.id))[1:] == [await verb_of(case, step.id)]
    assert (await case.state()).phase is Phase.VISIT


async def verb_of(case: Driven, step: str) -> str:
    """The last thing said of a step."""
    return (await case.said(step=step))[-1]


async def test_an_answer_at_the_very_closing_instant_counts(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    await case.at_the_last_moment("consultation-1")
    outcome = await case.answer("consultation-1", "object")
    assert outcome.recorded is not None
    closes = (await case.schedule("consultation-1")).closes
    assert outcome.recorded.at == closes
    assert (await case.step("consultation-1")).option == "object"


async def test_an_answer_a_second_after_the_closing_instant_is_refused_and_says_when_it_closed(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    closes = (await case.schedule("consultation-1")).closes
    await case.after_closing("consultation-1")
    refusal = await case.refused("consultation-1", "object")
    assert (refusal.code, refusal.facts["at"]) == ("closed", closes.isoformat())
    assert case.now == closes + timedelta(seconds=1)


async def test_an_answer_after_the_closing_instant_is_refused_even_before_the_step_has_lapsed(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    await case.at_the_last_moment("consultation-1")
    case.on.clock.instant += timedelta(seconds=1)
    refusal = await case.refused("consultation-1", "object")
    assert refusal.code == "closed"
    assert refusal.facts["at"] == (await case.schedule("consultation-1")).closes.isoformat()


async def test_an_answer_received_in_time_counts_although_the_case_could_not_be_told(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    await case.at_the_last_moment("consultation-1")
    given = await case.receive("consultation-1", "object")
    await case.after_closing("consultation-1")
    stands = (await case.step("consultation-1")).decision
    assert stands is not None
    assert (stands.option, stands.kind, stands.response) == ("object", DecisionKind.EXPLICIT, given.response)
    assert await case.cases.redeliver() == 0
    assert (await Inbox(case.on.workplace.database).of(given.response)).state == "recorded"
    assert await case.said(step="consultation-1") == [Verb.OPENED, Verb.REMINDED, Verb.REMINDED, Verb.OBJECTED]


async def test_an_answer_received_after_the_closing_instant_is_not_counted_when_it_is_told_later(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    await case.at_the_last_moment("consultation-1")
    case.on.clock.instant += timedelta(seconds=1)
    given = await case.receive("consultation-1", "object")
    await case.after_closing("consultation-1")
    stands = (await case.step("consultation-1")).decision
    assert stands is not None
    assert (stands.option, stands.kind) == ("no_objection", DecisionKind.TACIT)
    assert await case.cases.redeliver() == 0
    assert (await Inbox(case.on.workplace.database).of(given.response)).state == "refused"


async def test_of_two_answers_that_waited_in_the_inbox_the_first_received_stands(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    first = await case.receive("consultation-1", "object")
    case.on.clock.instant += timedelta(seconds=30)
    await case.receive("consultation-1", "no_objection")
    await case.after_closing("consultation-1")
    stands = (await case.step("consultation-1")).decision
    assert stands is not None
    assert stands.response == first.response
    assert await case.cases.redeliver() == 0
    assert await case.said(Verb.OBJECTED, Verb.CONSENTED, step="consultation-1") == [Verb.OBJECTED]


async def test_answers_told_in_another_order_than_received_leave_the_timeline_in_order(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    first = await case.receive("consultation-1")
    case.on.clock.instant += timedelta(seconds=5)
    await case.answer("consultation-2")
    await case.send(first)
    timeline = await case.cases.timeline(case.id)
    assert [said.at for said in timeline] == sorted(said.at for said in timeline)
    stands = (await case.step("consultation-1")).decision
    assert stands is not None
    assert stands.received == case.now - timedelta(seconds=5)


async def test_the_same_answer_again_is_a_repetition_and_changes_nothing(case: Driven) -> None:
    given = await case.given("completeness")
    first = await case.send(given)
    again = await case.send(given)
    assert again.recorded == first.recorded
    assert (await case.said()).count(Verb.FOUND_COMPLETE) == 1
    assert len(await case.letters("recorded", "completeness-1")) == 1


async def test_an_answer_repeated_after_the_next_phase_has_begun_is_still_a_repetition(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    given = await case.given("decision")
    first = await case.send(given)
    await case.reach(Kind.NOMINATION)
    assert (await case.state()).run == 3
    again = await case.send(given)
    assert again.recorded == first.recorded


async def test_an_answer_repeated_after_the_case_has_ended_is_still_a_repetition(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    given = await case.given("decision", "reject")
    first = await case.send(given)
    assert (await case.state()).ended is not None
    again = await case.send(given)
    assert again.recorded == first.recorded


async def test_another_answer_to_an_answered_step_is_refused_and_shown_what_stands(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    await case.answer("consultation-1", "object")
    refusal = await case.refused("consultation-1", "no_objection")
    assert refusal.code == "answered"
    assert (refusal.facts["option"], refusal.facts["by"]) == ("object", "FR-MINT")


async def test_of_two_different_answers_at_the_same_moment_one_stands_and_the_other_is_told_so(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    given = [await case.given("decision", "approve"), await case.given("decision", "reject")]
    outcomes = await asyncio.gather(*(case.cases.answer(each) for each in given), return_exceptions=True)
    await case.settle()
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refusals) == 1
    stands = (await case.step("decision-1")).option
    assert refusals[0].facts.get("option", stands) == stands
    assert len(await case.said(Verb.APPROVED, Verb.REJECTED)) == 1


async def test_one_response_cannot_carry_two_answers(case: Driven) -> None:
    await case.reach(Kind.CONSULTATION)
    given = await case.given("consultation-1", "object")
    await case.receive("consultation-1", "object", response=given.response)
    refusal = await case.refused("consultation-1", "no_objection", response=given.response)
    assert refusal.code == "conflict"


async def test_an_answer_to_a_lapsed_step_is_refused(case: Driven) -> None:
    await case.reach(Kind.HOST_OFFER)
    await case.after_closing("host_offer-1")
    refusal = await case.refused("host_offer-1")
    assert refusal.code == "closed"
    assert refusal.facts["state"] == State.LAPSED
    assert (await case.step("host_offer-2")).state is State.OPEN


async def test_who_was_not_asked_cannot_answer(case: Driven) -> None:
    await case.reach(Kind.HOST_OFFER)
    refusal = await case.refused("host_offer-1", by="TN-OTE")
    assert refusal.code == "not_asked"


async def test_a_participant_cannot_answer_for_another(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    refusal = await case.refused("travel-1", "unavailable", by="N2")
    assert refusal.code == "not_asked"


async def test_the_office_answers_on_behalf_with_proof_and_both_are_told(case: Driven) -> None:
    await case.reach(Kind.HOST_OFFER)
    proof = await case.cases.keep(b"scanned letter", "application/pdf")
    await case.answer("host_offer-1", by=OFFICE, on_behalf_of="MA-POSTE", proof=proof)
    stands = (await case.step("host_offer-1")).decision
    assert stands is not None
    assert (stands.kind, stands.by, stands.on_behalf_of, stands.proof) == (DecisionKind.ON_BEHALF, OFFICE, "MA-POSTE", proof)
    assert await case.letters("recorded", "host_offer-1") == [
        "coordination@amedip.example",
        "services.financiers@poste-ma.example",
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"by": OFFICE, "on_behalf_of": "MA-POSTE"}, "no_proof"),
        ({"by": OFFICE}, "not_asked"),
        ({"by": "TN-OTE", "on_behalf_of": "MA-POSTE", "proof": "00" * 32}, "not_asked"),
        ({"by": OFFICE, "on_behalf_of": "TN-OTE", "proof": "00" * 32}, "not_asked"),
    ],
)
async def test_nobody_answers_on_behalf_without_proof_or_right(case: Driven, said: dict[str, str], code: str) -> None:
    await case.reach(Kind.HOST_OFFER)
    refusal = await case.refused("host_offer-1", **said)
    assert refusal.code == code


async def test_an_agreement_to_another_version_of_the_terms_is_refused_and_shown_the_one_that_stands(case: Driven) -> None:
    terms = (await case.reach(Kind.HOST_AGREEMENT)).paper
    assert terms
    refusal = await case.refused("host_agreement", paper="ab" * 32)
    assert refusal.code == "superseded"
    assert refusal.facts["paper"] == terms
    assert (await case.refused("host_agreement", paper="")).code == "superseded"
    await case.answer("host_agreement", paper=terms)


async def test_a_review_of_the_version_before_is_refused(case: Driven) -> None:
    await case.reach(Kind.REPORT)
    first = (await case.reach(Kind.REPORT_REVIEW)).paper
    await case.answer("report_review-1", "return")
    report = (await case.state()).latest(Kind.REPORT)
    assert report is not None
    assert report.round == 2
    await case.answer(report.id, form={"text": "A new version."})
    review = await case.step("report_review")
    assert review.paper != first
    assert (await case.refused(review.id, paper=first)).code == "superseded"


async def test_after_an_escalation_the_one_above_answers_on_behalf_and_the_one_first_asked_is_told(case: Driven) -> None:
    await case.reach(Kind.ACCEPTANCE)
    assert (await case.refused("acceptance", by="MA-MCMRE")).code == "not_asked"
    await case.after_closing("acceptance")
    assert (await case.step("acceptance")).escalated_to == "MA-MCMRE"
    await case.answer("acceptance", by="MA-MCMRE")
    stands = (await case.step("acceptance")).decision
    assert stands is not None
    assert (stands.kind, stands.by, stands.on_behalf_of) == (DecisionKind.DELEGATED, "MA-MCMRE", "MA-POSTE")
    assert await case.letters("recorded", "acceptance-1") == [
        "point.focal@mcmre-ma.example",
        "services.financiers@poste-ma.example",
    ]


async def test_after_an_escalation_the_one_first_asked_can_still_answer(case: Driven) -> None:
    await case.reach(Kind.ACCEPTANCE)
    await case.after_closing("acceptance")
    await case.answer("acceptance")
    stands = (await case.step("acceptance")).decision
    assert stands is not None
    assert (stands.kind, stands.by, stands.on_behalf_of) == (DecisionKind.EXPLICIT, "MA-POSTE", "")


async def test_an_answer_after_the_due_date_is_marked_late_and_one_on_it_is_not(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    due = (await case.schedule("nomination")).due
    await case.past(due - timedelta(minutes=1))
    case.on.clock.instant = due
    await case.answer("nomination")
    await case.past((await case.schedule("clearance")).due + timedelta(seconds=1))
    await case.answer("clearance")
    late = {step.kind: step.decision.late for step in (await case.state()).steps if step.decision}
    assert (late[Kind.NOMINATION], late[Kind.CLEARANCE]) == (False, True)


async def test_the_office_itself_is_late_too_when_it_was_asked(case: Driven) -> None:
    await case.past((await case.schedule("completeness")).due + timedelta(seconds=1))
    await case.answer("completeness")
    stands = (await case.step("completeness")).decision
    assert stands is not None
    assert stands.late


async def test_the_supervisor_decides_when_the_coordinator_stays_silent(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    await case.after_closing("decision")
    await case.answer("decision", by=SUPERVISOR)
    stands = (await case.step("decision")).decision
    assert stands is not None
    assert (stands.kind, stands.on_behalf_of) == (DecisionKind.DELEGATED, OFFICE)


async def test_a_verdict_on_somebody_who_was_not_named_is_refused(case: Driven) -> None:
    await case.reach(Kind.CLEARANCE)
    assert (await case.refused("clearance", form={"refused": ["N4"]})).code == "unknown"


async def test_an_offer_outside_the_proposed_periods_is_refused(case: Driven) -> None:
    await case.reach(Kind.HOST_OFFER)
    assert (await case.refused("host_offer", form={"start": "2031-06-25"})).code == "outside_periods"


async def test_an_approval_below_the_threshold_is_refused(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    scores = {"relevance": 2, "impact": 3, "feasibility": 3, "cost": 3}
    assert (await case.refused("decision", "approve", form={"scores": scores})).code == "threshold"


async def test_a_decision_cannot_be_put_off_a_third_time(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    await case.answer("decision-1", "defer")
    await case.answer("decision-2", "defer")
    assert (await case.refused("decision-3", "defer")).code == "too_many"


async def test_a_request_cannot_be_returned_a_third_time(case: Driven) -> None:
    for round in (1, 2):
        await case.answer(f"completeness-{round}", "return")
        await case.answer(f"correction-{round}")
    assert (await case.refused("completeness-3", "return")).code == "too_many"


async def test_what_is_no_step_or_no_option_is_refused(case: Driven) -> None:
    given = await case.given("completeness")
    with pytest.raises(Refused, match="no step completeness-9"):
        await case.send(given.model_copy(update={"step": "completeness-9"}))
    with pytest.raises(Invalid, match="not an option"):
        await case.send(given.model_copy(update={"option": "approve"}))


async def test_after_the_case_was_cancelled_nothing_is_taken(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    given = await case.given("travel-2")
    await case.act(Doing.CANCEL)
    with pytest.raises(Refused) as refusal:
        await case.send(given)
    assert refusal.value.code == "closed"
    assert await case.act_refused(Doing.HOLD) == "ended"


async def test_between_the_cancelling_and_the_closing_of_its_steps_nothing_is_taken(case: Driven) -> None:
    state = await case.state()
    state.ending = Ending.CANCELLED
    answer = Answer(response="a-response", step="completeness-1", option="complete", by=OFFICE, received=case.now)
    with pytest.raises(Refused) as refusal:
        rules.may_answer(state, answer, PROGRAMMES[state.programme])
    assert refusal.value.code == "closed"


async def test_an_answer_refused_leaves_the_nominations_as_they_were(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    twice = [{"person": "Participant 1", "email": "participant.1@poste-sn.example", "substitute": True}]
    assert (await case.refused("nomination", form={"nominees": twice})).code == "too_few"
    assert (await case.state()).nominations == []
    await case.answer("nomination")
    assert [n.standing for n in (await case.state()).nominations] == [Standing.PROPOSED] * 3 + [Standing.RESERVE]
