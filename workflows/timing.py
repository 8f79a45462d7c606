"""Time: a step's schedule is computed once and recorded; one timer is armed for the next instant of all open steps."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.writing import Writing

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models import consequences, rules
    from models.case import Answer, Decision, Standin, Step, Wants
    from models.errors import Refused
    from models.orders import Answers, Asking, InTime, Opening, ScheduleOrder, Schedules, StandinOrder, Standins
    from models.schedule import Do, Tick, Wanted
    from models.words import OPTIONS, DecisionKind, Lapse, State, Verb


class Timing(Writing):
    """Keeps the time of a case: schedules, reminders, closings, and who answers when."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self.alarm_at: datetime | None = None
        self.alarm: asyncio.Task[None] | None = None

    def take(self, answer: Answer) -> int:
        """Note an answer on its step; gives the stir after which it is settled."""
        if rules.repeated(self.case, answer) is None:
            step = rules.note(self.case, answer, workflow.now())
            self.advance(answer.received)
            self.say(OPTIONS[step.kind][answer.option], step)
            assert step.decision is not None
            for party in dict.fromkeys((answer.by, step.decision.on_behalf_of)):
                if party:
                    self.write("recorded", party, step, alternate=True)
        return self.stirred

    def has_news(self) -> bool:
        """Whether something changed or an instant has come."""
        next_instant = self.next_instant()
        due = next_instant is not None and workflow.now() >= next_instant
        declined = self.case.hold is None and any(step.declined and self.still_waits(step) for step in self.case.steps)
        return self.stirred > self.settled or due or declined

    def next_instant(self) -> datetime | None:
        """The next instant at which the case acts by itself."""
        if self.case.ending is not None:
            return None
        if self.case.hold is not None:
            return self.case.hold.review
        ticks = [at for step in self.case.steps if (at := next_of(step)) is not None]
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
        """Do what the schedules and appointments say is due by now."""
        if self.case.ending is not None:
            return
        if self.case.hold is not None:
            self.remind_of_hold()
            return
        for step in list(self.case.steps):
            while (at := next_of(step)) is not None and at <= workflow.now():
                await self.act_on(step, at)
            if step.declined and self.still_waits(step):
                await self.close(step, self.now())
        rest = self.case.resting_until
        if rest is not None and rest <= workflow.now():
            self.advance(rest)
            self.case.resting_until = None
            await workflow.wait_condition(lambda: True)

    def remind_of_hold(self) -> None:
        """Remind the coordinator of a case that has been on hold for long."""
        hold, days = self.case.hold, self.rules.patience.hold_review_days
        while hold is not None and hold.review is not None and hold.review <= workflow.now():
            self.advance(hold.review)
            hold = self.case.hold = hold.model_copy(update={"review": hold.review + timedelta(days=days)})
            self.say(Verb.REMINDED)
            self.write("hold_review", self.rules.office.code, reason=hold.reason)

    async def act_on(self, step: Step, at: datetime) -> None:
        """Do what is due on a step at an instant: somebody stands in, or its schedule's next tick."""
        if step.standins and step.standins[0].at == at:
            self.advance(at)
            self.stand_in(step)
            return
        tick = step.next_tick
        assert tick is not None
        assert step.schedule is not None
        overtaken = step.schedule.is_overtaken(step.ticked, workflow.now())
        step.ticked += 1
        if not overtaken:
            self.advance(tick.at)
            await self.tick(step, tick)

    def stand_in(self, step: Step) -> None:
        """Somebody else answers from now on: the question goes to them, and the timeline says why."""
        standin, *later = step.standins
        step.standins = tuple(later)
        if step.delegate and not step.by_appointment:
            return  # whom the one asked chose themselves goes on answering
        self.hand_on(step, standin.to, standin.verb)

    def hand_on(self, step: Step, to: str, verb: Verb) -> None:
        """Whoever the appointments name answers from now on, nobody but the one asked where they name none."""
        before, step.delegate, step.by_appointment = step.delegate, to, bool(to)
        consequences.close_links(self.case, step)
        self.say(verb, step, about=to or (before if verb is Verb.DELEGATION_ENDED else step.asked))
        if before:
            self.write("delegation_ended", before, step)
        if step.state is State.OPEN:
            self.put_to(step.answering, step)

    def put_to(self, party: str, step: Step) -> None:
        """Put the question of an open step to somebody."""
        self.write(f"ask_{rules.subject_of(step) or step.kind}", party, step, papers=self.papers_of(step))

    async def tick(self, step: Step, tick: Tick) -> None:
        """Remind, chase, alert or close."""
        asked = [step.answering, *([step.escalated_to] if step.escalated_to else [])]
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
                assert step.schedule is not None
                await self.close(step, step.schedule.closes)

    async def close(self, step: Step, at: datetime) -> None:
        """Close a step nobody answered, or that the one asked passes on, unless the inbox holds an answer received in time."""
        dormant_after = 0 if step.people or step.asked == self.rules.office.code else self.rules.patience.dormant_after
        order = InTime(case=self.case.id, step=step.id, closes=at, asked=step.asked if dormant_after else "")
        found = await self.locally(names.IN_TIME, order, Answers)
        for answer in found.answers:
            if step.is_open and self.may_take(answer):
                self.take(answer)
        if not self.still_waits(step):
            return
        rule = self.rules.step(step.kind)
        if step.declined:
            moved = rule.lapse is Lapse.ESCALATE and bool(step.escalated_to)
            self.write("declined", self.rules.office.code, step, reason=step.declined, consequence="" if moved else rule.lapse)
            step.declined = ""
        if rule.lapse is Lapse.ESCALATE and not step.escalated_to:
            await self.escalate(step)
        else:
            self.lapse(step, rule.lapse)
            if dormant_after and rule.lapse is not Lapse.TACIT and found.lapses + 1 >= dormant_after:
                self.say(Verb.DORMANT, about=step.asked)
                self.write("dormant", self.rules.office.code, step, count=found.lapses + 1)
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
        for party in {step.answering: None, step.escalated_to: None}:
            if party:
                self.write("lapsed", party, step, consequence=rule)

    async def compute_schedules(self) -> None:
        """Have the schedules computed that steps wait for, and send the letter that goes with each."""
        while waiting := [s for s in self.case.steps if s.wants is not Wants.NOTHING and s.is_open]:
            if self.case.hold is not None:
                return
            asked_for = [(step, step.wants, step.added_days, self.wanted(step)) for step in waiting]
            order = ScheduleOrder(wanted=tuple(wanted for _, _, _, wanted in asked_for))
            computed = await self.locally(names.SCHEDULE, order, Schedules)
            if self.case.hold is not None:
                return
            for (step, wants, added_days, wanted), schedule in zip(asked_for, computed.schedules, strict=True):
                if (step.wants, step.visit, step.country, step.asked) != (wants, wanted.visit_start, wanted.country, wanted.asked):
                    continue  # an act has changed it meanwhile: it is computed again
                if step.is_open:
                    passed = step.schedule.due if step.schedule else None
                    step.schedule, step.ticked, step.stopped = schedule, 0, None
                    if wants in (Wants.ASK, Wants.REASSIGNED):
                        step.standins = computed.standins.get(step.id, ())
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
            escalated=bool(step.escalated_to) and step.wants is not Wants.RESUMED,
            kind=step.kind,
            asked=step.asked,
        )

    def announce(self, step: Step, wants: Wants, passed: datetime | None) -> None:
        """Tell the one asked, by the letter that fits."""
        match wants:
            case Wants.ASK | Wants.REASSIGNED:
                step.state = State.OPEN
                if wants is Wants.ASK:
                    self.say(Verb.OPENED, step)
                self.begin_standing_in(step)
                self.put_to(step.answering, step)
            case Wants.ESCALATION:
                step.state = State.OPEN
                self.write("escalation", step.escalated_to, step, papers=self.papers_of(step), passed=passed)
            case Wants.EXTENDED | Wants.RESUMED | Wants.RESCHEDULED:
                step.state = State.OPEN
                before = step.answering
                self.begin_standing_in(step)
                if step.answering != before:
                    self.put_to(step.answering, step)
                for party in (before if step.answering == before else "", step.escalated_to):
                    if party:
                        self.write("extended", party, step, reason=step.why)
            case Wants.NOTHING:
                raise AssertionError(f"{step.id} waits for nothing")

    def begin_standing_in(self, step: Step) -> None:
        """Who stands in for the one asked right now is asked at once; the absent person is not."""
        while step.standins and step.standins[0].at <= workflow.now():
            standin, *later = step.standins
            if step.delegate and not step.by_appointment:
                step.standins = tuple(later)
                continue
            step.standins, step.delegate, step.by_appointment = tuple(later), standin.to, bool(standin.to)
            if not later or later[0].at > workflow.now():
                self.say(standin.verb, step, about=standin.to or step.asked)

    async def look_up_standins(self) -> None:
        """Look up the appointments again for the open steps an act named; whoever answers from now on is asked."""
        while (
            reviewed := [] if self.case.hold else [s for s in self.case.steps if s.review and s.state in (State.OPEN, State.PAUSED)]
        ):
            asking = tuple(Asking(step=s.id, kind=s.kind, asked=s.asked, since=self.now()) for s in reviewed)
            found = await self.locally(names.STANDINS, StandinOrder(asking=asking), Standins)
            for step in reviewed:
                step.review = False
                self.stand_in_anew(step, found.standins.get(step.id, ()))

    def stand_in_anew(self, step: Step, standins: tuple[Standin, ...]) -> None:
        """What the appointments say now; a delegation to a colleague that the one asked gave by themselves stays."""
        before, now = step.delegate, [standin for standin in standins if standin.at <= workflow.now()]
        step.standins = tuple(standin for standin in standins if standin.at > workflow.now())
        if before and not step.by_appointment:
            return
        to = now[-1].to if now else ""
        if to != before:
            self.hand_on(step, to, Verb.DELEGATED if to else Verb.DELEGATION_ENDED)


def next_of(step: Step) -> datetime | None:
    """The next instant at which something happens on a step by itself."""
    if step.state is not State.OPEN:
        return None
    instants = [*(standin.at for standin in step.standins[:1]), *([step.next_tick.at] if step.next_tick else [])]
    return min(instants, default=None)
