"""Acts on a case in its course: done once, refused without a trace in history, and gone over again where they undo something."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from cases import Intervention
from models.acts import Doing, Waivable
from models.errors import Refused
from models.words import DecisionKind, Kind, Phase, Standing, State, Verb
from tests.procedure.driven import OFFICE, Driven

COLLEAGUE = {"person": "Colleague 1", "function": "Deputy", "email": "colleague.1@poste-sn.example", "language": "fr"}


async def test_a_refused_act_changes_nothing_and_is_logged(case: Driven) -> None:
    before = (await case.state(), await case.accepted())
    with capture_logs() as logs, pytest.raises(Refused, match="no dates are agreed yet"):
        await case.act(Doing.RESCHEDULE, start=date(2031, 6, 16))
    assert (await case.state(), await case.accepted()) == before
    [logged] = [entry for entry in logs if entry["event"] == "act_refused"]
    assert (logged["do"], logged["code"], logged["case"]) == (Doing.RESCHEDULE, "no_dates", case.id)


async def test_the_same_act_sent_again_is_done_once_even_in_the_next_run(case: Driven) -> None:
    await case.reach(Kind.DECISION)
    extension = Intervention(do=Doing.EXTEND, by=OFFICE, reason="A reason.", step="decision-1", working_days=3, act="extension-1")
    await case.cases.act(case.id, extension)
    due = (await case.schedule("decision")).due
    await case.cases.act(case.id, extension)
    assert (await case.schedule("decision")).due == due
    await case.answer("decision")
    assert (await case.state()).run == 2
    await case.cases.act(case.id, extension)
    assert await case.said(Verb.EXTENDED) == [Verb.EXTENDED]


async def test_an_act_by_somebody_unknown_or_on_somebody_unknown_is_refused(case: Driven) -> None:
    assert await case.act_refused(Doing.HAND_OVER, to="nobody") == "unknown_coordinator"
    assert await case.act_refused(Doing.HOLD, coordinator="nobody") == "unknown_coordinator"
    await case.reach(Kind.CLEARANCE)
    assert await case.act_refused(Doing.REASSIGN, step="clearance-1", to="SN-NOBODY") == "unknown"
    assert await case.act_refused(Doing.DELEGATE, step="clearance-1", to="SN-MAESE/9") == "unknown"


async def test_a_colleague_named_on_the_page_answers_on_behalf_and_stays_out_of_history(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    await case.act(Doing.DELEGATE, "", by="SN-POSTE", step="nomination-1", colleague=COLLEAGUE)
    step = await case.step("nomination")
    assert step.delegate.startswith("SN-POSTE/p-")
    assert await case.letters("ask_nomination") == ["services.financiers@poste-sn.example", "colleague.1@poste-sn.example"]
    await case.answer("nomination", by=step.delegate)
    stands = (await case.step("nomination")).decision
    assert stands is not None
    assert (stands.kind, stands.by, stands.on_behalf_of) == (DecisionKind.DELEGATED, step.delegate, "SN-POSTE")
    assert not [history for _, history, _ in await case.cases.histories(case.id) if b"olleague" in history]


async def test_a_delegation_entered_over_an_open_step_moves_it_at_once_and_its_revocation_back(case: Driven) -> None:
    await case.reach(Kind.NOMINATION)
    offices, today = case.on.workplace.offices, case.now.date()
    delegation = await offices.delegate("SN-POSTE", "SN-POSTE/2", today, today + timedelta(days=20))
    assert await case.cases.appointments_changed("SN-POSTE") == [case.id]
    await case.settle()
    assert (await case.step("nomination")).delegate == "SN-POSTE/2"
    assert (await case.letters("ask_nomination"))[-1] == "alternate@poste-sn.example"
    assert (await case.refused("nomination", by="SN-POSTE")).code == "delegated"
    await offices.revoke(delegation)
    await case.cases.appointments_changed("SN-POSTE")
    await case.settle()
    assert (await case.step("nomination")).delegate == ""
    assert await case.said(Verb.DELEGATED, Verb.DELEGATION_ENDED) == [Verb.DELEGATED, Verb.DELEGATION_ENDED]


async def test_a_delegation_to_come_starts_and_ends_on_its_days_without_anybody_telling_the_case(case: Driven) -> None:
    first = date(2031, 3, 3)
    await case.on.workplace.offices.delegate("SN-POSTE", "SN-POSTE/2", first, first + timedelta(days=4))
    await case.reach(Kind.NOMINATION)
    assert (await case.step("nomination")).delegate == ""
    await case.past(datetime.fromisoformat("2031-03-03T12:00:00+00:00"))
    assert (await case.step("nomination")).delegate == "SN-POSTE/2"
    await case.past(datetime.fromisoformat("2031-03-08T12:00:00+00:00"))
    assert (await case.step("nomination")).delegate == ""
    said = [said for said in await case.cases.timeline(case.id) if said.verb in (Verb.DELEGATED, Verb.DELEGATION_ENDED)]
    assert [(s.verb, s.at.isoformat(), s.about) for s in said] == [
        (Verb.DELEGATED, "2031-03-03T00:00:00+00:00", "SN-POSTE/2"),
        (Verb.DELEGATION_ENDED, "2031-03-08T00:00:00+00:00", "SN-POSTE/2"),
    ]


async def test_what_stands_is_neither_asked_nor_issued_nor_told_again(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    before = await case.state()
    told = [mail.letter for mail in await case.cases.mails(case.id)]
    await case.act(Doing.OVERRIDE, rule=Waivable.CUT_OFF, coordinator="west-africa")
    after = await case.state()
    assert [(step.id, step.state) for step in after.steps] == [(step.id, step.state) for step in before.steps]
    assert after.papers == before.papers
    assert [mail.letter for mail in await case.cases.mails(case.id)] == told


async def test_other_dates_ask_the_host_and_the_travellers_again_and_nobody_else(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    await case.act(Doing.RESCHEDULE, start=date(2031, 6, 16))
    state = await case.state()
    assert [step.id for step in state.steps if step.is_open] == ["cascading_plan-1", "host_agreement-2"]
    await case.answer("host_agreement-2")
    state = await case.state()
    assert state.phase is Phase.TRAVELLING
    opened = {step.id for step in state.steps if step.is_open}
    assert opened == {"cascading_plan-1", "travel-4", "travel-5", "travel-6", "agenda-2"}
    assert [n.standing for n in state.nominations][:3] == [Standing.ACCEPTED] * 3
    assert sum(paper.kind == "invitation_letter" and paper.voided is None for paper in state.papers) == 3
    assert sum(paper.kind == "invitation_letter" for paper in state.papers) == 6


async def test_a_host_who_withdraws_after_everybody_was_ready_is_followed_by_the_next(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    for number in (1, 2, 3):
        await case.answer(f"travel-{number}")
    await case.act(Doing.RELEASE, by="MA-POSTE")
    state = await case.state()
    asked = next(step for step in state.steps if step.is_open and step.kind is Kind.HOST_OFFER)
    assert (asked.asked != "MA-POSTE", state.partner, [n.standing for n in state.nominations][:3]) == (
        True,
        "",
        [Standing.CLEARED] * 3,
    )
    await case.answer(asked.id)
    await case.reach(Kind.ACCEPTANCE)
    acceptance = await case.step("acceptance")
    assert (acceptance.asked, acceptance.about) == (asked.asked, ("N1", "N2", "N3"))
    assert len([step for step in (await case.state()).steps if step.kind in (Kind.NOMINATION, Kind.CLEARANCE)]) == 2


async def test_a_question_that_is_declined_moves_up_and_declined_again_lapses(case: Driven) -> None:
    await case.reach(Kind.CLEARANCE)
    await case.act(Doing.DECLINE, by="SN-MAESE", step="clearance-1")
    step = await case.step("clearance")
    assert (step.state, step.escalated_to) == (State.OPEN, OFFICE)
    await case.act(Doing.DECLINE, step="clearance-1")
    assert (await case.step("clearance")).state is State.LAPSED
    assert await case.letters("declined") == ["coordination@amedip.example"] * 2


async def test_the_next_host_accepts_the_nominees_when_the_first_refuses_other_dates(case: Driven) -> None:
    await case.reach(Kind.TRAVEL)
    await case.act(Doing.RESCHEDULE, start=date(2031, 6, 16))
    await case.answer("host_agreement-2", "refuse")
    state = await case.state()
    assert [n.standing for n in state.nominations][:3] == [Standing.CLEARED] * 3
    await case.answer((await case.step("host_offer")).id)
    assert (await case.reach(Kind.ACCEPTANCE)).asked == (await case.step("host_offer")).asked != "MA-POSTE"


async def test_who_was_refused_is_replaced_also_when_an_act_comes_between(case: Driven) -> None:
    await case.reach(Kind.CLEARANCE)
    await case.answer("clearance-1", form={"refused": ["N1"]})
    await case.act(Doing.OVERRIDE, rule=Waivable.CUT_OFF, coordinator="west-africa")
    standings = {n.id: n.standing for n in (await case.state()).nominations}
    assert standings == {
        "N1": Standing.REFUSED,
        "N2": Standing.CLEARED,
        "N3": Standing.CLEARED,
        "N4": Standing.PROPOSED,
    }


async def test_a_host_who_refused_cannot_push_out_the_one_who_agreed(case: Driven) -> None:
    await case.reach(Kind.HOST_AGREEMENT)
    await case.answer("host_agreement-1", "refuse")
    await case.answer("host_offer-2")
    assert await case.act_refused(Doing.RECALL, by="MA-POSTE", step="host_agreement-1") == "depended_on"
    await case.answer("host_agreement-2")
    assert await case.act_refused(Doing.RECALL, by="MA-POSTE", step="host_agreement-1") == "depended_on"
