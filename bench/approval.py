"""The workload of P2 on our own step machinery: five timed steps of a desk and one paper, nothing of the procedure."""

from __future__ import annotations

from temporalio import workflow

from workflows.desk import Desk, refused
from workflows.papers import draft, issue

with workflow.unsafe.imports_passed_through():
    from models import rules
    from models.case import Answer, Recorded
    from models.errors import Refused
    from models.orders import Opening
    from models.words import Kind, Verb, country_of

ASKED = ("SN-POSTE", "MA-POSTE", "EG-MOM", "CV-MDC", "GH-MINT")
"""Who is asked, one after the other: four languages, three weekends."""

OPTION = "no_objection"


@workflow.defn(name="Exchange", failure_exception_types=[Refused])
class Approval:
    """Five consultations and a paper; it goes by the name of the real procedure, so that `Cases` launches and answers it."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        self.desk = Desk(opening)

    @workflow.run
    async def run(self, opening: Opening) -> str:
        """Work through the steps."""
        await self.desk.work(self.procedure)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.desk.case.papers[-1].sha256

    async def procedure(self) -> None:
        """Ask one after the other, then issue the paper."""
        desk = self.desk
        desk.say(Verb.LAUNCHED)
        for institution in ASKED:
            await desk.ask(Kind.CONSULTATION, institution, country=country_of(institution))
        await issue(desk, draft(desk, "acknowledgement", to=desk.case.asked.requesting))
        await desk.is_settled(desk.stirred)

    @workflow.update(name="answer")
    async def answer(self, answer: Answer) -> Recorded:
        """As the real procedure takes an answer: done when the next step is open, written and told."""
        await self.desk.is_settled(self.desk.take(answer))
        step = self.desk.case.step(answer.step)
        assert step is not None
        return rules.recorded_of(step)

    @answer.validator
    def may_answer(self, answer: Answer) -> None:
        """As the real procedure refuses."""
        try:
            rules.may_answer(self.desk.case, answer, self.desk.rules)
        except Refused as error:
            raise refused(error) from error
