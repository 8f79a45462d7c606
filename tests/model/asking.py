"""The reference, first part: questions, their time, their answers. Written from the field's rules, not from the code under test.

The procedure is gone over from the top of its phase whenever something happened; `ask` gives the outcome of a question that was
put and counts, puts one that was not, and leaves the procedure waiting for one that is open.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from models.words import OPTIONS, Kind
from tests.model.limits import Rules, Term, Times, extended, fresh, gone_on
from tests.model.script import Label, Reply, Request, Said

OFFICE, ABOVE_OFFICE = "OFFICE", "OFFICE/supervisor"
HANDLED_AT_ONCE = timedelta(seconds=60)
"""What is handled within this time of its cause is said to have happened when its cause did."""

LASTING = ("remind", "chase")
SAID_OF_TICK = {"remind": "reminded", "chase": "chased", "alert": "alerted"}


class Waiting(Exception):
    """The procedure waits for somebody or for an instant."""


class Over(Exception):
    """The case ends."""

    def __init__(self, ending: str, reason: str) -> None:
        super().__init__(ending, reason)
        self.ending, self.reason = ending, reason


@dataclass
class Decided:
    """What was decided on a step, by whom, how, and when it was recorded."""

    option: str
    how: str
    by: str
    behalf: str
    recorded: datetime
    response: str = ""
    late: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Question:
    """A step: somebody is asked for one answer by a date."""

    label: Label
    asked: str
    country: str
    round: int
    opened: datetime
    visit: date | None
    paper: str = ""
    before: Question | None = None
    state: str = "opening"
    times: Times | None = None
    done: int = 0
    stopped: datetime | None = None
    anew: bool = False
    above: str = ""
    delegate: str = ""
    wanted_days: int = 0
    grants: int = 0
    decided: Decided | None = None
    closed: datetime | None = None
    void: bool = False

    @property
    def kind(self) -> str:
        """What is asked for."""
        return self.label.kind

    @property
    def option(self) -> str:
        """What was answered, tacitly or not."""
        return self.decided.option if self.decided else ""

    @property
    def is_open(self) -> bool:
        """Whether an answer can still come."""
        return self.state in ("opening", "open", "paused")

    @property
    def counts(self) -> bool:
        """Whether it was neither called off nor set aside."""
        return not self.void and self.state != "withdrawn"

    @property
    def answering(self) -> str:
        """Who is to answer now."""
        return self.delegate or self.asked

    @property
    def next_tick(self) -> datetime | None:
        """When something happens on it by itself."""
        return self.times.ticks[self.done][0] if self.state == "open" and self.times and self.done < len(self.times.ticks) else None


class Asking(ABC):
    """A case's questions and its clock."""

    def __init__(self, request: Request, rules: Rules, hosts: Sequence[str], focal_points: Mapping[str, str]) -> None:
        self.request, self.rules, self.hosts, self.focal_points = request, rules, hosts, focal_points
        self.format, self.places, self.days = request.format, request.places, request.days
        self.now = self.clock = request.opened
        self.questions: list[Question] = []
        self.said: list[Said] = []
        self.inbox: list[Reply] = []
        self.waivers: set[tuple[str, str]] = set()
        self.visit: date | None = None
        self.held: datetime | None = None
        self.resting: datetime | None = None
        self.ending = ""

    # The procedure: what the other parts fill in

    @abstractmethod
    def go(self) -> None:
        """Go over the procedure."""

    @abstractmethod
    def take_effect(self, question: Question) -> None:
        """What a decision, or silence, changes at once."""

    # Time

    @property
    def at(self) -> datetime:
        """When what happens now is said to happen."""
        return self.clock if abs(self.now - self.clock) <= HANDLED_AT_ONCE else self.now.replace(microsecond=0)

    def caused(self, cause: datetime) -> datetime:
        """When something is said to have happened that has a cause."""
        return (cause if abs(self.now - cause) <= HANDLED_AT_ONCE else self.now).replace(microsecond=0)

    def advance(self, cause: datetime) -> None:
        """The case's clock never goes back."""
        self.clock = max(self.clock, self.caused(cause))

    def next_instant(self) -> datetime | None:
        """When the case next acts by itself."""
        if self.ending:
            return None
        if self.held is not None:
            return self.held
        ticks = [tick for q in self.questions if (tick := q.next_tick) is not None]
        return min([*ticks, *([self.resting] if self.resting else [])], default=None)

    def wake(self, now: datetime) -> None:
        """Do everything that is due by now; reminders that something later has overtaken are left out."""
        self.now = now
        if self.held is not None:
            self.review_hold()
        elif not self.ending:
            for question in list(self.questions):
                while (tick := question.next_tick) is not None and tick <= now:
                    self.tick(question)
            if self.resting is not None and self.resting <= now:
                self.advance(self.resting)
                self.resting = None
        self.go()

    def review_hold(self) -> None:
        """The coordinator is reminded of a case on hold, again and again."""
        days = timedelta(days=self.rules["patience"]["hold_review_days"])
        while self.held is not None and self.held <= self.now:
            self.advance(self.held)
            self.held += days
            self.say("reminded")

    def tick(self, question: Question) -> None:
        """One reminder, warning or closing."""
        assert question.times is not None
        (at, what), *later = question.times.ticks[question.done :]
        question.done += 1
        if what in LASTING and any(at < other <= self.now for other, _ in later):
            return
        self.advance(at)
        if what == "close":
            self.close(question, at)
        else:
            self.say(SAID_OF_TICK[what], question)

    def close(self, question: Question, at: datetime) -> None:
        """Nobody answered, unless the inbox holds what was received in time: the question moves up once, or lapses."""
        for reply in [r for r in self.inbox if r.step == question.label and r.at <= at]:
            if question.is_open and not self.refuses(reply):
                self.take(reply)
        if question.state == "open":
            lapse = self.rules["steps"][question.kind]["lapse"]
            if lapse == "escalate" and not question.above:
                self.escalate(question)
            else:
                self.lapse(question, lapse)
        self.go()

    def escalate(self, question: Question) -> None:
        """The question moves up, and its clock starts again."""
        above = ABOVE_OFFICE if question.asked == OFFICE else self.focal_points.get(question.country, OFFICE)
        question.above = OFFICE if above == question.asked else above
        self.say("escalated", question, about=question.above)
        self.begin_anew(question)

    def begin_anew(self, question: Question) -> None:
        """The clock of a question starts at the beginning."""
        question.times, question.done = fresh(self.term(question)), 0

    def lapse(self, question: Question, lapse: str) -> None:
        """A consultee's silence is consent; other silence is not."""
        question.state, question.closed = "lapsed", self.at
        verb = "lapsed"
        if lapse == "tacit":
            option, verb = next(iter(OPTIONS[Kind(question.kind)].items()))
            question.decided = Decided(option, "tacit", "", question.asked, self.at)
        self.say(verb, question, reason=lapse)
        self.take_effect(question)

    def term(self, question: Question, began: datetime | None = None) -> Term:
        """What a question's times depend on."""
        began, moved_up = began or self.at, bool(question.above)
        return Term(self.rules, question.kind, question.country, began, question.visit, None, moved_up)

    def open_questions(self) -> None:
        """Those newly put are sent, unless the case is on hold; the rest of a stopped clock goes on."""
        for question in self.questions:
            if question.state == "opening" and self.held is None:
                old = question.before
                if old is not None and old.times is not None and old.closed is not None:
                    question.times = gone_on(self.term(question, question.opened), old.times, old.closed)
                else:
                    question.times = fresh(self.term(question, question.opened))
                question.state = "open"
                self.say("opened", question)

    def extend(self, question: Question, working_days: int) -> None:
        """Working days are added to the due date."""
        assert question.times is not None
        question.times, question.done = extended(self.term(question), question.times, working_days), 0

    # What the procedure says and asks

    def say(self, verb: str, question: Question | None = None, **more: str) -> None:
        """Something happened."""
        decided = question.decided if question and verb in (*OPTIONS[Kind(question.kind)].values(), "lapsed") else None
        if decided:
            more |= {"by": decided.by, "on_behalf_of": decided.behalf, "how": decided.how}
        step, round = (question.label, question.round) if question else (None, 0)
        self.said.append(Said(self.at, str(verb), step, round, **more))

    def ask(self, kind: str, asked: str, country: str = "", round: int = 1, about: tuple[str, ...] = (), **more: Any) -> Question:
        """The outcome of a question; it is put when it was not, or no longer counts.

        Raises:
            Waiting: the outcome is still to come.
        """
        same = [q for q in self.questions if q.label[:3] == (kind, asked, about)]
        question = next((q for q in same if q.counts and q.round == round), None)
        if question is None:
            label = Label(kind, asked, about, len(same) + 1)
            question = Question(label, asked, country or asked[:2], round, self.at, self.visit, **more)
            self.questions.append(question)
        return self.outcome_of(question)

    def outcome_of(self, question: Question) -> Question:
        """A question that was answered or lapsed.

        Raises:
            Waiting: it is open.
        """
        if question.is_open:
            raise Waiting
        return question

    def waives(self, rule: str, about: str = "") -> bool:
        """Whether a coordinator set that rule aside."""
        return (rule, "") in self.waivers or (rule, about) in self.waivers

    # Answers

    def tell(self, reply: Reply) -> str:
        """An answer is told to the case."""
        self.inbox.remove(reply)
        refusal = self.refuses(reply)
        if not refusal and not self.is_repeated(reply):
            self.take(reply)
            self.go()
        question = self.find(reply.step)
        if refusal or question is None or question.decided is None:
            return refusal
        return f"recorded {question.decided.recorded.isoformat()}{' late' if question.decided.late else ''}"

    def tell_all(self, now: datetime) -> None:
        """What waits in the inbox is told, in the order of receipt."""
        self.now = now
        for reply in list(self.inbox):
            self.tell(reply)

    def find(self, label: Label | None) -> Question | None:
        """The question of that label."""
        return next((q for q in self.questions if q.label == label), None)

    def is_repeated(self, reply: Reply) -> bool:
        """Whether this very answer was taken down before."""
        question = self.find(reply.step)
        return bool(question and question.decided and question.decided.response == reply.response)

    def take(self, reply: Reply) -> None:
        """An answer is taken down."""
        question = self.find(reply.step)
        assert question is not None
        stood_in = reply.by in (question.above, question.delegate) and reply.by != question.asked
        how = "on_behalf" if reply.behalf else "delegated" if stood_in else "explicit"
        behalf = reply.behalf or (question.asked if stood_in else "")
        late = not reply.behalf and self.is_late(question, reply.at)
        recorded = self.caused(reply.at)
        question.decided = Decided(reply.option, how, reply.by, behalf, recorded, reply.response, late, reply.facts)
        question.state, question.closed = "answered", recorded
        self.advance(reply.at)
        self.say(OPTIONS[Kind(question.kind)][reply.option], question)
        self.take_effect(question)

    def is_late(self, question: Question, received: datetime) -> bool:
        """Whether it came after the due date, as far as the clock ran."""
        if question.times is None or question.state == "opening":
            return False
        return min(received, question.stopped or received) > question.times.due

    def refuses(self, reply: Reply) -> str:
        """Why an answer cannot be taken; empty when it can."""
        question = self.find(reply.step)
        if self.is_repeated(reply) or self.ending:
            return "" if self.is_repeated(reply) else "closed"
        if question is None:
            return "unknown_step"
        if reply.option not in OPTIONS[Kind(question.kind)]:
            return "unknown_option"
        if question.state == "answered":
            return "answered"
        moves_up = self.rules["steps"][question.kind]["lapse"] == "escalate" and not question.above
        past = question.state == "open" and not moves_up and question.times is not None and reply.at > question.times.closes
        if not question.is_open or past:
            return "closed"
        if question.paper and not reply.paper:
            return self.was_asked(question, reply) or "superseded"
        return self.was_asked(question, reply) or self.breaks_a_rule(question, reply)

    def was_asked(self, question: Question, reply: Reply) -> str:
        """Only those asked answer, or the office on behalf of one of them, with a proof."""
        asked = {question.answering, question.above} - {""}
        if reply.behalf:
            if reply.by != OFFICE or reply.behalf not in asked | {question.asked}:
                return "not_asked"
            return "" if reply.proof else "no_proof"
        if reply.by == question.asked and question.delegate:
            return "delegated"
        return "" if reply.by in asked else "not_asked"

    @abstractmethod
    def breaks_a_rule(self, question: Question, reply: Reply) -> str:
        """The rules of a kind of step."""
