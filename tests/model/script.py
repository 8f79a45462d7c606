"""What is done to a case: answers, acts, outages and time that passes, each at its instant; plain values for both sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple


class Label(NamedTuple):
    """A step by what it is, not by its id: its kind, who was asked first, about whom or what, and the how-manieth of these."""

    kind: str
    asked: str
    about: tuple[str, ...] = ()
    nth: int = 1


class Person(NamedTuple):
    """Somebody nominated: who, from which institution and country, as a substitute or not."""

    person: str
    institution: str
    country: str
    substitute: bool = False


@dataclass(frozen=True)
class Request:
    """What is asked for: the format, who asks, how many may travel, for how long, between which days, at what cost at most."""

    opened: datetime
    format: str
    requesting: str
    places: int
    days: int
    earliest: date
    latest: date
    ceiling: int = 0


@dataclass(frozen=True)
class Move:
    """Something that happens at an instant."""

    at: datetime


@dataclass(frozen=True)
class Pass(Move):
    """Time passes until then."""


@dataclass(frozen=True)
class Down(Move):
    """The worker stops."""


@dataclass(frozen=True)
class Up(Move):
    """A worker is started again; the inbox is then delivered."""


@dataclass(frozen=True)
class Tell(Move):
    """What waits in the inbox is told to the case."""


@dataclass(frozen=True)
class Reply(Move):
    """An answer comes in; `told` at once, or kept in the inbox. `paper` is False when it is about another version of the paper.

    `facts` has the fields of the case's facts, with people as `Person`.
    """

    step: Label
    option: str
    by: str
    response: str
    behalf: str = ""
    proof: bool = False
    paper: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    told: bool = True


@dataclass(frozen=True)
class Deed(Move):
    """Somebody acts on the case; `more` are the further fields of the act."""

    do: str
    by: str
    step: Label | None = None
    reason: bool = True
    more: dict[str, Any] = field(default_factory=dict)


class Said(NamedTuple):
    """One thing that happened, as both sides tell it."""

    at: datetime
    verb: str
    step: Label | None = None
    round: int = 0
    about: str = ""
    reason: str = ""
    by: str = ""
    on_behalf_of: str = ""
    how: str = ""


@dataclass(frozen=True)
class Script:
    """A request under a programme's rules, and what is done to the case; `rules` replaces values of the programme by path."""

    request: Request
    moves: tuple[Move, ...]
    rules: tuple[tuple[str, Any], ...] = ()
