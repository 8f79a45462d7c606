"""The timed step: somebody is asked for one answer by a date, reminded, escalated, and the case goes on either way.

A desk holds one case. Handlers note what was said; `tend` alone computes schedules, keeps time, writes the read model and sends
letters; the procedure reacts to steps that closed. An act that undoes something sends the procedure over the case again: what
was asked and stands is not asked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from workflows.intervening import tell
from workflows.timing import Timing

with workflow.unsafe.imports_passed_through():
    from models import consequences
    from models.acts import Act
    from models.case import Step, Wants
    from models.errors import Refused
    from models.orders import Opening, Rest
    from models.words import Ending, Kind


class Ended(Exception):
    """The case ends here: how, and why."""

    def __init__(self, ending: Ending, reason: str = "") -> None:
        super().__init__(f"{ending}: {reason}")
        self.ending = ending
        self.reason = reason


class Desk(Timing):
    """One case being worked on."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self.tending: asyncio.Task[None] | None = None
        self.working: asyncio.Task[None] | None = None
        self.again = False

    # What the procedure uses

    async def ask(
        self,
        kind: Kind,
        asked: str,
        *,
        country: str,
        round: int = 1,
        about: tuple[str, ...] = (),
        paper: str = "",
        before: Step | None = None,
    ) -> Step:
        """Open a step and wait until it is answered or lapses; `before` gives it the rest of a stopped clock.

        A step that was opened for this before and still counts is not opened again: its outcome, or its answer to come, is given.

        Raises:
            Ended: the case ended meanwhile.
        """
        self.unless_ended()
        step = self.asked_before(kind, asked, round, about)
        if step is None:
            number = sum(step.kind is kind for step in self.case.steps) + 1
            step = Step(
                id=f"{kind}-{number}",
                kind=kind,
                round=round,
                asked=asked,
                country=country,
                about=about,
                paper=paper,
                opened=self.now(),
                visit=self.case.visit_start,
                wants=Wants.ASK,
            )
            if before is not None:
                step.schedule, step.stopped = before.schedule, before.closed
            self.case.steps.append(step)
            self.stir()
        return await self.outcome_of(step)

    def asked_before(self, kind: Kind, asked: str, round: int, about: tuple[str, ...]) -> Step | None:
        """The step that was opened for the same question and still counts."""
        for step in self.case.steps:
            same = (step.kind, step.first_asked or step.asked, step.round, step.about) == (kind, asked, round, about)
            if same and step.in_force:
                return step
        return None

    async def outcome_of(self, step: Step) -> Step:
        """Wait until a step is answered or lapses.

        Raises:
            Ended: the case ended meanwhile.
        """
        if step.is_open:
            await workflow.wait_condition(lambda: not step.is_open or self.case.ending is not None)
        self.unless_ended()
        return step

    async def until(self, instant: datetime) -> None:
        """Rest until an instant; the case's one timer wakes it."""
        if workflow.now() < instant:
            self.case.resting_until = instant
            self.stir()
            await workflow.wait_condition(lambda: self.case.resting_until is None or self.case.ending is not None)
            self.unless_ended()

    def unless_ended(self) -> None:
        """Leave the procedure when the case was ended from outside.

        Raises:
            Ended: with the ending and reason that stand.
        """
        if self.case.ending is not None:
            raise Ended(self.case.ending, self.case.reason)

    # What comes in

    def do(self, act: Act) -> int:
        """Carry out an act on the state, once; gives the stir after which it is settled."""
        if act.act in self.case.acted:
            return self.stirred
        if self.follows(2):
            self.case.acted.append(act.act)
        self.advance(act.received)
        step = self.case.step(act.step)
        answering = step.answering if step is not None else ""
        if act.do in consequences.GOES_BACK:
            self.go_back()
        happened = consequences.carry_out(self.case, act, self.case.clock, self.rules)
        tell(self, act, happened, answering)
        self.stir()
        return self.stirred

    def go_back(self) -> None:
        """Leave the procedure where it is, before it can react to what is set aside; it begins anew."""
        self.again = True
        if self.working is not None:
            self.working.cancel()

    # What goes on beside the procedure

    async def work(self, procedure: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a procedure to its end beside the tending of the desk, which goes on; a fault in either is a fault of the case.

        An act that goes back has the procedure begin anew on the state as it then is. A case ended from outside leaves the
        procedure wherever it waits, even for an activity that never succeeds.

        Raises:
            Ended: how the case ended.
        """
        self.stir()
        if self.tending is None:
            self.tending = asyncio.create_task(self.tend())
        while True:
            self.again = False
            self.working, waits = asyncio.create_task(procedure()), [self.tending]
            if self.case.ending is None:
                waits.append(asyncio.create_task(workflow.wait_condition(lambda: self.case.ending is not None or self.again)))
            await workflow.wait([self.working, *waits], return_when=asyncio.FIRST_COMPLETED)
            if self.tending.done():
                self.tending.result()
            if self.working.done() and not self.again:
                break
            self.working.cancel()
            if not self.again or self.case.ending is not None:
                self.unless_ended()
            await left(self.working)
            self.case.resting_until = None
        self.working.result()

    async def tend(self) -> None:
        """Keep the desk: time, schedules, read model and post, for ever."""
        while True:
            await workflow.wait_condition(self.has_news)
            await workflow.wait_condition(lambda: True)  # everybody reacts first
            await self.keep_time()
            await self.look_up_standins()
            await self.compute_schedules()
            await self.look_up_standins()
            mark = self.stirred
            await self.publish()
            self.settled = max(self.settled, mark)
            self.set_alarm()

    def rest(self) -> Rest:
        """Whether everything is settled, nothing is under way, and when the case acts again by itself."""
        quiet = self.settled >= self.stirred and self.busy == 0 and not self.again and not self.has_news()
        ended = self.case.ended is not None
        return Rest(quiet=quiet, ended=ended, run=self.case.run, seq=self.case.seq, next_instant=self.next_instant())


async def left(working: asyncio.Task[None]) -> None:
    """Wait until a procedure that was told to leave has left; a fault of its own is still one."""
    try:
        await working
    except Ended:
        return
    except BaseException as error:
        if not is_cancelled_exception(error):
            raise


async def side_by_side(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """Do several things at once; when one of them leaves the procedure, none of the others stays behind.

    Raises:
        Ended: one of them ended the case.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def refused(error: Refused) -> ApplicationError:
    """A refusal as the caller receives it: code, sentence, facts."""
    return ApplicationError(error.text, dict(error.facts), type=error.code, non_retryable=True)
