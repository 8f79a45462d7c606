"""What a scenario is made of: replies, acts, delegations and appointments, each checked as far as a file alone allows."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from intake import Colleague
from models import rules
from models.acts import WITHOUT_REASON, Doing, Waivable
from models.case import Step
from models.forms import NomineeForm
from models.message import Instant
from models.words import OPTIONS, Kind, Verb

SILENT = "silent"
SUBJECTS = (rules.BUDGET, rules.POSTPONE)
"""What a reply to a decision other than the one on the request is about, named as `by`."""

ISO_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def duration(text: object) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    found = ISO_DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or text in ("P", "PT") or str(text).endswith("T"):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as P2D or PT4H")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(duration)]


class Part(BaseModel):
    """A piece of a scenario; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reply(Part):
    """What is answered when such a step opens; `by` (asked, or what the step is about) and `round` narrow it.

    `by` the one a step was escalated to, such as OFFICE/supervisor, answers after the escalation; a delegate, such as SN-POSTE/2,
    from the delegation on. `form` replaces fields of a plausible form. `on_behalf`: the office enters a paper of the one asked.
    """

    step: Kind
    by: str = ""
    round: int = 0
    after: Duration = timedelta(days=1)
    answer: str
    form: dict[str, Any] = {}
    on_behalf: bool = False

    @model_validator(mode="after")
    def _an_option(self) -> Reply:
        if self.answer != SILENT and self.answer not in OPTIONS[self.step]:
            raise ValueError(f"answer {self.answer!r} is not an option of {self.step}: {', '.join(OPTIONS[self.step])} or silent")
        return self

    def fits(self, step: Step, *names: str) -> bool:
        """Whether it is a reply to a step, given by one of these names."""
        return self.step is step.kind and self.by in names and self.round in (0, step.round)


class Arguments(Part):
    """What an act is done with: every field of an intervention that a scenario can know; `by` is who acts, the office by default.

    `step` is the id of a step or a kind, then the last open one of it, or to recall an answer the last answered one. `proof` is a
    text, kept as a content.
    """

    by: str = ""
    coordinator: str = ""
    reason: str = ""
    step: str = ""
    nomination: str = ""
    working_days: int = Field(default=0, ge=1, le=999)
    to: str = ""
    called: tuple[str, ...] = ()
    nominee: NomineeForm | None = None
    colleague: Colleague | None = None
    start: date | None = None
    days: int = Field(default=0, ge=0)
    places: int = Field(default=0, ge=0)
    rule: str = ""
    option: str = ""
    form: dict[str, Any] = {}
    proof: str = ""


NEEDED: dict[Doing, tuple[tuple[str, ...], ...]] = {
    Doing.EXTEND: (("working_days",),),
    Doing.MORE_TIME: (("working_days",),),
    Doing.REASSIGN: (("to",),),
    Doing.HAND_OVER: (("to",),),
    Doing.DELEGATE: (("to", "colleague"),),
    Doing.REPLACE: (("nomination",),),
    Doing.RESCHEDULE: (("start",),),
    Doing.OVERRIDE: (("rule",), ("coordinator",)),
}
"""What each act needs, besides a reason: one argument of each group."""


ABOUT_A_STEP = (Doing.EXTEND, Doing.REASSIGN, Doing.RECALL, Doing.MORE_TIME, Doing.DELEGATE, Doing.REVOKE, Doing.DECLINE)
"""The acts that are about one step; an override that answers is, too."""


class PlannedAct(Part):
    """What a coordinator or one asked does: at an instant, or some time after what `on` names has happened first.

    `on` is a step's kind and what happened to it, `nomination.opened`, or what happened alone, `held`. With `refused` the act
    must be refused, with that code.
    """

    on: str = ""
    at: Instant | None = None
    after: Duration = timedelta(0)
    do: Doing
    refused: str = ""
    arguments: Arguments = Field(default=Arguments(), alias="with")

    @property
    def kind(self) -> str:
        """The kind of step that `on` names; empty where it names none."""
        return self.on.partition(".")[0] if "." in self.on else ""

    @property
    def step(self) -> str:
        """The step the act is about, by id or kind, where it says so or is about one and `on` names its kind."""
        about_one = self.do in ABOUT_A_STEP or self.arguments.rule == Waivable.ANSWER
        return self.arguments.step or (self.kind if about_one else "")

    @model_validator(mode="after")
    def _complete(self) -> PlannedAct:
        if bool(self.on) == (self.at is not None):
            raise ValueError("an act needs either `on` or `at`")
        verb = self.on.rpartition(".")[2]
        if self.on and (verb not in list(Verb) or (self.kind and self.kind not in list(Kind)) or self.on.startswith(".")):
            raise ValueError(f"on = {self.on!r} is not what happened, such as held or nomination.opened")
        if not self.refused:
            self._unless_wanting()
        return self

    def _unless_wanting(self) -> None:
        """An act that is to be refused may want anything; others may not."""
        given = self.arguments
        if not given.reason and self.do not in WITHOUT_REASON:
            raise ValueError(f"{self.do} needs a reason: with = {{ reason = ... }}")
        for group in NEEDED.get(self.do, ()):
            if not any(getattr(given, name) for name in group):
                raise ValueError(f"{self.do} needs {' or '.join(group)}: with = {{ {group[0]} = ... }}")
        if given.working_days and ("working_days",) not in NEEDED.get(self.do, ()):
            raise ValueError(f"{self.do} takes no working_days; extend and more_time do")
        if given.rule and given.rule not in list(Waivable):
            raise ValueError(f"rule = {given.rule!r} is none that can be set aside: {', '.join(Waivable)}")


class DatedDelegation(Part):
    """A delegation entered before the case is launched: from its first to its last day `to` answers for the institution."""

    institution: str
    to: str
    kinds: tuple[Kind, ...] = ()
    starts: date
    ends: date


class DatedAppointment(Part):
    """An appointment entered before the case is launched: whoever holds the rank then leaves it the day before."""

    institution: str
    rank: int
    role: str
    email: str
    language: str
    starts: date
