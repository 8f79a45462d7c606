"""A script told by the reference: move by move, so that the next move can be chosen by what the reference then expects."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.model.light import HOSTS, focal_points
from tests.model.limits import Rules
from tests.model.reference import Reference
from tests.model.script import Deed, Down, Move, Reply, Request, Script, Tell, Up

EARLY = timedelta(seconds=5)
"""What is to be handled at an instant at which the case acts by itself is sent this much earlier; it says the instant itself."""

PROGRAMME = Path(__file__).resolve().parents[2] / "programmes" / "amedip.toml"


@cache
def programme_file() -> Rules:
    """The programme's rules as they are filed."""
    return tomllib.loads(PROGRAMME.read_text(encoding="utf-8"))


def rules_with(changes: Sequence[tuple[str, Any]]) -> Rules:
    """The programme's rules with other values at some paths, such as `call.at_once`."""
    rules = copy.deepcopy(programme_file())
    for path, value in changes:
        *above, last = path.split(".")
        place = rules
        for name in above:
            place = place[name]
        place[last] = value
    return rules


class Foretold:
    """A case of the reference and whether somebody works on it; `told` is what everybody was told, move by move."""

    def __init__(self, request: Request, rules: Rules) -> None:
        self.case = Reference(request, rules, HOSTS, focal_points())
        self.is_up = True
        self.told: list[str] = []

    def until(self, instant: datetime) -> None:
        """The case does by itself what is due before an instant."""
        while self.is_up and (due := self.case.next_instant()) is not None and due < instant:
            self.case.wake(max(due, self.case.now))

    def follow(self, move: Move, woken: datetime | None = None) -> None:
        """One move; `woken` is when a worker that was started again really went on."""
        case = self.case
        self.until(move.at)
        case.now = move.at - EARLY if self.is_up and case.next_instant() == move.at else move.at
        self.told.append(self.done(move, woken or move.at))
        while self.is_up and (due := case.next_instant()) is not None and due <= case.now:
            case.wake(case.now)

    def done(self, move: Move, woken: datetime) -> str:
        """What one move leads to, and what whoever made it is told."""
        case = self.case
        match move:
            case Down():
                self.is_up = False
            case Up():
                self.is_up = True
                case.wake(woken)
                case.tell_all(woken)
            case Tell() if self.is_up:
                case.tell_all(case.now)
            case Reply():
                case.inbox.append(move)
                case.inbox.sort(key=lambda reply: reply.at)
                if self.is_up and move.told:
                    return case.tell(move)
                return "received"
            case Deed() if self.is_up:
                return case.act(move) or "done"
            case Deed():
                return "away"
        return ""


def foretell(script: Script, woken: dict[int, datetime] | None = None) -> Foretold:
    """What the reference says of a whole script."""
    foretold = Foretold(script.request, rules_with(script.rules))
    for number, move in enumerate(script.moves):
        foretold.follow(move, (woken or {}).get(number))
    return foretold
