"""The state of a case: its steps, nominations, papers and what has been said of it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from models.message import Instant, Message, Receipt, Record
from models.request import Asked
from models.schedule import Schedule, Tick
from models.words import Channel, DecisionKind, Ending, Format, Kind, Phase, Standing, State, Verb


class Nominee(Message):
    """A nominated person, by id; name and curriculum vitae stay in the store, as the content `form`."""

    person: str
    institution: str
    country: str
    substitute: bool = False
    form: str = ""


class Facts(Message):
    """What the procedure needs of a filled form: dates, figures, codes and ids, no text and no name.

    `verdicts` maps a nomination to what was said of it; `scores` a criterion to 0–5; `cost` is in whole units of the budget's
    currency; `one_sided` says that all nominees are of one gender, `justified` that a reason for it was given.
    """

    start: date | None = None
    end: date | None = None
    nominees: tuple[Nominee, ...] = ()
    verdicts: dict[str, str] = {}
    scores: dict[str, int] = {}
    planned: int = 0
    done: int = 0
    evidence: bool = False
    cost: int = 0
    one_sided: bool = False
    justified: bool = False


class Answer(Message):
    """One answer as it came in: who said what on which step, with the sha256 of its form, paper and proof."""

    response: str
    step: str
    option: str
    by: str
    on_behalf_of: str = ""
    channel: Channel = Channel.PAGE
    received: Receipt
    form: str = ""
    paper: str = ""
    proof: str = ""
    facts: Facts = Facts()


class Recorded(Message):
    """What was taken down of an answer, and what stands."""

    response: str
    step: str
    option: str
    at: Instant
    late: bool = False
    reference: str = ""


class Decision(Message):
    """The outcome of a step: who decided, on whose behalf, how, when it was received and when recorded."""

    option: str
    kind: DecisionKind = DecisionKind.EXPLICIT
    by: str = ""
    on_behalf_of: str = ""
    channel: Channel | None = None
    received: Receipt | None = None
    recorded: Instant
    response: str = ""
    form: str = ""
    paper: str = ""
    proof: str = ""
    late: bool = False
    facts: Facts = Facts()


class Wants(StrEnum):
    """Why a step waits for a schedule to be computed; the letter that goes with it follows."""

    NOTHING = ""
    ASK = "ask"
    EXTENDED = "extended"
    ESCALATION = "escalation"
    RESUMED = "resumed"
    RESCHEDULED = "rescheduled"
    REASSIGNED = "reassigned"


class Standin(Message):
    """From an instant on, `to` answers in the place of the one asked; nobody but the one asked when it is empty.

    `verb` says why: a delegation began or ended, or somebody succeeded to the post.
    """

    at: Instant
    to: str = ""
    verb: Verb


class Step(Record):
    """Somebody is asked for one answer by a date. `asked` is an institution, the office or a person's nomination.

    `first_asked` is who was asked before the question was reassigned, `delegate` who answers in place of the one asked now
    (`by_appointment` where a dated delegation says so), `standins` what the appointments say will change; `review` asks for them
    to be looked up again. `stopped` is the instant its clock stopped, `added_days` the working days an extension adds, `why` the
    sha256 of its reason. `asked_days` are the working days the one asked wants in addition, `extensions` how often they got some
    by themselves. `declined` is the sha256 of the reason why the one asked passes the question on. `voided` is when its outcome
    ceased to count, `voided_by` the act's name. `epoch` counts how often the links sent before ceased to open the question.
    """

    id: str
    kind: Kind
    round: int = 1
    asked: str
    country: str
    about: tuple[str, ...] = ()
    paper: str = ""
    state: State = State.OPENING
    opened: Instant
    visit: date | None = None
    schedule: Schedule | None = None
    ticked: int = 0
    wants: Wants = Wants.NOTHING
    stopped: Instant | None = None
    added_days: int = 0
    why: str = ""
    escalated_to: str = ""
    closed: Instant | None = None
    decision: Decision | None = None
    first_asked: str = ""
    delegate: str = ""
    by_appointment: bool = False
    standins: tuple[Standin, ...] = ()
    review: bool = False
    asked_days: int = 0
    extensions: int = 0
    declined: str = ""
    voided: Instant | None = None
    voided_by: str = ""
    epoch: int = 0

    @property
    def in_force(self) -> bool:
        """Whether the step counts: it was neither withdrawn nor its outcome set aside."""
        return self.state is not State.WITHDRAWN and self.voided is None

    @property
    def answering(self) -> str:
        """Who is to answer now: the delegate, or the one asked."""
        return self.delegate or self.asked

    @property
    def people(self) -> frozenset[str]:
        """The nominations the step is about: those named, and the person asked."""
        return frozenset(code for code in (*self.about, self.asked) if code[:1] == "N" and code[1:].isdigit())

    @property
    def is_open(self) -> bool:
        """Whether an answer can still be taken, or the step is just being opened."""
        return self.state in (State.OPENING, State.OPEN, State.PAUSED)

    @property
    def option(self) -> str:
        """What was answered, tacitly or not; empty when nobody did."""
        return self.decision.option if self.decision else ""

    @property
    def next_tick(self) -> Tick | None:
        """The next instant of an open step's schedule."""
        return self.schedule.next_after(self.ticked) if self.schedule and self.state is State.OPEN else None


class Nomination(Record):
    """One person proposed for one place; a replacement is a new nomination linked to the old."""

    id: str
    person: str
    institution: str
    country: str
    rank: int
    substitute: bool = False
    standing: Standing = Standing.PROPOSED
    replaces: str = ""
    held: bool = False
    certified: bool = False


class Candidate(Message):
    """An institution that may host (or provide), with its score and the reasons for it."""

    institution: str
    score: int
    reasons: tuple[str, ...] = ()


class Paper(Message):
    """A document issued in the case: its kind, language, whom it is about, for whom, and its sha256.

    `voided` is when it ceased to stand: a decision it rests on was recalled, or its dates have changed.
    """

    kind: str
    language: str
    sha256: str
    about: str = ""
    at: Instant
    to: str = ""
    voided: Instant | None = None


class Transition(Message):
    """One thing that happened: the instant, the number of the history event it was decided at, and who did what.

    `step` names the step, `about` a nomination or paper; `decision` says how a decision came about.
    """

    seq: int
    run: int
    at: Instant
    event: int
    verb: Verb
    step: str = ""
    kind: Kind | None = None
    round: int = 0
    by: str = ""
    on_behalf_of: str = ""
    decision: DecisionKind | None = None
    about: str = ""
    reason: str = ""


class RunDigest(Message):
    """A closed run of the case's workflow: its id, number of events, and the sha256 of its exported history."""

    run_id: str
    events: int
    sha256: str


class Hold(Message):
    """A case on hold: since when and why (the sha256 of the reason); `review` is when the coordinator is reminded of it."""

    since: Instant
    reason: str
    review: Instant | None = None


class Waiver(Message):
    """A rule a named coordinator set aside: which one, for whom or what, why (the sha256 of the reason), proved by what."""

    rule: str
    about: str = ""
    by: str
    at: Instant
    reason: str
    proof: str = ""


class Case(Record):
    """Everything the procedure knows of one exchange; serialisable, carried from run to run.

    `clock` is the instant of what happened last; `said` holds this run's transitions only. `procedure` is the version of the
    procedure the run follows, `coordinator` who looks after the case. `released` are institutions that offered and no longer
    host, `widened` when a coordinator widened the call, `called` whom they added to it, `rescheduled` the first day they set,
    `postponed` how many decisions to postpone were carried out,
    `acted` the ids of the acts that were.
    """

    id: str
    programme: str
    asked: Asked
    opened: Instant
    clock: Instant
    phase: Phase = Phase.REQUEST
    run: int = 1
    runs: list[RunDigest] = []
    steps: list[Step] = []
    nominations: list[Nomination] = []
    candidates: list[Candidate] = []
    partner: str = ""
    visit_start: date | None = None
    visit_end: date | None = None
    actual_start: date | None = None
    actual_end: date | None = None
    papers: list[Paper] = []
    resting_until: Instant | None = None
    hold: Hold | None = None
    evidence: bool = False
    ending: Ending | None = None
    reason: str = ""
    ended: Instant | None = None
    posted: int = 0
    seq: int = 0
    said: list[Transition] = []
    procedure: int = 1
    coordinator: str = ""
    waivers: list[Waiver] = []
    released: list[str] = []
    widened: Instant | None = None
    called: list[str] = []
    rescheduled: date | None = None
    postponed: int = 0
    acted: list[str] = []

    @property
    def host(self) -> str:
        """The institution that receives: the partner of a study visit, the inviting institution of an assignment."""
        return self.partner if self.asked.format is Format.STUDY_VISIT else self.asked.requesting

    @property
    def sending(self) -> str:
        """The institution whose people travel."""
        return self.asked.requesting if self.asked.format is Format.STUDY_VISIT else self.partner

    @property
    def beneficiary(self) -> str:
        """The institution that gains the knowledge."""
        return self.asked.requesting

    def step(self, step_id: str) -> Step | None:
        """The step of that id, if the case has one."""
        return next((step for step in self.steps if step.id == step_id), None)

    def nomination(self, nomination_id: str) -> Nomination:
        """The nomination of that id."""
        return next(n for n in self.nominations if n.id == nomination_id)

    def standing(self, *standings: Standing) -> list[Nomination]:
        """The nominations with one of these standings, by rank."""
        return sorted((n for n in self.nominations if n.standing in standings), key=lambda n: n.rank)

    def latest(self, kind: Kind) -> Step | None:
        """The last step of a kind, if any was opened."""
        return next((step for step in reversed(self.steps) if step.kind is kind), None)

    def waives(self, rule: str, about: str = "") -> bool:
        """Whether a named coordinator set that rule aside."""
        return any(waiver.rule == rule and waiver.about in ("", about) for waiver in self.waivers)

    def form(self, kind: Kind) -> str:
        """The sha256 of the form of the last answered step of a kind; empty when there is none."""
        found = (s.decision.form for s in reversed(self.steps) if s.kind is kind and s.in_force and s.decision and s.decision.form)
        return next(found, "")
