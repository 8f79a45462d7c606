"""The timeline of a case in the field's words: who did what, when, on whose behalf, by which rule, with which mails and papers.

Everything but the mails comes from the histories: a line is a transition that the procedure wrote down, in the state it led to.
Below each line stand the raw events of its task and of the tasks before it that said nothing, so every event is below a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from audit.moments import Moment
from audit.plain import opening_of, payloads, text_of
from audit.replay import Run
from audit.whole import name_of
from models.case import Case, Decision, Step, Transition
from models.message import Instant, Message, Receipt
from models.programme import Programme
from models.words import OPTIONS, Channel, DecisionKind, Kind, Lapse, Verb
from store.mails import MailRow

SILENT = (Verb.LAPSED, Verb.ESCALATED)
TIMED = (Verb.OPENED, Verb.REMINDED, Verb.CHASED, Verb.ALERTED, Verb.EXTENDED)
COMMANDS = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_MARKER_RECORDED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)
"""What a workflow task leaves in the history right behind its completion."""


class Applied(Message):
    """The rule of the programme that a line rests on.

    `rule` is `limit` (a value in a `unit` counted from an `anchor`, with working days of `grace`; `due` and `closes` are what it
    came to), `silence` (what followed when nobody answered: `lapse`), or `waiver` (`waived` was set aside by `by`, for the reason
    and with the proof of that sha256).
    """

    rule: str
    value: int = 0
    unit: str = ""
    anchor: str = ""
    grace: int = 0
    due: Instant | None = None
    closes: Instant | None = None
    lapse: Lapse | None = None
    waived: str = ""
    by: str = ""
    reason: str = ""
    proof: str = ""


class Issued(Message):
    """A paper that was issued: its kind, language, whom it is about, the sha256 of its bytes."""

    kind: str
    language: str
    sha256: str
    about: str = ""


class Sent(Message):
    """A mail that left: the letter, the party it is for, the sha256 of what is archived, how far it got."""

    letter: str
    to: str
    language: str
    message_id: str
    sha256: str
    state: str
    accepted: Instant | None = None


class Line(Message):
    """One thing that happened.

    `event` is the workflow task it happened in, `first` to `last` are the raw events below the line. `verb` is None where letters
    were written and nothing else was said. `asked` is who was to answer the step; of an answer `option`, `received`, `channel`,
    `late` and the sha256 of its form, of the paper it is about and of its proof are given. `about` and `reason` are as the
    procedure wrote them: a nomination, an institution or a sha256; a code or the sha256 of a text.
    """

    run: int
    event: int
    first: int
    last: int
    at: Instant
    verb: Verb | None = None
    step: str = ""
    kind: Kind | None = None
    round: int = 0
    asked: str = ""
    by: str = ""
    on_behalf_of: str = ""
    decision: DecisionKind | None = None
    option: str = ""
    received: Receipt | None = None
    channel: Channel | None = None
    late: bool = False
    form: str = ""
    paper: str = ""
    proof: str = ""
    about: str = ""
    reason: str = ""
    rules: tuple[Applied, ...] = ()
    papers: tuple[Issued, ...] = ()
    mails: tuple[Sent, ...] = ()


class Raw(Message):
    """One event of a history: its run and id, what kind it is, when it was written, and what its payloads say."""

    run: int
    event: int
    kind: str
    at: datetime
    texts: tuple[str, ...] = ()


def timeline(runs: Sequence[Run], moments: Sequence[Moment], mails: Sequence[MailRow], programme: Programme) -> list[Line]:
    """What happened in a case, in order; `programme` has the rules it took along."""
    lines: list[Line] = []
    posted = 0
    for run in runs:
        of_run = [moment for moment in moments if moment.run == run.number]
        found: list[Line] = []
        begins, ends = 1, task_ends(run.events)
        for moment in of_run:
            until = int(json.loads(moment.state).get("posted", 0))
            letters = [mail for mail in mails if posted < mail.number <= until]
            posted = until
            spoken = [said for said in of_run[-1].case.said if said.event == moment.event]
            if spoken or letters:
                last = ends.get(moment.event, moment.until)
                bare = [_line(said, moment, programme, begins, last) for said in spoken]
                found += _with_mails(bare or [_letters(moment, begins, last)], letters)
                begins = last + 1
        lines += _to_the_end(found, run)
    return lines


def rules_of(runs: Sequence[Run]) -> Programme:
    """The rules the case took along, as its last run has them."""
    return Programme.model_validate(opening_of(runs[-1].events)["programme"])


def raw_events(run: Run, first: int = 1, last: int | None = None) -> list[Raw]:
    """The events of a run from one to another, as they stand in its history, their payloads as they read."""
    return [
        Raw(
            run=run.number,
            event=event.event_id,
            kind=name_of(event),
            at=event.event_time.ToDatetime(tzinfo=UTC),
            texts=tuple(text_of(payload) for payload in payloads(event)),
        )
        for event in run.events[first - 1 : last]
    ]


def task_ends(events: Sequence[HistoryEvent]) -> dict[int, int]:
    """By the event that started each completed workflow task, the last event that the task left."""
    ends = {}
    for before, after in pairwise(events):
        if after.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            last = after.event_id
            while last < len(events) and events[last].event_type in COMMANDS:
                last += 1
            ends[before.event_id] = last
    return ends


def _line(said: Transition, moment: Moment, programme: Programme, first: int, last: int) -> Line:
    case = moment.case
    step = case.step(said.step)
    outcome = step.decision if step and step.decision and said.kind and said.verb in OPTIONS[said.kind].values() else None
    return Line(
        run=moment.run,
        event=moment.event,
        first=first,
        last=last,
        asked=step.asked if step else "",
        **said.model_dump(include={"at", "verb", "step", "kind", "round", "by", "on_behalf_of", "decision", "about", "reason"}),
        **_answered(outcome),
        rules=tuple(_rules(said, case, step, programme)),
        papers=tuple(_issued(said, case)),
    )


def _answered(outcome: Decision | None) -> dict[str, object]:
    """What a line says of an answer."""
    return (
        {} if outcome is None else outcome.model_dump(include={"option", "received", "channel", "late", "form", "paper", "proof"})
    )


def _issued(said: Transition, case: Case) -> Iterator[Issued]:
    if said.verb is Verb.ISSUED:
        for paper in case.papers:
            if paper.sha256 == said.about:
                yield Issued.model_validate(paper.model_dump())
                return


def _rules(said: Transition, case: Case, step: Step | None, programme: Programme) -> Iterator[Applied]:
    """The rules a transition rests on: its step's limit, what silence leads to, what was set aside for it."""
    if step is not None and said.kind is not None:
        rule = programme.step(said.kind)
        if said.verb in (*TIMED, *OPTIONS[said.kind].values(), *SILENT):
            limit = rule.limit.model_dump(include={"value", "unit", "anchor"})
            dates = {"due": step.schedule.due, "closes": step.schedule.closes} if step.schedule else {}
            yield Applied(rule="limit", grace=rule.grace_escalated if step.escalated_to else rule.grace, **limit, **dates)
        if said.verb in SILENT or said.decision is DecisionKind.TACIT:
            yield Applied(rule="silence", lapse=rule.lapse)
    for waiver in case.waivers:
        overrides = said.decision is DecisionKind.OVERRIDDEN and waiver.about == said.step
        if overrides or (said.verb is Verb.WAIVED and (waiver.rule, waiver.at) == (said.about, said.at)):
            yield Applied(rule="waiver", waived=waiver.rule, by=waiver.by, reason=waiver.reason, proof=waiver.proof)


def _letters(moment: Moment, first: int, last: int) -> Line:
    """The line of a task that wrote letters and said nothing else."""
    return Line(run=moment.run, event=moment.event, first=first, last=last, at=moment.case.clock)


def _with_mails(lines: Sequence[Line], mails: Iterable[MailRow]) -> list[Line]:
    """The lines of a task, each mail with the last line about its step, else with the last one."""
    sent: dict[int, list[Sent]] = {}
    for mail in mails:
        place = max((n for n, line in enumerate(lines) if mail.step and line.step == mail.step), default=len(lines) - 1)
        sent.setdefault(place, []).append(_sent(mail))
    return [line.model_copy(update={"mails": tuple(sent.get(place, ()))}) for place, line in enumerate(lines)]


def _sent(mail: MailRow) -> Sent:
    """A mail; whoever it is for is named by code or id, not by mailbox, where there is one."""
    return Sent(
        letter=mail.letter,
        to=mail.link_facts.get("party", "") or mail.person or mail.to,
        language=mail.language,
        message_id=mail.message_id,
        sha256=mail.content,
        state=mail.state,
        accepted=mail.accepted,
    )


def _to_the_end(lines: list[Line], run: Run) -> list[Line]:
    """The lines of a run, the last ones with all events down to its end; a run of which nothing was said yet has one bare line."""
    length = len(run.events)
    if not lines:
        at = run.events[0].event_time.ToDatetime(tzinfo=UTC)
        return [Line(run=run.number, event=0, first=1, last=length, at=at)]
    last = lines[-1].last
    return [line.model_copy(update={"last": length}) if line.last == last else line for line in lines]
