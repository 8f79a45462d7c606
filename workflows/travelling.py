"""Rows 7 to 13: people are nominated, cleared, accepted, invited and made ready; the host provides the agenda."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from temporalio import workflow

from workflows.desk import Desk, Ended
from workflows.papers import draft, issue

with workflow.unsafe.imports_passed_through():
    from models import rules
    from models.case import Nomination, Step
    from models.words import Ending, Format, Kind, Standing, State, Verb, country_of


async def fill_places(desk: Desk) -> None:
    """The sending institution nominates; its country clears, the host accepts, substitutes and reserves follow.

    Raises:
        Ended: the places are forfeited, the sending institution declines, or nobody is left.
    """
    sending = desk.case.sending
    nomination = await desk.ask(Kind.NOMINATION, sending, country=country_of(sending))
    if nomination.state is State.LAPSED:
        raise Ended(Ending.LAPSED, "places_forfeited")
    if nomination.option == "decline":
        own = desk.case.asked.format is Format.STUDY_VISIT
        raise Ended(Ending.WITHDRAWN if own else Ending.CANCELLED, "sending_institution_declined")
    assert nomination.decision is not None
    limit = desk.rules.request.places_per_country
    for entered in rules.nominate(desk.case, nomination.decision.facts.nominees, desk.case.asked.places, limit):
        if entered.standing is Standing.RESERVE:
            desk.say(Verb.RESERVED, about=entered.id, reason="substitute" if entered.substitute else "places_taken")
    await clear_and_accept(desk, desk.case.standing(Standing.PROPOSED))
    unless_nobody_is_left(desk)


async def make_ready(desk: Desk) -> None:
    """Participants are invited and prepare to travel; beside them the host's agenda and the plans to pass knowledge on."""
    accepted = desk.case.standing(Standing.ACCEPTED)
    await invite(desk, accepted)
    travels = (travel(desk, nomination) for nomination in accepted)
    plans = (plan_cascading(desk, institution) for institution in learners(desk, accepted))
    await asyncio.gather(*travels, provide_agenda(desk), *plans)
    unless_nobody_is_left(desk)


def unless_nobody_is_left(desk: Desk) -> None:
    """Leave the procedure when no participant is left.

    Raises:
        Ended: cancelled, nobody can travel.
    """
    if not desk.case.standing(Standing.ACCEPTED, Standing.CONFIRMED):
        raise Ended(Ending.CANCELLED, "nobody_can_travel")


def learners(desk: Desk, participants: Iterable[Nomination]) -> list[str]:
    """The institutions that pass the knowledge on: the participants' in a study visit, the inviting one in an assignment."""
    if desk.case.asked.format is Format.EXPERT_ASSIGNMENT:
        return [desk.case.beneficiary]
    return sorted({nomination.institution for nomination in participants})


async def clear_and_accept(desk: Desk, proposed: list[Nomination]) -> list[Nomination]:
    """Clearance by country, then acceptance by the host; whoever falls away is replaced, for that person only."""
    accepted: list[Nomination] = []
    while proposed:
        cleared = await clear(desk, proposed)
        accepted += await accept(desk, cleared) if cleared else []
        proposed = replacements(desk, [n for n in proposed if n.standing is Standing.REFUSED])
    return accepted


def replacements(desk: Desk, fallen: list[Nomination]) -> list[Nomination]:
    """Those who take the places of the fallen, as far as substitutes and reserves go."""
    found = []
    for nomination in fallen:
        places, limit = desk.case.asked.places, desk.rules.request.places_per_country
        new = rules.replacement(desk.case, nomination, places, limit)
        if new is not None:
            desk.say(Verb.REPLACED, about=new.id, reason=nomination.id)
            found.append(new)
    return found


async def clear(desk: Desk, proposed: list[Nomination]) -> list[Nomination]:
    """Each country's national focal point clears its people; never tacit."""
    countries = sorted({nomination.country for nomination in proposed})
    by_country = [[n for n in proposed if n.country == country] for country in countries]
    await asyncio.gather(*(clear_country(desk, country, people) for country, people in zip(countries, by_country, strict=True)))
    return [nomination for nomination in proposed if nomination.standing is Standing.CLEARED]


async def clear_country(desk: Desk, country: str, people: list[Nomination]) -> None:
    """The national focal point of one country clears or refuses its people."""
    point = await desk.focal_point(country)
    clearance = await desk.ask(Kind.CLEARANCE, point, country=country, about=tuple(n.id for n in people))
    settle(desk, clearance, people, yes="clear", standing=Standing.CLEARED)


async def accept(desk: Desk, cleared: list[Nomination]) -> list[Nomination]:
    """The host accepts or refuses each of those cleared."""
    host = desk.case.host
    acceptance = await desk.ask(Kind.ACCEPTANCE, host, country=country_of(host), about=tuple(n.id for n in cleared))
    settle(desk, acceptance, cleared, yes="accept", standing=Standing.ACCEPTED)
    return [nomination for nomination in cleared if nomination.standing is Standing.ACCEPTED]


def settle(desk: Desk, step: Step, people: list[Nomination], *, yes: str, standing: Standing) -> None:
    """Enter what was said of each person; those of whom nothing was said, although escalated, stay behind.

    Raises:
        Ended: nothing was said and there is nobody else.
    """
    verdicts = step.decision.facts.verdicts if step.decision else {}
    for nomination in people:
        refused = step.option != yes or verdicts.get(nomination.id) == "refused"
        nomination.standing = Standing.REFUSED if refused else standing
        if step.state is State.LAPSED:
            nomination.standing = Standing.UNAVAILABLE
    if step.state is State.LAPSED and not desk.case.standing(*rules.TAKEN):
        raise Ended(Ending.LAPSED, f"nobody_answered:{step.kind}")


async def invite(desk: Desk, accepted: list[Nomination]) -> None:
    """Each participant's invitation and visa support letter, sent with the calendar entry."""
    kinds = ("invitation_letter", "visa_support_letter")
    drafts = [draft(desk, kind, to=n.id, about=n.id) for n in accepted for kind in kinds]
    papers = await issue(desk, *drafts)
    for nomination in accepted:
        own = tuple(paper.sha256 for paper in papers if paper.about == nomination.id)
        desk.write("invitation", nomination.id, papers=own)


async def travel(desk: Desk, nomination: Nomination) -> None:
    """See one participant ready to travel; who cannot is replaced."""
    step = await desk.ask(Kind.TRAVEL, nomination.id, country=nomination.country, about=(nomination.id,))
    if step.option == "ready":
        nomination.standing = Standing.CONFIRMED
        return
    nomination.standing = Standing.VISA_REFUSED if step.option == "visa_refused" else Standing.UNAVAILABLE
    for new in await clear_and_accept(desk, replacements(desk, [nomination])):
        await invite(desk, [new])
        planned = {step.asked for step in desk.case.steps if step.kind is Kind.CASCADING_PLAN}
        plans = [plan_cascading(desk, institution) for institution in learners(desk, [new]) if institution not in planned]
        await asyncio.gather(travel(desk, new), *plans)


async def provide_agenda(desk: Desk) -> None:
    """The host provides the agenda; it goes to everybody who takes part."""
    host = desk.case.host
    provided = await desk.ask(Kind.AGENDA, host, country=country_of(host))
    if provided.option == "provide":
        await issue(desk, draft(desk, "agenda", to=desk.case.sending))


async def plan_cascading(desk: Desk, institution: str) -> None:
    """An institution plans how the knowledge will be passed on; silence is a warning only."""
    await desk.ask(Kind.CASCADING_PLAN, institution, country=country_of(institution))
