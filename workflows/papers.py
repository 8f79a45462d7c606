"""Issuing the papers of a case: the order names references only, the activity draws the contents from the store."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models.case import Paper
    from models.orders import DocumentOrder, Draft, Issued
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


def draft(desk: Desk, kind: str, *, to: str, about: str = "", form: str = "", **more: str) -> Draft:
    """A document to set; `form` is the sha256 of one more form it draws on."""
    forms = {step.value: desk.case.form(step) for step in FORMS_OF[kind] if desk.case.form(step)}
    if form:
        forms["form"] = form
    closing = kind == "closure_note"
    return Draft(
        kind=kind,
        to=to,
        about=about,
        forms=forms,
        opinions=opinions(desk) if kind == "decision_letter" else {},
        people={n.id: n.person for n in desk.case.nominations if closing or n.id == about},
        standings={n.id: n.standing.value for n in desk.case.nominations} if closing else {},
        follow_ups=follow_ups(desk) if closing else (),
        **more,
    )


async def issue(desk: Desk, *drafts: Draft) -> list[Paper]:
    """The papers of some drafts, those that are still to be set and stored at once; a paper that stands is not issued again."""
    issued = await issue_new(desk, *drafts)
    return [standing_paper(desk, draft) or issued.pop(0) for draft in drafts]


async def issue_new(desk: Desk, *drafts: Draft) -> list[Paper]:
    """The papers that were issued now; none when all of them stand already."""
    missing = [draft for draft in drafts if standing_paper(desk, draft) is None]
    return await set_papers(desk, *missing) if missing else []


def standing_paper(desk: Desk, wanted: Draft) -> Paper | None:
    """The paper that was issued for a draft before and still stands."""
    for paper in desk.case.papers:
        if (paper.kind, paper.about, paper.to, paper.voided) == (wanted.kind, wanted.about, wanted.to, None):
            return paper
    return None


async def set_papers(desk: Desk, *drafts: Draft) -> list[Paper]:
    """Have documents set and stored at once; gives the papers they became."""
    case = desk.case
    order = DocumentOrder(
        case=case.id,
        programme=case.programme,
        at=desk.now(),
        asked=case.asked,
        host=case.host,
        sending=case.sending,
        visit_start=case.visit_start,
        visit_end=case.visit_end,
        actual_start=case.actual_start,
        actual_end=case.actual_end,
        corrections=corrections(desk),
        drafts=drafts,
    )
    issued = await desk.remotely(names.ISSUE, order, Issued)
    papers = []
    for wanted, p in zip(drafts, issued.papers, strict=True):
        to = wanted.to if desk.follows(2) else ""
        papers.append(Paper(kind=p.kind, language=p.language, sha256=p.sha256, about=p.about, at=desk.now(), to=to))
    for paper in papers:
        case.papers.append(paper)
        desk.say(Verb.ISSUED, about=paper.sha256, reason=paper.kind)
    desk.stir()
    return papers


def opinions(desk: Desk) -> dict[str, str]:
    """The sha256 of each consultee's opinion; empty where silence stood for consent."""
    steps = [step for step in desk.case.steps if step.kind is Kind.CONSULTATION and step.in_force]
    return {step.asked: step.decision.form if step.decision else "" for step in steps}


def corrections(desk: Desk) -> tuple[str, ...]:
    """The sha256 of each correction of the request, first to last."""
    steps = [step for step in desk.case.steps if step.kind is Kind.CORRECTION and step.option == "submit" and step.in_force]
    return tuple(step.decision.form for step in steps if step.decision)


def follow_ups(desk: Desk) -> tuple[str, ...]:
    """What each follow-up gave, as `months:planned:done:evidence`."""
    lines = []
    for step in desk.case.steps:
        if step.kind is Kind.FOLLOW_UP and step.in_force:
            facts = step.decision.facts if step.decision else None
            planned, done, evidence = (facts.planned, facts.done, int(facts.evidence)) if facts else (0, 0, 0)
            lines.append(f"{desk.rules.follow_up.months[step.round - 1]}:{planned}:{done}:{evidence}")
    return tuple(lines)
