"""The timed step: somebody is asked for one answer by a date, reminded, escalated, and the case goes on either way.

A desk holds one case. Handlers note what was said; `tend` alone computes schedules, keeps time, writes the read model and sends
letters; the procedure reacts to steps that closed. One timer is armed for the next instant of all open steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models import acts, rules
    from models.acts import Act
    from models.case import Answer, Case, Decision, Step, Transition, Wants
    from models.errors import Refused
    from models.orders import (
        Answers,
        FocalPoint,
        FocalPointOrder,
        InTime,
        Letter,
        Opening,
        Publication,
        Rest,
        ScheduleOrder,
        Schedules,
    )
    from models.schedule import Do, Tick, Wanted
    from models.words import OPTIONS, DecisionKind, Ending, Kind, Lapse, State, Verb

Result = TypeVar("Result")

LOCAL_RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(minutes=2))
RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


class Ended(Exception):
    """The case ends here: how, and why."""

    def __init__(self, ending: Ending, reason: str = "") -> None:
        super().__init__(f"{ending}: {reason}")
        self.ending = ending
        self.reason = reason


class Desk:
    """One case being worked on: its rules, its state, the letters waiting to leave."""

    def __init__(self, opening: Opening) -> None:
        self.rules = opening.programme
        self.case: Case = opening.case
        self.letters: list[Letter] = []
        self.stirred = 0
        self.settled = 0
        self.busy = 0
        self.alarm_at: datetime | None = None
        self.alarm: asyncio.Task[None] | None = None
        self.tending: asyncio.Task[None] | None = None

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

        Raises:
            Ended: the case ended meanwhile.
        """
        self.unless_ended()
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
        await workflow.wait_condition(lambda: not step.is_open or self.case.ending is not None)
        self.unless_ended()
        return step

    async def locally(self, name: str, order: object, result: type[Result]) -> Result:
        """Run a short idempotent activity in the worker's own process; it is retried until it succeeds."""
        return await self.under_way(
            workflow.execute_local_activity(
                name,
                order,
                result_type=result,
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=LOCAL_RETRIES,
                local_retry_threshold=timedelta(seconds=5),
            )
        )

    async def remotely(self, name: str, order: object, result: type[Result]) -> Result:
        """Run an activity through the server, which keeps its retries; used for what may hang or take long."""
        return await self.under_way(
            workflow.execute_activity(
                name,
                order,
                result_type=result,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=RETRIES,
            )
        )

    async def under_way(self, work: Awaitable[Result]) -> Result:
        """Wait for a piece of work, counted meanwhile: a case with work under way is not at rest."""
        self.busy += 1
        try:
            return await work
        finally:
            self.busy -= 1

    async def focal_point(self, country: str) -> str:
        """The institution that speaks for a country; the programme's office where none is appointed."""
        point = await self.locally(names.FOCAL_POINT, FocalPointOrder(country=country), FocalPoint)
        return point.institution or self.rules.office.code

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

    def now(self) -> datetime:
        """The instant of what is happening: its cause's when handled at once, the workflow's clock otherwise."""
        return rules.moment(workflow.now(), self.case.clock)

    def advance(self, cause: datetime) -> None:
        """Set the case's clock to the instant of a cause; it never goes back, so the timeline stays in order."""
        self.case.clock = max(self.case.clock, rules.moment(workflow.now(), cause))

    def stir(self) -> None:
        """Something changed: schedules, the read model and letters are to follow."""
        self.stirred += 1

    def say(self, verb: Verb, step: Step | None = None, *, about: str = "", reason: str = "") -> None:
        """Add what happened to the case's timeline."""
        decision = step.decision if step is not None and verb in (*OPTIONS[step.kind].values(), Verb.LAPSED) else None
        self.case.seq += 1
        self.case.said.append(
            Transition(
                seq=self.case.seq,
                run=self.case.run,
                at=self.now(),
                event=workflow.info().get_current_history_length(),
                verb=verb,
                step=step.id if step else "",
                kind=step.kind if step else None,
                round=step.round if step else 0,
                by=decision.by if decision else "",
                on_behalf_of=decision.on_behalf_of if decision else "",
                decision=decision.kind if decision else None,
                about=about,
                reason=reason,
            )
        )

    def write(self, letter: str, to: str, step: Step | None = None, *, alternate: bool = False, **facts: Any) -> None:
        """Put a letter into the next post."""
        self.case.posted += 1
        about = step.id if step else ""
        number, at = self.case.posted, self.now()
        self.letters.append(Letter(letter=letter, to=to, at=at, step=about, alternate=alternate, number=number, **facts))
        self.stir()

    # What comes in

    def take(self, answer: Answer) -> int:
        """Note an answer on its step; gives the stir after which it is settled."""
        if rules.repeated(self.case, answer) is None:
            step = rules.note(self.case, answer, workflow.now())
            self.advance(answer.received)
            self.say(OPTIONS[step.kind][answer.option], step)
            assert step.decision is not None
            for party in dict.fromkeys((answer.by, step.decision.on_behalf_of)):
                if party:
                    self.write("recorded", party, step)
        return self.stirred

    def do(self, act: Act) -> int:
        """Carry out a coordinator's act on the state; gives the stir after which it is settled."""
        self.advance(act.received)
        for verb, step in acts.carry_out(self.case, act, self.case.clock):
            self.say(verb, step, reason=act.reason)
        self.stir()
        return self.stirred

    async def is_settled(self, mark: int) -> None:
        """Wait until everything up to this stir is in the read model and the post."""
        await workflow.wait_condition(lambda: self.settled >= mark)

    # What goes on beside the procedure

    async def work(self, procedure: Coroutine[Any, Any, None]) -> None:
        """Run a procedure to its end beside the tending of the desk, which goes on; a fault in either is a fault of the case.

        A case ended from outside leaves the procedure wherever it waits, even for an activity that never succeeds.

        Raises:
            Ended: how the case ended.
        """
        self.stir()
        if self.tending is None:
            self.tending = asyncio.create_task(self.tend())
        working, waits = asyncio.create_task(procedure), [self.tending]
        if self.case.ending is None:
            waits.append(asyncio.create_task(workflow.wait_condition(lambda: self.case.ending is not None)))
        await workflow.wait([working, *waits], return_when=asyncio.FIRST_COMPLETED)
        if self.tending.done():
            self.tending.result()
        if not working.done():
            working.cancel()
            self.unless_ended()
        working.result()

    async def tend(self) -> None:
        """Keep the desk: time, schedules, read model and post, for ever."""
        while True:
            await workflow.wait_condition(self.has_news)
            await workflow.wait_condition(lambda: True)  # everybody reacts first
            await self.keep_time()
            await self.compute_schedules()
            mark = self.stirred
            await self.publish()
            self.settled = max(self.settled, mark)
            self.set_alarm()

    def has_news(self) -> bool:
        """Whether something changed or an instant has come."""
        next_instant = self.next_instant()
        return self.stirred > self.settled or (next_instant is not None and workflow.now() >= next_instant)

    def rest(self) -> Rest:
        """Whether everything is settled, nothing is under way, and when the case acts again by itself."""
        quiet = self.settled >= self.stirred and self.busy == 0 and not self.has_news()
        ended = self.case.ended is not None
        return Rest(quiet=quiet, ended=ended, run=self.case.run, seq=self.case.seq, next_instant=self.next_instant())

    def next_instant(self) -> datetime | None:
        """The next instant at which the case acts by itself."""
        if self.case.hold is not None or self.case.ending is not None:
            return None
        ticks = [step.next_tick.at for step in self.case.steps if step.next_tick is not None]
        if self.case.resting_until is not None:
            ticks.append(self.case.resting_until)
        return min(ticks, default=None)

    def set_alarm(self) -> None:
        """Arm the one timer for the next instant; left alone when it stands already."""
        instant = self.next_instant()
        if instant == self.alarm_at and self.alarm is not None and not self.alarm.done():
            return
        if self.alarm is not None and not self.alarm.done():
            self.alarm.cancel()
        self.alarm_at, self.alarm = instant, None
        if instant is not None and instant > workflow.now():
            self.alarm = asyncio.create_task(self.ring(instant - workflow.now()))

    async def ring(self, wait: timedelta) -> None:
        """Sleep until the alarm; waking is enough, since `has_news` looks at the time."""
        await workflow.sleep(wait)

    async def keep_time(self) -> None:
        """Do what the schedules say is due by now."""
        if self.case.hold is not None or self.case.ending is not None:
            return
        for step in list(self.case.steps):
            while (tick := step.next_tick) is not None and tick.at <= workflow.now():
                assert step.schedule is not None
                overtaken = step.schedule.is_overtaken(step.ticked, workflow.now())
                step.ticked += 1
                if not overtaken:
                    self.advance(tick.at)
                    await self.tick(step, tick)
        rest = self.case.resting_until
        if rest is not None and rest <= workflow.now():
            self.advance(rest)
            self.case.resting_until = None
            await workflow.wait_condition(lambda: True)

    async def tick(self, step: Step, tick: Tick) -> None:
        """Remind, chase, alert or close."""
        asked = [step.asked, *([step.escalated_to] if step.escalated_to else [])]
        match tick.do:
            case Do.REMIND:
                self.say(Verb.REMINDED, step)
                for party in asked:
                    self.write("reminder", party, step)
            case Do.CHASE:
                self.say(Verb.CHASED, step)
                for party in asked:
                    self.write("overdue", party, step, alternate=True)
            case Do.ALERT:
                self.say(Verb.ALERTED, step)
                self.write("must_choose", self.rules.office.code, step)
            case Do.CLOSE:
                await self.close(step)

    async def close(self, step: Step) -> None:
        """Close a step nobody answered, unless the inbox holds an answer received in time."""
        assert step.schedule is not None
        order = InTime(case=self.case.id, step=step.id, closes=step.schedule.closes)
        for answer in (await self.locally(names.IN_TIME, order, Answers)).answers:
            if step.is_open and self.may_take(answer):
                self.take(answer)
        if not self.still_waits(step):
            return
        rule = self.rules.step(step.kind)
        if rule.lapse is Lapse.ESCALATE and not step.escalated_to:
            await self.escalate(step)
        else:
            self.lapse(step, rule.lapse)
        await workflow.wait_condition(lambda: True)

    def still_waits(self, step: Step) -> bool:
        """Whether a step was neither answered, extended, held nor called off while its closing was being seen to."""
        return step.state is State.OPEN and step.wants is Wants.NOTHING and self.case.ending is None

    def may_take(self, answer: Answer) -> bool:
        """Whether an answer found in the inbox can be taken; a refused one is told by the delivery loop."""
        try:
            rules.may_answer(self.case, answer, self.rules)
        except Refused:
            return False
        return True

    async def escalate(self, step: Step) -> None:
        """Move the question up once and restart its clock: to the national focal point, or the one above."""
        office = self.rules.office.code
        above = f"{office}/supervisor" if step.asked == office else await self.focal_point(step.country)
        if not self.still_waits(step):
            return
        step.escalated_to = above if above != step.asked else office
        step.wants = Wants.ESCALATION
        self.say(Verb.ESCALATED, step, about=step.escalated_to)

    def lapse(self, step: Step, rule: Lapse) -> None:
        """Close a step without an answer; a consultee's silence is consent and recorded as such."""
        step.state, step.closed = State.LAPSED, self.now()
        if rule is Lapse.TACIT:
            option = next(iter(OPTIONS[step.kind]))
            step.decision = Decision(option=option, kind=DecisionKind.TACIT, on_behalf_of=step.asked, recorded=self.now())
        self.say(OPTIONS[step.kind][step.option] if step.decision else Verb.LAPSED, step, reason=rule)
        for party in {step.asked: None, step.escalated_to: None}:
            if party:
                self.write("lapsed", party, step, consequence=rule)

    async def compute_schedules(self) -> None:
        """Have the schedules computed that steps wait for, and send the letter that goes with each."""
        while waiting := [s for s in self.case.steps if s.wants is not Wants.NOTHING and s.is_open]:
            if self.case.hold is not None:
                return
            asked_for = [(step, step.wants, step.added_days) for step in waiting]
            order = ScheduleOrder(wanted=tuple(self.wanted(step) for step in waiting))
            computed = await self.locally(names.SCHEDULE, order, Schedules)
            if self.case.hold is not None:
                return
            for (step, wants, added_days), schedule in zip(asked_for, computed.schedules, strict=True):
                if step.is_open:
                    passed = step.schedule.due if step.schedule else None
                    step.schedule, step.ticked, step.stopped = schedule, 0, None
                    self.announce(step, wants, passed)
                step.added_days -= added_days  # what was added meanwhile is computed next
                step.wants = Wants.EXTENDED if step.added_days else Wants.NOTHING

    def wanted(self, step: Step) -> Wanted:
        """What a step's schedule is computed from."""
        opened = self.now() if step.wants is not Wants.ASK else step.opened
        return Wanted(
            step=step.id,
            rule=self.rules.step(step.kind),
            country=step.country,
            opened=opened,
            closing_time=self.rules.closing_time,
            reminder_time=self.rules.reminder_time,
            visit_start=step.visit,
            visit_end=self.case.visit_end,
            old=step.schedule if step.wants in (Wants.EXTENDED, Wants.RESUMED) or step.stopped else None,
            added_days=step.added_days,
            stopped=step.stopped,
            escalated=step.wants is Wants.ESCALATION or (step.wants is Wants.EXTENDED and bool(step.escalated_to)),
        )

    def announce(self, step: Step, wants: Wants, passed: datetime | None) -> None:
        """Tell the one asked, by the letter that fits."""
        match wants:
            case Wants.ASK:
                step.state = State.OPEN
                self.say(Verb.OPENED, step)
                self.write(f"ask_{step.kind}", step.asked, step, papers=self.papers_of(step))
            case Wants.ESCALATION:
                step.state = State.OPEN
                self.write("escalation", step.escalated_to, step, papers=self.papers_of(step), passed=passed)
            case Wants.EXTENDED | Wants.RESUMED:
                step.state = State.OPEN
                for party in (step.asked, step.escalated_to):
                    if party:
                        self.write("extended", party, step, reason=step.why)
            case Wants.NOTHING:
                raise AssertionError(f"{step.id} waits for nothing")

    def papers_of(self, step: Step) -> tuple[str, ...]:
        """The issued papers a step is about, sent along with its letter."""
        return tuple(paper.sha256 for paper in self.case.papers if paper.sha256 == step.paper)

    async def publish(self) -> None:
        """Write the read model and queue the letters, in one transaction."""
        letters, self.letters = tuple(self.letters), []
        await self.locally(names.PUBLISH, Publication(programme=self.rules, case=self.case, letters=letters), type(None))


def refused(error: Refused) -> ApplicationError:
    """A refusal as the caller receives it: code, sentence, facts."""
    return ApplicationError(error.text, dict(error.facts), type=error.code, non_retryable=True)
