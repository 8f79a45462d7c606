"""Who may answer what: each refusal says what stands, and an answer that passes is taken down as it was given."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from models.case import Answer, Case, Facts, Step
from models.errors import Refused
from models.rules import may_answer, moment, note, recorded_of, repeated, weighted_total
from models.words import Channel, DecisionKind, Ending, Kind, State
from tests.rules.situations import MONDAY, a_case, a_step, amedip, an_answer, nominees

SHA, OTHER = "a" * 64, "b" * 64
HIGH = Facts(scores=dict.fromkeys(amedip().decision.weights, 4))


def refusal(case: Case, answer: Answer) -> Refused:
    """How an answer is refused."""
    with pytest.raises(Refused) as told:
        may_answer(case, answer, amedip())
    return told.value


def taken(step: Step, option: str, **said: Any) -> Step:
    """A step that was answered so."""
    note(a_case(step), an_answer(step, option, **said), MONDAY)
    return step


def test_the_one_asked_answers_while_the_step_is_open() -> None:
    step = a_step(Kind.HOST_AGREEMENT, "MA-POSTE", paper=SHA)
    may_answer(a_case(step), an_answer(step, "agree"), amedip())


def test_a_step_being_opened_takes_answers() -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    step.state, step.schedule = State.OPENING, None
    may_answer(a_case(step), an_answer(step, "no_objection"), amedip())


def test_a_step_on_hold_takes_answers_for_its_clock_stands_still() -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    step.state = State.PAUSED
    may_answer(a_case(step), an_answer(step, "no_objection", received=MONDAY + timedelta(days=400)), amedip())


def test_an_unknown_step_is_refused() -> None:
    answer = an_answer(a_step(Kind.CONSULTATION), "object")
    assert refusal(a_case(), answer).code == "unknown_step"


def test_an_option_the_kind_does_not_have_is_refused_with_those_it_has() -> None:
    step = a_step(Kind.DECISION, "OFFICE")
    refused = refusal(a_case(step), an_answer(step, "shrug"))
    assert (refused.code, refused.facts["options"]) == ("unknown_option", "approve, reject, defer")


def test_somebody_who_was_not_asked_is_refused_with_who_was() -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    refused = refusal(a_case(step), an_answer(step, "object", by="FR-MINT"))
    assert refused.code == "not_asked"
    assert "CH-SDC" in refused.text


def test_the_office_itself_does_not_answer_in_another_s_place() -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    assert refusal(a_case(step), an_answer(step, "object", by="OFFICE")).code == "not_asked"


def test_whoever_a_step_was_escalated_to_answers_as_well_as_the_one_asked() -> None:
    for by in ("SN-POSTE", "SN-MAESE"):
        step = a_step(Kind.CLEARANCE, about=("N1",))
        step.escalated_to = "SN-MAESE"
        may_answer(a_case(step), an_answer(step, "clear", by=by), amedip())


def test_the_office_answers_on_behalf_only_with_proof_and_only_for_whoever_was_asked() -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    case = a_case(step)
    may_answer(case, an_answer(step, "object", by="OFFICE", on_behalf_of="CH-SDC", proof=SHA), amedip())
    assert refusal(case, an_answer(step, "object", by="OFFICE", on_behalf_of="CH-SDC")).code == "no_proof"
    assert refusal(case, an_answer(step, "object", by="OFFICE", on_behalf_of="FR-MINT", proof=SHA)).code == "not_asked"
    assert refusal(case, an_answer(step, "object", by="FR-MINT", on_behalf_of="CH-SDC", proof=SHA)).code == "not_asked"


def test_the_first_valid_answer_stands_and_another_is_shown_it() -> None:
    step = taken(a_step(Kind.CONSULTATION, "CH-SDC"), "no_objection")
    refused = refusal(a_case(step), an_answer(step, "object", response="R-00000002"))
    assert refused.code == "answered"
    assert refused.facts == {"option": "no_objection", "by": "CH-SDC", "at": MONDAY.isoformat()}


def test_the_same_response_again_is_a_repetition() -> None:
    step = taken(a_step(Kind.CONSULTATION, "CH-SDC"), "no_objection")
    again = an_answer(step, "no_objection")
    may_answer(a_case(step), again, amedip())
    assert repeated(a_case(step), again) is step
    assert repeated(a_case(step), an_answer(step, "no_objection", response="R-00000002")) is None


@pytest.mark.parametrize("state", [State.LAPSED, State.WITHDRAWN])
def test_a_closed_step_says_since_when(state: State) -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    step.state, step.closed = state, MONDAY
    refused = refusal(a_case(step), an_answer(step, "object"))
    assert (refused.code, refused.facts["at"], refused.facts["state"]) == ("closed", MONDAY.isoformat(), state)


def test_an_answer_received_at_the_closing_instant_counts_and_a_second_later_does_not() -> None:
    step = a_step(Kind.CORRECTION)
    assert step.schedule is not None
    closes = step.schedule.closes
    may_answer(a_case(step), an_answer(step, "submit", received=closes), amedip())
    refused = refusal(a_case(step), an_answer(step, "submit", received=closes + timedelta(microseconds=1)))
    assert (refused.code, refused.facts["at"]) == ("closed", closes.isoformat())


def test_a_step_that_only_moves_up_at_its_closing_instant_still_takes_answers_until_it_has_moved_and_closes_again() -> None:
    step = a_step(Kind.DECISION, "OFFICE")
    assert step.schedule is not None
    after = step.schedule.closes + timedelta(minutes=1)
    may_answer(a_case(step), an_answer(step, "reject", received=after), amedip())
    step.escalated_to = "OFFICE/supervisor"
    assert refusal(a_case(step), an_answer(step, "reject", received=after)).code == "closed"


def test_an_answer_given_while_the_clock_stands_still_is_late_only_if_it_was_when_it_stopped() -> None:
    for stopped_after_due, late in ((timedelta(days=-1), False), (timedelta(days=1), True)):
        step = a_step(Kind.CORRECTION)
        assert step.schedule is not None
        step.state, step.stopped = State.PAUSED, step.schedule.due + stopped_after_due
        answer = an_answer(step, "submit", received=step.schedule.due + timedelta(days=30))
        decision = note(a_case(step), answer, answer.received).decision
        assert decision is not None
        assert decision.late is late


def test_an_answer_about_a_superseded_paper_is_shown_the_one_that_stands() -> None:
    step = a_step(Kind.HOST_AGREEMENT, "MA-POSTE", paper=SHA)
    refused = refusal(a_case(step), an_answer(step, "agree", paper=OTHER))
    assert (refused.code, refused.facts) == ("superseded", {"paper": SHA})


def test_approval_below_the_threshold_is_refused_and_rejection_is_not() -> None:
    step = a_step(Kind.DECISION, "OFFICE")
    low = Facts(scores={"relevance": 3, "impact": 3, "feasibility": 2, "cost": 2})
    refused = refusal(a_case(step), an_answer(step, "approve", facts=low))
    assert (refused.code, refused.facts) == ("threshold", {"total": "54", "threshold": "60"})
    may_answer(a_case(step), an_answer(step, "reject", facts=low), amedip())
    may_answer(a_case(step), an_answer(step, "approve", facts=HIGH), amedip())


def test_approval_at_the_very_threshold_passes() -> None:
    step = a_step(Kind.DECISION, "OFFICE")
    just = Facts(scores=dict.fromkeys(amedip().decision.weights, 3))
    may_answer(a_case(step), an_answer(step, "approve", facts=just), amedip())


def test_an_open_step_of_an_ended_case_takes_no_answer() -> None:
    step = a_step(Kind.CONSULTATION, "CH-SDC")
    case = a_case(step)
    case.ending = Ending.CANCELLED
    refused = refusal(case, an_answer(step, "object"))
    assert (refused.code, refused.facts["at"]) == ("closed", MONDAY.isoformat())
    assert "cancelled" in refused.text


@pytest.mark.parametrize(
    ("scores", "total"),
    [
        (dict.fromkeys(("relevance", "impact", "feasibility", "cost"), 5), 100),
        (dict.fromkeys(("relevance", "impact", "feasibility", "cost"), 3), 60),
        ({"relevance": 5}, 40),
        ({"relevance": 1, "cost": 1}, 10),
        ({"astronomy": 5}, 0),
        ({}, 0),
    ],
)
def test_criteria_count_by_their_weight_and_a_missing_one_counts_nothing(scores: dict[str, int], total: int) -> None:
    assert weighted_total(scores, amedip()) == total


def test_a_decision_is_put_off_only_so_often() -> None:
    for round, code in [(1, ""), (2, ""), (3, "too_many")]:
        step = a_step(Kind.DECISION, "OFFICE", round=round)
        if code:
            assert refusal(a_case(step), an_answer(step, "defer")).code == code
        else:
            may_answer(a_case(step), an_answer(step, "defer"), amedip())


def test_a_request_is_returned_only_so_often() -> None:
    for round, code in [(1, ""), (2, ""), (3, "too_many")]:
        step = a_step(Kind.COMPLETENESS, "OFFICE", round=round)
        if code:
            assert refusal(a_case(step), an_answer(step, "return")).code == code
        else:
            may_answer(a_case(step), an_answer(step, "return"), amedip())


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (None, "required"),
        (date(2027, 5, 3), ""),
        (date(2027, 5, 25), ""),
        (date(2027, 5, 26), "outside_periods"),
        (date(2027, 5, 1), "outside_periods"),
        (date(2027, 6, 8), ""),
    ],
)
def test_a_host_offers_days_inside_the_proposed_periods(start: date | None, code: str) -> None:
    step = a_step(Kind.HOST_OFFER, "MA-POSTE")
    answer = an_answer(step, "offer", facts=Facts(start=start))
    if code:
        refused = refusal(a_case(step), answer)
        assert (refused.code, refused.facts["field"]) == (code, "start")
    else:
        may_answer(a_case(step), answer, amedip())


def test_a_nomination_needs_somebody_who_is_no_substitute_and_nobody_twice() -> None:
    step = a_step(Kind.NOMINATION)
    only_substitute = Facts(nominees=nominees(substitute="SN-POSTE"))
    twice = Facts(nominees=nominees("SN-POSTE") + nominees("SN-POSTE"))
    assert refusal(a_case(step), an_answer(step, "nominate", facts=Facts())).code == "too_few"
    assert refusal(a_case(step), an_answer(step, "nominate", facts=only_substitute)).code == "too_few"
    assert refusal(a_case(step), an_answer(step, "nominate", facts=twice)).code == "same"
    may_answer(a_case(step), an_answer(step, "nominate", facts=Facts(nominees=nominees("SN-POSTE"))), amedip())
    may_answer(a_case(step), an_answer(step, "decline"), amedip())


@pytest.mark.parametrize(("kind", "option"), [(Kind.CLEARANCE, "clear"), (Kind.ACCEPTANCE, "accept"), (Kind.ATTENDANCE, "confirm")])
def test_nobody_is_judged_who_was_not_asked_about(kind: Kind, option: str) -> None:
    step = a_step(kind, about=("N1", "N2"))
    may_answer(a_case(step), an_answer(step, option, facts=Facts(verdicts={"N2": "refused"})), amedip())
    refused = refusal(a_case(step), an_answer(step, option, facts=Facts(verdicts={"N2": "refused", "N9": "refused"})))
    assert (refused.code, refused.facts) == ("unknown", {"value": "N9"})


def test_a_decision_records_who_how_and_when() -> None:
    step = a_step(Kind.DECISION, "OFFICE")
    case = a_case(step)
    answer = an_answer(step, "approve", facts=HIGH, received=MONDAY + timedelta(hours=1))
    note(case, answer, MONDAY + timedelta(hours=1, seconds=3))
    assert (step.state, step.option, step.closed) == (State.ANSWERED, "approve", MONDAY + timedelta(hours=1))
    assert step.decision is not None
    assert (step.decision.kind, step.decision.by, step.decision.channel) == (DecisionKind.EXPLICIT, "OFFICE", Channel.PAGE)
    assert not step.decision.late
    assert recorded_of(step).model_dump() == {
        "response": answer.response,
        "step": step.id,
        "option": "approve",
        "at": MONDAY + timedelta(hours=1),
        "late": False,
        "reference": answer.response,
    }


def test_an_answer_after_the_due_date_is_marked_late() -> None:
    step = a_step(Kind.CORRECTION)
    assert step.schedule is not None
    note(a_case(step), an_answer(step, "submit", received=step.schedule.due + timedelta(seconds=1)), MONDAY)
    assert step.decision is not None
    assert step.decision.late


def test_an_answer_at_the_due_instant_is_not_late() -> None:
    step = a_step(Kind.CORRECTION)
    assert step.schedule is not None
    note(a_case(step), an_answer(step, "submit", received=step.schedule.due), MONDAY)
    assert step.decision is not None
    assert not step.decision.late


def test_an_answer_of_whoever_it_was_escalated_to_is_delegated() -> None:
    step = a_step(Kind.CLEARANCE, about=("N1",))
    step.escalated_to = "SN-MAESE"
    note(a_case(step), an_answer(step, "clear", by="SN-MAESE"), MONDAY)
    assert step.decision is not None
    assert (step.decision.kind, step.decision.by, step.decision.on_behalf_of) == ("delegated", "SN-MAESE", "SN-POSTE")


def test_an_answer_entered_by_the_office_says_on_whose_behalf_and_keeps_the_proof() -> None:
    step = taken(a_step(Kind.CONSULTATION, "CH-SDC"), "object", by="OFFICE", on_behalf_of="CH-SDC", proof=SHA)
    assert step.decision is not None
    assert (step.decision.kind, step.decision.on_behalf_of, step.decision.proof) == (DecisionKind.ON_BEHALF, "CH-SDC", SHA)


def test_what_was_handled_within_a_minute_happened_when_its_cause_did() -> None:
    cause = MONDAY
    assert moment(MONDAY + timedelta(seconds=59, microseconds=7), cause) == cause
    assert moment(MONDAY + timedelta(minutes=5, microseconds=7), cause) == MONDAY + timedelta(minutes=5)
    assert moment(MONDAY.replace(microsecond=9), None) == MONDAY
