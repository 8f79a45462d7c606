"""Rows 14 to 19: the visit, its evaluation, reports, certificates and the plan to transfer the knowledge."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk, Ended, side_by_side
from workflows.papers import draft, issue, issue_new
from workflows.travelling import learners

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models.acts import Waivable
    from models.case import Nomination, Step
    from models.orders import AtInstant, DayAt
    from models.words import Ending, Kind, Standing, State, Verb, country_of


async def hold_visit(desk: Desk) -> None:
    """Wait for the visit to end; the host then confirms who attended and the actual dates.

    Raises:
        Ended: nobody attended, or nobody confirmed.
    """
    host, case = desk.case.host, desk.case
    assert case.visit_end is not None
    order = DayAt(country=country_of(host), day=case.visit_end, clock=desk.rules.closing_time)
    await desk.until((await desk.locally(names.INSTANT, order, AtInstant)).at)
    travelled = case.standing(Standing.CONFIRMED)
    attendance = next((step for step in case.steps if step.kind is Kind.ATTENDANCE and step.in_force), None)
    if attendance is None:
        about = tuple(n.id for n in travelled)
        attendance = await desk.ask(Kind.ATTENDANCE, host, country=country_of(host), about=about)
    await desk.outcome_of(attendance)
    if attendance.state is State.LAPSED or attendance.decision is None:
        raise Ended(Ending.LAPSED, "nobody_answered:attendance")
    facts = attendance.decision.facts
    for nomination in travelled:
        nomination.standing = Standing(facts.verdicts.get(nomination.id, Standing.ATTENDED))
    case.actual_start, case.actual_end = facts.start or case.visit_start, facts.end or case.visit_end
    if not participants(desk):
        raise Ended(Ending.CANCELLED, "nobody_attended")


def participants(desk: Desk) -> list[Nomination]:
    """Those who took part, to the end or not."""
    return desk.case.standing(Standing.ATTENDED, Standing.LEFT_EARLY)


async def report_and_certify(desk: Desk) -> None:
    """Side by side: each participant's evaluation and report, the host's evaluation, each institution's transfer plan."""
    host, people = desk.case.host, participants(desk)
    certifying = (certify(desk, nomination) for nomination in people)
    planning = (plan_transfer(desk, institution) for institution in learners(desk, people))
    await side_by_side(*certifying, evaluate(desk, host, country_of(host)), *planning)


async def evaluate(desk: Desk, asked: str, country: str) -> bool:
    """One evaluation; whether it was given."""
    evaluation = await desk.ask(Kind.EVALUATION, asked, country=country)
    return evaluation.option == "submit"


async def certify(desk: Desk, nomination: Nomination) -> None:
    """The certificate follows evaluation and accepted report; without them it is held, until a coordinator releases it."""
    evaluated, reported = await side_by_side(evaluate(desk, nomination.id, nomination.country), report(desk, nomination))
    if not ((evaluated and reported) or desk.case.waives(Waivable.CERTIFICATE, nomination.id)):
        if not nomination.held:
            nomination.held, missing = True, "no_evaluation" if reported else "no_report"
            desk.say(Verb.CERTIFICATE_HELD, about=nomination.id, reason=missing)
            if desk.follows(2):
                desk.write("certificate_held", nomination.id, reason=missing)
            desk.stir()
        return
    await issue_certificate(desk, nomination)


async def issue_certificate(desk: Desk, nomination: Nomination) -> None:
    """The certificate of participation, once."""
    for certificate in await issue_new(desk, draft(desk, "certificate", to=nomination.id, about=nomination.id)):
        nomination.held, nomination.certified = nomination.held and not desk.follows(2), True
        desk.say(Verb.CERTIFIED, about=nomination.id)
        desk.write("certificate", nomination.id, papers=(certificate.sha256,))


async def release_certificates(desk: Desk) -> None:
    """The certificates that were held, and that a named coordinator has released since."""
    for nomination in participants(desk):
        if nomination.held and not nomination.certified and desk.case.waives(Waivable.CERTIFICATE, nomination.id):
            await issue_certificate(desk, nomination)


async def report(desk: Desk, nomination: Nomination) -> bool:
    """The mission report; a returned one is asked for again, as often as the programme allows. Whether one was accepted."""
    office = desk.rules.office
    for round in range(1, desk.rules.report.returns_max + 2):
        reported = await desk.ask(Kind.REPORT, nomination.id, country=nomination.country, round=round)
        if reported.decision is None:
            return False
        review = await review_of(desk, reported, office.code, office.country)
        if review.option != "return":
            return review.option == "accept"
    return False


async def review_of(desk: Desk, reported: Step, office: str, country: str) -> Step:
    """The coordinator's review, bound to the version of the report that was submitted."""
    assert reported.decision is not None
    paper = reported.decision.form
    return await desk.ask(Kind.REPORT_REVIEW, office, country=country, round=reported.round, about=(reported.asked,), paper=paper)


async def plan_transfer(desk: Desk, institution: str) -> None:
    """The knowledge-transfer plan of one institution; silence goes to the national focal point."""
    plan = await desk.ask(Kind.TRANSFER_PLAN, institution, country=country_of(institution))
    if plan.decision is not None:
        form = plan.decision.form
        await issue(desk, draft(desk, "transfer_plan", to=institution, about=institution, form=form))
