"""Time: extensions, a case on hold, reminders that stop, and what silence leads to."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from activities.typesetting import Typesetter
from cases import Intervention
from models.acts import Doing
from models.schedule import Do
from models.words import Ending, Kind, Standing, State, Verb
from tests.procedure.driven import OFFICE, Driven

REMINDERS = (Verb.REMINDED, Verb.CHASED, Verb.ALERTED)


async def test_an_extension_just_before_the_closing_keeps_the_step_open(case: Driven) -> None:
    await case.reach(Kind.HOST_OFFER)
    closed = (await case.schedule("host_offer")).closes
    await case.at_the_last_moment("host_offer")
    await case.act(Doing.EXTEND, step="host_offer-1", working_days=3)
    await case.past(closed + timedelta(hours=1))
    assert (await case.step("host_offer")).state is State.OPEN
    await case.answer("host_offer")
    stands = (await case.step("host_offer-1")).decision
    assert stands is not None
    assert not stands.late
    assert await case.letters("extended") == ["services.financiers@poste-ma.example"]


async def test_an_extension_adds_working_days_to_the_due_date_and_moves_the_reminders(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    before = await case.schedule("nomination")
    await case.act(Doing.EXTEND, step="nomination-1", working_days=3)
    after = await case.schedule("nomination")
    assert before.due == datetime(2031, 4, 1, 17, tzinfo=UTC)
    assert after.due == datetime(2031, 4, 8, 17, tzinfo=UTC)  # 2 and 4 April are days off in Senegal
    assert after.closes == datetime(2031, 4, 16, 17, tzinfo=UTC)  # so is Easter Monday, 14 April
    reminded = [tick.at.date() for tick in after.ticks if tick.do is Do.REMIND]
    assert reminded == [date(2031, 3, 28), date(2031, 4, 3), date(2031, 4, 8)]
    await case.past(before.closes)
    assert (await case.said(*REMINDERS, step="nomination-1")) == [Verb.REMINDED] * 3 + [Verb.CHASED]
    assert (await case.step("nomination")).state is State.OPEN


async def test_a_late_step_that_is_extended_is_no_longer_late_until_the_new_date(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    await case.past((await case.schedule("nomination")).due + timedelta(days=1))
    await case.act(Doing.EXTEND, step="nomination-1", working_days=10)
    await case.answer("nomination")
    stands = (await case.step("nomination")).decision
    assert stands is not None
    assert not stands.late


async def test_an_extension_after_an_escalation_goes_to_both_who_can_answer(case: Driven) -> None:
    await case.reach(Kind.CLEARANCE)
    await case.after_closing("clearance")
    await case.act(Doing.EXTEND, step="clearance-1", working_days=3)
    assert await case.letters("extended") == ["point.focal@maese-sn.example", "coordination@amedip.example"]


async def test_acts_that_cannot_be_done_are_refused_with_what_stands(case: Driven) -> None:
    assert await case.act_refused(Doing.EXTEND, step="completeness-1", working_days=0) == "out_of_range"
    assert await case.act_refused(Doing.EXTEND, step="completeness-7", working_days=3) == "unknown_step"
    assert await case.act_refused(Doing.EXTEND, reason="", step="completeness-1", working_days=3) == "no_reason"
    assert await case.act_refused(Doing.EXTEND, by="SN-POSTE", step="completeness-1", working_days=3) == "not_office"
    assert await case.act_refused(Doing.RESUME) == "not_on_hold"
    await case.answer("completeness")
    assert await case.act_refused(Doing.EXTEND, step="completeness-1", working_days=3) == "closed"
    await case.act(Doing.HOLD)
    assert await case.act_refused(Doing.HOLD) == "on_hold"
    assert await case.act_refused(Doing.EXTEND, step="consultation-1", working_days=3) == "on_hold"


async def test_an_answer_is_reminded_of_no_more(case: Driven) -> None:
    await case.reach(Kind.REPORT)
    await case.past((await case.schedule("report-1")).due)
    assert await case.said(*REMINDERS, step="report-1") == [Verb.REMINDED] * 3
    await case.answer("report-1")
    await case.past((await case.schedule("report-1")).closes)
    assert await case.said(*REMINDERS, step="report-1") == [Verb.REMINDED] * 3
    assert await case.said(*REMINDERS, step="report-2") == [Verb.REMINDED] * 3 + [Verb.CHASED] * 2


async def test_reminders_leave_at_nine_local_five_two_and_no_working_days_before_and_two_after_with_a_copy(case: Driven) -> None:
    await case.reach(Kind.HOST_AGREEMENT)
    await case.after_closing("host_agreement")
    told = [mail for mail in await case.cases.mails(case.id) if mail.step == "host_agreement-1"]
    assert [(mail.queued.isoformat(), mail.letter, mail.cc) for mail in told][1:] == [
        # Due on 1 April 17:00; Morocco keeps UTC+1 outside Ramadan; 2 and 3 April are days off.
        ("2031-03-25T08:00:00+00:00", "reminder", ()),
        ("2031-03-28T08:00:00+00:00", "reminder", ()),
        ("2031-04-01T08:00:00+00:00", "reminder", ()),
        ("2031-04-07T08:00:00+00:00", "overdue", ("alternate@poste-ma.example",)),
        ("2031-04-10T16:00:00+00:00", "lapsed", ()),
    ]


async def test_after_an_outage_reminders_that_a_later_instant_overtook_are_not_sent(case: Driven) -> None:
    await case.reach(Kind.HOST_AGREEMENT)
    schedule = await case.schedule("host_agreement")
    assert [tick.do for tick in schedule.ticks] == [Do.REMIND, Do.REMIND, Do.REMIND, Do.CHASE, Do.CLOSE]

    def sent(now: datetime) -> list[Do]:
        due = [n for n, tick in enumerate(schedule.ticks) if tick.at <= now]
        return [schedule.ticks[n].do for n in due if not schedule.is_overtaken(n, now)]

    assert sent(schedule.ticks[0].at) == [Do.REMIND]
    assert sent(schedule.ticks[2].at) == [Do.REMIND]
    assert sent(schedule.ticks[3].at) == [Do.CHASE]
    assert sent(schedule.closes) == [Do.CLOSE]


async def test_a_hold_over_a_deadline_stops_the_clock_and_the_rest_is_left_afterwards(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    await case.past(datetime(2031, 3, 25, 10, tzinfo=UTC))
    await case.act(Doing.HOLD)
    assert (await case.step("nomination")).state is State.PAUSED
    before = await case.said(step="nomination-1")
    await case.past(datetime(2031, 4, 22, 10, tzinfo=UTC))
    assert await case.said(step="nomination-1") == before
    assert await case.letters("hold_review") == ["coordination@amedip.example"] * 2
    await case.act(Doing.RESUME, reason="")
    schedule = await case.schedule("nomination")
    assert schedule.due == datetime(2031, 4, 29, 17, tzinfo=UTC)  # 26, 27, 28, 31 March and 1 April were left: five days
    assert (await case.step("nomination")).state is State.OPEN
    assert await case.letters("extended") == ["services.financiers@poste-sn.example"]
    await case.past(schedule.due)
    assert await case.said(*REMINDERS, step="nomination-1") == [Verb.REMINDED] * 3  # five days before was sent before the hold


async def test_the_letter_after_a_hold_gives_the_reason_of_the_hold(case: Driven) -> None:
    await case.act(Doing.HOLD, reason="The airport is closed.")
    await case.pass_days(3)
    await case.act(Doing.RESUME, reason="")
    [letter] = [mail for mail in await case.cases.mails(case.id) if mail.letter == "extended"]
    assert b"The airport is closed." in await case.cases.content(letter.content)


async def test_a_late_step_that_is_held_keeps_the_grace_it_had_left_and_stays_late(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    await case.past(datetime(2031, 4, 8, 12, tzinfo=UTC))  # due on 1 April, closes on 10 April: two days left
    await case.act(Doing.HOLD)
    await case.past(datetime(2031, 4, 28, 12, tzinfo=UTC))
    await case.act(Doing.RESUME)
    schedule = await case.schedule("nomination")
    assert schedule.due == datetime(2031, 4, 1, 17, tzinfo=UTC)
    assert schedule.closes == datetime(2031, 4, 30, 17, tzinfo=UTC)
    await case.answer("nomination")
    stands = (await case.step("nomination")).decision
    assert stands is not None
    assert stands.late


async def test_an_answer_while_on_hold_is_taken_and_the_next_clock_starts_when_the_case_goes_on(case: Driven) -> None:
    await case.reach(Kind.CLEARANCE)
    await case.act(Doing.HOLD)
    await case.pass_days(30)
    await case.answer("clearance")
    assert (await case.step("acceptance")).state is State.OPENING
    assert await case.letters("ask_acceptance") == []
    await case.pass_days(30)
    await case.act(Doing.RESUME)
    acceptance = await case.step("acceptance")
    assert acceptance.state is State.OPEN
    assert acceptance.opened == case.now
    assert await case.letters("ask_acceptance") == ["services.financiers@poste-ma.example"]
    schedule = await case.schedule("acceptance")
    assert schedule.due > case.now
    assert case.now == datetime(2031, 3, 14, 9, tzinfo=UTC)
    assert schedule.due == datetime(2031, 3, 21, 16, tzinfo=UTC)


async def test_a_hold_at_the_very_closing_instant_leaves_no_step_open_for_ever(case: Driven) -> None:
    await case.reach(Kind.HOST_OFFER)
    await case.at_the_last_moment("host_offer")
    await case.act(Doing.HOLD)
    await case.pass_days(10)
    await case.act(Doing.RESUME)
    await case.pass_days(1)
    assert (await case.step("host_offer-1")).state is State.LAPSED
    assert (await case.step("host_offer-2")).state is State.OPEN


async def test_a_case_on_hold_can_be_cancelled_and_a_phase_can_begin_on_hold(case: Driven) -> None:
    await case.reach(Kind.HOST_AGREEMENT)
    await case.act(Doing.HOLD)
    await case.answer("host_agreement")
    assert (await case.state()).run == 3
    await case.pass_days(200)
    assert (await case.step("nomination")).state is State.OPENING
    await case.act(Doing.CANCEL)
    assert (await case.state()).ending is Ending.CANCELLED
    assert (await case.step("nomination")).state is State.WITHDRAWN


async def test_the_wait_for_the_visit_goes_on_after_a_hold(case: Driven) -> None:
    await case.reach(Kind.CASCADING_PLAN)
    for step in [step for step in (await case.state()).steps if step.is_open]:
        await case.answer(step.id)
    await case.past(datetime(2031, 6, 3, 9, tzinfo=UTC))  # during the visit
    await case.act(Doing.HOLD)
    await case.past(datetime(2031, 6, 20, 9, tzinfo=UTC))
    assert (await case.state()).latest(Kind.ATTENDANCE) is None
    await case.act(Doing.RESUME)
    assert (await case.step("attendance")).opened - datetime(2031, 6, 20, 9, tzinfo=UTC) <= timedelta(seconds=1)


async def test_a_returned_request_goes_on_with_the_rest_of_the_checks_clock(case: Driven) -> None:
    await case.past(datetime(2031, 1, 15, 9, tzinfo=UTC))
    await case.answer("completeness", "return")
    await case.past(datetime(2031, 1, 24, 9, tzinfo=UTC))
    await case.answer("correction")
    schedule = await case.schedule("completeness-2")
    assert schedule.due == datetime(2031, 1, 29, 16, tzinfo=UTC)  # 16, 17 and 20 January were left of five days


async def test_the_requester_withdraws_at_any_time_before_the_visit_and_not_after(case: Driven) -> None:
    await case.reach(Kind.ATTENDANCE)
    assert await case.act_refused(Doing.WITHDRAW) == "visit_begun"
    await case.act(Doing.CANCEL)
    assert (await case.state()).ending is Ending.CANCELLED


async def test_those_invited_are_told_that_the_exchange_was_cancelled(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    await case.answer("travel-1")
    await case.answer("travel-2", "visa_refused")
    await case.act(Doing.CANCEL)
    assert await case.letters("cancelled") == [
        "services.financiers@poste-sn.example",
        "services.financiers@poste-ma.example",
        "participant.1@poste-sn.example",
        "participant.3@poste-sn.example",
        "point.focal@maese-sn.example",  # asked to clear the substitute
    ]


async def test_a_case_held_over_its_visit_is_given_other_dates_before_it_goes_on(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    await case.act(Doing.HOLD)
    await case.past(datetime(2031, 6, 20, 9, tzinfo=UTC))
    assert await case.act_refused(Doing.RESUME) == "visit_passed"
    await case.act(Doing.RESCHEDULE, start=date(2031, 9, 1))
    await case.act(Doing.RESUME)
    agreement = await case.step("host_agreement")
    assert (agreement.id, agreement.state, agreement.visit) == ("host_agreement-2", State.OPEN, date(2031, 9, 1))


async def test_a_substitute_nobody_clears_leaves_a_smaller_group(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    await case.answer("travel-2", "visa_refused")
    for step in ("travel-1", "travel-3", "agenda", "cascading_plan"):
        await case.answer(step)
    await case.after_closing("clearance-2")
    assert (await case.step("clearance-2")).escalated_to == "OFFICE"
    await case.after_closing("clearance-2")
    people = {n.id: n.standing for n in (await case.state()).nominations}
    assert people == {
        "N1": Standing.CONFIRMED,
        "N2": Standing.VISA_REFUSED,
        "N3": Standing.CONFIRMED,
        "N4": Standing.UNAVAILABLE,
    }
    assert (await case.reach(Kind.ATTENDANCE)).about == ("N1", "N3")


async def test_a_clearance_is_never_tacit(case: Driven) -> None:
    await case.reach(Kind.CLEARANCE)
    await case.after_closing("clearance")
    await case.after_closing("clearance")
    ended = await case.state()
    assert (ended.ending, ended.reason) == (Ending.LAPSED, "nobody_answered:clearance")
    assert (await case.step("clearance")).decision is None


@pytest.mark.parametrize("kind", [Kind.AGENDA, Kind.CASCADING_PLAN])
async def test_a_missing_agenda_or_cascading_plan_does_not_stop_the_visit(case: Driven, kind: Kind) -> None:
    await case.reach(Kind.TRAVEL)
    for step in [step for step in (await case.state()).steps if step.is_open and step.kind is not kind]:
        await case.answer(step.id)
    while (await case.step(kind)).is_open:
        await case.after_closing(kind)
    assert (await case.step(kind)).state is State.LAPSED
    assert (await case.schedule(kind)).closes < datetime(2031, 6, 2, tzinfo=UTC)
    await case.reach(Kind.ATTENDANCE)


async def test_extensions_given_at_once_all_count(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    acts = [
        case.cases.act(case.id, Intervention(do=Doing.EXTEND, by=OFFICE, reason="A reason.", step="nomination-1", working_days=1))
        for _ in range(3)
    ]
    await asyncio.gather(*acts)
    await case.settle()
    assert (await case.schedule("nomination")).due == datetime(2031, 4, 8, 17, tzinfo=UTC)  # 3 working days after 1 April


async def test_a_case_whose_papers_never_get_set_can_be_cancelled(case: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> bytes:
        raise RuntimeError("typesetting is broken")

    await case.reach(Kind.HOST_OFFER)
    monkeypatch.setattr(Typesetter, "set", broken)
    outcome = await case.cases.answer(await case.given("host_offer"))
    assert outcome.state == "recorded"
    await case.act(Doing.CANCEL)
    assert (await case.state()).ending is Ending.CANCELLED
    assert (await case.state()).ended is not None
