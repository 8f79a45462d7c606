"""Rows 1 to 4: the request is checked, consulted on and decided."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk, Ended, side_by_side
from workflows.papers import draft, issue_new

with workflow.unsafe.imports_passed_through():
    from models.acts import Waivable
    from models.case import Step
    from models.words import Ending, Kind, State, country_of


async def check_completeness(desk: Desk) -> None:
    """The coordinator checks the request; while the requester completes a returned one, the check's clock stands still."""
    office, requesting = desk.rules.office, desk.case.asked.requesting
    for paper in await issue_new(desk, draft(desk, "acknowledgement", to=requesting)):
        desk.write("acknowledgement", requesting, papers=(paper.sha256,))
    check = await desk.ask(Kind.COMPLETENESS, office.code, country=office.country)
    while check.option == "return":
        await correct(desk, check)
        check = await desk.ask(Kind.COMPLETENESS, office.code, country=office.country, round=check.round + 1, before=check)
    if check.state is State.LAPSED:
        raise Ended(Ending.LAPSED, "nobody_answered:completeness")


async def correct(desk: Desk, check: Step) -> None:
    """The requester completes the request, or withdraws it."""
    requesting = desk.case.asked.requesting
    correction = await desk.ask(Kind.CORRECTION, requesting, country=country_of(requesting), round=check.round)
    if correction.option == "withdraw":
        raise Ended(Ending.WITHDRAWN, "withdrawn_by_requester")
    if correction.state is State.LAPSED:
        raise Ended(Ending.LAPSED, "nobody_answered:correction")


async def consult(desk: Desk) -> None:
    """The consultees are asked side by side; silence is consent; an objection with a veto rejects."""
    consultees = [c for c in desk.rules.consultees if c.institution != desk.case.asked.requesting]
    asked = (desk.ask(Kind.CONSULTATION, c.institution, country=country_of(c.institution)) for c in consultees)
    opinions = await side_by_side(*asked)
    for consultee, opinion in zip(consultees, opinions, strict=True):
        if consultee.veto and opinion.option == "object" and not desk.case.waives(Waivable.VETO):
            await reject(desk, "veto")


async def decide(desk: Desk) -> None:
    """The programme decides by its criteria; a decision put off is asked for again."""
    office = desk.rules.office
    decision = await desk.ask(Kind.DECISION, office.code, country=office.country)
    while decision.option == "defer":
        decision = await desk.ask(Kind.DECISION, office.code, country=office.country, round=decision.round + 1)
    if decision.state is State.LAPSED:
        raise Ended(Ending.LAPSED, "nobody_answered:decision")
    if decision.option == "reject":
        await reject(desk, "criteria")
    for letter in await issue_new(desk, draft(desk, "decision_letter", to=desk.case.asked.requesting, outcome="approved")):
        desk.write("decision", desk.case.asked.requesting, papers=(letter.sha256,), consequence="approved")


async def reject(desk: Desk, reason: str) -> None:
    """Tell the requester that the programme rejects, with the reasons; the case ends.

    Raises:
        Ended: rejected.
    """
    to = desk.case.asked.requesting
    for letter in await issue_new(desk, draft(desk, "decision_letter", to=to, outcome="rejected", reason=reason)):
        desk.write("decision", to, papers=(letter.sha256,), consequence="rejected")
    raise Ended(Ending.REJECTED, reason)
