"""What a system of an institution says and is told, as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.acts import MOST_WORKING_DAYS
from models.forms import LONG, SHA256, Form
from models.words import DecisionKind, Kind, State


class AnswerSaid(BaseModel):
    """An answer: one of the step's options, the form it fills, and the sha256 of the paper that was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    option: str = Field(max_length=40, description="One of the step's options.", examples=["offer"])
    form: dict[str, Any] = Field(default={}, description="What the option's form asks; the step holds its JSON schema.")
    paper: str = Field(
        default="",
        pattern=SHA256,
        description="The sha256 of the paper the answer is about, where the step names one. An answer about another is refused.",
    )


class TimeSaid(Form):
    """A wish for more time."""

    working_days: int = Field(ge=1, le=MOST_WORKING_DAYS, description="How many working days more.")
    reason: str = Field(min_length=1, max_length=LONG, description="Why.")


class DeclineSaid(Form):
    """That the one asked passes the question on: what follows silence follows now."""

    reason: str = Field(min_length=1, max_length=LONG, description="Why.")


class Asked(BaseModel):
    """A step: what is asked of an institution, by when, about which paper."""

    case: str = Field(description="The case, AMEDIP-2027-0001.")
    step: str = Field(description="The step of the case, host_offer-1.")
    kind: Kind = Field(description="What is asked for.")
    round: int = Field(description="How often it has been asked, this time included.")
    title: str = Field(description="The title of the exchange.")
    ask: str = Field(description="What is asked, in a sentence in the language of the request's Accept-Language.")
    asked: str = Field(description="The institution that was asked.")
    answering: str = Field(description="Who is to answer now: the one asked, or who holds its mandate.")
    options: list[str] = Field(description="The possible answers.")
    state: State = Field(description="Only an open step takes an answer.")
    opened: datetime
    due: datetime | None = Field(description="By when an answer is wanted; later ones are taken until it closes, and marked late.")
    closes: datetime | None = Field(description="The instant after which no answer is taken.")
    working_days: int | None = Field(description="The working days left, in the calendar of the one asked.")
    paper: str = Field(description="The sha256 of the paper the step is about; empty where it is about none.")
    epoch: int = Field(description="Rises whenever links sent before cease to open the step: it was extended, passed on, recalled.")
    href: str = Field(description="Where the step is found.")


class AskedList(BaseModel):
    """Open steps; `next` is what `after` takes to read on, empty at the end."""

    steps: list[Asked]
    next: str


class PaperShown(BaseModel):
    """A paper that was issued in the case."""

    kind: str
    language: str
    sha256: str
    href: str


class PersonShown(BaseModel):
    """Somebody a step is about: forms name them by `nomination`."""

    nomination: str
    name: str
    function: str
    institution: str


class PeriodShown(BaseModel):
    """A stretch of days in which the visit could take place."""

    earliest: date
    latest: date


class RequestShown(BaseModel):
    """What the requesting institution asks for."""

    requesting: str
    reference: str
    expertise: str
    objectives: list[str]
    results: list[str]
    periods: list[PeriodShown]


class Stands(BaseModel):
    """What was decided on a step: the option, how, by whom, for whom, when; `reference` is that of an answer of one's own."""

    option: str
    decision: DecisionKind
    by: str
    on_behalf_of: str
    received: datetime | None
    recorded: datetime
    late: bool
    reference: str


class AskedWhole(Asked):
    """A step with all that is needed to answer it."""

    format: str = Field(description="study_visit or expert_assignment.")
    host: str = Field(description="The host, once there is one.")
    visit_start: date | None
    visit_end: date | None
    forms: dict[str, dict[str, Any]] = Field(description="The JSON schema of the form that each option fills.")
    request: RequestShown | None = Field(description="The request, where it is to be judged.")
    papers: list[PaperShown]
    people: list[PersonShown]
    background: dict[str, Any] = Field(description="What was said before and matters now: remarks, opinions, actions.")
    stands: Stands | None = Field(description="What was decided, once it is.")


class Taken(BaseModel):
    """What became of an answer: recorded, or received in time and being recorded. `reference` stands for it ever after."""

    state: Literal["recorded", "received"]
    reference: str
    case: str
    step: str
    option: str
    at: datetime | None = Field(description="When it was recorded.")
    late: bool


class Done(BaseModel):
    """What was done of a wish; `noted` when the coordinator will decide."""

    reference: str
    done: str
    at: datetime
    noted: bool


class FaultShown(BaseModel):
    """One fault: the field's path, a code, and a sentence in the language of Accept-Language."""

    field: str
    code: str
    text: str


class Problem(BaseModel):
    """Why something was not done (RFC 9457); `faults` names every field that is wrong, `facts` what stands instead."""

    type: str = Field(description="urn:passerelle:problem: and the reason's code.")
    title: str
    status: int
    detail: str
    code: str
    faults: list[FaultShown] = []
    facts: dict[str, str] = {}
