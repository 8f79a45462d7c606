"""Rows 5 and 6: hosts are called in ranked order until one offers and agrees to the terms of reference."""

from __future__ import annotations

from collections.abc import Iterator

from temporalio import workflow

from workflows.desk import Desk, Ended, side_by_side
from workflows.intervening import say_set_aside
from workflows.papers import draft, issue, issue_new

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models import consequences, rules
    from models.acts import Waivable
    from models.case import Candidate, Step
    from models.orders import CandidateOrder, Candidates
    from models.request import visit_end
    from models.words import Ending, Kind, Verb, country_of

Called = tuple[int, str]
"""The round in which an institution is called, and its code."""


async def agree_host(desk: Desk) -> None:
    """Call the first candidates, then widen the call once; the next one is asked when one refuses or stays silent.

    Of several who offer, the best match is asked to agree; the others stay in reserve until the host agreement.

    Raises:
        Ended: no_host, when nobody offered and agreed.
    """
    await rank_candidates(desk)
    for batch in filter(None, calls(desk)):
        widen(desk, batch)
        asked = [desk.ask(Kind.HOST_OFFER, code, country=country_of(code), round=round) for round, code in batch]
        offers = await side_by_side(*asked) if len(asked) > 1 else [await asked[0]]
        for offer in by_score(desk, [offer for offer in offers if offer.option == "offer"]):
            if await agrees(desk, offer):
                return
    raise Ended(Ending.NO_HOST, "no_offer")


async def rank_candidates(desk: Desk) -> None:
    """Find, once, who may host (or provide), best match first."""
    case, call = desk.case, desk.rules.call
    if not case.candidates:
        order = CandidateOrder(asked=case.asked, most=call.first + call.widened, dormant_after=desk.rules.patience.dormant_after)
        case.candidates = list((await desk.locally(names.CANDIDATES, order, Candidates)).candidates)
    known = {candidate.institution for candidate in case.candidates}
    case.candidates += [Candidate(institution=code, score=0, reasons=("called",)) for code in case.called if code not in known]


def calls(desk: Desk) -> Iterator[list[Called]]:
    """Who is called side by side, one batch after another; a coordinator who widens the call has all who are left asked now."""
    case, call = desk.case, desk.rules.call
    called = [(1 if n < call.first else 2, candidate.institution) for n, candidate in enumerate(case.candidates)]
    if case.widened is not None:
        yield still_called(desk, called)
        return
    for round in (1, 2):
        of_round = [(r, code) for r, code in called if r == round]
        for n in range(0, len(of_round), call.at_once):
            yield still_called(desk, of_round[n : n + call.at_once])


def still_called(desk: Desk, batch: list[Called]) -> list[Called]:
    """Those of a batch who would still host: who withdrew leaves the others of the batch as they were."""
    return [(round, code) for round, code in batch if code not in desk.case.released]


def widen(desk: Desk, batch: list[Called]) -> None:
    """Say once that the first call found nobody and further candidates are asked."""
    case = desk.case
    begun = any(step.kind is Kind.HOST_OFFER and step.round == 2 and step.in_force for step in case.steps)
    if batch[0][0] == 2 and not begun and case.widened is None:
        desk.say(Verb.WIDENED)
        if desk.follows(2):
            desk.write("widened", desk.rules.office.code)


def by_score(desk: Desk, offers: list[Step]) -> list[Step]:
    """The offers, best match first; one whose first day has come can no longer be taken."""
    scores = {candidate.institution: candidate.score for candidate in desk.case.candidates}
    today = desk.now().date()
    timely = [
        offer
        for offer in offers
        if desk.case.rescheduled
        or offer.asked == desk.case.partner
        or ((offer.decision and offer.decision.facts.start) or today) > today
    ]
    return sorted(timely, key=lambda offer: -scores.get(offer.asked, 0))


async def agrees(desk: Desk, offer: Step) -> bool:
    """Ask the host to agree to the terms of reference; never tacit. Who does not agree is out of the call."""
    case = desk.case
    take_offer(desk, offer)
    if not await affordable(desk, offer):
        drop_offer(desk, offer)
        desk.write("not_selected", offer.asked, offer, reason="over_budget")  # only cases of version 2 know a ceiling
        return False
    [terms] = await issue(desk, draft(desk, "terms_of_reference", to=case.host))
    host, about = case.host, (offer.asked,) if desk.follows(2) else ()
    agreement = await desk.ask(
        Kind.HOST_AGREEMENT, host, country=country_of(host), round=offer.round, about=about, paper=terms.sha256
    )
    if agreement.option != "agree":
        drop_offer(desk, offer)
        return False
    requesting, partner = case.asked.requesting, case.partner
    second = partner if host == requesting else requesting
    for agreed in await issue_new(desk, draft(desk, "hosting_agreement", to=host, second=second, paper=terms.sha256)):
        for party in (requesting, partner):
            desk.write("agreed", party, papers=(agreed.sha256,))
        for other in standing_offers(desk):
            if other.asked != partner and desk.follows(2):
                desk.write("not_selected", other.asked, other)
    return True


def standing_offers(desk: Desk) -> list[Step]:
    """The offers of those who still would host."""
    offers = [step for step in desk.case.steps if step.option == "offer" and step.in_force]
    return [offer for offer in offers if offer.asked not in desk.case.released]


def take_offer(desk: Desk, offer: Step) -> None:
    """The one who offered becomes the partner; the visit has the dates offered, or those set since."""
    assert offer.decision is not None
    case, new = desk.case, desk.case.partner != offer.asked
    start = case.rescheduled or offer.decision.facts.start
    assert start is not None
    case.partner = offer.asked
    case.visit_start, case.visit_end = start, visit_end(case.asked, start)
    if new and desk.follows(2) and len(standing_offers(desk)) > 1:
        desk.say(Verb.SELECTED, offer, about=offer.asked)


def drop_offer(desk: Desk, offer: Step) -> None:
    """The offer is not taken: its host, dates and papers no longer stand, nor does what rested on an earlier agreement with it."""
    case = desk.case
    if not desk.follows(2):
        case.partner, case.visit_start, case.visit_end = "", None, None
        return
    case.released.append(offer.asked)
    say_set_aside(desk, consequences.lose_host(case, desk.now(), "host_agreement"), "host_withdrew")


async def affordable(desk: Desk, offer: Step) -> bool:
    """Whether what an offer costs is within the ceiling, or the donor approves what exceeds it."""
    case = desk.case
    assert offer.decision is not None
    cost, asked, about = offer.decision.facts.cost, donor(desk), (rules.BUDGET, offer.asked)
    if not case.asked.ceiling or cost <= case.asked.ceiling or case.waives(Waivable.BUDGET):
        return True
    if desk.asked_before(Kind.DECISION, asked, offer.round, about) is None:
        desk.say(Verb.OVER_BUDGET, offer, about=offer.asked)
    country = desk.rules.country_of(asked)
    approval = await desk.ask(Kind.DECISION, asked, country=country, round=offer.round, about=about)
    return approval.option == "approve" or case.waives(Waivable.BUDGET)


def donor(desk: Desk) -> str:
    """Who approves a cost above the ceiling: the first consultee with a veto, or the office where there is none."""
    return next((c.institution for c in desk.rules.consultees if c.veto), desk.rules.office.code)
