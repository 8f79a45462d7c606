"""What is said and done next in a rehearsal, and which parts of the scenario nothing ever called for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from models.case import Case, Step, Transition
from models.errors import Fault
from models.words import OPTIONS, State
from rehearsal.parts import SILENT, PlannedAct, Reply
from rehearsal.scenario import Scenario


class Saying(NamedTuple):
    """Somebody is to answer a step at an instant."""

    at: datetime
    step: str
    by: str


class Plan:
    """Replies of those who are asked now, acts whose instant is known, acts that wait for something to happen."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._sayings: dict[Saying, Reply] = {}
        self._answering: dict[str, str] = {}
        self._above: dict[str, str] = {}
        self._acts: list[tuple[datetime, int]] = [(act.at, n) for n, act in enumerate(scenario.act) if act.at is not None]
        self._waiting = [n for n, act in enumerate(scenario.act) if act.on]
        self._called_for: set[int] = set()

    @property
    def waits_for_events(self) -> bool:
        """Whether an act still waits for something to happen."""
        return bool(self._waiting)

    def look(self, case: Case, timeline: Iterable[Transition], now: datetime) -> None:
        """Plan what those newly asked reply, forget what is no longer theirs to say, and date the acts whose event came."""
        for step in case.steps:
            if step.state in (State.OPEN, State.PAUSED):
                self._ask(step, now)
        self._sayings = {said: reply for said, reply in self._sayings.items() if _still_asked(case, said)}
        happened: dict[str, datetime] = {}
        for said in timeline:
            happened.setdefault(said.verb.value, said.at)
            happened.setdefault(f"{said.kind}.{said.verb}", said.at)
        for n in [n for n in self._waiting if self._scenario.act[n].on in happened]:
            act = self._scenario.act[n]
            self._waiting.remove(n)
            self._acts.append((happened[act.on] + act.after, n))

    def _ask(self, step: Step, now: datetime) -> None:
        """Plan the reply of whoever answers a step now, and of the one it was escalated to, once each."""
        before = self._answering.get(step.id)
        if before != step.answering:
            self._answering[step.id] = step.answering
            reply = self._scenario.reply_to(step) or self._usual(step)
            self._enter(step, step.answering, step.opened if before is None else now, reply)
        if step.escalated_to and self._above.get(step.id) != step.escalated_to:
            self._above[step.id] = step.escalated_to
            self._enter(step, step.escalated_to, now, self._scenario.reply_from_above(step))

    def _enter(self, step: Step, by: str, since: datetime, reply: Reply | None) -> None:
        if reply is None:
            return
        self._called_for |= {n for n, known in enumerate(self._scenario.reply) if known is reply}
        if reply.answer != SILENT:
            self._sayings[Saying(since + reply.after, step.id, by)] = reply

    def _usual(self, step: Step) -> Reply | None:
        """The first option, a day after: what is replied where the scenario says nothing."""
        if self._scenario.default == SILENT:
            return None
        return Reply(step=step.kind, answer=next(iter(OPTIONS[step.kind])))

    @property
    def next(self) -> datetime | None:
        """The instant of what is said or done next; None when nothing is planned."""
        return min([*(said.at for said in self._sayings), *(at for at, _ in self._acts)], default=None)

    def due_act(self, at: datetime) -> int | None:
        """The number of an act that is to be done at an instant, which is then off the plan."""
        due = min((act for act in self._acts if act[0] == at), default=None)
        if due is None:
            return None
        self._acts.remove(due)
        return due[1]

    def due_reply(self) -> tuple[Saying, Reply]:
        """What is said next, which is then off the plan."""
        said = min(self._sayings)
        return said, self._sayings.pop(said)

    def forget(self, step: str) -> None:
        """Whoever was to answer a step will not."""
        self._sayings = {said: reply for said, reply in self._sayings.items() if said.step != step}

    def act(self, n: int) -> PlannedAct:
        """An act by its number."""
        return self._scenario.act[n]

    def place(self, reply: Reply) -> str:
        """Where a reply stands in the scenario; empty for the usual one."""
        return next((f"reply.{n}" for n, known in enumerate(self._scenario.reply) if known is reply), "")

    def left_over(self) -> list[Fault]:
        """The replies nobody was asked for, and the acts that were not done before the case ended."""
        text = "no such step was opened for this reply; check step, by and round"
        faults = [
            Fault(field=f"reply.{n}", code="invalid", text=text)
            for n in range(len(self._scenario.reply))
            if n not in self._called_for
        ]
        for n in sorted([*self._waiting, *(n for _, n in self._acts)]):
            on = self._scenario.act[n].on
            text = f"{on} did not happen before the case ended" if n in self._waiting else "the case had ended before this act"
            faults.append(Fault(field=f"act.{n}", code="invalid", text=text))
        return faults


def _still_asked(case: Case, said: Saying) -> bool:
    """Whether an answer is still to be given, by the one who was to give it."""
    step = case.step(said.step)
    return step is not None and step.is_open and said.by in (step.answering, step.escalated_to)
