"""What can be done with an open case besides answering, and when: pure functions of the case's state.

A coordinator can do everything; the asked can ask for more time, delegate and take that back, decline, and recall their answer.
What an act changes is in `consequences`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum

from models.case import Answer, Case, Facts, Nominee, Step, Wants
from models.errors import Refused
from models.message import Instant, Message, Receipt
from models.programme import Programme
from models.rules import BUDGET, closes_for_good, kind_rule, subject_of, unless_far_off
from models.words import OPTIONS, PHASE_OF, RESTS_ON, DecisionKind, Kind, Phase, Standing, State, country_of


class Doing(StrEnum):
    """The acts."""

    EXTEND = "extend"
    HOLD = "hold"
    RESUME = "resume"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"
    REASSIGN = "reassign"
    RECALL = "recall"
    RESCHEDULE = "reschedule"
    REPLACE = "replace"
    WIDEN = "widen"
    CONVERT = "convert"
    OVERRIDE = "override"
    HAND_OVER = "hand_over"
    RELEASE = "release"
    MORE_TIME = "more_time"
    DELEGATE = "delegate"
    REVOKE = "revoke"
    DECLINE = "decline"
    REVIEW = "review"


class Waivable(StrEnum):
    """The rules a named coordinator can set aside, with a reason."""

    PLACES_PER_COUNTRY = "places_per_country"
    THRESHOLD = "threshold"
    VETO = "veto"
    BUDGET = "budget"
    CUT_OFF = "cut_off"
    CERTIFICATE = "certificate"
    ANSWER = "answer"


class Act(Message):
    """One act: who did what, when it was received, on which step or nomination, why (the sha256 of the reason).

    `by` is the office, or the one asked; `coordinator` the person of the office. `to` is whom a step or case passes to, which
    institution is called or released. `start`, `days` and `places` are the new dates and size of a visit. `rule` is what is set
    aside, `option`, `form` and `facts` the answer given instead. `nominee` takes a place. `proof` is the sha256 of what proves
    a consent.
    """

    act: str
    do: Doing
    by: str
    received: Receipt
    step: str = ""
    working_days: int = 0
    reason: str = ""
    coordinator: str = ""
    to: str = ""
    called: tuple[str, ...] = ()
    nomination: str = ""
    nominee: Nominee | None = None
    start: date | None = None
    days: int = 0
    places: int = 0
    rule: str = ""
    option: str = ""
    form: str = ""
    facts: Facts = Facts()
    proof: str = ""


class Acted(Message):
    """What was done; `noted` when it waits for the coordinator, such as more time than the rules give by themselves."""

    act: str
    do: Doing
    at: Instant
    noted: bool = False


BY_THE_ASKED = (Doing.MORE_TIME, Doing.DELEGATE, Doing.REVOKE, Doing.DECLINE, Doing.RECALL, Doing.RELEASE)
"""What the asked can do by themselves; the office does it on their behalf."""

WITHOUT_REASON = (Doing.RESUME, Doing.DELEGATE, Doing.REVOKE, Doing.REVIEW)

MOST_WORKING_DAYS = 60

CONSENTS = (Kind.HOST_OFFER, Kind.HOST_AGREEMENT, Kind.NOMINATION, Kind.CLEARANCE, Kind.ACCEPTANCE, Kind.TRAVEL)
"""What only the one asked can say: no override answers these, an answer on their behalf with its proof does."""


def may_act(case: Case, act: Act, rules: Programme) -> None:
    """Refuse an act that cannot be done now, saying what could be done instead; a refusal changes nothing. One done before passes.

    Raises:
        Refused: with the code of the reason, see `docs/procedure.md`.
    """
    if act.act in case.acted:
        return
    if case.ending is not None:
        raise Refused("ended", f"the case has ended: {case.ending}; a new request opens a new case", ending=case.ending)
    if act.by != rules.office.code and act.do not in BY_THE_ASKED:
        raise Refused("not_office", f"only {rules.office.code} intervenes in a case")
    if not act.reason and act.do not in WITHOUT_REASON:
        raise Refused("no_reason", f"{act.do} needs a reason")
    CHECKS[act.do](case, act, rules)


def _open_step(case: Case, act: Act) -> Step:
    step = case.step(act.step)
    if step is None:
        raise Refused("unknown_step", f"case {case.id} has no step {act.step}")
    if case.hold is not None:
        raise Refused("on_hold", "the case is on hold, its clocks stand still; resume it first")
    if step.state is not State.OPEN:
        raise Refused("closed", f"{step.id} is {step.state}; only an open step can be changed so", state=step.state)
    return step


def _asked_step(case: Case, act: Act, rules: Programme) -> Step:
    """An open step on which `by` is asked, or the office acts for them."""
    step = _open_step(case, act)
    if not act.by or act.by not in (rules.office.code, step.asked, step.delegate, step.escalated_to):
        raise Refused("not_asked", f"{act.by} was not asked on {step.id}", by=act.by)
    closes = closes_for_good(step, rules)
    if act.by != rules.office.code and closes is not None and act.received > closes:
        raise Refused("closed", f"{step.id} closed on {closes.isoformat()}", at=closes.isoformat(), state=State.LAPSED)
    return step


def _settled_step(case: Case, act: Act) -> Step:
    step = _open_step(case, act)
    if step.wants not in (Wants.NOTHING, Wants.EXTENDED):
        raise Refused("being_scheduled", f"{step.id} is being escalated or moved this very moment; do it once that is done")
    return step


def _may_extend(case: Case, act: Act, rules: Programme) -> None:
    _settled_step(case, act)
    _days_in_range(act)


def _days_in_range(act: Act) -> None:
    if not 1 <= act.working_days <= MOST_WORKING_DAYS:
        text = f"an extension is 1 to {MOST_WORKING_DAYS} working days"
        raise Refused("out_of_range", text, low="1", high=str(MOST_WORKING_DAYS))


def _may_hold(case: Case, act: Act, rules: Programme) -> None:
    if case.hold is not None:
        raise Refused("on_hold", f"the case is on hold since {case.hold.since.isoformat()}; it can be resumed")


def _may_resume(case: Case, act: Act, rules: Programme) -> None:
    if case.hold is None:
        raise Refused("not_on_hold", "the case is not on hold; it can be put on hold")
    start, since = case.visit_start, case.hold.since.date()
    if case.procedure >= 2 and before_visit(case) and start and since < start <= act.received.date():
        text = f"the visit was to begin on {start}, while the case was on hold; reschedule it first, or cancel"
        raise Refused("visit_passed", text, at=start.isoformat())


def before_visit(case: Case) -> bool:
    """Whether nobody has yet been asked who attended the visit."""
    return not any(step.kind is Kind.ATTENDANCE and step.in_force for step in case.steps)


def _may_withdraw(case: Case, act: Act, rules: Programme) -> None:
    if case.phase in (Phase.VISIT, Phase.FOLLOW_UP):
        _unless_begun(case, act, "a requester withdraws before it, the programme can cancel")


def _unless_begun(case: Case, act: Act, instead: str) -> None:
    if case.visit_start is not None and act.received.date() >= case.visit_start:
        raise Refused("visit_begun", f"the visit began on {case.visit_start}; {instead}", at=case.visit_start.isoformat())


def _may_always(case: Case, act: Act, rules: Programme) -> None:
    """Nothing more is asked of the act."""


def _may_reassign(case: Case, act: Act, rules: Programme) -> None:
    step = _settled_step(case, act)
    _unless_bound(step, rules, "; the nominee can be replaced")
    if not act.to or act.to in (step.asked, step.escalated_to):
        raise Refused("already_asked", f"{act.to or step.asked} is asked already; it can be reminded or given more time")
    if step.kind in (Kind.HOST_OFFER, Kind.HOST_AGREEMENT):
        raise Refused("bound_to_host", f"{step.id} is the host's own; widen the call to ask another institution")
    if step.kind is Kind.CLEARANCE and act.to in [n.institution for n in case.nominations if n.id in step.about]:
        raise Refused("own_people", f"{act.to} nominated these people; another institution of the country can clear them")
    if step.kind is not Kind.CONSULTATION and act.to != rules.office.code and country_of(act.to) != step.country:
        text = f"{act.to} is not of {step.country}; another institution of that country can be asked"
        raise Refused("other_country", text, country=step.country)


def _unless_bound(step: Step, rules: Programme, instead: str = "") -> None:
    """Refuse to pass on what only the one asked can answer: a person, or the programme itself."""
    if step.asked in step.people:
        raise Refused("bound_to_person", f"{step.id} is for {step.asked} in person{instead}")
    if step.asked == rules.office.code:
        raise Refused("bound_to_office", f"{step.id} is the programme's own; the case can be handed over to another coordinator")


def _may_recall(case: Case, act: Act, rules: Programme) -> None:
    step = case.step(act.step)
    if step is None:
        raise Refused("unknown_step", f"case {case.id} has no step {act.step}")
    if step.state is not State.ANSWERED or not step.in_force or step.decision is None:
        raise Refused("not_decided", f"{step.id} holds no answer that stands; an open step can be answered", state=step.state)
    own = {step.asked, step.decision.by, step.decision.on_behalf_of} - {""}
    if act.by != rules.office.code and (act.by not in own or step.decision.kind is DecisionKind.OVERRIDDEN):
        raise Refused("not_asked", f"{act.by} did not decide {step.id}; the coordinator can recall it", by=act.by)
    if PHASE_OF[step.kind] not in (Phase.VISIT, Phase.FOLLOW_UP):
        if not before_visit(case):
            raise Refused("visit_begun", f"the visit is over; {step.id} can no longer be recalled, the case can be cancelled")
        _unless_begun(case, act, f"{step.id} can no longer be recalled")
    other = _other_host(case, step)
    if other is not None:
        text = f"{other.id} of another host rests on {step.id}; release that host first"
        raise Refused("depended_on", text, step=other.id)
    for later in resting_on(case, step):
        if later.state is State.ANSWERED:
            text = f"{later.id} rests on {step.id} and was decided; recall that first, or cancel the case"
            raise Refused("depended_on", text, step=later.id)
    if any(n.certified for n in case.nominations if n.id in step.people) and PHASE_OF[step.kind] is Phase.VISIT:
        raise Refused("certified", f"the certificate that rests on {step.id} was issued; it cannot be taken back")
    if step.kind is Kind.FOLLOW_UP and any(later.kind is Kind.FOLLOW_UP and later.round > step.round for later in case.steps):
        raise Refused("depended_on", f"a later follow-up was begun after {step.id}; correct it there", step=step.id)


def _other_host(case: Case, step: Step) -> Step | None:
    """The agreement of another host, open or agreed, that came of an offer or agreement."""
    if step.kind not in (Kind.HOST_OFFER, Kind.HOST_AGREEMENT):
        return None
    host = step.about or (step.asked,)
    agreements = [s for s in case.steps if s.kind is Kind.HOST_AGREEMENT and s.in_force and s.about != host]
    return next((s for s in agreements if s.is_open or s.option == "agree"), None)


def resting_on(case: Case, step: Step) -> list[Step]:
    """The steps opened later that rest on a step's decision, for the same people where both are about people."""
    kinds, found = {Kind.HOST_OFFER if subject_of(step) else step.kind}, []
    while more := {kind for kind, grounds in RESTS_ON.items() if kinds & set(grounds)} - kinds:
        kinds |= more
    for later in case.steps[case.steps.index(step) + 1 :]:
        same = not (step.people and later.people) or step.people & later.people
        begins_anew = later.kind is step.kind and later.round <= step.round
        if later.in_force and later.kind in kinds and same and not begins_anew:
            found.append(later)
    return found


def _may_reschedule(case: Case, act: Act, rules: Programme) -> None:
    if case.visit_start is None:
        raise Refused("no_dates", "no dates are agreed yet; the host offers them")
    if not before_visit(case):
        raise Refused("visit_begun", "the visit is over; its actual dates are in the attendance", at=case.visit_start.isoformat())
    if case.hold is None or case.hold.since.date() >= case.visit_start:
        _unless_begun(case, act, "its actual dates are in the attendance")
    if act.start is None:
        raise Refused("required", "the new first day of the visit is needed", field="start")
    if act.start <= act.received.date():
        raise Refused("past", f"{act.start} is past; a later day can be set", field="start")
    unless_far_off(act.start, act.received.date())
    days, places = act.days or case.asked.duration_days, act.places or case.asked.places
    low, high = rules.request.duration_min_days, rules.request.duration_max_days
    if not low <= days <= high:
        raise Refused("out_of_range", f"a visit lasts {low} to {high} days", low=str(low), high=str(high))
    if not 1 <= places <= case.asked.places:
        raise Refused("out_of_range", f"a visit keeps 1 to {case.asked.places} places", low="1", high=str(case.asked.places))
    if (act.start, days, places) == (case.visit_start, case.asked.duration_days, case.asked.places):
        raise Refused("same", f"the visit is to begin on {act.start} already; another day can be set", field="start")


def _may_replace(case: Case, act: Act, rules: Programme) -> None:
    nomination = next((n for n in case.nominations if n.id == act.nomination), None)
    if nomination is None:
        raise Refused("unknown_nomination", f"case {case.id} has no nomination {act.nomination}")
    if nomination.standing not in (Standing.PROPOSED, Standing.CLEARED, Standing.ACCEPTED, Standing.CONFIRMED):
        text = f"{nomination.id} is {nomination.standing}; only somebody who is to travel is replaced"
        raise Refused("not_travelling", text, standing=nomination.standing)
    if not before_visit(case):
        raise Refused("visit_begun", "the visit is over; who did not come is said in the attendance")
    _unless_begun(case, act, "who did not come is said in the attendance")
    if act.nominee is None and not case.standing(Standing.RESERVE):
        raise Refused("nobody_in_reserve", "nobody is in reserve; name the new nominee")
    if act.nominee is not None and any(n.person == act.nominee.person for n in case.nominations):
        raise Refused("same", "that person is nominated already", field="nominee")
    cut_off = cut_off_day(case, rules)
    if cut_off and act.received.date() > cut_off and not act.proof and not case.waives(Waivable.CUT_OFF):
        text = f"nominees are replaced until {cut_off}; later with the host's written consent"
        raise Refused("past_cut_off", text, at=cut_off.isoformat())


def cut_off_day(case: Case, rules: Programme) -> date | None:
    """The last day on which a nominee is replaced without the host's written consent; None where there is none."""
    if case.visit_start is None or not rules.nomination.cut_off_days:
        return None
    return case.visit_start - timedelta(days=rules.nomination.cut_off_days)


def _may_widen(case: Case, act: Act, rules: Programme) -> None:
    if case.widened is not None:
        raise Refused("widened", f"the call was widened on {case.widened.isoformat()}, once; convert the format or cancel")
    _while_calling(case, "widen")


def _may_convert(case: Case, act: Act, rules: Programme) -> None:
    _while_calling(case, "convert")


def _while_calling(case: Case, act: str) -> None:
    if case.phase is not Phase.HOSTING or not case.candidates:
        raise Refused(
            "not_calling", f"{act} is for a case whose hosts are being called; this one is in {case.phase}", phase=case.phase
        )
    agreed = _agreed(case)
    if agreed is not None:
        raise Refused("not_calling", "a host has agreed; it can be released first", step=agreed.id)


def _agreed(case: Case) -> Step | None:
    """The agreement of a host that stands."""
    return next((s for s in reversed(case.steps) if s.kind is Kind.HOST_AGREEMENT and s.in_force and s.option == "agree"), None)


def _may_override(case: Case, act: Act, rules: Programme) -> None:
    if not act.coordinator:
        raise Refused("no_coordinator", "only a named coordinator overrides a rule; say who")
    if act.rule not in list(Waivable):
        known = ", ".join(Waivable)
        raise Refused("unknown_rule", f"{act.rule!r} cannot be set aside; these can: {known}", value=act.rule, rules=known)
    if act.rule != Waivable.ANSWER and case.waives(act.rule, act.nomination):
        raise Refused("waived", f"{act.rule} was set aside already")
    WAIVERS.get(Waivable(act.rule), _may_always)(case, act, rules)


def _may_waive_places(case: Case, act: Act, rules: Programme) -> None:
    if act.nomination not in [n.id for n in case.standing(Standing.RESERVE)] or not before_visit(case):
        raise Refused("not_in_reserve", "a waiver takes a nomination out of the reserve, before the visit", value=act.nomination)


def _may_waive_certificate(case: Case, act: Act, rules: Programme) -> None:
    if act.nomination not in [n.id for n in case.nominations if n.held and not n.certified]:
        raise Refused("not_held", "only a certificate that is held is released", value=act.nomination)


def _may_waive_while_asking(case: Case, act: Act, rules: Programme) -> None:
    if case.phase is not Phase.REQUEST:
        raise Refused("decided", f"{act.rule} is set aside before the decision; the case is in {case.phase}", phase=case.phase)


def _may_waive_budget(case: Case, act: Act, rules: Programme) -> None:
    if not act.proof:
        raise Refused("no_proof", "a budget is exceeded with the donor's approval; attach it")


def _may_answer_instead(case: Case, act: Act, rules: Programme) -> None:
    step = _settled_step(case, act)
    if subject_of(step) == BUDGET and step.asked != rules.office.code:
        raise Refused(
            "consent", f"nobody but {step.asked} approves the cost; set the budget aside, with its approval", kind=step.kind
        )
    if step.kind in CONSENTS:
        text = f"nobody but {step.asked} can say that; record their answer on their behalf, with its proof"
        raise Refused("consent", text, kind=step.kind)
    if act.option not in OPTIONS[step.kind]:
        options = ", ".join(OPTIONS[step.kind])
        raise Refused("unknown_option", f"{act.option!r} is not an option of {step.kind}: {options}", options=options)
    given = Answer(response=act.act, step=step.id, option=act.option, by=act.by, received=act.received, facts=act.facts)
    kind_rule(case, step, given, rules)


def _may_hand_over(case: Case, act: Act, rules: Programme) -> None:
    if not act.to or act.to == case.coordinator:
        raise Refused("already_asked", f"the case is with {act.to or 'the office'} already; name another coordinator")


def _may_release(case: Case, act: Act, rules: Programme) -> None:
    if _agreed(case) is None or not case.partner:
        raise Refused("no_host_yet", "no host has agreed; an offer can be recalled or refused")
    if act.by not in (rules.office.code, case.partner):
        raise Refused("not_asked", f"{act.by} does not host this case", by=act.by)
    if not before_visit(case):
        raise Refused("visit_begun", "the visit is over; the programme can cancel the case")
    _unless_begun(case, act, "the programme can cancel the case")


def _may_ask_time(case: Case, act: Act, rules: Programme) -> None:
    step = _asked_step(case, act, rules)
    if step.asked_days:
        raise Refused("already_asked", f"{step.asked_days} working days were asked for already; the coordinator will say")
    _days_in_range(act)


def _may_delegate(case: Case, act: Act, rules: Programme) -> None:
    step = _open_step(case, act)
    if act.by not in (rules.office.code, step.asked):
        raise Refused("not_asked", f"only {step.asked} delegates {step.id}", by=act.by)
    _unless_bound(step, rules)
    if step.delegate:
        raise Refused("delegated", f"{step.delegate} answers already; take that back first", by=step.delegate)
    if not act.to.startswith(f"{step.asked}/"):
        raise Refused("not_a_colleague", f"{act.to} is not of {step.asked}; the coordinator can reassign the step", by=act.to)


def _may_revoke(case: Case, act: Act, rules: Programme) -> None:
    step = _open_step(case, act)
    if not step.delegate:
        raise Refused("not_delegated", f"{step.id} is not delegated; it can be")
    if act.by not in (rules.office.code, step.asked):
        raise Refused("not_asked", f"{act.by} did not delegate {step.id}", by=act.by)


def _may_decline(case: Case, act: Act, rules: Programme) -> None:
    step = _asked_step(case, act, rules)
    if step.escalated_to and act.by not in (rules.office.code, step.escalated_to):
        raise Refused("not_asked", f"{step.id} has moved up to {step.escalated_to}, who can decline it", by=act.by)
    if step.wants is not Wants.NOTHING:
        raise Refused("being_scheduled", f"{step.id} is being moved this very moment; do it once that is done")


CHECKS: dict[Doing, Callable[[Case, Act, Programme], None]] = {
    Doing.EXTEND: _may_extend,
    Doing.HOLD: _may_hold,
    Doing.RESUME: _may_resume,
    Doing.WITHDRAW: _may_withdraw,
    Doing.CANCEL: _may_always,
    Doing.REASSIGN: _may_reassign,
    Doing.RECALL: _may_recall,
    Doing.RESCHEDULE: _may_reschedule,
    Doing.REPLACE: _may_replace,
    Doing.WIDEN: _may_widen,
    Doing.CONVERT: _may_convert,
    Doing.OVERRIDE: _may_override,
    Doing.HAND_OVER: _may_hand_over,
    Doing.RELEASE: _may_release,
    Doing.MORE_TIME: _may_ask_time,
    Doing.DELEGATE: _may_delegate,
    Doing.REVOKE: _may_revoke,
    Doing.DECLINE: _may_decline,
    Doing.REVIEW: _may_always,
}
"""What is asked of each act."""

WAIVERS: dict[Waivable, Callable[[Case, Act, Programme], None]] = {
    Waivable.PLACES_PER_COUNTRY: _may_waive_places,
    Waivable.CERTIFICATE: _may_waive_certificate,
    Waivable.THRESHOLD: _may_waive_while_asking,
    Waivable.VETO: _may_waive_while_asking,
    Waivable.BUDGET: _may_waive_budget,
    Waivable.ANSWER: _may_answer_instead,
}
"""What is asked before each rule is set aside."""
