"""What a case says, writes and orders: its timeline, its post, its activities, and the read model that copies it."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from models import rules
    from models.case import Case, Step, Transition
    from models.errors import NewerProcedure
    from models.orders import FocalPoint, FocalPointOrder, Letter, Opening, Publication, Reached
    from models.words import OPTIONS, PROCEDURE, Verb

Result = TypeVar("Result")

LOCAL_RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(minutes=2))
RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


class Writing:
    """A case, the rules it took along, the letters waiting to leave, and how often something changed.

    Raises:
        NewerProcedure: the case follows a procedure this code does not know; the workflow task fails and is tried again.
    """

    def __init__(self, opening: Opening) -> None:
        if opening.case.procedure > PROCEDURE:
            text = f"{opening.case.id} follows procedure {opening.case.procedure}, this code knows {PROCEDURE}"
            raise NewerProcedure(text)
        self.rules = opening.programme
        self.case: Case = opening.case
        self.letters: list[Letter] = []
        self.published = Reached(seq=self.case.seq, posted=self.case.posted)
        self.stirred = 0
        self.settled = 0
        self.busy = 0

    def follows(self, procedure: int) -> bool:
        """Whether the case's run follows this version of the procedure, or a later one."""
        return self.case.procedure >= procedure

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
        order = FocalPointOrder(country=country, dormant_after=self.rules.patience.dormant_after)
        point = await self.locally(names.FOCAL_POINT, order, FocalPoint)
        return point.institution or self.rules.office.code

    def now(self) -> datetime:
        """The instant of what is happening: its cause's when handled at once, the workflow's clock otherwise."""
        return rules.moment(workflow.now(), self.case.clock)

    def advance(self, cause: datetime) -> None:
        """Set the case's clock to the instant of a cause; it never goes back, so the timeline stays in order."""
        self.case.clock = max(self.case.clock, rules.moment(workflow.now(), cause))

    def stir(self) -> None:
        """Something changed: schedules, the read model and letters are to follow."""
        self.stirred += 1

    def say(
        self, verb: Verb, step: Step | None = None, *, about: str = "", reason: str = "", by: str = "", on_behalf_of: str = ""
    ) -> None:
        """Add what happened to the case's timeline; who decided is taken from the step's decision where the verb is its outcome."""
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
                by=decision.by if decision else by,
                on_behalf_of=decision.on_behalf_of if decision else on_behalf_of,
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

    async def is_settled(self, mark: int) -> None:
        """Wait until everything up to this stir is in the read model and the post."""
        await workflow.wait_condition(lambda: self.settled >= mark)

    def papers_of(self, step: Step) -> tuple[str, ...]:
        """The issued papers a step is about, sent along with its letter."""
        return tuple(paper.sha256 for paper in self.case.papers if paper.sha256 == step.paper)

    async def publish(self) -> None:
        """Write the read model and queue the letters, in one transaction."""
        letters, self.letters = tuple(self.letters), []
        seq, posted, event = self.case.seq, self.case.posted, workflow.info().get_current_history_length()
        reached = self.published.model_copy(update={"event": event})
        publication = Publication(programme=self.rules, case=self.case, letters=letters, reached=reached)
        await self.locally(names.PUBLISH, publication, type(None))
        self.published = Reached(seq=seq, posted=posted)
