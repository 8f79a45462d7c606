"""The form each answer fills, kept whole in the content store, and the facts the procedure needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from models.case import Facts, Nominee
from models.errors import Fault, Invalid, faults_of
from models.message import Printable
from models.rules import one_sided
from models.words import Kind, country_of

LONG = 4000
SHORT = 300
MANY = 50
Score = Annotated[int, Field(ge=0, le=5)]
Line = Annotated[str, Field(max_length=LONG)]
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
SHA256 = r"^([0-9a-f]{64})?$"
"""The sha256 of a file that came in, or nothing."""

MAILBOX = rf"^{ATOM}(\.{ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
"""A mailbox that any mail server can be handed: a dot-atom of ASCII and a domain with a dot (source: RFC 5321, 4.1.2)."""


class Form(Printable):
    """A filled form; unknown fields are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    def facts(self) -> Facts:
        """What the procedure needs of the form: no text and no name."""
        return Facts()


class Remarks(Form):
    """Remarks on a request or report, or reasons for refusing."""

    remarks: str = Field(default="", max_length=LONG)


class NeededRemarks(Form):
    """Remarks that must be given: why something is returned, refused or objected to."""

    remarks: str = Field(min_length=1, max_length=LONG)


class Correction(Form):
    """The corrected texts of a request; a field left empty keeps what was filed."""

    title: str = Field(default="", max_length=SHORT)
    expertise: str = Field(default="", max_length=LONG)
    objectives: tuple[Line, ...] = Field(default=(), max_length=20)
    results: tuple[Line, ...] = Field(default=(), max_length=20)
    remarks: str = Field(default="", max_length=LONG)


class Opinion(Form):
    """A consultee's opinion."""

    opinion: str = Field(default="", max_length=LONG)


class Assessment(Form):
    """The criteria grid, each 0–5, and the reasons of the decision; `start` is the new first day where a visit is postponed."""

    scores: dict[str, Score] = Field(default={}, max_length=MANY)
    reasons: str = Field(min_length=1, max_length=LONG)
    start: date | None = None

    def facts(self) -> Facts:
        """The scores by criterion, the new first day of a postponed visit."""
        return Facts(scores=self.scores, start=self.start)


class HostOffer(Form):
    """A host's offer: the first day among the proposed periods, a contact, what it would cost, remarks."""

    start: date
    contact: str = Field(default="", max_length=SHORT)
    cost: int = Field(default=0, ge=0, le=10**12)
    remarks: str = Field(default="", max_length=LONG)

    def facts(self) -> Facts:
        """The first day, and the cost in whole units of the budget's currency; 0 where it is not said."""
        return Facts(start=self.start, cost=self.cost)


class HostAgreement(Form):
    """A host's agreement to the terms of reference: contact, outline of the agenda."""

    contact: str = Field(default="", max_length=SHORT)
    outline: str = Field(default="", max_length=LONG)


class NomineeForm(Form):
    """One person nominated: kept as a person, named in the case by id only; `cv` is a text, `cv_file` a file's sha256."""

    person: str = Field(min_length=1, max_length=SHORT)
    function: str = Field(default="", max_length=SHORT)
    language: Literal["", "en", "fr", "ar", "pt"] = ""
    gender: Literal["", "f", "m", "x"] = ""
    email: str = Field(pattern=MAILBOX, max_length=254)
    institution: str = ""
    cv: str = Field(default="", max_length=LONG)
    cv_file: str = Field(default="", pattern=SHA256)
    substitute: bool = False


class NominationForm(Form):
    """The people nominated, in order of preference, with a named substitute among them.

    `justification` says why all of them are of one gender, where they are; it is asked for, never demanded.
    """

    nominees: tuple[NomineeForm, ...] = Field(min_length=1, max_length=12)
    justification: str = Field(default="", max_length=LONG)


class Verdicts(Form):
    """Which of the nominees are refused, by nomination, and why."""

    refused: tuple[str, ...] = Field(default=(), max_length=MANY)
    remarks: str = Field(default="", max_length=LONG)

    def facts(self) -> Facts:
        """The refused nominations."""
        return Facts(verdicts=dict.fromkeys(self.refused, "refused"))


class Travel(Form):
    """What a participant says of visa, insurance and ticket."""

    visa: str = Field(default="", max_length=SHORT)
    insurance: str = Field(default="", max_length=SHORT)
    ticket: str = Field(default="", max_length=SHORT)
    remarks: str = Field(default="", max_length=LONG)


class AgendaLine(Form):
    """One entry of the agenda."""

    day: date
    time: str = Field(default="", max_length=40)
    activity: str = Field(min_length=1, max_length=SHORT)
    place: str = Field(default="", max_length=SHORT)


class AgendaForm(Form):
    """The agenda of the visit."""

    lines: tuple[AgendaLine, ...] = Field(min_length=1, max_length=60)


class CascadingPlan(Form):
    """How the knowledge will be passed on, planned before travelling."""

    channels: str = Field(min_length=1, max_length=LONG)
    audience: str = Field(default="", max_length=LONG)


class Attendance(Form):
    """Who attended, by nomination, and the actual dates."""

    attendance: dict[str, Literal["attended", "left_early", "no_show"]] = Field(default={}, max_length=MANY)
    actual_start: date | None = None
    actual_end: date | None = None

    @field_validator("actual_end", mode="after")
    @classmethod
    def _in_order(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("actual_start")
        if start and end and end < start:
            raise PydanticCustomError("reversed", "the visit ends before it begins")
        return end

    def facts(self) -> Facts:
        """Attendance by nomination and the actual dates."""
        return Facts(verdicts=dict(self.attendance), start=self.actual_start, end=self.actual_end)


class Evaluation(Form):
    """Scores 1–5 and comments on the exchange."""

    score_content: int = Field(ge=1, le=5)
    score_organisation: int = Field(ge=1, le=5)
    score_usefulness: int = Field(ge=1, le=5)
    comments: str = Field(default="", max_length=LONG)


class Report(Form):
    """The mission report: its text, or a file's sha256, with a summary in English or French."""

    text: str = Field(default="", max_length=40000)
    summary: str = Field(min_length=1, max_length=LONG)
    file: str = Field(default="", pattern=SHA256)


class PlannedAction(Form):
    """One action of a knowledge-transfer plan."""

    action: str = Field(min_length=1, max_length=SHORT)
    channel: str = Field(default="", max_length=SHORT)
    owner: str = Field(default="", max_length=SHORT)
    due: date
    evidence: str = Field(default="", max_length=SHORT)


class TransferPlan(Form):
    """The actions by which an institution passes the knowledge on."""

    actions: tuple[PlannedAction, ...] = Field(min_length=1, max_length=20)

    def facts(self) -> Facts:
        """How many actions are planned."""
        return Facts(planned=len(self.actions))


class DoneAction(Form):
    """What has been done of one planned action, and its evidence."""

    action: str = Field(min_length=1, max_length=SHORT)
    done: bool = False
    evidence: str = Field(default="", max_length=SHORT)


class FollowUp(Form):
    """What has been done of each action, with evidence, and a practice worth sharing."""

    actions: tuple[DoneAction, ...] = Field(default=(), max_length=20)
    practice: str = Field(default="", max_length=LONG)

    def facts(self) -> Facts:
        """Actions planned and done, and whether one that is done has evidence."""
        done = [action for action in self.actions if action.done]
        return Facts(planned=len(self.actions), done=len(done), evidence=any(action.evidence for action in done))


FORMS: dict[tuple[Kind, str], type[Form]] = {
    (Kind.COMPLETENESS, "complete"): Remarks,
    (Kind.COMPLETENESS, "return"): NeededRemarks,
    (Kind.CORRECTION, "submit"): Correction,
    (Kind.CORRECTION, "withdraw"): Remarks,
    (Kind.CONSULTATION, "no_objection"): Opinion,
    (Kind.CONSULTATION, "object"): Opinion,
    (Kind.DECISION, "approve"): Assessment,
    (Kind.DECISION, "reject"): Assessment,
    (Kind.DECISION, "defer"): Assessment,
    (Kind.HOST_OFFER, "offer"): HostOffer,
    (Kind.HOST_OFFER, "refuse"): Remarks,
    (Kind.HOST_AGREEMENT, "agree"): HostAgreement,
    (Kind.HOST_AGREEMENT, "refuse"): Remarks,
    (Kind.NOMINATION, "nominate"): NominationForm,
    (Kind.NOMINATION, "decline"): Remarks,
    (Kind.CLEARANCE, "clear"): Verdicts,
    (Kind.CLEARANCE, "refuse"): Remarks,
    (Kind.ACCEPTANCE, "accept"): Verdicts,
    (Kind.ACCEPTANCE, "refuse"): NeededRemarks,
    (Kind.TRAVEL, "ready"): Travel,
    (Kind.TRAVEL, "visa_refused"): Travel,
    (Kind.TRAVEL, "unavailable"): Travel,
    (Kind.AGENDA, "provide"): AgendaForm,
    (Kind.CASCADING_PLAN, "submit"): CascadingPlan,
    (Kind.ATTENDANCE, "confirm"): Attendance,
    (Kind.EVALUATION, "submit"): Evaluation,
    (Kind.REPORT, "submit"): Report,
    (Kind.REPORT_REVIEW, "accept"): Remarks,
    (Kind.REPORT_REVIEW, "return"): NeededRemarks,
    (Kind.TRANSFER_PLAN, "submit"): TransferPlan,
    (Kind.FOLLOW_UP, "submit"): FollowUp,
}
"""The form of each kind of step and option."""


def read_form(kind: Kind, option: str, data: Mapping[str, Any], source: str = "") -> Form:
    """The filled form of an answer.

    Raises:
        Invalid: an option the kind does not have, or every fault of the form, by field.
    """
    form = FORMS.get((kind, option))
    if form is None:
        fault = Fault(
            field="option",
            code="unknown_option",
            text=f"{option!r} is not an option of {kind}",
            facts={"value": option},
        )
        raise Invalid([fault], source=source)
    try:
        return form.model_validate(data)
    except ValidationError as error:
        raise Invalid(faults_of(error), source=source) from error


def nominees_of(form: NominationForm, people: list[str], details: list[str], asked: str) -> Facts:
    """The facts of a nomination: each nominee's person id and the sha256 of their entry, in order; `asked` nominates."""
    entries = zip(form.nominees, people, details, strict=True)
    return Facts(
        one_sided=one_sided([nominee.gender for nominee in form.nominees if not nominee.substitute]),
        justified=bool(form.justification),
        nominees=tuple(
            Nominee(
                person=person,
                institution=nominee.institution or asked,
                country=country_of(nominee.institution or asked),
                substitute=nominee.substitute,
                form=detail,
            )
            for nominee, person, detail in entries
        ),
    )
