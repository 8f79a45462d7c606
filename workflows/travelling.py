"""Rows 7 to 13: people are nominated, cleared, accepted, invited and made ready; the host provides the agenda."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio import workflow

from workflows.desk import Desk, Ended, side_by_side
from workflows.hosting import agree_host
from workflows.intervening import parties, say_set_aside, to_each, travelling
from workflows.papers import draft, issue_new

with workflow.unsafe.imports_passed_through():
    from models import consequences, rules
    from models.case import Nomination, Step
    from models.words import Ending, Format, Kind, Phase, Standing, State, Verb, country_of


async def fill_places(desk: Desk) -> None:
    """The sending institution nominates; its country clears, the host accepts, substitutes and reserves follow.

    Raises:
        Ended: the places are forfeited, the sending institution declines, or nobody is left.
    """
    await nominate(desk, 1)
    if not is_prepared(desk):
        await clear_and_accept(desk, pending(desk))
        await unless_nobody_is_left(desk)


async def nominate(desk: Desk, round: int) -> None:
    """The sending institution nominates up to the places there are, with a substitute; more wait in reserve."""
    sending, case = desk.case.sending, desk.case
    nomination = await desk.ask(Kind.NOMINATION, sending, country=country_of(sending), round=round)
    if nomination.state is State.LAPSED:
        raise Ended(Ending.LAPSED, "places_forfeited")
    if nomination.option == "decline":
        own = case.asked.format is Format.STUDY_VISIT
        raise Ended(Ending.WITHDRAWN if own else Ending.CANCELLED, "sending_institution_declined")
    assert nomination.decision is not None
    facts, limit = nomination.decision.facts, desk.rules.request.places_per_country
    entered = rules.nominate(case, facts.nominees, case.asked.places, limit)
    for one in entered:
        if one.standing is Standing.RESERVE:
            desk.say(Verb.RESERVED, about=one.id, reason="substitute" if one.substitute else "places_taken")
    if entered and facts.one_sided and desk.follows(2):
        desk.say(Verb.WARNED, nomination, reason="one_sided_justified" if facts.justified else "one_sided")
        if not facts.justified:
            desk.write("gender_balance", sending, nomination)


def pending(desk: Desk) -> list[Nomination]:
    """Those who are still to be cleared or accepted, with who takes the places of those who fell away."""
    fallen = []
    if desk.follows(2):
        unavailable = {step.asked for step in desk.case.steps if step.kind is Kind.TRAVEL and step.in_force}
        away = desk.case.standing(Standing.REFUSED, Standing.VISA_REFUSED, Standing.UNAVAILABLE)
        fallen = [n for n in away if n.standing is not Standing.UNAVAILABLE or n.id in unavailable]
    replacements(desk, fallen)
    return desk.case.standing(Standing.PROPOSED, Standing.CLEARED)


def is_prepared(desk: Desk) -> bool:
    """Whether participants are being made ready already: those who come later are cleared and accepted beside them."""
    return any(step.kind is Kind.AGENDA and step.in_force for step in desk.case.steps)


async def make_ready(desk: Desk) -> None:
    """Participants are invited and prepare to travel; beside them the host's agenda and the plans to pass knowledge on."""
    case = desk.case
    while True:
        waiting, accepted = pending(desk), case.standing(Standing.ACCEPTED)
        await invite(desk, accepted)
        travels = [travel(desk, nomination) for nomination in accepted]
        joining = [join(desk, waiting)] if waiting else []
        learning = learners(desk, case.standing(Standing.ACCEPTED, Standing.CONFIRMED))
        plans = [plan_cascading(desk, institution) for institution in learning]
        await side_by_side(*travels, *joining, provide_agenda(desk), *plans)
        if case.standing(Standing.CONFIRMED):
            return
        await unless_nobody_is_left(desk)


async def unless_nobody_is_left(desk: Desk) -> None:
    """Go on with those who are left; when nobody is, the coordinator postpones the visit to another day, or cancels.

    Raises:
        Ended: cancelled, nobody can travel.
    """
    case, office, round = desk.case, desk.rules.office, 0
    while not case.standing(Standing.ACCEPTED, Standing.CONFIRMED):
        round += 1
        if not desk.follows(2):
            raise Ended(Ending.CANCELLED, "nobody_can_travel")
        postponing = await desk.ask(Kind.DECISION, office.code, country=office.country, round=round, about=(rules.POSTPONE,))
        if postponing.option == "defer":
            continue
        if postponing.option != "approve" or postponing.decision is None:
            raise Ended(Ending.CANCELLED, "nobody_can_travel")
        await postpone(desk, postponing)


async def postpone(desk: Desk, decision: Step) -> None:
    """The visit has another first day: the host agrees to it, the sending institution nominates again."""
    facts = decision.decision.facts if decision.decision else None
    assert facts is not None
    assert facts.start is not None
    if desk.case.postponed < decision.round:
        desk.case.postponed = decision.round
        desk.say(Verb.RESCHEDULED, reason="postponed")
        say_set_aside(desk, consequences.move_visit(desk.case, facts.start, desk.now(), desk.rules, "postponed"), "postponed")
        to_each(desk, "rescheduled", parties(desk), "postponed")
        desk.stir()
    await agree_host(desk)
    desk.case.phase = Phase.TRAVELLING
    await nominate(desk, decision.round + 1)
    await clear_and_accept(desk, pending(desk))


def learners(desk: Desk, participants: Iterable[Nomination]) -> list[str]:
    """The institutions that pass the knowledge on: the participants' in a study visit, the inviting one in an assignment."""
    if desk.case.asked.format is Format.EXPERT_ASSIGNMENT:
        return [desk.case.beneficiary]
    return sorted({nomination.institution for nomination in participants})


async def clear_and_accept(desk: Desk, people: list[Nomination]) -> list[Nomination]:
    """Clearance by country, then acceptance by the host; whoever falls away is replaced, for that person only.

    The host's answer about people it was asked about before is heard beside the clearance of the others.
    """
    accepted: list[Nomination] = []
    while people:
        proposed = [nomination for nomination in people if nomination.standing is Standing.PROPOSED]
        asked = [n for n in people if n.standing is Standing.CLEARED and asked_last(desk, Kind.ACCEPTANCE, n) is not None]
        if proposed and asked:
            _, heard = await side_by_side(clear(desk, proposed), accept(desk, asked))
            accepted += heard
        else:
            await clear(desk, proposed)
        cleared = [nomination for nomination in people if nomination.standing is Standing.CLEARED]
        accepted += await accept(desk, cleared) if cleared else []
        people = replacements(desk, [n for n in people if n.standing is Standing.REFUSED])
    return accepted


def replacements(desk: Desk, fallen: list[Nomination]) -> list[Nomination]:
    """Those who take the places of the fallen, as far as substitutes and reserves go."""
    found, replaced = [], {nomination.replaces for nomination in desk.case.nominations}
    for nomination in fallen:
        if nomination.id in replaced:
            continue
        places, limit = desk.case.asked.places, desk.rules.request.places_per_country
        new = rules.replacement(desk.case, nomination, places, limit)
        if new is not None:
            desk.say(Verb.REPLACED, about=new.id, reason=nomination.id)
            found.append(new)
    return found


async def clear(desk: Desk, proposed: list[Nomination]) -> None:
    """Each country's national focal point clears its people; never tacit."""
    countries = sorted({nomination.country for nomination in proposed})
    by_country = [[n for n in proposed if n.country == country] for country in countries]
    works = [clear_country(desk, country, people) for country, people in zip(countries, by_country, strict=True)]
    await side_by_side(*works)


async def clear_country(desk: Desk, country: str, people: list[Nomination]) -> None:
    """The national focal point of one country clears or refuses its people; those already asked about are waited for beside."""
    groups = asked_about(desk, Kind.CLEARANCE, people)
    if len(groups) == 1:
        await clear_group(desk, country, *groups[0])
    else:
        await side_by_side(*(clear_group(desk, country, asked, group) for asked, group in groups))


async def clear_group(desk: Desk, country: str, asked: Step | None, group: list[Nomination]) -> None:
    """One question about some people of a country: put, unless it is open already, and its answer entered."""
    if asked is None:
        point = await desk.focal_point(country)
        asked = await desk.ask(Kind.CLEARANCE, point, country=country, about=tuple(n.id for n in group))
    settle(desk, await desk.outcome_of(asked), group, yes="clear", standings=(Standing.PROPOSED, Standing.CLEARED))


async def accept(desk: Desk, cleared: list[Nomination]) -> list[Nomination]:
    """The host accepts or refuses each of those cleared; those already asked about are waited for."""
    groups = asked_about(desk, Kind.ACCEPTANCE, cleared)
    if len(groups) == 1:
        await accept_group(desk, *groups[0])
    else:
        await side_by_side(*(accept_group(desk, asked, group) for asked, group in groups))
    return [nomination for nomination in cleared if nomination.standing is Standing.ACCEPTED]


async def accept_group(desk: Desk, asked: Step | None, group: list[Nomination]) -> None:
    """One question about some people: put to the host, unless it was put already, and its answer entered."""
    host = desk.case.host
    if asked is None:
        asked = await desk.ask(Kind.ACCEPTANCE, host, country=country_of(host), about=tuple(n.id for n in group))
    settle(desk, await desk.outcome_of(asked), group, yes="accept", standings=(Standing.CLEARED, Standing.ACCEPTED))


def asked_last(desk: Desk, kind: Kind, nomination: Nomination) -> Step | None:
    """The last step of a kind that is about somebody and still counts."""
    return next((s for s in reversed(desk.case.steps) if s.kind is kind and s.in_force and nomination.id in s.about), None)


def asked_about(desk: Desk, kind: Kind, people: list[Nomination]) -> list[tuple[Step | None, list[Nomination]]]:
    """People by the step of a kind that is about them already; under None those about whom nobody was asked yet."""
    groups: dict[str, list[Nomination]] = {}
    for nomination in people:
        found = asked_last(desk, kind, nomination)
        groups.setdefault(found.id if found else "", []).append(nomination)
    return [(desk.case.step(step), group) for step, group in groups.items()]


def settle(desk: Desk, step: Step, people: list[Nomination], *, yes: str, standings: tuple[Standing, Standing]) -> None:
    """Enter what was said of each person; those of whom nothing was said, although escalated, stay behind.

    Raises:
        Ended: nothing was said and there is nobody else.
    """
    before, after = standings
    verdicts = step.decision.facts.verdicts if step.decision else {}
    for nomination in people:
        if nomination.standing is before:
            refused = step.option != yes or verdicts.get(nomination.id) == "refused"
            nomination.standing = Standing.REFUSED if refused else after
            if step.state is State.LAPSED:
                nomination.standing = Standing.UNAVAILABLE
    if desk.follows(2) and step.decision is not None:
        desk.write("nominees_outcome", desk.case.sending, step)
    if step.state is State.LAPSED and not desk.case.standing(*rules.TAKEN):
        raise Ended(Ending.LAPSED, f"nobody_answered:{step.kind}")


async def invite(desk: Desk, accepted: list[Nomination]) -> None:
    """Each participant's invitation and visa support letter, sent with the calendar entry."""
    kinds = ("invitation_letter", "visa_support_letter")
    drafts = [draft(desk, kind, to=n.id, about=n.id) for n in accepted for kind in kinds]
    papers = await issue_new(desk, *drafts)
    for nomination in accepted:
        own = tuple(paper.sha256 for paper in papers if paper.about == nomination.id)
        if own:
            desk.write("invitation", nomination.id, papers=own)


async def join(desk: Desk, waiting: list[Nomination]) -> None:
    """Those who take a place later are cleared and accepted, invited and made ready."""
    for new in await clear_and_accept(desk, waiting):
        await invite(desk, [new])
        for agenda in [paper for paper in desk.case.papers if paper.kind == "agenda" and paper.voided is None and desk.follows(2)]:
            desk.write("agenda", new.id, papers=(agenda.sha256,))
        planned = {step.asked for step in desk.case.steps if step.kind is Kind.CASCADING_PLAN and step.in_force}
        plans = [plan_cascading(desk, institution) for institution in learners(desk, [new]) if institution not in planned]
        await side_by_side(travel(desk, new), *plans)


async def travel(desk: Desk, nomination: Nomination) -> None:
    """See one participant ready to travel; who cannot is replaced."""
    step = await desk.ask(Kind.TRAVEL, nomination.id, country=nomination.country, about=(nomination.id,))
    if step.option == "ready":
        nomination.standing = Standing.CONFIRMED
        return
    nomination.standing = Standing.VISA_REFUSED if step.option == "visa_refused" else Standing.UNAVAILABLE
    await join(desk, replacements(desk, [nomination]))


async def provide_agenda(desk: Desk) -> None:
    """The host provides the agenda; it goes to everybody who takes part."""
    host, sending = desk.case.host, desk.case.sending
    provided = await desk.ask(Kind.AGENDA, host, country=country_of(host))
    if provided.option == "provide":
        for agenda in await issue_new(desk, draft(desk, "agenda", to=sending)):
            if desk.follows(2):
                for party in (sending, *travelling(desk)):
                    desk.write("agenda", party, papers=(agenda.sha256,))


async def plan_cascading(desk: Desk, institution: str) -> None:
    """An institution plans how the knowledge will be passed on; silence is a warning only."""
    await desk.ask(Kind.CASCADING_PLAN, institution, country=country_of(institution))
