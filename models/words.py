"""The field's words as fixed names: step kinds, options, endings, decisions, audit verbs (source: the procedure)."""

from __future__ import annotations

from enum import StrEnum

LANGUAGES = ("en", "fr", "ar", "pt")

PROCEDURE = 2
"""The version of the procedure this code follows; an open case takes it up at its next phase border (see docs/procedure.md)."""


class Role(StrEnum):
    """What an account that signs in is for."""

    AUDITOR = "auditor"
    COORDINATOR = "coordinator"


class Format(StrEnum):
    """The two kinds of exchange (Dakar, 17–18 July 2012)."""

    STUDY_VISIT = "study_visit"
    EXPERT_ASSIGNMENT = "expert_assignment"


class Kind(StrEnum):
    """What somebody is asked for."""

    COMPLETENESS = "completeness"
    CORRECTION = "correction"
    CONSULTATION = "consultation"
    DECISION = "decision"
    HOST_OFFER = "host_offer"
    HOST_AGREEMENT = "host_agreement"
    NOMINATION = "nomination"
    CLEARANCE = "clearance"
    ACCEPTANCE = "acceptance"
    TRAVEL = "travel"
    AGENDA = "agenda"
    CASCADING_PLAN = "cascading_plan"
    ATTENDANCE = "attendance"
    EVALUATION = "evaluation"
    REPORT = "report"
    REPORT_REVIEW = "report_review"
    TRANSFER_PLAN = "transfer_plan"
    FOLLOW_UP = "follow_up"


class Phase(StrEnum):
    """Stretches of the procedure; each begins a new run of the workflow."""

    REQUEST = "request"
    HOSTING = "hosting"
    TRAVELLING = "travelling"
    VISIT = "visit"
    FOLLOW_UP = "follow_up"


class State(StrEnum):
    """A step's life."""

    OPENING = "opening"
    OPEN = "open"
    PAUSED = "paused"
    ANSWERED = "answered"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Lapse(StrEnum):
    """What follows when nobody answers; chosen by the programme for each kind of step."""

    ESCALATE = "escalate"
    TACIT = "tacit"
    NEXT_CANDIDATE = "next_candidate"
    FORFEIT = "forfeit"
    HOLD_CERTIFICATE = "hold_certificate"
    END_CASE = "end_case"
    WARNING = "warning"
    NO_EVIDENCE = "no_evidence"


class DecisionKind(StrEnum):
    """How a decision came about."""

    EXPLICIT = "explicit"
    TACIT = "tacit"
    DELEGATED = "delegated"
    ON_BEHALF = "on_behalf"
    OVERRIDDEN = "overridden"


class Channel(StrEnum):
    """The way an answer came in."""

    PAGE = "page"
    API = "api"
    CLI = "cli"
    PAPER = "paper"


class Ending(StrEnum):
    """How a case ends; each is told with a reason."""

    CLOSED = "closed"
    CLOSED_WITHOUT_EVIDENCE = "closed_without_evidence"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    NO_HOST = "no_host"
    LAPSED = "lapsed"


class Standing(StrEnum):
    """A nomination's own life."""

    PROPOSED = "proposed"
    RESERVE = "reserve"
    CLEARED = "cleared"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    ATTENDED = "attended"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    VISA_REFUSED = "visa_refused"
    UNAVAILABLE = "unavailable"
    NO_SHOW = "no_show"
    LEFT_EARLY = "left_early"


class Verb(StrEnum):
    """What the audit says happened, in the past tense."""

    LAUNCHED = "launched"
    RESUMED_RUN = "continued"
    OPENED = "opened"
    REMINDED = "reminded"
    CHASED = "chased"
    ALERTED = "alerted"
    ESCALATED = "escalated"
    LAPSED = "lapsed"
    EXTENDED = "extended"
    PAUSED = "paused"
    RESUMED = "resumed"
    HELD = "held"
    CALLED_OFF = "called_off"
    ASKED_FOR_TIME = "asked_for_time"
    REASSIGNED = "reassigned"
    DELEGATED = "delegated"
    DELEGATION_ENDED = "delegation_ended"
    SUCCEEDED = "succeeded"
    PASSED_ON = "passed_on"
    RECALLED = "recalled"
    SET_ASIDE = "set_aside"
    RESCHEDULED = "rescheduled"
    CONVERTED = "converted"
    WAIVED = "waived"
    HANDED_OVER = "handed_over"
    HOST_WITHDREW = "host_withdrew"
    SELECTED = "selected"
    OVER_BUDGET = "over_budget"
    WARNED = "warned"
    DORMANT = "dormant"
    FOUND_COMPLETE = "found_complete"
    RETURNED = "returned"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    CONSENTED = "consented"
    OBJECTED = "objected"
    APPROVED = "approved"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    WIDENED = "widened"
    OFFERED = "offered"
    REFUSED = "refused"
    AGREED = "agreed"
    NOMINATED = "nominated"
    DECLINED = "declined"
    RESERVED = "reserved"
    REPLACED = "replaced"
    CLEARED = "cleared"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    VISA_REFUSED = "visa_refused"
    UNAVAILABLE = "unavailable"
    PROVIDED = "provided"
    SUBMITTED = "submitted"
    ATTENDED = "attended"
    EVALUATED = "evaluated"
    REPORTED = "reported"
    PLANNED = "planned"
    FOLLOWED_UP = "followed_up"
    ISSUED = "issued"
    CERTIFIED = "certified"
    CERTIFICATE_HELD = "certificate_held"
    ENDED = "ended"


OPTIONS: dict[Kind, dict[str, Verb]] = {
    Kind.COMPLETENESS: {"complete": Verb.FOUND_COMPLETE, "return": Verb.RETURNED},
    Kind.CORRECTION: {"submit": Verb.CORRECTED, "withdraw": Verb.WITHDRAWN},
    Kind.CONSULTATION: {"no_objection": Verb.CONSENTED, "object": Verb.OBJECTED},
    Kind.DECISION: {"approve": Verb.APPROVED, "reject": Verb.REJECTED, "defer": Verb.DEFERRED},
    Kind.HOST_OFFER: {"offer": Verb.OFFERED, "refuse": Verb.REFUSED},
    Kind.HOST_AGREEMENT: {"agree": Verb.AGREED, "refuse": Verb.REFUSED},
    Kind.NOMINATION: {"nominate": Verb.NOMINATED, "decline": Verb.DECLINED},
    Kind.CLEARANCE: {"clear": Verb.CLEARED, "refuse": Verb.REFUSED},
    Kind.ACCEPTANCE: {"accept": Verb.ACCEPTED, "refuse": Verb.REFUSED},
    Kind.TRAVEL: {"ready": Verb.CONFIRMED, "visa_refused": Verb.VISA_REFUSED, "unavailable": Verb.UNAVAILABLE},
    Kind.AGENDA: {"provide": Verb.PROVIDED},
    Kind.CASCADING_PLAN: {"submit": Verb.SUBMITTED},
    Kind.ATTENDANCE: {"confirm": Verb.ATTENDED},
    Kind.EVALUATION: {"submit": Verb.EVALUATED},
    Kind.REPORT: {"submit": Verb.REPORTED},
    Kind.REPORT_REVIEW: {"accept": Verb.ACCEPTED, "return": Verb.RETURNED},
    Kind.TRANSFER_PLAN: {"submit": Verb.PLANNED},
    Kind.FOLLOW_UP: {"submit": Verb.FOLLOWED_UP},
}
"""The options of each kind of step, first the usual one, with the verb the audit uses for it."""


PHASE_OF: dict[Kind, Phase] = {
    Kind.COMPLETENESS: Phase.REQUEST,
    Kind.CORRECTION: Phase.REQUEST,
    Kind.CONSULTATION: Phase.REQUEST,
    Kind.DECISION: Phase.REQUEST,
    Kind.HOST_OFFER: Phase.HOSTING,
    Kind.HOST_AGREEMENT: Phase.HOSTING,
    Kind.NOMINATION: Phase.TRAVELLING,
    Kind.CLEARANCE: Phase.TRAVELLING,
    Kind.ACCEPTANCE: Phase.TRAVELLING,
    Kind.TRAVEL: Phase.TRAVELLING,
    Kind.AGENDA: Phase.TRAVELLING,
    Kind.CASCADING_PLAN: Phase.TRAVELLING,
    Kind.ATTENDANCE: Phase.VISIT,
    Kind.EVALUATION: Phase.VISIT,
    Kind.REPORT: Phase.VISIT,
    Kind.REPORT_REVIEW: Phase.VISIT,
    Kind.TRANSFER_PLAN: Phase.VISIT,
    Kind.FOLLOW_UP: Phase.FOLLOW_UP,
}
"""The phase in which each kind of step is asked."""

RESTS_ON: dict[Kind, tuple[Kind, ...]] = {
    Kind.COMPLETENESS: (Kind.CORRECTION,),
    Kind.CORRECTION: (Kind.COMPLETENESS,),
    Kind.CONSULTATION: (Kind.COMPLETENESS,),
    Kind.DECISION: (Kind.CONSULTATION, Kind.COMPLETENESS),
    Kind.HOST_OFFER: (Kind.DECISION,),
    Kind.HOST_AGREEMENT: (Kind.HOST_OFFER,),
    Kind.NOMINATION: (Kind.HOST_AGREEMENT,),
    Kind.CLEARANCE: (Kind.NOMINATION,),
    Kind.ACCEPTANCE: (Kind.CLEARANCE,),
    Kind.TRAVEL: (Kind.ACCEPTANCE,),
    Kind.AGENDA: (Kind.ACCEPTANCE,),
    Kind.CASCADING_PLAN: (Kind.ACCEPTANCE,),
    Kind.ATTENDANCE: (Kind.TRAVEL, Kind.AGENDA, Kind.CASCADING_PLAN),
    Kind.EVALUATION: (Kind.ATTENDANCE,),
    Kind.REPORT: (Kind.ATTENDANCE, Kind.REPORT_REVIEW),
    Kind.REPORT_REVIEW: (Kind.REPORT,),
    Kind.TRANSFER_PLAN: (Kind.ATTENDANCE,),
    Kind.FOLLOW_UP: (Kind.TRANSFER_PLAN,),
}
"""The kinds of step on whose decision each kind rests; a decision is recalled until one that rests on it was decided."""


def country_of(code: str) -> str:
    """The ISO 3166 country of an institution code such as SN-POSTE."""
    return code.partition("-")[0]
