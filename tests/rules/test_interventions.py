"""What each intervention needs, what it is refused for, and what it changes: one case at a time, without a clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from models import consequences
from models.acts import Act, Doing, Waivable, cut_off_day, may_act, resting_on
from models.case import Answer, Candidate, Case, Decision, Facts, Nomination, Nominee, Paper, Step, Wants
from models.consequences import Happened
from models.errors import Refused
from models.rules import may_answer, note
from models.words import DecisionKind, Format, Kind, Phase, Standing, State, Verb
from tests.rules.situations import MONDAY, a_case, a_step, amedip, an_answer

REASON, PROOF = "c" * 64, "d" * 64
VISIT = date(2027, 5, 10)


def an_act(do: Doing, **said: Any) -> Act:
    """An act of the office, with a reason, by a named coordinator."""
    given = {"act": "A1", "do": do, "by": "OFFICE", "received": MONDAY, "reason": REASON, "coordinator": "west-africa"}
    return Act(**given | said)


def refusal(case: Case, do: Doing, **said: Any) -> str:
    """The code with which an act is refused; refusing changes nothing."""
    before = case.model_dump_json()
    with pytest.raises(Refused) as told:
        may_act(case, an_act(do, **said), amedip())
    assert case.model_dump_json() == before
    return told.value.code


def done(case: Case, do: Doing, at: datetime = MONDAY, **said: Any) -> list[Happened]:
    """What an act that may be done did."""
    act = an_act(do, received=at, **said)
    may_act(case, act, amedip())
    return consequences.carry_out(case, act, at, amedip())


def answered(kind: Kind, option: str, asked: str = "SN-POSTE", *, number: int = 1, about: tuple[str, ...] = ()) -> Step:
    """A step that was answered."""
    step = a_step(kind, asked, about=about)
    step.id = f"{kind}-{number}"
    step.state, step.closed = State.ANSWERED, MONDAY
    step.decision = Decision(option=option, by=asked, recorded=MONDAY, form="f" * 64)
    return step


def nominated(case: Case, *standings: Standing) -> Case:
    """The case with a nomination in each standing."""
    for rank, standing in enumerate(standings, start=1):
        case.nominations.append(
            Nomination(
                id=f"N{rank}",
                person=f"p-{rank}",
                institution="SN-POSTE",
                country="SN",
                rank=rank,
                standing=standing,
                substitute=rank > 3,
            )
        )
    return case


def hosted(*steps: Step, standings: tuple[Standing, ...] = ()) -> Case:
    """A study visit that the Moroccan post hosts from 10 May 2027, with papers that name these dates."""
    offer = answered(Kind.HOST_OFFER, "offer", "MA-POSTE")
    offer.decision = Decision(option="offer", by="MA-POSTE", recorded=MONDAY, facts=Facts(start=VISIT))
    agreement = answered(Kind.HOST_AGREEMENT, "agree", "MA-POSTE", about=("MA-POSTE",))
    case = nominated(a_case(offer, agreement, *steps), *standings)
    case.partner, case.visit_start, case.visit_end, case.phase = "MA-POSTE", VISIT, VISIT + timedelta(days=3), Phase.TRAVELLING
    case.candidates = [Candidate(institution="MA-POSTE", score=100), Candidate(institution="TN-POSTE", score=60)]
    case.procedure = 2
    kinds = ("acknowledgement", "terms_of_reference", "hosting_agreement")
    case.papers = [Paper(kind=kind, language="fr", sha256=f"{n}" * 64, at=MONDAY) for n, kind in enumerate(kinds)]
    return case


def verbs(happened: list[Happened]) -> list[tuple[Verb, str]]:
    """What happened, with the step or whom it is about."""
    return [(verb, step.id if step else about) for verb, step, about in happened]


# Who may act


@pytest.mark.parametrize(
    "do", [Doing.REASSIGN, Doing.RESCHEDULE, Doing.REPLACE, Doing.WIDEN, Doing.CONVERT, Doing.OVERRIDE, Doing.HAND_OVER]
)
def test_only_the_office_does_what_is_the_coordinators(do: Doing) -> None:
    assert refusal(a_case(a_step(Kind.NOMINATION)), do, by="SN-POSTE", step="nomination-1") == "not_office"


@pytest.mark.parametrize("do", [Doing.MORE_TIME, Doing.DELEGATE, Doing.DECLINE])
def test_nobody_but_the_asked_or_the_office_acts_on_their_step(do: Doing) -> None:
    case = a_case(a_step(Kind.AGENDA, "MA-POSTE"))
    said = {"step": "agenda-1", "working_days": 2, "to": "MA-POSTE/2"}
    assert refusal(case, do, by="TN-POSTE", **said) == "not_asked"
    for by in ("MA-POSTE", "OFFICE"):
        may_act(case, an_act(do, by=by, **said), amedip())


# Reassign


def test_a_step_passes_to_another_institution_of_the_country_with_a_new_schedule() -> None:
    step = a_step(Kind.CLEARANCE, "SN-MAESE", about=("N1",))
    step.delegate, step.asked_days = "SN-MAESE/2", 3
    case = a_case(step)
    assert verbs(done(case, Doing.REASSIGN, step="clearance-1", to="SN-MINT")) == [(Verb.REASSIGNED, "clearance-1")]
    assert (step.asked, step.first_asked, step.country, step.wants) == ("SN-MINT", "SN-MAESE", "SN", Wants.REASSIGNED)
    assert (step.delegate, step.asked_days, step.why) == ("", 0, REASON)


@pytest.mark.parametrize(
    ("kind", "asked", "to", "code"),
    [
        (Kind.TRAVEL, "N1", "SN-MINT", "bound_to_person"),
        (Kind.DECISION, "OFFICE", "SN-MINT", "bound_to_office"),
        (Kind.HOST_OFFER, "MA-POSTE", "MA-MRE", "bound_to_host"),
        (Kind.CLEARANCE, "SN-MAESE", "MA-MRE", "other_country"),
        (Kind.CLEARANCE, "SN-MAESE", "SN-MAESE", "already_asked"),
        (Kind.CLEARANCE, "SN-MAESE", "", "already_asked"),
    ],
)
def test_a_step_is_not_reassigned_where_the_question_is_somebodys_own(kind: Kind, asked: str, to: str, code: str) -> None:
    assert refusal(a_case(a_step(kind, asked)), Doing.REASSIGN, step=f"{kind}-1", to=to) == code


def test_a_consultation_may_go_abroad_and_any_question_to_the_office() -> None:
    case = a_case(a_step(Kind.CONSULTATION, "FR-MINT"), a_step(Kind.AGENDA, "MA-POSTE"))
    done(case, Doing.REASSIGN, step="consultation-1", to="CH-SDC")
    done(case, Doing.REASSIGN, step="agenda-1", to="OFFICE")
    assert [(step.asked, step.country) for step in case.steps] == [("CH-SDC", "CH"), ("OFFICE", "FR")]


# Recall


def test_a_recalled_nomination_takes_its_people_and_the_open_clearance_along() -> None:
    nomination, clearance = answered(Kind.NOMINATION, "nominate"), a_step(Kind.CLEARANCE, "SN-MAESE", about=("N1",))
    assert nomination.decision is not None
    named = Facts(nominees=(Nominee(person="p-1", institution="SN-POSTE", country="SN"),))
    nomination.decision = nomination.decision.model_copy(update={"facts": named})
    case = hosted(nomination, clearance, standings=(Standing.PROPOSED,))
    happened = done(case, Doing.RECALL, step="nomination-1")
    assert verbs(happened) == [(Verb.RECALLED, "nomination-1"), (Verb.SET_ASIDE, "clearance-1")]
    assert (nomination.state, nomination.in_force, clearance.state) == (State.ANSWERED, False, State.WITHDRAWN)
    assert [n.standing for n in case.nominations] == [Standing.WITHDRAWN]


def test_a_decision_on_which_a_decided_step_rests_is_not_recalled() -> None:
    case = hosted(answered(Kind.NOMINATION, "nominate"), answered(Kind.CLEARANCE, "clear", "SN-MAESE", about=("N1",)))
    assert refusal(case, Doing.RECALL, step="nomination-1") == "depended_on"
    assert refusal(case, Doing.RECALL, step="host_agreement-1") == "depended_on"
    assert refusal(case, Doing.RECALL, step="host_offer-1") == "depended_on"


def test_what_was_said_of_other_people_does_not_rest_on_a_clearance() -> None:
    first = answered(Kind.CLEARANCE, "clear", "SN-MAESE", about=("N1",))
    other = answered(Kind.ACCEPTANCE, "accept", "MA-POSTE", about=("N2",))
    case = hosted(first, other, standings=(Standing.CLEARED, Standing.ACCEPTED))
    assert resting_on(case, first) == []
    done(case, Doing.RECALL, step="clearance-1")
    assert [n.standing for n in case.nominations] == [Standing.PROPOSED, Standing.ACCEPTED]


@pytest.mark.parametrize(
    ("kind", "option", "after", "before"),
    [
        (Kind.ACCEPTANCE, "accept", Standing.ACCEPTED, Standing.CLEARED),
        (Kind.ACCEPTANCE, "refuse", Standing.REFUSED, Standing.CLEARED),
        (Kind.TRAVEL, "ready", Standing.CONFIRMED, Standing.ACCEPTED),
        (Kind.TRAVEL, "visa_refused", Standing.VISA_REFUSED, Standing.ACCEPTED),
    ],
)
def test_a_recalled_verdict_leaves_the_nomination_as_it_was_before(
    kind: Kind, option: str, after: Standing, before: Standing
) -> None:
    step = answered(kind, option, "N1" if kind is Kind.TRAVEL else "MA-POSTE", about=("N1",))
    case = hosted(step, standings=(after,))
    done(case, Doing.RECALL, step=step.id)
    assert case.nominations[0].standing is before


def test_a_recalled_acceptance_takes_the_invitations_of_its_people_along() -> None:
    case = hosted(answered(Kind.ACCEPTANCE, "accept", "MA-POSTE", about=("N1",)), standings=(Standing.ACCEPTED, Standing.ACCEPTED))
    case.papers = [
        Paper(kind="invitation_letter", language="fr", sha256=n * 64, about=f"N{n}", to=f"N{n}", at=MONDAY) for n in ("1", "2")
    ]
    done(case, Doing.RECALL, step="acceptance-1")
    assert [paper.voided for paper in case.papers] == [MONDAY, None]


def test_nobody_gets_back_a_place_that_somebody_else_has_taken() -> None:
    step = answered(Kind.CLEARANCE, "clear", "SN-MAESE", about=("N1",))
    case = hosted(step, standings=(Standing.REFUSED, Standing.PROPOSED))
    case.nominations[1].replaces = "N1"
    done(case, Doing.RECALL, step="clearance-1")
    assert [n.standing for n in case.nominations] == [Standing.REFUSED, Standing.PROPOSED]


def test_what_is_recalled_was_answered_and_by_those_who_say_so() -> None:
    case = hosted(a_step(Kind.NOMINATION))
    assert refusal(case, Doing.RECALL, step="nomination-1") == "not_decided"
    assert refusal(case, Doing.RECALL, step="nomination-9") == "unknown_step"
    case = hosted(answered(Kind.NOMINATION, "nominate"))
    assert refusal(case, Doing.RECALL, step="nomination-1", by="MA-POSTE") == "not_asked"
    done(case, Doing.RECALL, step="nomination-1", by="SN-POSTE")
    assert refusal(case, Doing.RECALL, step="nomination-1") == "not_decided"


def test_an_accepted_report_is_recalled_until_the_certificate_is_issued() -> None:
    review = answered(Kind.REPORT_REVIEW, "accept", "OFFICE", about=("N1",))
    case = hosted(review, standings=(Standing.ATTENDED,))
    case.phase = Phase.VISIT
    may_act(case, an_act(Doing.RECALL, step=review.id), amedip())
    case.nominations[0].certified = True
    assert refusal(case, Doing.RECALL, step=review.id) == "certified"


def test_a_recalled_decision_takes_its_letter_along_and_leads_back_to_the_request() -> None:
    case = a_case(answered(Kind.DECISION, "approve", "OFFICE"), a_step(Kind.HOST_OFFER, "MA-POSTE"))
    case.papers, case.phase = [Paper(kind="decision_letter", language="fr", sha256="1" * 64, at=MONDAY)], Phase.HOSTING
    happened = done(case, Doing.RECALL, step="decision-1")
    assert verbs(happened) == [(Verb.RECALLED, "decision-1"), (Verb.SET_ASIDE, "host_offer-1")]
    assert (case.phase, [paper.voided for paper in case.papers]) == (Phase.REQUEST, [MONDAY])


# Reschedule


def test_other_dates_reopen_the_approvals_that_depend_on_dates_and_nothing_else() -> None:
    steps = [
        answered(Kind.NOMINATION, "nominate"),
        answered(Kind.CLEARANCE, "clear", "SN-MAESE", about=("N1", "N2")),
        answered(Kind.ACCEPTANCE, "accept", "MA-POSTE", about=("N1", "N2")),
        answered(Kind.TRAVEL, "ready", "N1", about=("N1",)),
        a_step(Kind.AGENDA, "MA-POSTE"),
        a_step(Kind.CASCADING_PLAN, "SN-POSTE"),
    ]
    case = hosted(*steps, standings=(Standing.CONFIRMED, Standing.VISA_REFUSED))
    happened = done(case, Doing.RESCHEDULE, start=date(2027, 6, 7))
    assert verbs(happened) == [
        (Verb.RESCHEDULED, ""),
        (Verb.SET_ASIDE, "host_agreement-1"),
        (Verb.SET_ASIDE, "travel-1"),
        (Verb.SET_ASIDE, "agenda-1"),
    ]
    assert [step.in_force for step in steps] == [True, True, True, False, False, True]
    assert (case.visit_start, case.visit_end, case.phase) == (date(2027, 6, 7), date(2027, 6, 10), Phase.HOSTING)
    assert [n.standing for n in case.nominations] == [Standing.ACCEPTED, Standing.VISA_REFUSED]
    assert (steps[5].wants, steps[5].visit) == (Wants.RESCHEDULED, date(2027, 6, 7))
    assert [(paper.kind, paper.voided) for paper in case.papers] == [
        ("acknowledgement", None),
        ("terms_of_reference", MONDAY),
        ("hosting_agreement", MONDAY),
    ]


def test_fewer_places_leave_the_last_ranked_in_reserve() -> None:
    case = hosted(standings=(Standing.ACCEPTED, Standing.CONFIRMED, Standing.ACCEPTED))
    happened = done(case, Doing.RESCHEDULE, start=VISIT, places=2, days=2)
    assert (case.asked.places, case.asked.duration_days, case.visit_end) == (2, 2, date(2027, 5, 11))
    assert [n.standing for n in case.nominations] == [Standing.ACCEPTED, Standing.ACCEPTED, Standing.RESERVE]
    assert (Verb.RESERVED, "N3") in verbs(happened)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "required"),
        ({"start": MONDAY.date()}, "past"),
        ({"start": VISIT}, "same"),
        ({"start": date(2027, 6, 7), "days": 6}, "out_of_range"),
        ({"start": date(2027, 6, 7), "places": 4}, "out_of_range"),
    ],
)
def test_other_dates_are_to_come_and_fit_the_programme(said: dict[str, Any], code: str) -> None:
    assert refusal(hosted(), Doing.RESCHEDULE, **said) == code


def test_a_visit_without_dates_or_already_begun_is_not_rescheduled() -> None:
    assert refusal(a_case(), Doing.RESCHEDULE, start=VISIT) == "no_dates"
    begun = {"start": date(2027, 6, 7), "received": MONDAY + timedelta(days=126)}
    assert refusal(hosted(), Doing.RESCHEDULE, **begun) == "visit_begun"
    case = hosted()
    done(case, Doing.HOLD)
    may_act(case, an_act(Doing.RESCHEDULE, **begun), amedip())
    assert refusal(hosted(a_step(Kind.ATTENDANCE, "MA-POSTE")), Doing.RESCHEDULE, start=date(2027, 6, 7)) == "visit_begun"


def test_a_case_held_past_its_visit_is_rescheduled_before_it_goes_on() -> None:
    case, later = hosted(), MONDAY + timedelta(days=130)
    done(case, Doing.HOLD)
    assert refusal(case, Doing.RESUME, received=later) == "visit_passed"
    done(case, Doing.RESCHEDULE, later, start=date(2027, 6, 7))
    done(case, Doing.RESUME, later)
    assert case.hold is None


# Replace


def test_the_named_substitute_takes_a_place_as_a_new_linked_nomination() -> None:
    travel = a_step(Kind.TRAVEL, "N1", about=("N1",))
    case = hosted(travel, standings=(Standing.ACCEPTED, Standing.ACCEPTED, Standing.CONFIRMED, Standing.RESERVE))
    happened = done(case, Doing.REPLACE, nomination="N1")
    assert verbs(happened) == [(Verb.REPLACED, "N4"), (Verb.SET_ASIDE, "travel-1")]
    assert [n.standing for n in case.nominations] == [Standing.REPLACED, Standing.ACCEPTED, Standing.CONFIRMED, Standing.PROPOSED]
    assert (case.nominations[3].replaces, travel.state) == ("N1", State.WITHDRAWN)


def test_a_new_nominee_is_a_new_nomination_and_nobody_else_is_asked_again() -> None:
    both = a_step(Kind.CLEARANCE, "SN-MAESE", about=("N1", "N2"))
    case = hosted(both, standings=(Standing.PROPOSED, Standing.PROPOSED))
    new = Nominee(person="p-9", institution="SN-MINT", country="SN")
    assert verbs(done(case, Doing.REPLACE, nomination="N1", nominee=new)) == [(Verb.REPLACED, "N3")]
    assert (case.nominations[2].person, case.nominations[2].replaces, both.state) == ("p-9", "N1", State.OPEN)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"nomination": "N7"}, "unknown_nomination"),
        ({"nomination": "N2"}, "not_travelling"),
        ({"nomination": "N1"}, "nobody_in_reserve"),
        ({"nomination": "N1", "nominee": Nominee(person="p-2", institution="SN-POSTE", country="SN")}, "same"),
    ],
)
def test_who_is_replaced_was_to_travel_and_somebody_else_is_there(said: dict[str, Any], code: str) -> None:
    assert refusal(hosted(standings=(Standing.ACCEPTED, Standing.REFUSED)), Doing.REPLACE, **said) == code


def test_after_the_cut_off_the_host_consents_in_writing() -> None:
    case = hosted(standings=(Standing.ACCEPTED, Standing.RESERVE))
    last = cut_off_day(case, amedip())
    assert last == date(2027, 4, 26)
    on_the_day = MONDAY + timedelta(days=112)
    assert on_the_day.date() == last
    may_act(case, an_act(Doing.REPLACE, nomination="N1", received=on_the_day), amedip())
    late = {"nomination": "N1", "received": on_the_day + timedelta(days=1)}
    assert refusal(case, Doing.REPLACE, **late) == "past_cut_off"
    may_act(case, an_act(Doing.REPLACE, proof=PROOF, **late), amedip())
    done(case, Doing.OVERRIDE, rule=Waivable.CUT_OFF)
    may_act(case, an_act(Doing.REPLACE, **late), amedip())


# Widen, convert, release


def test_a_call_is_widened_once_and_only_while_hosts_are_called() -> None:
    case = a_case(a_step(Kind.HOST_OFFER, "MA-POSTE"))
    assert refusal(case, Doing.WIDEN) == "not_calling"
    case.phase, case.candidates = Phase.HOSTING, [Candidate(institution="MA-POSTE", score=100)]
    done(case, Doing.WIDEN, called=("PT-AIMA",))
    assert (case.widened, case.called) == (MONDAY, ["PT-AIMA"])
    assert refusal(case, Doing.WIDEN) == "widened"
    agreed = hosted()
    agreed.phase = Phase.HOSTING
    assert refusal(agreed, Doing.WIDEN) == refusal(agreed, Doing.CONVERT) == "not_calling"


def test_a_converted_case_calls_anew_in_the_other_format() -> None:
    offer = a_step(Kind.HOST_OFFER, "MA-POSTE")
    case = a_case(offer)
    case.phase, case.candidates = Phase.HOSTING, [Candidate(institution="MA-POSTE", score=100)]
    happened = done(case, Doing.CONVERT)
    assert verbs(happened) == [(Verb.CONVERTED, "expert_assignment"), (Verb.SET_ASIDE, "host_offer-1")]
    assert (case.asked.format, case.candidates, offer.state) == (Format.EXPERT_ASSIGNMENT, [], State.WITHDRAWN)
    assert (case.host, case.sending) == ("SN-POSTE", "")


def test_a_host_who_withdraws_leaves_the_nominations_cleared_and_the_call_goes_on() -> None:
    steps = [
        answered(Kind.NOMINATION, "nominate"),
        answered(Kind.CLEARANCE, "clear", "SN-MAESE", about=("N1", "N2")),
        answered(Kind.ACCEPTANCE, "accept", "MA-POSTE", about=("N1", "N2")),
        a_step(Kind.TRAVEL, "N1", about=("N1",)),
    ]
    case = hosted(*steps, standings=(Standing.ACCEPTED, Standing.CONFIRMED, Standing.RESERVE))
    happened = done(case, Doing.RELEASE)
    assert verbs(happened)[0] == (Verb.HOST_WITHDREW, "MA-POSTE")
    assert [step.in_force for step in case.steps] == [False, False, True, True, False, False]
    assert [n.standing for n in case.nominations] == [Standing.CLEARED, Standing.CLEARED, Standing.RESERVE]
    assert (case.partner, case.visit_start, case.released, case.phase) == ("", None, ["MA-POSTE"], Phase.HOSTING)


def test_experts_of_a_provider_who_withdraws_are_withdrawn() -> None:
    case = hosted(answered(Kind.NOMINATION, "nominate", "MA-POSTE"), standings=(Standing.ACCEPTED,))
    case.asked = case.asked.model_copy(update={"format": Format.EXPERT_ASSIGNMENT})
    done(case, Doing.RELEASE, by="MA-POSTE")
    assert [n.standing for n in case.nominations] == [Standing.WITHDRAWN]
    assert [step.in_force for step in case.steps] == [False, False, False]


def test_only_a_host_who_agreed_withdraws_and_before_the_visit() -> None:
    assert refusal(a_case(a_step(Kind.HOST_OFFER, "MA-POSTE")), Doing.RELEASE) == "no_host_yet"
    assert refusal(hosted(), Doing.RELEASE, by="TN-POSTE") == "not_asked"
    assert refusal(hosted(), Doing.RELEASE, received=MONDAY + timedelta(days=126)) == "visit_begun"


# Override


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"rule": "threshold", "coordinator": ""}, "no_coordinator"),
        ({"rule": "gravity"}, "unknown_rule"),
        ({"rule": "threshold"}, "decided"),
        ({"rule": "veto"}, "decided"),
        ({"rule": "budget"}, "no_proof"),
        ({"rule": "places_per_country", "nomination": "N1"}, "not_in_reserve"),
        ({"rule": "certificate", "nomination": "N1"}, "not_held"),
        ({"rule": "answer", "step": "clearance-1", "option": "clear"}, "consent"),
        ({"rule": "answer", "step": "agenda-1", "option": "clear"}, "unknown_option"),
    ],
)
def test_a_rule_is_set_aside_by_a_named_coordinator_where_it_can_be(said: dict[str, Any], code: str) -> None:
    steps = (a_step(Kind.CLEARANCE, "SN-MAESE", about=("N1",)), a_step(Kind.AGENDA, "MA-POSTE"))
    assert refusal(hosted(*steps, standings=(Standing.ACCEPTED,)), Doing.OVERRIDE, **said) == code


def test_a_waiver_takes_the_fourth_of_a_country_out_of_the_reserve() -> None:
    case = hosted(standings=(Standing.ACCEPTED,) * 3 + (Standing.RESERVE,))
    assert verbs(done(case, Doing.OVERRIDE, rule="places_per_country", nomination="N4")) == [(Verb.WAIVED, "places_per_country")]
    assert case.nominations[3].standing is Standing.PROPOSED
    [waiver] = case.waivers
    assert (waiver.rule, waiver.about, waiver.by, waiver.reason) == ("places_per_country", "N4", "west-africa", REASON)
    assert refusal(case, Doing.OVERRIDE, rule="places_per_country", nomination="N4") == "waived"


def test_an_answer_given_instead_is_overridden_and_names_for_whom() -> None:
    step = a_step(Kind.CONSULTATION, "FR-MINT")
    case = a_case(step)
    happened = done(case, Doing.OVERRIDE, rule="answer", step="consultation-1", option="no_objection", form="e" * 64)
    assert verbs(happened) == [(Verb.WAIVED, "consultation-1"), (Verb.CONSENTED, "consultation-1")]
    assert step.decision is not None
    assert (step.decision.kind, step.decision.by, step.decision.on_behalf_of) == (DecisionKind.OVERRIDDEN, "OFFICE", "FR-MINT")


def test_a_waived_threshold_lets_an_approval_pass_and_a_waived_budget_ends_the_question() -> None:
    decision, budget = a_step(Kind.DECISION, "OFFICE"), a_step(Kind.DECISION, "FR-MINT", about=("budget", "MA-POSTE"))
    budget.id = "decision-2"
    case = a_case(decision, budget)
    poor = an_answer(decision, "approve").model_copy(update={"facts": Facts(scores={})})
    with pytest.raises(Refused, match="below the threshold"):
        may_answer(case, poor, amedip())
    done(case, Doing.OVERRIDE, rule="threshold")
    may_answer(case, poor, amedip())
    assert (Verb.SET_ASIDE, "decision-2") in verbs(done(case, Doing.OVERRIDE, rule="budget", proof=PROOF))


# What the asked do by themselves


def test_more_time_is_given_by_rule_up_to_the_cap_and_beyond_it_noted() -> None:
    step = a_step(Kind.NOMINATION)
    case = a_case(step)
    first = done(case, Doing.MORE_TIME, by="SN-POSTE", step="nomination-1", working_days=5)
    assert (verbs(first), step.added_days, step.asked_days) == ([(Verb.EXTENDED, "nomination-1")], 5, 0)
    again = done(case, Doing.MORE_TIME, by="SN-POSTE", step="nomination-1", working_days=2)
    assert (verbs(again), step.added_days, step.asked_days) == ([(Verb.ASKED_FOR_TIME, "nomination-1")], 5, 2)
    assert refusal(case, Doing.MORE_TIME, by="SN-POSTE", step="nomination-1", working_days=1) == "already_asked"
    done(case, Doing.EXTEND, step="nomination-1", working_days=2)
    assert (step.added_days, step.asked_days) == (7, 0)


def test_a_longer_wish_than_the_rules_give_is_noted_at_once() -> None:
    case = a_case(a_step(Kind.NOMINATION))
    assert verbs(done(case, Doing.MORE_TIME, step="nomination-1", working_days=6)) == [(Verb.ASKED_FOR_TIME, "nomination-1")]
    assert refusal(a_case(a_step(Kind.NOMINATION)), Doing.MORE_TIME, step="nomination-1", working_days=0) == "out_of_range"


def test_a_delegate_answers_on_behalf_of_the_one_asked_who_no_longer_can_until_it_is_taken_back() -> None:
    step = a_step(Kind.AGENDA, "MA-POSTE")
    case = a_case(step)
    assert verbs(done(case, Doing.DELEGATE, by="MA-POSTE", step="agenda-1", to="MA-POSTE/2")) == [(Verb.DELEGATED, "agenda-1")]
    assert refusal(case, Doing.DELEGATE, by="MA-POSTE", step="agenda-1", to="MA-POSTE/3") == "delegated"
    assert answer_refusal(case, an_answer(step, "provide", by="MA-POSTE")) == "delegated"
    given = an_answer(step, "provide", by="MA-POSTE/2")
    may_answer(case, given, amedip())
    assert verbs(done(case, Doing.REVOKE, by="MA-POSTE", step="agenda-1")) == [(Verb.DELEGATION_ENDED, "agenda-1")]
    assert answer_refusal(case, given) == "not_asked"
    assert refusal(case, Doing.REVOKE, by="MA-POSTE", step="agenda-1") == "not_delegated"


def test_what_a_delegate_says_is_recorded_on_behalf_of_the_one_asked() -> None:
    step = a_step(Kind.AGENDA, "MA-POSTE")
    step.delegate = "MA-POSTE/2"
    decided = note(a_case(step), an_answer(step, "provide", by="MA-POSTE/2"), MONDAY).decision
    assert decided is not None
    assert (decided.kind, decided.by, decided.on_behalf_of) == (DecisionKind.DELEGATED, "MA-POSTE/2", "MA-POSTE")


def answer_refusal(case: Case, answer: Answer) -> str:
    """The code with which an answer is refused."""
    with pytest.raises(Refused) as told:
        may_answer(case, answer, amedip())
    return told.value.code


def test_a_question_is_delegated_within_the_institution_and_never_a_persons_own() -> None:
    assert refusal(a_case(a_step(Kind.AGENDA, "MA-POSTE")), Doing.DELEGATE, step="agenda-1", to="SN-POSTE/2") == "not_a_colleague"
    assert refusal(a_case(a_step(Kind.REPORT, "N1")), Doing.DELEGATE, step="report-1", to="N1/2") == "bound_to_person"


def test_who_declines_waits_for_what_follows_silence() -> None:
    step = a_step(Kind.AGENDA, "MA-POSTE")
    assert verbs(done(a_case(step), Doing.DECLINE, by="MA-POSTE", step="agenda-1")) == [(Verb.PASSED_ON, "agenda-1")]
    assert (step.declined, step.state) == (REASON, State.OPEN)


def test_a_case_passes_to_another_coordinator() -> None:
    case = a_case()
    assert verbs(done(case, Doing.HAND_OVER, to="arab-states")) == [(Verb.HANDED_OVER, "arab-states")]
    assert case.coordinator == "arab-states"
    assert refusal(case, Doing.HAND_OVER, to="arab-states") == "already_asked"
    assert refusal(case, Doing.HAND_OVER, to="") == "already_asked"


def test_appointments_are_looked_up_again_for_the_open_steps_of_an_institution() -> None:
    mine, other = a_step(Kind.AGENDA, "MA-POSTE"), a_step(Kind.CASCADING_PLAN, "SN-POSTE")
    assert done(a_case(mine, other), Doing.REVIEW, to="MA-POSTE", reason="") == []
    assert (mine.review, other.review) == (True, False)


def test_a_hold_is_reviewed_after_the_days_the_programme_sets() -> None:
    case = a_case(a_step(Kind.AGENDA, "MA-POSTE"))
    done(case, Doing.HOLD)
    assert case.hold is not None
    assert case.hold.review == MONDAY + timedelta(days=14)


# What a review found


def about_cost(option: str = "approve") -> Step:
    """The donor's decision on what the Moroccan offer costs."""
    return answered(Kind.DECISION, option, "FR-MINT", number=2, about=("budget", "MA-POSTE"))


def test_the_donors_approval_goes_with_the_offer_it_was_about() -> None:
    offer, approval = answered(Kind.HOST_OFFER, "offer", "MA-POSTE"), about_cost()
    case = a_case(offer, approval)
    case.phase = Phase.HOSTING
    assert (Verb.SET_ASIDE, "decision-2") in verbs(done(case, Doing.RECALL, step="host_offer-1", by="MA-POSTE"))
    case = a_case(answered(Kind.HOST_OFFER, "offer", "MA-POSTE"), about_cost())
    case.phase, case.candidates = Phase.HOSTING, [Candidate(institution="MA-POSTE", score=100)]
    assert (Verb.SET_ASIDE, "decision-2") in verbs(done(case, Doing.CONVERT))


def test_a_recalled_decision_on_a_cost_or_a_postponement_leaves_the_request_decided() -> None:
    postponed = answered(Kind.DECISION, "approve", "OFFICE", number=3, about=("postpone",))
    for step, phase in ((about_cost(), Phase.HOSTING), (postponed, Phase.TRAVELLING)):
        case = hosted(answered(Kind.DECISION, "approve", "OFFICE"), step)
        case.papers, case.postponed = [Paper(kind="decision_letter", language="fr", sha256="1" * 64, at=MONDAY)], 1
        done(case, Doing.RECALL, step=step.id)
        assert (case.phase, case.papers[0].voided) == (phase, None)
    assert case.postponed == 0


def test_a_recalled_follow_up_takes_its_evidence_along() -> None:
    first, second = answered(Kind.FOLLOW_UP, "submit"), answered(Kind.FOLLOW_UP, "submit", "SN-MAESE", number=2)
    for step in (first, second):
        assert step.decision is not None
        step.decision = step.decision.model_copy(update={"facts": Facts(evidence=True)})
    case = hosted(first, second)
    case.phase, case.evidence = Phase.FOLLOW_UP, True
    done(case, Doing.RECALL, step="follow_up-1")
    assert case.evidence
    done(case, Doing.RECALL, step="follow_up-2")
    assert not case.evidence


def test_a_recalled_transfer_plan_takes_its_paper_along() -> None:
    case = hosted(answered(Kind.TRANSFER_PLAN, "submit"))
    kept = Paper(kind="transfer_plan", language="fr", sha256="2" * 64, about="MA-POSTE", at=MONDAY)
    case.papers = [Paper(kind="transfer_plan", language="fr", sha256="1" * 64, about="SN-POSTE", at=MONDAY), kept]
    done(case, Doing.RECALL, step="transfer_plan-1")
    assert [paper.voided for paper in case.papers] == [MONDAY, None]


def test_a_case_held_during_its_visit_goes_on_without_another_date() -> None:
    case = hosted()
    begun = MONDAY + timedelta(days=126)
    assert begun.date() == VISIT
    done(case, Doing.HOLD, begun)
    assert refusal(case, Doing.RESCHEDULE, received=begun, start=date(2027, 6, 7)) == "visit_begun"
    done(case, Doing.RESUME, begun + timedelta(days=1))
    assert case.hold is None


def test_a_question_that_moved_up_is_declined_by_whom_it_moved_to() -> None:
    step = a_step(Kind.ATTENDANCE, "MA-POSTE")
    step.escalated_to = "MA-MCMRE"
    case = a_case(step)
    assert refusal(case, Doing.DECLINE, by="MA-POSTE", step=step.id) == "not_asked"
    done(case, Doing.DECLINE, by="MA-MCMRE", step=step.id)
    assert step.declined


def test_the_donors_word_is_not_given_by_somebody_else() -> None:
    budget = a_step(Kind.DECISION, "FR-MINT", about=("budget", "MA-POSTE"))
    assert refusal(a_case(budget), Doing.OVERRIDE, rule="answer", step="decision-1", option="approve") == "consent"


def test_an_override_is_taken_back_by_the_office_alone() -> None:
    step = a_step(Kind.CONSULTATION, "FR-MINT")
    case = a_case(step)
    done(case, Doing.OVERRIDE, rule="answer", step="consultation-1", option="no_objection")
    assert refusal(case, Doing.RECALL, by="FR-MINT", step="consultation-1") == "not_asked"
    may_act(case, an_act(Doing.RECALL, step="consultation-1"), amedip())


def test_a_day_that_nobody_plans_for_is_a_slip_of_the_pen() -> None:
    assert refusal(hosted(), Doing.RESCHEDULE, start=date(2099, 1, 1)) == "out_of_range"
    attendance = a_step(Kind.ATTENDANCE, "MA-POSTE", about=("N1",))
    case = hosted(attendance, standings=(Standing.CONFIRMED,))
    after = MONDAY + timedelta(days=130)
    for day in (date(9999, 12, 31), after.date() + timedelta(days=2), VISIT - timedelta(days=61)):
        said = an_answer(attendance, "confirm", by="MA-POSTE", received=after).model_copy(
            update={"facts": Facts(start=VISIT, end=day)}
        )
        assert answer_refusal(case, said) == "out_of_range"
    may_answer(case, said.model_copy(update={"facts": Facts(start=VISIT, end=VISIT + timedelta(days=2))}), amedip())
