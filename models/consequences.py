"""What each act changes in a case: pure functions of its state; `acts.may_act` has let the act pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from models import rules as deciding
from models.acts import Act, Doing, Waivable, resting_on
from models.case import Case, Decision, Hold, Nomination, Step, Waiver, Wants
from models.programme import Anchor, Programme
from models.request import visit_end
from models.words import (
    OPTIONS,
    PHASE_OF,
    Channel,
    DecisionKind,
    Ending,
    Format,
    Kind,
    Phase,
    Standing,
    State,
    Verb,
)


class Happened(NamedTuple):
    """One thing an act did: the verb, the step it happened to, the nomination or party it is about."""

    verb: Verb
    step: Step | None = None
    about: str = ""


GOES_BACK = (
    Doing.RECALL,
    Doing.RESCHEDULE,
    Doing.REPLACE,
    Doing.WIDEN,
    Doing.CONVERT,
    Doing.OVERRIDE,
    Doing.RELEASE,
)
"""The acts after which the procedure goes over the case again, from the phase the act leads back to."""

DATED = ("terms_of_reference", "hosting_agreement", "invitation_letter", "visa_support_letter", "agenda")
"""The papers that name the dates of the visit."""


def carry_out(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """Change the case by an act; gives what happened, in order."""
    return CHANGES[act.do](case, act, at, rules)


def _extend(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    step = _step(case, act)
    step.added_days, step.why, step.wants = step.added_days + act.working_days, act.reason, Wants.EXTENDED
    step.asked_days, step.declined = 0, ""
    close_links(case, step)
    return [Happened(Verb.EXTENDED, step)]


def close_links(case: Case, step: Step) -> None:
    """The links sent before open the question no more: the date, or who answers, has changed."""
    if case.procedure >= 2:
        step.epoch += 1


def _step(case: Case, act: Act) -> Step:
    step = case.step(act.step)
    assert step is not None
    return step


def _hold(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    days = rules.patience.hold_review_days
    case.hold = Hold(since=at, reason=act.reason, review=at + timedelta(days=days) if days else None)
    happened = [Happened(Verb.HELD)]
    for step in case.steps:
        if step.state is State.OPEN:
            step.state, step.stopped = State.PAUSED, at
            happened.append(Happened(Verb.PAUSED, step))
    return happened


def _resume(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """Paused steps go on with what they had left; one that was to open meanwhile opens now."""
    reason = act.reason or (case.hold.reason if case.hold else "")
    case.hold = None
    happened = [Happened(Verb.RESUMED)]
    for step in case.steps:
        if step.state is State.OPENING:
            step.opened = at
        if step.state is State.PAUSED:
            step.why = reason
            close_links(case, step)
            if step.wants is Wants.NOTHING:
                step.wants = Wants.RESUMED
            elif step.wants not in (Wants.EXTENDED, Wants.RESUMED):
                step.stopped = None
            happened.append(Happened(Verb.RESUMED, step))
    return happened


def _withdraw(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    case.ending, case.reason = Ending.WITHDRAWN, act.reason
    return [Happened(Verb.CALLED_OFF)]


def _cancel(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    case.ending, case.reason = Ending.CANCELLED, act.reason
    return [Happened(Verb.CALLED_OFF)]


def _reassign(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """Another institution is asked, with a limit of its own calendar."""
    step = _step(case, act)
    step.first_asked, step.asked = step.first_asked or step.asked, act.to
    step.country = rules.country_of(act.to)
    step.delegate, step.standins, step.asked_days, step.declined = "", (), 0, ""
    step.why, step.wants = act.reason, Wants.REASSIGNED
    close_links(case, step)
    return [Happened(Verb.REASSIGNED, step, act.to)]


def _recall(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """The answer no longer counts; what rests on it and was not decided is set aside; the question is put again."""
    step = _step(case, act)
    rests, subject = resting_on(case, step), deciding.subject_of(step)
    hosts = {step.asked} if step.kind is Kind.HOST_OFFER else set()
    aside = _set_aside_all(case, at, act.do, lambda later: later in rests or is_about_cost_of(later, hosts))
    step.voided, step.voided_by = at, act.do
    _undo(case, step)
    about = (step.first_asked or step.asked,) if step.kind is Kind.TRANSFER_PLAN else step.people
    _void_papers(case, at, lambda kind: not subject and kind in RECALLED_PAPERS.get(step.kind, ()), about=about)
    _back_to(case, BACK_TO.get(subject, PHASE_OF[step.kind]))
    return [Happened(Verb.RECALLED, step), *aside]


BACK_TO = {deciding.BUDGET: Phase.HOSTING, deciding.POSTPONE: Phase.TRAVELLING}
"""The phase in which a decision on something other than the request is taken."""

RECALLED_PAPERS: dict[Kind, tuple[str, ...]] = {
    Kind.DECISION: ("decision_letter",),
    Kind.HOST_OFFER: ("terms_of_reference",),
    Kind.HOST_AGREEMENT: ("hosting_agreement",),
    Kind.ACCEPTANCE: ("invitation_letter", "visa_support_letter"),
    Kind.AGENDA: ("agenda",),
    Kind.TRANSFER_PLAN: ("transfer_plan",),
}
"""The papers that rest on a decision of each kind."""

BEFORE_VERDICT: dict[Kind, tuple[Standing, tuple[Standing, ...]]] = {
    Kind.CLEARANCE: (Standing.PROPOSED, (Standing.CLEARED, Standing.REFUSED)),
    Kind.ACCEPTANCE: (Standing.CLEARED, (Standing.ACCEPTED, Standing.REFUSED)),
    Kind.TRAVEL: (Standing.ACCEPTED, (Standing.CONFIRMED, Standing.VISA_REFUSED, Standing.UNAVAILABLE)),
    Kind.ATTENDANCE: (Standing.CONFIRMED, (Standing.ATTENDED, Standing.LEFT_EARLY, Standing.NO_SHOW)),
}
"""What a nomination was before each kind of step was decided, and what the decision made of it."""


def _undo(case: Case, step: Step) -> None:
    """Take back what a decision did to the case's people, dates and host; nobody gets back a place somebody else has taken."""
    replaced = {n.replaces for n in case.nominations if n.replaces}
    if step.kind in BEFORE_VERDICT:
        before, after = BEFORE_VERDICT[step.kind]
        for nomination in case.nominations:
            if nomination.id in step.people and nomination.standing in after and nomination.id not in replaced:
                nomination.standing = before
    if step.kind is Kind.NOMINATION and step.decision is not None:
        named = {nominee.person for nominee in step.decision.facts.nominees}
        for nomination in case.nominations:
            if nomination.person in named:
                nomination.standing = Standing.WITHDRAWN
    if step.kind is Kind.FOLLOW_UP:
        stands = [s.decision for s in case.steps if s.kind is Kind.FOLLOW_UP and s.in_force and s.decision]
        case.evidence = any(decision.facts.evidence for decision in stands)
    if deciding.subject_of(step) == deciding.POSTPONE:
        case.postponed = step.round - 1
    if step.kind is Kind.ATTENDANCE:
        case.actual_start = case.actual_end = None
    if step.kind in (Kind.HOST_OFFER, Kind.HOST_AGREEMENT):
        case.released = [code for code in case.released if code not in (step.asked, *step.about)]
        case.partner, case.visit_start, case.visit_end = "", None, None


def is_about_cost_of(step: Step, hosts: set[str]) -> bool:
    """Whether a step decides on what an offer of one of these hosts costs."""
    return deciding.subject_of(step) == deciding.BUDGET and not hosts.isdisjoint(step.about[1:])


def set_aside(step: Step, at: datetime, why: str) -> None:
    """An open step is withdrawn, the outcome of a closed one no longer counts."""
    if step.is_open:
        step.state, step.closed, step.wants = State.WITHDRAWN, at, Wants.NOTHING
    step.voided, step.voided_by = at, why


def _back_to(case: Case, phase: Phase) -> None:
    phases = list(Phase)
    case.phase = min(case.phase, phase, key=phases.index)


def _void_papers(case: Case, at: datetime, falls: Callable[[str], bool], about: Collection[str] = ()) -> None:
    """Papers no longer stand; only those about somebody, where it is said about whom."""
    case.papers = [
        paper.model_copy(update={"voided": at})
        if falls(paper.kind) and paper.voided is None and (not about or paper.about in about)
        else paper
        for paper in case.papers
    ]


def _reschedule(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    assert act.start is not None
    size = {"duration_days": act.days or case.asked.duration_days, "places": act.places or case.asked.places}
    case.asked = case.asked.model_copy(update=size)
    moved = move_visit(case, act.start, at, rules, act.reason)
    left_over = case.standing(*deciding.TAKEN)[case.asked.places :]
    for nomination in left_over:
        nomination.standing = Standing.RESERVE
    return [Happened(Verb.RESCHEDULED), *moved, *(Happened(Verb.RESERVED, None, nomination.id) for nomination in left_over)]


def move_visit(case: Case, start: date, at: datetime, rules: Programme, reason: str) -> list[Happened]:
    """Give the visit another first day: the approvals that depend on dates are asked for again, other limits move along."""
    case.rescheduled, case.visit_start, case.visit_end = start, start, visit_end(case.asked, start)
    reopened = rules.reschedule.reopens
    happened = _set_aside_all(case, at, Doing.RESCHEDULE, lambda step: step.kind in reopened)
    for step in case.steps:
        limit = rules.step(step.kind)
        if step.is_open and (limit.before_visit or limit.limit.anchor is not Anchor.OPENING):
            step.visit, step.why = start, reason
            close_links(case, step)
            if step.wants not in (Wants.ASK, Wants.ESCALATION, Wants.REASSIGNED):
                step.wants, step.stopped = Wants.RESCHEDULED, None
    _void_papers(case, at, lambda kind: kind in DATED)
    for nomination in case.standing(Standing.CONFIRMED):
        if Kind.TRAVEL in reopened:
            nomination.standing = Standing.ACCEPTED
    _back_to(case, min((PHASE_OF[kind] for kind in reopened), key=list(Phase).index, default=Phase.TRAVELLING))
    return happened


def _set_aside_all(case: Case, at: datetime, why: str, falls: Callable[[Step], bool]) -> list[Happened]:
    fallen = [step for step in case.steps if step.in_force and falls(step)]
    hosts = {step.asked for step in fallen if step.kind is Kind.HOST_OFFER}
    fallen += [step for step in case.steps if step.in_force and step not in fallen and is_about_cost_of(step, hosts)]
    for step in fallen:
        set_aside(step, at, why)
    return [Happened(Verb.SET_ASIDE, step) for step in fallen]


def _replace(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """A new nomination, linked to the old, takes the place; what was asked about the old person alone is set aside."""
    old = case.nomination(act.nomination)
    old.standing = Standing.REPLACED
    happened = _set_aside_all(case, at, act.do, lambda step: step.is_open and step.people == {old.id})
    _void_papers(case, at, lambda kind: kind in DATED, about=(old.id,))
    places, limit = case.asked.places, rules.request.places_per_country
    if act.nominee is None:
        new = deciding.replacement(case, old, places, limit)
    else:
        [new] = deciding.nominate(case, (act.nominee,), places, limit)
        new.replaces = old.id
    _back_to(case, Phase.TRAVELLING)
    if new is None:
        return [Happened(Verb.WITHDRAWN, None, old.id), *happened]
    verb = Verb.REPLACED if new.standing is Standing.PROPOSED else Verb.RESERVED
    return [Happened(verb, None, new.id), *happened]


def _widen(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    case.widened, case.called = at, list(dict.fromkeys([*case.called, *act.called]))
    return [Happened(Verb.WIDENED)]


def _convert(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """The other format: those who were called were called for the first one, so the call begins anew."""
    study_visit = case.asked.format is Format.STUDY_VISIT
    other = Format.EXPERT_ASSIGNMENT if study_visit else Format.STUDY_VISIT
    case.asked = case.asked.model_copy(update={"format": other})
    happened = _set_aside_all(case, at, act.do, lambda step: PHASE_OF[step.kind] in (Phase.HOSTING, Phase.TRAVELLING))
    _void_papers(case, at, lambda kind: kind in DATED)
    _keep_nominations(case.nominations, kept=False)
    case.candidates, case.called, case.released, case.widened = [], [], [], None
    _without_host(case)
    return [Happened(Verb.CONVERTED, None, other), *happened]


def _without_host(case: Case) -> None:
    case.partner, case.visit_start, case.visit_end, case.rescheduled = "", None, None, None


def _override(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    by_rule = {Waivable.ANSWER: act.step, Waivable.PLACES_PER_COUNTRY: act.nomination, Waivable.CERTIFICATE: act.nomination}
    about = by_rule.get(Waivable(act.rule), "")
    waiver = Waiver(rule=act.rule, about=about, by=act.coordinator, at=at, reason=act.reason, proof=act.proof)
    case.waivers.append(waiver)
    step = case.step(act.step) if act.rule == Waivable.ANSWER else None
    happened = [Happened(Verb.WAIVED, step, act.rule)]
    if act.rule == Waivable.BUDGET:
        happened += _set_aside_all(case, at, act.do, lambda asked: asked.is_open and deciding.BUDGET in asked.about)
    if act.rule == Waivable.PLACES_PER_COUNTRY:
        case.nomination(act.nomination).standing = Standing.PROPOSED
        _back_to(case, Phase.TRAVELLING)
    if step is not None:
        step.decision = Decision(
            option=act.option,
            kind=DecisionKind.OVERRIDDEN,
            by=act.by,
            on_behalf_of=step.asked,
            channel=Channel.CLI,
            received=act.received,
            recorded=at,
            response=act.act,
            form=act.form,
            proof=act.proof,
            facts=act.facts,
        )
        step.state, step.closed = State.ANSWERED, at
        happened.append(Happened(OPTIONS[step.kind][act.option], step))
    return happened


def _hand_over(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    case.coordinator = act.to
    return [Happened(Verb.HANDED_OVER, None, act.to)]


def _release(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """The host, or who provides the experts, withdraws: back to the call, with the nominations kept where they still hold."""
    partner = case.partner

    def falls(step: Step) -> bool:
        return step.kind is Kind.HOST_AGREEMENT or (step.kind is Kind.HOST_OFFER and step.asked == partner)

    happened = [*_set_aside_all(case, at, act.do, falls), *lose_host(case, at, act.do)]
    case.released.append(partner)
    _back_to(case, Phase.HOSTING)
    return [Happened(Verb.HOST_WITHDREW, None, partner), *happened]


def lose_host(case: Case, at: datetime, why: str) -> list[Happened]:
    """What was agreed with a host or provider no longer stands; nominations are kept where they still hold."""
    visiting = case.asked.format is Format.STUDY_VISIT
    bound = {Kind.ACCEPTANCE, Kind.TRAVEL, Kind.AGENDA} | (set() if visiting else {Kind.NOMINATION, Kind.CLEARANCE})
    happened = _set_aside_all(case, at, why, lambda step: step.kind in bound or (step.kind is Kind.NOMINATION and step.is_open))
    _void_papers(case, at, lambda kind: kind in DATED)
    _keep_nominations(case.nominations, kept=visiting)
    _without_host(case)
    return happened


def _keep_nominations(nominations: Iterable[Nomination], *, kept: bool) -> None:
    """Those the former host had accepted stay cleared; experts of a former provider are withdrawn."""
    for nomination in nominations:
        if not kept:
            nomination.standing = Standing.WITHDRAWN
        elif nomination.standing in (Standing.ACCEPTED, Standing.CONFIRMED):
            nomination.standing = Standing.CLEARED


def _ask_time(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    """More time within the rules is given at once; beyond them the coordinator chooses."""
    step, given = _step(case, act), rules.more_time
    if act.working_days <= given.working_days and step.extensions < given.times:
        step.extensions += 1
        return _extend(case, act, at, rules)
    step.asked_days, step.why = act.working_days, act.reason
    return [Happened(Verb.ASKED_FOR_TIME, step)]


def _delegate(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    step = _step(case, act)
    step.delegate, step.by_appointment = act.to, False
    close_links(case, step)
    return [Happened(Verb.DELEGATED, step, act.to)]


def _revoke(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    step = _step(case, act)
    former, step.delegate = step.delegate, ""
    close_links(case, step)
    return [Happened(Verb.DELEGATION_ENDED, step, former)]


def _decline(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    step = _step(case, act)
    step.declined = act.reason
    return [Happened(Verb.PASSED_ON, step)]


def _review(case: Case, act: Act, at: datetime, rules: Programme) -> list[Happened]:
    for step in case.steps:
        step.review = step.review or (step.is_open and step.asked == act.to)
    return []


CHANGES: dict[Doing, Callable[[Case, Act, datetime, Programme], list[Happened]]] = {
    Doing.EXTEND: _extend,
    Doing.HOLD: _hold,
    Doing.RESUME: _resume,
    Doing.WITHDRAW: _withdraw,
    Doing.CANCEL: _cancel,
    Doing.REASSIGN: _reassign,
    Doing.RECALL: _recall,
    Doing.RESCHEDULE: _reschedule,
    Doing.REPLACE: _replace,
    Doing.WIDEN: _widen,
    Doing.CONVERT: _convert,
    Doing.OVERRIDE: _override,
    Doing.HAND_OVER: _hand_over,
    Doing.RELEASE: _release,
    Doing.MORE_TIME: _ask_time,
    Doing.DELEGATE: _delegate,
    Doing.REVOKE: _revoke,
    Doing.DECLINE: _decline,
    Doing.REVIEW: _review,
}
"""What each act changes."""
