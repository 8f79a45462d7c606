"""Rows 5 and 6: hosts are called in ranked order until one offers and agrees to the terms of reference."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk, Ended
from workflows.papers import draft, issue

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models.case import Step
    from models.orders import CandidateOrder, Candidates
    from models.request import visit_end
    from models.words import Ending, Kind, Verb, country_of


async def agree_host(desk: Desk) -> None:
    """Call the first candidates, then widen the call once; the next one is asked when one refuses or stays silent.

    Raises:
        Ended: no_host, when nobody offered and agreed.
    """
    call = desk.rules.call
    order = CandidateOrder(asked=desk.case.asked, most=call.first + call.widened)
    desk.case.candidates = list((await desk.locally(names.CANDIDATES, order, Candidates)).candidates)
    ranked = [candidate.institution for candidate in desk.case.candidates]
    for round, called in ((1, ranked[: call.first]), (2, ranked[call.first :])):
        if round == 2 and called:
            desk.say(Verb.WIDENED)
        for institution in called:
            if await offers_and_agrees(desk, institution, round):
                return
    raise Ended(Ending.NO_HOST, "no_offer")


async def offers_and_agrees(desk: Desk, institution: str, round: int) -> bool:
    """Ask one candidate, then the host to agree to the terms of reference; never tacit."""
    offer = await desk.ask(Kind.HOST_OFFER, institution, country=country_of(institution), round=round)
    if offer.option != "offer":
        return False
    take_offer(desk, offer)
    [terms] = await issue(desk, draft(desk, "terms_of_reference", to=desk.case.host))
    host = desk.case.host
    agreement = await desk.ask(Kind.HOST_AGREEMENT, host, country=country_of(host), round=round, paper=terms.sha256)
    if agreement.option != "agree":
        desk.case.partner, desk.case.visit_start, desk.case.visit_end = "", None, None
        return False
    requesting, partner = desk.case.asked.requesting, desk.case.partner
    second = partner if host == requesting else requesting
    agreement_draft = draft(desk, "hosting_agreement", to=host, second=second, paper=terms.sha256)
    [agreed] = await issue(desk, agreement_draft)
    for party in (requesting, partner):
        desk.write("agreed", party, papers=(agreed.sha256,))
    return True


def take_offer(desk: Desk, offer: Step) -> None:
    """The one who offered becomes the partner, the dates offered those of the visit."""
    assert offer.decision is not None
    start = offer.decision.facts.start
    assert start is not None
    desk.case.partner = offer.asked
    desk.case.visit_start, desk.case.visit_end = start, visit_end(desk.case.asked, start)
