"""One expert exchange, from request to knowledge transfer."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from workflows.desk import Desk, Ended, refused
from workflows.following import close, conclude, follow_up
from workflows.hosting import agree_host
from workflows.requesting import check_completeness, consult, decide
from workflows.travelling import fill_places, make_ready
from workflows.visiting import hold_visit, report_and_certify

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models import acts, rules
    from models.acts import Act, Acted, Doing
    from models.case import Answer, Case, Recorded, RunDigest
    from models.errors import Refused
    from models.orders import Opening, Rest, RunOrder
    from models.words import PROCEDURE, Phase, Verb


@workflow.defn(name="Exchange", failure_exception_types=[Refused])
class Exchange:
    """One exchange: `run` is the procedure, a phase to a run; the desk keeps its steps."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        self.desk = Desk(opening)
        self.case = self.desk.case
        self.begun = False

    @workflow.run
    async def run(self, opening: Opening) -> str:
        """Work through the case's phase; a phase border begins a new run, an ending returns its name."""
        try:
            await self.desk.work(self.procedure)
        except Ended as ended:
            await self.end(ended)
        return str(self.case.ending)

    async def procedure(self) -> None:
        """Rows 1 to 21, from the phase the case is in; gone over again from an earlier one after an act that undoes something."""
        desk = self.desk
        await self.begin_run()
        match self.case.phase:
            case Phase.REQUEST:
                await check_completeness(desk)
                await consult(desk)
                await decide(desk)
                await self.enter(Phase.HOSTING)
            case Phase.HOSTING:
                await agree_host(desk)
                await self.enter(Phase.TRAVELLING)
            case Phase.TRAVELLING:
                await fill_places(desk)
                await make_ready(desk)
                await self.enter(Phase.VISIT)
            case Phase.VISIT:
                await hold_visit(desk)
                await report_and_certify(desk)
                await self.enter(Phase.FOLLOW_UP)
            case Phase.FOLLOW_UP:
                await follow_up(desk)
                close(desk)

    async def begin_run(self) -> None:
        """Say once that the case began or goes on; export the history of the run before and keep its digest."""
        if not self.begun:
            self.begun = True
            self.desk.say(Verb.LAUNCHED if self.case.run == 1 else Verb.RESUMED_RUN, reason=self.case.phase)
        before = workflow.info().continued_run_id
        if before is not None and len(self.case.runs) < self.case.run - 1:
            order = RunOrder(case=self.case.id, run=self.case.run - 1, run_id=before)
            self.case.runs.append(await self.desk.locally(names.KEEP_RUN, order, RunDigest))
            self.desk.stir()

    async def enter(self, phase: Phase) -> None:
        """Begin the next phase in a new run, by the procedure of today, once everything is written and everybody told."""
        desk = self.desk
        await workflow.wait_condition(lambda: desk.settled >= desk.stirred and workflow.all_handlers_finished())
        desk.busy += 1
        following = self.case.model_copy(update=self.of_next_run(phase))
        workflow.continue_as_new(Opening(programme=desk.rules, case=following))

    def of_next_run(self, phase: Phase) -> dict[str, Any]:
        """What is other in the state that the next run begins with."""
        return {"phase": phase, "run": self.case.run + 1, "said": [], "procedure": PROCEDURE}

    async def end(self, ended: Ended) -> None:
        """Enter the ending, close what is open, tell the parties."""
        desk = self.desk
        self.case.ending, self.case.reason = ended.ending, ended.reason

        async def concluding() -> None:
            await conclude(desk, ended)
            self.case.ended = desk.now()
            desk.say(Verb.ENDED, reason=ended.ending)
            desk.stir()
            await desk.is_settled(desk.stirred)

        await desk.work(concluding)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update(name="answer")
    async def answer(self, answer: Answer) -> Recorded:
        """Note an answer; done when the next step is open, the read model written and the letters queued."""
        await self.desk.is_settled(self.desk.take(answer))
        step = self.case.step(answer.step)
        assert step is not None
        return rules.recorded_of(step)

    @answer.validator
    def may_answer(self, answer: Answer) -> None:
        """Refuse an answer that cannot be taken; leaves no event."""
        try:
            rules.may_answer(self.case, answer, self.desk.rules)
        except Refused as error:
            raise refused(error) from error

    @workflow.update(name="act")
    async def act(self, act: Act) -> Acted:
        """Carry out an act; done when its consequences are written and told."""
        await self.desk.is_settled(self.desk.do(act))
        step = self.case.step(act.step)
        noted = act.do is Doing.MORE_TIME and step is not None and bool(step.asked_days)
        return Acted(act=act.act, do=act.do, at=self.case.clock, noted=noted)

    @act.validator
    def may_act(self, act: Act) -> None:
        """Refuse an act that cannot be done now; leaves no event."""
        try:
            acts.may_act(self.case, act, self.desk.rules)
        except Refused as error:
            raise refused(error) from error

    @workflow.query(name="case")
    def state(self) -> Case:
        """The case as it stands."""
        return self.case

    @workflow.query(name="rest")
    def rest(self) -> Rest:
        """Whether the case has done all it does by itself for now."""
        return self.desk.rest()
