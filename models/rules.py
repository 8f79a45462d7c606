"""Who may answer what, and what an answer changes: pure functions of the case's state."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from models.case import Answer, Case, Decision, Nomination, Nominee, Recorded, Step
from models.errors import Refused
from models.programme import Programme
from models.request import earliest_start, fits
from models.words import OPTIONS, DecisionKind, Kind, Lapse, Standing, State

SNAP = timedelta(seconds=60)
FAR_OFF, AROUND_VISIT = timedelta(days=2 * 366), timedelta(days=60)

BUDGET, POSTPONE = "budget", "postpone"
"""What a decision is about, other than the request itself: a cost above the ceiling, a visit to which nobody can travel."""


def subject_of(step: Step) -> str:
    """What a decision is about, other than the request; empty for every other question."""
    return step.about[0] if step.kind is Kind.DECISION and step.about and step.about[0] in (BUDGET, POSTPONE) else ""


def moment(now: datetime, cause: datetime | None) -> datetime:
    """The instant that something is said to have happened: its cause's, when it was handled within a minute of it."""
    if cause is not None and abs(now - cause) <= SNAP:
        return cause.replace(microsecond=0)
    return now.replace(microsecond=0)


def recorded_of(step: Step) -> Recorded:
    """What was taken down on an answered step."""
    assert step.decision is not None
    decision = step.decision
    return Recorded(
        response=decision.response,
        step=step.id,
        option=decision.option,
        at=decision.recorded,
        late=decision.late,
        reference=decision.response,
    )


def repeated(case: Case, answer: Answer) -> Step | None:
    """The step on which this very response was already recorded."""
    step = case.step(answer.step)
    if step and step.decision and step.decision.response == answer.response:
        return step
    return None


def may_answer(case: Case, answer: Answer, rules: Programme) -> None:
    """Refuse an answer that cannot be taken, saying what stands.

    Raises:
        Refused: unknown_step, unknown_option, not_asked, answered, closed, superseded, or a rule of the step's kind.
    """
    if repeated(case, answer):
        return
    step = case.step(answer.step)
    if step is None:
        raise Refused("unknown_step", f"case {case.id} has no step {answer.step}")
    if answer.option not in OPTIONS[step.kind]:
        options = ", ".join(OPTIONS[step.kind])
        raise Refused("unknown_option", f"{answer.option!r} is not an option of {step.kind}: {options}", options=options)
    _still_open(case, step, answer, rules)
    _was_asked(step, answer, rules)
    if step.paper and answer.paper != step.paper:
        raise Refused(
            "superseded",
            f"the answer is about another version of the paper; this one stands: {step.paper}",
            paper=step.paper,
        )
    kind_rule(case, step, answer, rules)


def _still_open(case: Case, step: Step, answer: Answer, rules: Programme) -> None:
    if step.state is State.ANSWERED and step.decision is not None:
        stands = step.decision
        text = f"{step.id} was already answered: {stands.option} by {stands.by or 'nobody'} at {stands.recorded.isoformat()}"
        raise Refused("answered", text, option=stands.option, by=stands.by, at=stands.recorded.isoformat())
    if not step.is_open:
        closed = step.closed.isoformat() if step.closed else ""
        raise Refused("closed", f"{step.id} closed on {closed} ({step.state})", at=closed, state=step.state)
    if case.ending is not None:
        at = case.clock.isoformat()
        raise Refused("closed", f"the case ended on {at}: {case.ending}", at=at, state=State.WITHDRAWN)
    closes = closes_for_good(step, rules)
    if closes is not None and answer.received > closes:
        at = closes.isoformat()
        raise Refused("closed", f"{step.id} closed on {at}; the answer came later", at=at, state=State.LAPSED)


def closes_for_good(step: Step, rules: Programme) -> datetime | None:
    """The instant after which no answer to a step counts; None while its clock stands still or it would only move up."""
    moves_up = rules.step(step.kind).lapse is Lapse.ESCALATE and not step.escalated_to
    if step.state is not State.OPEN or step.schedule is None or moves_up:
        return None
    return step.schedule.closes


def is_late(step: Step, received: datetime) -> bool:
    """Whether an answer came after the due date, as far as the step's clock ran; never while it was only being opened."""
    if step.schedule is None or step.state is State.OPENING:
        return False
    return min(received, step.stopped or received) > step.schedule.due


def _was_asked(step: Step, answer: Answer, rules: Programme) -> None:
    office = rules.office.code
    asked = {step.answering, step.escalated_to} - {""}
    if answer.on_behalf_of:
        if answer.by != office:
            raise Refused("not_asked", f"only {office} records an answer on behalf of another", by=answer.by)
        if answer.on_behalf_of not in asked | {step.asked}:
            raise Refused("not_asked", f"{answer.on_behalf_of} was not asked on {step.id}", by=answer.on_behalf_of)
        if not answer.proof:
            raise Refused("no_proof", "an answer on behalf of another needs its proof")
    elif answer.by == step.asked and step.delegate:
        text = f"{step.delegate} answers {step.id} on behalf of {step.asked}; take the delegation back first"
        raise Refused("delegated", text, by=step.delegate)
    elif answer.by not in asked:
        raise Refused("not_asked", f"{answer.by} was not asked on {step.id}; {', '.join(sorted(asked))} was", by=answer.by)


def kind_rule(case: Case, step: Step, answer: Answer, rules: Programme) -> None:
    """Refuse what the rules of a kind of step do not allow, whoever says it.

    Raises:
        Refused: with the code of the rule.
    """
    match step.kind, answer.option:
        case Kind.DECISION, "approve" if subject_of(step) == POSTPONE:
            if answer.facts.start is None:
                raise Refused("required", "a postponed visit needs its new first day", field="start")
            if answer.facts.start <= answer.received.date():
                raise Refused("past", f"{answer.facts.start} is past; a later day can be set", field="start")
            unless_far_off(answer.facts.start, answer.received.date())
        case Kind.ATTENDANCE, _ if case.visit_start is not None:
            _actual_dates_rule(case.visit_start, answer)
            _known_rule(step, answer)
        case Kind.DECISION, "approve" if not subject_of(step) and not case.waives("threshold"):
            total = weighted_total(answer.facts.scores, rules)
            if total < rules.decision.threshold:
                text = f"the criteria give {total} points, below the threshold of {rules.decision.threshold}"
                raise Refused("threshold", text, total=str(total), threshold=str(rules.decision.threshold))
        case Kind.DECISION, "defer" if step.round > rules.decision.defers_max:
            raise Refused(
                "too_many",
                f"a decision is deferred at most {rules.decision.defers_max} times",
                limit=str(rules.decision.defers_max),
            )
        case Kind.COMPLETENESS, "return" if step.round > rules.request.corrections_max:
            limit = str(rules.request.corrections_max)
            raise Refused("too_many", f"a request is returned at most {limit} times", limit=limit)
        case Kind.HOST_OFFER, "offer":
            _dates_rule(case, answer, rules)
        case Kind.HOST_AGREEMENT, "agree" if answer.facts.start is not None:
            _dates_rule(case, answer, rules)
        case Kind.NOMINATION, "nominate":
            _nominees_rule(case, answer)
        case ((Kind.CLEARANCE | Kind.ACCEPTANCE | Kind.ATTENDANCE), _):
            _known_rule(step, answer)


def unless_far_off(day: date, today: date) -> None:
    """Refuse a day that nobody plans for, a slip of the pen.

    Raises:
        Refused: out_of_range.
    """
    if day > today + FAR_OFF:
        last = today + FAR_OFF
        raise Refused(
            "out_of_range", f"{day} is too far off; at most {last}", field="start", low=today.isoformat(), high=last.isoformat()
        )


def _actual_dates_rule(start: date, answer: Answer) -> None:
    low, high = start - AROUND_VISIT, min(start + AROUND_VISIT, answer.received.date() + timedelta(days=1))
    for field, day in (("actual_start", answer.facts.start), ("actual_end", answer.facts.end)):
        if day is not None and not low <= day <= high:
            text = f"the visit did not take place on {day}; say a day between {low} and {high}"
            raise Refused("out_of_range", text, field=field, low=low.isoformat(), high=high.isoformat())


def _known_rule(step: Step, answer: Answer) -> None:
    strangers = ", ".join(sorted(set(answer.facts.verdicts) - set(step.about)))[:100]
    if strangers:
        raise Refused("unknown", f"{strangers} is not among those asked about", value=strangers)


def one_sided(genders: list[str]) -> bool:
    """Whether a group of two or more is of one gender, as far as it was said: the programme then asks for a justification."""
    said = {gender for gender in genders if gender}
    return len(genders) > 1 and len(said) == 1 and all(genders)


def _dates_rule(case: Case, answer: Answer, rules: Programme) -> None:
    start = answer.facts.start
    if start is None:
        raise Refused("required", "the offer needs the first day of the visit", field="start")
    if start <= answer.received.date():
        raise Refused("past", f"{start} is past; a later day can be offered", field="start")
    if not fits(case.asked, start, earliest_start(rules, case.opened.date())):
        raise Refused("outside_periods", f"a visit from {start} is outside the proposed periods", field="start")


def _nominees_rule(case: Case, answer: Answer) -> None:
    nominees = answer.facts.nominees
    if not any(not n.substitute for n in nominees):
        raise Refused("too_few", "at least one nominee is needed", field="nominees", limit="1")
    people = [n.person for n in nominees]
    if len(set(people)) != len(people):
        raise Refused("same", "a person is nominated twice", field="nominees")


def weighted_total(scores: dict[str, int], rules: Programme) -> int:
    """Points out of 100 that the criteria's scores (0–5) give with the programme's weights; a missing score counts 0."""
    weights = rules.decision.weights
    return round(sum(weights[name] * scores.get(name, 0) / 5 for name in weights))


def note(case: Case, answer: Answer, now: datetime) -> Step:
    """Take an answer down on its step; `may_answer` has let it pass."""
    step = case.step(answer.step)
    assert step is not None
    above = step.escalated_to and answer.by == step.escalated_to and step.escalated_to != step.asked
    delegated = above or (step.delegate and answer.by == step.delegate)
    kind = DecisionKind.ON_BEHALF if answer.on_behalf_of else DecisionKind.DELEGATED if delegated else DecisionKind.EXPLICIT
    at = moment(now, answer.received)
    step.decision = Decision(
        option=answer.option,
        kind=kind,
        by=answer.by,
        on_behalf_of=answer.on_behalf_of or (step.asked if delegated else ""),
        channel=answer.channel,
        received=answer.received,
        recorded=at,
        response=answer.response,
        form=answer.form,
        paper=answer.paper,
        proof=answer.proof,
        late=is_late(step, answer.received) and not answer.on_behalf_of,
        facts=answer.facts,
    )
    step.state = State.ANSWERED
    step.closed = at
    return step


def nominate(case: Case, nominees: tuple[Nominee, ...], places: int, per_country: int) -> list[Nomination]:
    """Enter nominations in the order named: proposed up to the places and to the limit of a country, the rest in reserve.

    A country's people are counted over all its institutions (source: Dakar, 17–18 July 2012). Substitutes wait in reserve. Who is
    entered already is left out.
    """
    entered = []
    known = {nomination.person for nomination in case.nominations}
    for nominee in sorted((n for n in nominees if n.person not in known), key=lambda n: n.substitute):
        rank = len(case.nominations) + 1
        nomination = Nomination(
            id=f"N{rank}",
            person=nominee.person,
            institution=nominee.institution,
            country=nominee.country,
            rank=rank,
            substitute=nominee.substitute,
        )
        if nominee.substitute or not has_place(case, nominee.country, places, per_country):
            nomination.standing = Standing.RESERVE
        case.nominations.append(nomination)
        entered.append(nomination)
    return entered


TAKEN = (Standing.PROPOSED, Standing.CLEARED, Standing.ACCEPTED, Standing.CONFIRMED, Standing.ATTENDED)


def has_place(case: Case, country: str, places: int, per_country: int) -> bool:
    """Whether one more person of that country can be proposed."""
    taken = case.standing(*TAKEN)
    return len(taken) < places and sum(n.country == country for n in taken) < per_country


def replacement(case: Case, fallen: Nomination, places: int, per_country: int) -> Nomination | None:
    """Propose in a fallen nomination's place: the named substitute first, then the reserve by rank; linked to the fallen one."""
    for waiting in sorted(case.standing(Standing.RESERVE), key=lambda n: (not n.substitute, n.rank)):
        if has_place(case, waiting.country, places, per_country):
            waiting.standing = Standing.PROPOSED
            waiting.replaces = fallen.id
            return waiting
    return None
