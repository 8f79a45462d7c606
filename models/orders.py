"""What the procedure orders from its activities, and what they give back."""

from __future__ import annotations

from datetime import date, time

from models.case import Answer, Candidate, Case, Standin
from models.message import Instant, Message
from models.programme import Programme
from models.request import Asked
from models.schedule import Schedule, Wanted
from models.words import Kind


class Opening(Message):
    """What a run of a case begins with: the programme's rules it took along, and its state."""

    programme: Programme
    case: Case


class Letter(Message):
    """A letter to write: its folder's name, the party it goes to, the step and papers it is about.

    `to` is an institution, the office, `OFFICE/supervisor`, or a nomination; `alternate` copies the institution's alternate;
    `number` counts the case's letters; `passed` is a due date that has passed; `reason` the sha256 of a text. `about` names a
    nomination or another party the letter speaks of, `count` a number it names.
    """

    letter: str
    to: str
    at: Instant
    step: str = ""
    alternate: bool = False
    papers: tuple[str, ...] = ()
    number: int = 0
    passed: Instant | None = None
    reason: str = ""
    consequence: str = ""
    about: str = ""
    count: int = 0


class Reached(Message):
    """How far a case is when it is published: events in the history of its run.

    `seq` and `posted` are how far its timeline and its letters were when it was last published. What is there beyond them was
    written for a workflow task that came to nothing: its history never heard of it.
    """

    event: int = 0
    seq: int = 0
    posted: int = 0


class Publication(Message):
    """The case as it stands, and the letters that go out with it."""

    programme: Programme
    case: Case
    letters: tuple[Letter, ...] = ()
    reached: Reached = Reached()


class ScheduleOrder(Message):
    """Schedules to compute."""

    wanted: tuple[Wanted, ...]


class Schedules(Message):
    """Schedules in the order in which they were wanted, and by step who stands in for the one asked, in order of their instants."""

    schedules: tuple[Schedule, ...]
    standins: dict[str, tuple[Standin, ...]] = {}


class Asking(Message):
    """A step for which the appointments are looked up: its kind, who is asked, and from when on it matters."""

    step: str
    kind: Kind
    asked: str
    since: Instant


class StandinOrder(Message):
    """Asks who stands in for those asked."""

    asking: tuple[Asking, ...]


class Standins(Message):
    """By step, who stands in for the one asked, in order of their instants; a step without any is left out."""

    standins: dict[str, tuple[Standin, ...]] = {}


class DayAt(Message):
    """A local day and time in a country."""

    country: str
    day: date
    clock: time


class AtInstant(Message):
    """One UTC instant."""

    at: Instant


class InTime(Message):
    """Asks the inbox for what was received on a step by its closing instant."""

    case: str
    step: str
    closes: Instant
    asked: str = ""


class Answers(Message):
    """Answers in the order of their receipt; `lapses` is how many steps in a row the one asked has let lapse in any case before."""

    answers: tuple[Answer, ...] = ()
    lapses: int = 0


class CandidateOrder(Message):
    """Asks for institutions that may host (or provide), best first; dormant ones, after so many lapses in a row, are left out."""

    asked: Asked
    most: int
    dormant_after: int = 0


class Candidates(Message):
    """Institutions that may host, best first."""

    candidates: tuple[Candidate, ...] = ()


class FocalPointOrder(Message):
    """Asks for the national focal point of a country; a dormant one, after so many lapses in a row, is passed over."""

    country: str
    dormant_after: int = 0


class FocalPoint(Message):
    """The institution that speaks for its country; empty when none is appointed."""

    institution: str = ""


class Draft(Message):
    """One document to set: its kind, for whom (their language), and the references its data is drawn from.

    `second` adds the language of another party when it differs; `about` names a nomination or institution; `forms` maps a
    step's kind to the sha256 of its form; `opinions` a consultee to theirs; `people` a nomination to its person;
    `follow_ups` are lines `months:planned:done:evidence`.
    """

    kind: str
    to: str
    second: str = ""
    about: str = ""
    forms: dict[str, str] = {}
    opinions: dict[str, str] = {}
    outcome: str = ""
    reason: str = ""
    paper: str = ""
    people: dict[str, str] = {}
    standings: dict[str, str] = {}
    follow_ups: tuple[str, ...] = ()


class DocumentOrder(Message):
    """Documents to set at once, with what they all draw on."""

    case: str
    programme: str
    at: Instant
    asked: Asked
    host: str = ""
    sending: str = ""
    visit_start: date | None = None
    visit_end: date | None = None
    actual_start: date | None = None
    actual_end: date | None = None
    corrections: tuple[str, ...] = ()
    drafts: tuple[Draft, ...]


class IssuedPaper(Message):
    """A document that was set and stored."""

    kind: str
    language: str
    sha256: str
    about: str = ""


class Issued(Message):
    """Documents that were set and stored, in the order of their drafts."""

    papers: tuple[IssuedPaper, ...]


class RunOrder(Message):
    """A closed run to export: the case, the run's number and id."""

    case: str
    run: int
    run_id: str


class Rest(Message):
    """Whether a case has done all it does by itself for now, and the next instant at which it acts again."""

    quiet: bool = False
    ended: bool = False
    run: int = 0
    seq: int = 0
    next_instant: Instant | None = None
