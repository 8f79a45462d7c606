"""When a person's data may be erased, and which papers of a case name people: pure functions of the case's state."""

from __future__ import annotations

from models.case import Case, Paper
from models.errors import Missing, Refused
from models.words import Kind, Phase, Standing

STANDING = (
    Standing.PROPOSED,
    Standing.RESERVE,
    Standing.CLEARED,
    Standing.ACCEPTED,
    Standing.CONFIRMED,
    Standing.ATTENDED,
    Standing.LEFT_EARLY,
)
"""Where a nomination stands whose person the case still counts on."""

LISTING = ("closure_note",)
"""The papers that list everybody who was nominated."""

DRAWN_ON: dict[str, tuple[Kind, ...]] = {
    "acknowledgement": (),
    "decision_letter": (Kind.DECISION, Kind.CONSULTATION),
    "terms_of_reference": (Kind.HOST_OFFER, Kind.HOST_AGREEMENT),
    "hosting_agreement": (Kind.HOST_OFFER, Kind.HOST_AGREEMENT),
    "invitation_letter": (Kind.HOST_AGREEMENT,),
    "visa_support_letter": (),
    "agenda": (Kind.AGENDA,),
    "certificate": (),
    "transfer_plan": (Kind.TRANSFER_PLAN,),
    "closure_note": (Kind.FOLLOW_UP,),
}
"""The steps whose forms a paper prints, besides the request and its corrections."""


def person_of_party(case: Case, code: str) -> str:
    """The id of the person behind a nomination (`N1`) or a colleague (`SN-POSTE/p-…`).

    Raises:
        Missing: the code names no person of the case.
    """
    for nomination in case.nominations:
        if nomination.id == code:
            return nomination.person
    _, _, post = code.partition("/")
    if not post.startswith("p-"):
        raise Missing(f"{case.id} has no nomination {code}")
    return post


def may_erase(case: Case, code: str) -> None:
    """Refuse to erase somebody the case cannot go on without.

    Raises:
        Refused: "still_asked", a question is put to them or about them; "still_travelling", they were nominated and still count.
    """
    if case.ended is not None:
        return
    asked = [step.id for step in case.steps if step.is_open and (code in step.people or code in (step.delegate, step.escalated_to))]
    if asked:
        text = f"{asked[0]} of {case.id} is still put to {code} or is about them: let it be answered, or replace the nominee, first"
        raise Refused("still_asked", text, step=asked[0])
    counts = [one for one in case.nominations if one.id == code and one.standing in STANDING]
    if counts and case.phase is not Phase.FOLLOW_UP:
        text = f"{code} of {case.id} is {counts[0].standing}: replace the nominee, or let the case end, first"
        raise Refused("still_travelling", text, standing=counts[0].standing)


def prints(case: Case, paper: Paper, named: frozenset[str]) -> bool:
    """Whether a paper lists everybody nominated, or prints one of the texts `named` by their sha256."""
    if paper.kind in LISTING:
        return True
    kinds = (*DRAWN_ON.get(paper.kind, ()), Kind.CORRECTION)
    forms = {step.decision.form for step in case.steps if step.kind in kinds and step.decision}
    reasons = {waiver.reason for waiver in case.waivers} | {case.reason} if paper.kind == "decision_letter" else set()
    return not named.isdisjoint({case.asked.request} | forms | reasons)
