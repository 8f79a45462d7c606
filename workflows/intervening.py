"""What the timeline and the letters say of an act: who did it, on whose behalf, and whom it concerns."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio import workflow

from workflows.timing import Timing

with workflow.unsafe.imports_passed_through():
    from models.acts import BY_THE_ASKED, Act, Doing
    from models.case import Step
    from models.consequences import Happened
    from models.words import Standing, State, Verb

TOLD_TO_PARTIES = {Verb.HELD: "held", Verb.RESUMED: "resumed", Verb.CONVERTED: "converted"}
"""The letter to the institutions of a case that goes with what happened to it as a whole."""


def tell(desk: Timing, act: Act, happened: Iterable[Happened], answering: str) -> None:
    """Say what an act did, and write to those it concerns; `answering` was to answer the act's step before."""
    office = desk.rules.office.code
    for what in happened:
        own = act.by != office or act.do not in BY_THE_ASKED or what.step is None
        by = act.coordinator or act.by
        desk.say(what.verb, what.step, about=what.about, reason=act.reason, by=by, on_behalf_of="" if own else answering)
        if desk.follows(2):
            write_of(desk, act, what, answering)


def write_of(desk: Timing, act: Act, what: Happened, answering: str) -> None:
    """The letters that go with one thing that happened."""
    step, office, reason = what.step, desk.rules.office.code, act.reason
    match what.verb:
        case Verb.HELD | Verb.RESUMED | Verb.CONVERTED if step is None:
            to_each(desk, TOLD_TO_PARTIES[what.verb], [*parties(desk), *travelling(desk), *asked_now(desk)], reason)
        case Verb.RESCHEDULED:
            to_each(desk, "rescheduled", [*parties(desk), *travelling(desk)], reason)
        case Verb.RESERVED if act.do is Doing.RESCHEDULE:
            desk.write("reserved", what.about, reason=reason)
        case Verb.HOST_WITHDREW:
            to_each(desk, "host_withdrew", [desk.case.asked.requesting, *travelling(desk)], reason, about=what.about)
        case Verb.REPLACED:
            old = desk.case.nomination(what.about).replaces
            to_each(desk, "replaced", [desk.case.sending, desk.case.host, old], reason, about=what.about)
        case Verb.HANDED_OVER:
            desk.write("handed_over", office, reason=reason)
        case Verb.REASSIGNED:
            desk.write("reassigned", answering, step, reason=reason)
        case Verb.RECALLED if step is not None and step.decision is not None:
            decided = (step.asked, step.decision.by, step.decision.on_behalf_of)
            for party in dict.fromkeys(code for code in decided if code):
                desk.write("recalled", party, step, reason=reason)
        case Verb.SET_ASIDE if step is not None:
            call_off(desk, step, reason)
        case Verb.ASKED_FOR_TIME if step is not None:
            desk.write("time_asked", office, step, reason=reason, count=step.asked_days)
        case Verb.DELEGATED if step is not None:
            desk.put_to(what.about, step)
            desk.write("delegated", step.asked, step, about=what.about)
        case Verb.DELEGATION_ENDED if step is not None:
            desk.write("delegation_ended", what.about, step)
            desk.put_to(step.asked, step)
        case Verb.WAIVED if step is not None:
            desk.write("override", step.asked, step, reason=reason)
        case _:
            """The letter goes with what follows: a new schedule, a new question, the ending."""


def say_set_aside(desk: Timing, happened: Iterable[Happened], reason: str) -> None:
    """Say what was set aside without an act, and tell those whose answer is no longer awaited."""
    for verb, step, about in happened:
        desk.say(verb, step, about=about, reason=reason)
        if verb is Verb.SET_ASIDE and step is not None:
            call_off(desk, step, reason)


def call_off(desk: Timing, step: Step, reason: str) -> None:
    """Tell those who were asked that a question no longer stands, if it was put to them and open until now."""
    if step.state is State.WITHDRAWN and step.schedule is not None:
        for party in dict.fromkeys((step.answering, step.escalated_to)):
            if party:
                desk.write("called_off", party, step, reason=reason)


def to_each(desk: Timing, letter: str, to: Iterable[str], reason: str, *, about: str = "") -> None:
    """The same letter to several parties, once to each."""
    for party in dict.fromkeys(code for code in to if code):
        desk.write(letter, party, reason=reason, about=about)


def parties(desk: Timing) -> list[str]:
    """The institutions of a case."""
    return [desk.case.asked.requesting, desk.case.partner]


def asked_now(desk: Timing) -> list[str]:
    """Those whose answer is awaited, but the office."""
    office = desk.rules.office.code
    asked = (code for step in desk.case.steps if step.is_open for code in (step.answering, step.escalated_to))
    return [code for code in asked if code and code.partition("/")[0] != office]


def travelling(desk: Timing) -> list[str]:
    """The nominations of those who were invited."""
    invited = {paper.about for paper in desk.case.papers if paper.kind == "invitation_letter"}
    standing = desk.case.standing(Standing.CLEARED, Standing.ACCEPTED, Standing.CONFIRMED)
    return [nomination.id for nomination in standing if nomination.id in invited]
