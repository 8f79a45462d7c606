"""Issuing the papers of a case: the order names references only, the activity draws the contents from the store."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models.case import Nomination, Paper
    from models.orders import DocumentOrder, Issued
    from models.words import Kind, Verb

FORMS_OF: dict[str, tuple[Kind, ...]] = {
    "acknowledgement": (),
    "decision_letter": (Kind.DECISION,),
    "terms_of_reference": (Kind.HOST_OFFER,),
    "hosting_agreement": (Kind.HOST_OFFER, Kind.HOST_AGREEMENT),
    "invitation_letter": (Kind.HOST_AGREEMENT,),
    "visa_support_letter": (),
    "agenda": (Kind.AGENDA,),
    "certificate": (),
    "transfer_plan": (),
    "closure_note": (Kind.FOLLOW_UP,),
}
"""The steps whose last form each document draws on."""


async def issue(
    desk: Desk,
    kind: str,
    *,
    to: str,
    second: str = "",
    about: str = "",
    outcome: str = "",
    reason: str = "",
    paper: str = "",
    form: str = "",
) -> Paper:
    """Have a document set and stored; gives the paper it became. `form` is one more form it draws on, `paper` one it refers to."""
    case = desk.case
    forms = {step.value: case.form(step) for step in FORMS_OF[kind] if case.form(step)}
    if form:
        forms["form"] = form
    order = DocumentOrder(
        case=case.id,
        programme=case.programme,
        kind=kind,
        to=to,
        second=second,
        about=about,
        at=desk.now(),
        asked=case.asked,
        host=case.host,
        sending=case.sending,
        visit_start=case.visit_start,
        visit_end=case.visit_end,
        actual_start=case.actual_start,
        actual_end=case.actual_end,
        forms=forms,
        opinions=opinions(desk) if kind == "decision_letter" else {},
        corrections=corrections(desk),
        outcome=outcome,
        reason=reason,
        paper=paper,
        people=people(desk, about, kind),
        standings={n.id: n.standing.value for n in case.nominations} if kind == "closure_note" else {},
        follow_ups=follow_ups(desk) if kind == "closure_note" else (),
    )
    issued = await desk.remotely(names.ISSUE, order, Issued)
    new = Paper(kind=issued.kind, language=issued.language, sha256=issued.sha256, about=about, at=desk.now())
    case.papers.append(new)
    desk.say(Verb.ISSUED, about=issued.sha256, reason=kind)
    desk.stir()
    return new


def opinions(desk: Desk) -> dict[str, str]:
    """The sha256 of each consultee's opinion; empty where silence stood for consent."""
    steps = [step for step in desk.case.steps if step.kind is Kind.CONSULTATION]
    return {step.asked: step.decision.form if step.decision else "" for step in steps}


def corrections(desk: Desk) -> tuple[str, ...]:
    """The sha256 of each correction of the request, first to last."""
    steps = [step for step in desk.case.steps if step.kind is Kind.CORRECTION and step.option == "submit"]
    return tuple(step.decision.form for step in steps if step.decision)


def people(desk: Desk, about: str, kind: str) -> dict[str, str]:
    """The persons a document names, by nomination."""
    named: list[Nomination] = [n for n in desk.case.nominations if n.id == about or kind == "closure_note"]
    return {n.id: n.person for n in named}


def follow_ups(desk: Desk) -> tuple[str, ...]:
    """What each follow-up gave, as `months:planned:done:evidence`."""
    lines = []
    for step in desk.case.steps:
        if step.kind is Kind.FOLLOW_UP:
            facts = step.decision.facts if step.decision else None
            planned, done, evidence = (facts.planned, facts.done, int(facts.evidence)) if facts else (0, 0, 0)
            lines.append(f"{desk.rules.follow_up.months[step.round - 1]}:{planned}:{done}:{evidence}")
    return tuple(lines)
