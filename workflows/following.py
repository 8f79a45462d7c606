"""Rows 20 and 21: what became of the knowledge, months later, and the closing of the case."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk, Ended, side_by_side
from workflows.intervening import asked_now, to_each
from workflows.papers import draft, issue
from workflows.travelling import learners
from workflows.visiting import participants, release_certificates

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models.calendar import months_later
    from models.orders import AtInstant, DayAt
    from models.words import Ending, Kind, Standing, State, country_of


async def follow_up(desk: Desk) -> None:
    """Each institution says what has been done of its plan, at the months the programme sets after the visit."""
    await release_certificates(desk)
    ended = desk.case.actual_end or desk.case.visit_end
    assert ended is not None
    for round, months in enumerate(desk.rules.follow_up.months, start=1):
        institutions = learners(desk, participants(desk))
        order = DayAt(country=country_of(institutions[0]), day=months_later(ended, months), clock=desk.rules.reminder_time)
        await desk.until((await desk.locally(names.INSTANT, order, AtInstant)).at)
        await side_by_side(*(follow_up_of(desk, institution, round) for institution in institutions))


async def follow_up_of(desk: Desk, institution: str, round: int) -> None:
    """One institution's follow-up; evidence of one action done is evidence of transfer."""
    step = await desk.ask(Kind.FOLLOW_UP, institution, country=country_of(institution), round=round)
    if step.decision is not None and step.decision.facts.evidence:
        desk.case.evidence = True


def close(desk: Desk) -> None:
    """The exchange is over: closed with evidence of transfer, or without.

    Raises:
        Ended: closed or closed_without_evidence.
    """
    raise Ended(Ending.CLOSED if desk.case.evidence else Ending.CLOSED_WITHOUT_EVIDENCE)


async def conclude(desk: Desk, ended: Ended) -> None:
    """Close what is open and tell the parties: the closure note after a visit, a letter with the reason before one."""
    case = desk.case
    awaited = asked_now(desk)
    for step in case.steps:
        if step.is_open:
            step.state, step.closed = State.WITHDRAWN, desk.now()
    case.resting_until, case.hold = None, None
    parties = [case.asked.requesting, *([case.partner] if case.partner else [])]
    invited = [n.id for n in case.standing(Standing.ACCEPTED, Standing.CONFIRMED) if any(p.about == n.id for p in case.papers)]
    if ended.ending in (Ending.CLOSED, Ending.CLOSED_WITHOUT_EVIDENCE):
        to = case.asked.requesting
        [note] = await issue(desk, draft(desk, "closure_note", to=to, outcome=ended.ending, reason=ended.reason))
        for party in parties:
            desk.write("closure", party, papers=(note.sha256,))
    elif ended.ending in (Ending.CANCELLED, Ending.WITHDRAWN):
        for party in (*parties, *invited):
            desk.write("cancelled", party)
    elif ended.ending is not Ending.REJECTED:
        for party in parties:
            desk.write("closure", party)
    if desk.follows(2) and ended.ending not in (Ending.CLOSED, Ending.CLOSED_WITHOUT_EVIDENCE):
        to_each(desk, "cancelled", [code for code in awaited if code not in {*parties, *invited}], "")
