"""Whole cases as scenarios play them: the timeline, the ending, the nominations, the letters."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from models.case import Step, Transition
from models.words import Channel, DecisionKind, Ending, Kind, Standing, State, Verb
from rehearsal.player import Played, play
from rehearsal.scenario import load_scenario
from tests.procedure.scenarios import EXPECTED, NAMES, PROGRAMMES, SCENARIOS, Watched, body_of, lines

Plays = Callable[[str], Awaitable[Watched]]

CHECKPOINT = re.compile(r"^rehearsal\n[0-9]+\n[A-Za-z0-9+/=]{44}\n\n— rehearsal [A-Za-z0-9+/=]+$", re.MULTILINE)

every_scenario = pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES])


def about(name: str) -> pytest.MarkDecorator:
    """Keeps the tests about one scenario on one worker, so that it is played once."""
    return pytest.mark.xdist_group(name)


@every_scenario
async def test_a_scenario_goes_as_expected(plays: Plays, name: str) -> None:
    expected = (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")
    assert "\n".join(lines((await plays(name)).played)) + "\n" == expected


def test_every_scenario_is_expected_and_every_expectation_has_its_scenario() -> None:
    assert {path.stem for path in EXPECTED.iterdir()} == set(NAMES)


@every_scenario
async def test_every_history_of_a_scenario_replays_to_the_published_state(plays: Plays, name: str) -> None:
    assert (await plays(name)).played.verified


@about("standard")
async def test_when_everybody_answers_the_case_is_closed_and_three_are_certified(plays: Plays) -> None:
    played = (await plays("standard")).played
    assert played.case.ending is Ending.CLOSED
    assert [(n.standing, n.certified) for n in played.case.nominations] == [(Standing.ATTENDED, True)] * 3 + [
        (Standing.RESERVE, False)
    ]
    assert [paper.kind for paper in played.case.papers].count("certificate") == 3


@about("silent-host")
async def test_when_the_first_host_stays_silent_the_next_is_asked_and_hosts(plays: Plays) -> None:
    played = (await plays("silent-host")).played
    assert [step.asked for step in steps(played, Kind.HOST_OFFER)] == ["MA-POSTE", "TN-OTE"]
    assert played.case.host == "TN-OTE"


@about("expert-assignment")
async def test_in_an_assignment_the_inviting_institution_hosts_and_learns(plays: Plays) -> None:
    played = (await plays("expert-assignment")).played
    assert (played.case.host, played.case.sending) == ("EG-MOM", "MA-MCMRE")
    assert {step.asked for step in steps(played, Kind.ACCEPTANCE, Kind.AGENDA, Kind.TRANSFER_PLAN, Kind.FOLLOW_UP)} == {"EG-MOM"}
    arabic = {mail.letter for mail in played.mails if mail.to == "emigration@mom-eg.example" and mail.language == "ar"}
    assert {"acknowledgement", "decision", "ask_acceptance", "ask_follow_up", "closure"} <= arabic


@about("tacit-consent")
async def test_silence_is_consent_for_consultees_and_recorded_as_such(plays: Plays) -> None:
    consultations = steps((await plays("tacit-consent")).played, Kind.CONSULTATION)
    assert [(step.state, step.option) for step in consultations] == [(State.LAPSED, "no_objection")] * 2
    assert {step.decision.kind for step in consultations if step.decision} == {DecisionKind.TACIT}


@every_scenario
async def test_silence_is_consent_for_nobody_else(plays: Plays, name: str) -> None:
    played = (await plays(name)).played
    tacit = {step.kind for step in played.case.steps if step.decision and step.decision.kind is DecisionKind.TACIT}
    assert tacit <= {Kind.CONSULTATION}


@about("no-host")
async def test_the_call_is_widened_once_before_the_case_ends_without_a_host(plays: Plays) -> None:
    played = (await plays("no-host")).played
    assert verbs(played).count(Verb.WIDENED) == 1
    assert [step.round for step in steps(played, Kind.HOST_OFFER)] == [1, 1, 1, 2, 2, 2]
    assert played.case.ending is Ending.NO_HOST


@about("visa-refused")
async def test_a_replacement_is_a_new_nomination_linked_to_the_old_and_cleared_again_alone(plays: Plays) -> None:
    played = (await plays("visa-refused")).played
    assert {n.id: (n.standing, n.replaces) for n in played.case.nominations} == {
        "N1": (Standing.ATTENDED, ""),
        "N2": (Standing.VISA_REFUSED, ""),
        "N3": (Standing.ATTENDED, ""),
        "N4": (Standing.ATTENDED, "N2"),
    }
    assert [step.about for step in steps(played, Kind.CLEARANCE, Kind.ACCEPTANCE)] == [("N1", "N2", "N3")] * 2 + [("N4",)] * 2
    assert [paper.about for paper in played.case.papers if paper.kind == "visa_support_letter"] == ["N1", "N2", "N3", "N4"]


@about("late-report")
async def test_a_report_after_forty_days_is_taken_and_marked_late(plays: Plays) -> None:
    [report] = [step for step in steps((await plays("late-report")).played, Kind.REPORT) if step.asked == "N1"]
    assert report.decision is not None
    assert report.decision.late
    assert report.schedule is not None
    assert report.schedule.due < report.decision.recorded < report.schedule.closes


@about("report-returned-once")
async def test_a_returned_report_gets_a_new_due_date(plays: Plays) -> None:
    first, second = [step for step in steps((await plays("report-returned-once")).played, Kind.REPORT) if step.asked == "N1"]
    assert (first.round, second.round) == (1, 2)
    assert first.schedule is not None
    assert second.schedule is not None
    assert second.opened > first.opened
    assert second.schedule.due > first.schedule.due


@about("no-show-and-left-early")
async def test_who_did_not_come_is_asked_for_nothing_and_planned_and_actual_dates_are_kept_apart(plays: Plays) -> None:
    played = (await plays("no-show-and-left-early")).played
    assert {step.asked for step in steps(played, Kind.REPORT)} == {"N1", "N3"}
    assert (played.case.visit_start, played.case.visit_end) != (played.case.actual_start, played.case.actual_end)


@about("transfer-plan-from-above")
async def test_the_national_focal_point_plans_for_the_institution_and_the_institution_is_told(plays: Plays) -> None:
    played = (await plays("transfer-plan-from-above")).played
    [plan] = steps(played, Kind.TRANSFER_PLAN)
    assert plan.decision is not None
    assert (plan.decision.kind, plan.decision.by, plan.decision.on_behalf_of) == (DecisionKind.DELEGATED, "SN-MAESE", "SN-POSTE")
    told = [mail.to for mail in played.mails if mail.letter == "recorded" and mail.step == plan.id]
    assert told == ["point.focal@maese-sn.example", "services.financiers@poste-sn.example"]


@about("host-withdraws")
async def test_when_the_host_withdraws_the_nominations_stay_cleared_and_the_nominees_confirm_the_new_dates(plays: Plays) -> None:
    played = (await plays("host-withdraws")).played
    assert (played.case.host, played.case.visit_start) == ("TN-OTE", date(2031, 6, 16))
    assert [step.kind for step in since(played, Verb.HOST_WITHDREW)] == [
        Kind.HOST_OFFER,
        Kind.HOST_AGREEMENT,
        Kind.ACCEPTANCE,
        *[Kind.TRAVEL] * 3,
        Kind.AGENDA,
    ]
    assert [n.standing for n in played.case.nominations] == [Standing.CONFIRMED] * 3 + [Standing.RESERVE]


@about("rescheduled")
async def test_when_the_dates_change_only_the_approvals_that_depend_on_dates_are_asked_for_again(plays: Plays) -> None:
    played = (await plays("rescheduled")).played
    again = [step.kind for step in since(played, Verb.RESCHEDULED)]
    assert again == [Kind.HOST_AGREEMENT, *[Kind.TRAVEL] * 3, Kind.AGENDA]
    assert [n.standing for n in played.case.nominations] == [Standing.CONFIRMED] * 3 + [Standing.RESERVE]
    asked_anew = [mail.to for mail in played.mails if mail.letter == "invitation"]
    assert asked_anew == [f"participant.{n}@poste-sn.example" for n in (1, 2, 3)] * 2


@about("replaced-from-reserve")
async def test_who_takes_the_place_of_one_who_is_replaced_is_cleared_accepted_and_asked_to_travel_alone(plays: Plays) -> None:
    played = (await plays("replaced-from-reserve")).played
    assert [(step.kind, step.people) for step in since(played, Verb.REPLACED)] == [
        (kind, frozenset({"N4"})) for kind in (Kind.CLEARANCE, Kind.ACCEPTANCE, Kind.TRAVEL)
    ]
    assert {n.id: (n.standing, n.replaces) for n in played.case.nominations if n.id in ("N2", "N4")} == {
        "N2": (Standing.REPLACED, ""),
        "N4": (Standing.CONFIRMED, "N2"),
    }


@about("over-budget-waived")
async def test_a_ceiling_that_is_waived_calls_the_question_to_the_donor_off(plays: Plays) -> None:
    played = (await plays("over-budget-waived")).played
    [_, budget] = steps(played, Kind.DECISION)
    assert (budget.asked, budget.about, budget.state) == ("FR-MINT", ("budget", "MA-POSTE"), State.WITHDRAWN)
    [waiver] = played.case.waivers
    assert (waiver.rule, waiver.by, len(waiver.proof)) == ("budget", "mediterranean", 64)


@about("converted")
async def test_a_converted_exchange_calls_everybody_anew_for_the_other_format(plays: Plays) -> None:
    played = (await plays("converted")).played
    assert (played.case.asked.format, played.case.host, played.case.sending) == ("expert_assignment", "SN-POSTE", "ML-CIGEM")
    assert [step.asked for step in since(played, Verb.CONVERTED) if step.kind is Kind.HOST_OFFER] == [
        "MA-POSTE",
        "TN-OTE",
        "DZ-CNAS",
        "ML-CIGEM",
    ]


@about("reserve-steps-in")
async def test_the_host_in_reserve_is_asked_to_agree_before_anybody_is_called_anew(plays: Plays) -> None:
    played = (await plays("reserve-steps-in")).played
    first, *_ = since(played, Verb.HOST_WITHDREW)
    assert (first.kind, first.asked) == (Kind.HOST_AGREEMENT, "DZ-CNAS")
    assert played.case.host == "DZ-CNAS"


@about("call-widened")
async def test_of_several_offers_the_best_match_is_selected_and_the_others_wait_in_reserve(plays: Plays) -> None:
    played = (await plays("call-widened")).played
    assert [step.asked for step in steps(played, Kind.HOST_OFFER) if step.option == "offer"] == ["TN-OTE", "DZ-CNAS"]
    assert [(step.asked, step.option) for step in steps(played, Kind.HOST_AGREEMENT)] == [
        ("TN-OTE", "refuse"),
        ("DZ-CNAS", "agree"),
    ]


@about("provider-withdraws")
async def test_the_experts_of_a_provider_who_withdraws_are_withdrawn_and_its_nomination_no_longer_counts(plays: Plays) -> None:
    played = (await plays("provider-withdraws")).played
    assert [(n.institution, n.standing) for n in played.case.nominations] == [("MA-MCMRE", Standing.WITHDRAWN)] * 3 + [
        ("DZ-CNAS", Standing.CONFIRMED)
    ] * 2 + [("DZ-CNAS", Standing.RESERVE)]


@about("held-past-the-visit")
async def test_a_visit_that_passed_on_hold_gets_another_date_and_only_what_depends_on_dates_is_asked_again(plays: Plays) -> None:
    played = (await plays("held-past-the-visit")).played
    assert {step.kind for step in since(played, Verb.RESCHEDULED)} == {Kind.HOST_AGREEMENT, Kind.TRAVEL, Kind.AGENDA}


@about("successor")
async def test_open_questions_and_reminders_go_to_the_successor(plays: Plays) -> None:
    played = (await plays("successor")).played
    asked = [(mail.letter, mail.to.partition("@")[0]) for mail in played.mails if mail.step == "nomination-1"]
    assert asked == [
        ("ask_nomination", "services.financiers"),
        ("ask_nomination", "relations.internationales"),
        ("reminder", "relations.internationales"),
        ("reminder", "relations.internationales"),
        ("recorded", "relations.internationales"),
    ]


@about("delegation-by-date")
async def test_who_is_on_leave_is_not_asked_and_the_record_says_on_whose_behalf_the_delegate_answered(plays: Plays) -> None:
    played = (await plays("delegation-by-date")).played
    [clearance] = steps(played, Kind.CLEARANCE)
    assert clearance.decision is not None
    assert (clearance.decision.kind, clearance.decision.by, clearance.decision.on_behalf_of) == (
        DecisionKind.DELEGATED,
        "SN-MAESE/2",
        "SN-MAESE",
    )
    assert [mail.to for mail in played.mails if mail.letter == "ask_clearance"] == ["alternate@maese-sn.example"]


@about("answered-on-behalf")
async def test_a_paper_entered_on_behalf_of_an_institution_keeps_its_proof(plays: Plays) -> None:
    played = (await plays("answered-on-behalf")).played
    [nomination] = steps(played, Kind.NOMINATION)
    assert nomination.decision is not None
    assert (nomination.decision.kind, nomination.decision.channel) == (DecisionKind.ON_BEHALF, Channel.PAPER)
    assert len(nomination.decision.proof) == 64


@about("dormant")
async def test_three_lapses_in_a_row_make_an_institution_dormant_until_it_answers(plays: Plays) -> None:
    played = (await plays("dormant")).played
    lapsed = [step.kind for step in played.case.steps if step.asked == "SN-POSTE" and step.state is State.LAPSED]
    assert lapsed == [Kind.CASCADING_PLAN, Kind.TRANSFER_PLAN, Kind.FOLLOW_UP, Kind.FOLLOW_UP]
    assert verbs(played).count(Verb.DORMANT) == 1


@about("one-sided")
async def test_a_group_of_one_gender_is_asked_for_a_reason_and_never_refused(plays: Plays) -> None:
    played = (await plays("one-sided")).played
    assert [mail.letter for mail in played.mails].count("gender_balance") == 1
    assert [n.standing for n in played.case.nominations] == [Standing.CLEARED] * 3 + [Standing.RESERVE]


@pytest.mark.parametrize(
    ("name", "step", "due", "closes", "why"),
    [
        ("standard", "completeness-1", "2031-01-20T16:00", "2031-01-27T16:00", "5 working days over a weekend; 17:00 in Paris"),
        ("standard", "consultation-1", "2031-01-20T16:00", "2031-01-20T16:00", "5 calendar days end on Sunday 19 January"),
        ("standard", "decision-1", "2031-02-05T16:00", "2031-02-12T16:00", "15 working days, 5 of grace"),
        (
            "standard",
            "host_offer-1",
            "2031-01-31T16:00",
            "2031-02-04T16:00",
            "10 working days, Eid al-Fitr off; Ramadan is over",
        ),
        ("standard", "nomination-1", "2031-04-01T17:00", "2031-04-10T17:00", "2 months before 2 June; 2 April is Tabaski"),
        ("standard", "travel-1", "2031-05-12T17:00", "2031-05-19T17:00", "21 days before 2 June"),
        ("standard", "agenda-1", "2031-05-19T16:00", "2031-05-21T16:00", "2 weeks before 2 June"),
        ("standard", "report-1", "2031-07-07T17:00", "2031-08-04T17:00", "30 days end on Sunday 6 July"),
        ("expert-assignment", "acceptance-1", "2031-01-26T15:00", "2031-02-02T15:00", "Friday and Saturday are off in Egypt"),
        ("expert-assignment", "attendance-1", "2031-06-12T14:00", "2031-06-19T14:00", "17:00 in Cairo is 14:00 in summer"),
    ],
)
async def test_a_limit_ends_at_seventeen_local_on_a_working_day_of_the_one_asked(
    plays: Plays, name: str, step: str, due: str, closes: str, why: str
) -> None:
    asked = (await plays(name)).played.case.step(step)
    assert asked is not None
    assert asked.schedule is not None
    assert (asked.schedule.due.isoformat()[:16], asked.schedule.closes.isoformat()[:16]) == (due, closes), why


async def test_the_same_scenario_played_again_gives_the_same_timeline_letters_and_papers(template: Path) -> None:
    first, second = [await played(template, "smaller-group") for _ in range(2)]
    assert timeless(first) == timeless(second)
    assert first.case.papers == second.case.papers
    assert [(m.queued, m.message_id, m.to, m.cc) for m in first.mails] == [
        (m.queued, m.message_id, m.to, m.cc) for m in second.mails
    ]
    assert [words_of(message) for message in first.messages] == [words_of(message) for message in second.messages]


def words_of(message: EmailMessage) -> str:
    """The text of a letter without the log's checkpoint: what people fill in is salted, so the log is another one each time."""
    return CHECKPOINT.sub("", body_of(message))


def timeless(played: Played) -> list[Transition]:
    """The timeline without the numbers of the events, which depend on what of the same instant was written first."""
    return [said.model_copy(update={"event": 0}) for said in played.timeline]


async def test_the_procedure_keeps_to_what_a_workflow_may_do(template: Path) -> None:
    restrictions = SandboxRestrictions.default.with_passthrough_modules("pydantic", "pydantic_core", "models", "activities.names")
    sandboxed = SandboxedWorkflowRunner(restrictions=restrictions)
    scenario, request = load_scenario(SCENARIOS / "visa-refused.toml")
    result = await play(scenario, request, template, PROGRAMMES, runner=sandboxed)
    assert "\n".join(lines(result)) + "\n" == (EXPECTED / "visa-refused.txt").read_text(encoding="utf-8")


async def played(template: Path, name: str) -> Played:
    """A scenario played anew."""
    scenario, request = load_scenario(SCENARIOS / f"{name}.toml")
    return await play(scenario, request, template, PROGRAMMES)


def steps(played: Played, *kinds: Kind) -> list[Any]:
    """The steps of these kinds in the order in which they were opened."""
    return [step for step in played.case.steps if step.kind in kinds]


def since(played: Played, verb: Verb) -> list[Step]:
    """The steps opened after something happened first, in order."""
    seq = next(said.seq for said in played.timeline if said.verb is verb)
    opened = [said.step for said in played.timeline if said.seq > seq and said.verb is Verb.OPENED]
    return [step for step in played.case.steps if step.id in opened]


def verbs(played: Played) -> list[Verb]:
    """What happened, in order."""
    return [said.verb for said in played.timeline]
