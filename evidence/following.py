"""How the runs of a case follow one another, and whether the state is one they can lead to: what can be seen without a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from evidence import programme
from evidence.bundle import EVENTS, PROGRAMME, STATE, history_file
from evidence.events import Event, events_of, line_of, opening_of, read_json, root_over, within
from evidence.findings import Code, Findings, Layer
from evidence.opening import Files
from evidence.statement import Predicate, RunSaid
from evidence.told import Told, acts_in, instant_of, is_answer, is_digest, objects_in
from models.case import Case

BEGUN = "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
CONTINUED = "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
ENDED = ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED")
ENDS = (CONTINUED, *(f"EVENT_TYPE_WORKFLOW_EXECUTION_{end}" for end in ENDED))


@dataclass(frozen=True)
class Run:
    """A run as it was read: what the statement says of it, its events, the answers and acts it was told."""

    said: RunSaid
    events: list[Event]
    opening: dict[str, Any]
    answers: list[dict[str, Any]]
    digests: list[dict[str, Any]]
    acts: list[Told]

    @property
    def closed(self) -> bool:
        """Whether the run has ended."""
        return is_closed(self.events)

    @property
    def until(self) -> datetime | None:
        """The instant of its last event."""
        return instant_of(self.events[-1].get("eventTime"))


def is_closed(events: Sequence[Event]) -> bool:
    """Whether a run has ended."""
    return events[-1].get("eventType") in ENDS


@dataclass
class Runs:
    """The runs of a case and its state; None where it cannot be read."""

    runs: list[Run] = field(default_factory=list)
    state: Any = None
    case: Case | None = None


def check_runs(files: Files, said: Predicate, findings: Findings) -> Runs:
    """Check the histories against the statement, against each other, and against the state and the programme."""
    read, lines = Runs(), list[bytes]()
    for number, run in enumerate(said.runs, start=1):
        where = history_file(run.run, run.run_id)
        try:
            history = files.read(where)
            events = events_of(history)
            own = [line_of(event) for event in events]
            opening, objects = opening_of(events), list(objects_in(events))
        except ValueError as error:
            findings.fault(Layer.EVENTS, Code.HISTORY_UNREADABLE, where, f"the history cannot be read: {error}")
            return read
        lines += own
        found = RunSaid(run=number, run_id=run.run_id, events=len(own), sha256=files.digests[where], root=root_over(own))
        if found != run:
            findings.fault(
                Layer.EVENTS, Code.EVENTS_DIFFER, where, "the statement says another number, sha256 or root of its events"
            )
        answers, digests = [one for one in objects if is_answer(one)], [one for one in objects if is_digest(one)]
        read.runs.append(Run(run, events, opening, answers, digests, acts_in(number, events)))
    if b"".join(line + b"\n" for line in lines) != files.read(EVENTS):
        findings.fault(Layer.EVENTS, Code.EVENTS_DIFFER, EVENTS, "the lines are not the events of the histories, one by one")
    for number, one in enumerate(read.runs, start=1):
        for text in _breaks(number, one, read.runs, said):
            findings.fault(Layer.CHAIN, Code.CHAIN_BROKEN, history_file(one.said.run, one.said.run_id), text)
    if not read.runs:
        findings.fault(Layer.CHAIN, Code.CHAIN_BROKEN, STATE, "the case has no run")
    check_state(files, said, read, findings)
    return read


def _breaks(number: int, run: Run, runs: Sequence[Run], said: Predicate) -> list[str]:
    """What keeps a run from standing where it stands, in sentences."""
    before = runs[number - 2].said.run_id if number > 1 else None
    after = runs[number].said.run_id if number < len(runs) else None
    began = within(run.events[0], "workflowExecutionStartedEventAttributes")
    follows = within(run.events[-1], "workflowExecutionContinuedAsNewEventAttributes", "newExecutionRunId")
    case, last = run.opening["case"], number == len(runs)
    types = [event.get("eventType") for event in run.events]
    known = [one for one in run.digests if one["run_id"] != run.said.run_id]
    texts = {
        "its events are not numbered from 1 on": [event.get("eventId") for event in run.events]
        == [str(at) for at in range(1, len(types) + 1)],
        "it does not begin with the start of a run": types[0] == BEGUN and BEGUN not in types[1:],
        "events follow its end": all(kind not in ENDS for kind in types[:-1]),
        "it does not continue the run before it": within(began, "continuedExecutionRunId") == before,
        "it names another first run": within(began, "firstExecutionRunId") == runs[0].said.run_id,
        "it is another run of itself": within(began, "originalExecutionRunId") == run.said.run_id,
        "it does not go on as the run after it": follows == after,
        "it has no end, and another run follows": last or run.closed,
        "it is of another case or run": (case.get("id"), case.get("run", 1)) == (said.case, number),
        "it does not name the closed runs before it with their digests": _digests(runs, number - 2) == case.get("runs", []),
        "it names another digest of a closed run": all(one in _digests(runs, number - 1) for one in known),
        "it names no digest of the run before it": last or number == 1 or bool(known),
        "it follows another programme": run.opening.get("programme") == runs[0].opening.get("programme"),
    }
    return [text for text, holds in texts.items() if not holds]


def _digests(runs: Sequence[Run], count: int) -> list[dict[str, Any]]:
    return [{"run_id": run.said.run_id, "events": run.said.events, "sha256": run.said.sha256} for run in runs[: max(count, 0)]]


def check_state(files: Files, said: Predicate, read: Runs, findings: Findings) -> None:
    """Check the state and the programme against what the runs say; the state is read into what was read."""
    try:
        read.state = read_json(files.read(STATE))
        read.case = Case.model_validate(read.state)
    except (ValueError, OverflowError) as error:
        text = "it does not fit a case" if isinstance(error, ValidationError) else str(error)
        findings.fault(Layer.STATE, Code.STATE_UNREADABLE, STATE, f"the state cannot be read: {text}")
    if read.case is not None:
        for text in _contradictions(said, read, read.case):
            findings.fault(Layer.STATE, Code.STATE_DIFFERS, STATE, text)
    try:
        rules = programme.read(files.read(PROGRAMME))
    except ValueError as error:
        findings.fault(Layer.STATE, Code.PROGRAMME_DIFFERS, PROGRAMME, f"the programme cannot be read: {error}")
        return
    if read.runs and rules != read.runs[0].opening.get("programme"):
        findings.fault(Layer.STATE, Code.PROGRAMME_DIFFERS, PROGRAMME, "this is not the programme that the case took along")


def _contradictions(said: Predicate, read: Runs, case: Case) -> list[str]:
    """What the state says that its histories do not, in sentences."""
    count = len(read.runs)
    known = [run.model_dump(mode="json") for run in case.runs]
    answers = {(one["response"], one["step"]): one for run in read.runs for one in run.answers}
    acts = {str(act.said.get("act")): act.said for run in read.runs for act in run.acts}
    texts = {
        "it is of another case": case.id == said.case,
        "it follows another version of the procedure than the statement says": case.procedure == said.procedure,
        "it is of another run than the last": case.run == count,
        "it names other digests of the closed runs": known in (_digests(read.runs, count - 1), _digests(read.runs, count - 2)),
        "it has ended, and its last run has not": case.ended is None or not read.runs or read.runs[-1].closed,
    }
    found = [text for text, holds in texts.items() if not holds]
    for step in case.steps:
        decision = step.decision
        if decision is None or not decision.response:
            continue
        told = answers.get((decision.response, step.id)) or acts.get(decision.response)
        taken = [decision.option, decision.by, decision.form, decision.paper, decision.proof, decision.received]
        if told is None or taken != [*(told.get(name, "") for name in NAMES), instant_of(told.get("received"))]:
            found.append(f"the decision on {step.id} is not what the histories say was answered")
    return found


NAMES = ("option", "by", "form", "paper", "proof")
