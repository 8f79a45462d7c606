"""The one way into a case: launch, answer, act, read. The only code that speaks to Temporal as a client.

An answer is written to the inbox first, with the time of its receipt, then told to the case; "recorded" is said when the case has
taken it down, "received" before. What could not be told is told again by `redeliver`, as often as it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import rfc8785
import structlog
from temporalio.client import Client, RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCStatusCode

from activities.histories import Exported, Found, Histories, Source
from activities.histories import fetch_history as fetch_history
from activities.letters import Facts
from activities.letters import Texts as Texts
from activities.parties import Parties
from activities.parties import Party as Party
from activities.parties import name_of as name_of
from evidence.issuing import Issuing
from intake import Given as Given
from intake import Intake, sha256_of
from intake import Intervention as Intervention
from intake import read_intervention as read_intervention
from models.acts import Act, Acted, Doing
from models.case import Answer, Case, Recorded
from models.errors import Missing, Refused, Unreachable
from models.forms import read_form
from models.message import Message, to_the_second
from models.orders import Opening
from models.programme import Programme
from models.request import asked_of, sound_request
from models.words import PROCEDURE, State
from reading import Reading
from store.archive import Archive
from store.cases import Launch, LaunchState
from store.database import Database
from store.inbox import Inbox, InboxRow
from store.reference import Reference

WORKFLOW = "Exchange"
ANSWER_SECONDS = 10.0
TALK_SECONDS = timedelta(seconds=5)
AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNKNOWN,
)

log = structlog.get_logger("cases")


class Launched(Message):
    """A case that exists now: its number, whether this call made it, whether its workflow runs already."""

    case: str
    created: bool = False
    started: bool = False


class Outcome(Message):
    """What the one who answered is told: recorded, or received and being recorded."""

    state: Literal["recorded", "received"]
    response: str
    recorded: Recorded | None = None


class Cases(Reading):
    """The cases of an installation."""

    def __init__(
        self,
        client: Client,
        database: Database,
        reference: Reference,
        parties: Parties,
        facts: Facts,
        programmes: Mapping[str, Programme],
        issuing: Issuing,
        *,
        task_queue: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(database, reference, parties, facts, programmes, clock)
        self._client = client
        self._task_queue = task_queue
        self._intake = Intake(database, reference, facts, clock)
        self._inbox = Inbox(database)
        self._histories = Histories(client, Archive(database), self._contents)
        self._issuing = issuing
        self._told_to = 0

    # Launching

    async def launch(self, data: Mapping[str, Any], key: str = "", source: str = "") -> Launched:
        """Open a case for a request; the same key gives the same case, whatever is asked. With Temporal away it is started later.

        Raises:
            Invalid: every fault of the request, by field; nothing is created.
        """
        if key:
            with suppress(Missing):
                return await self._launched(await self._launches.of(key))
        opened = to_the_second(self.clock())
        request = sound_request(data, self.programmes, await self.reference.known(), opened.date(), source)
        programme = self.programmes[request.programme]
        filed = rfc8785.dumps(request.model_dump(mode="json"))

        def opening(case_id: str) -> bytes:
            asked = asked_of(request, sha256_of(filed))
            case = Case(id=case_id, programme=programme.code, asked=asked, opened=opened, clock=opened, procedure=PROCEDURE)
            return Opening(programme=programme, case=case).model_dump_json(exclude_defaults=True).encode()

        return await self._launched(await self._launches.reserve(key or uuid4().hex, programme.number, opened, filed, opening))

    async def _launched(self, launch: Launch) -> Launched:
        started = launch.state is LaunchState.STARTED or await self._start(launch)
        return Launched(case=launch.case_id, created=launch.created, started=started)

    async def _start(self, launch: Launch) -> bool:
        try:
            await self._client.start_workflow(
                WORKFLOW,
                Opening.model_validate_json(launch.opening),
                id=launch.case_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                rpc_timeout=TALK_SECONDS,
            )
        except WorkflowAlreadyStartedError:
            log.info("already_started", case=launch.case_id)
        except (RPCError, RuntimeError) as error:
            log.warning("not_started", case=launch.case_id, error=str(error))
            return False
        await self._launches.started(launch.case_id)
        return True

    # Answering

    async def answer(self, given: Given) -> Outcome:
        """Take an answer in and tell it to its case.

        Raises:
            Missing: no such case.
            Invalid: faults of the form, by field; nothing is kept.
            Refused: it cannot be taken; the facts say what stands.
        """
        case = await self._readmodel.case(given.case)
        step = case.step(given.step)
        if step is None:
            raise Refused("unknown_step", f"case {case.id} has no step {given.step}")
        form = read_form(step.kind, given.option, given.form)
        answer = await self._intake.receive(case, step, given, form)
        recorded = await self.deliver(given.case, answer)
        return Outcome(state="recorded" if recorded else "received", response=given.response, recorded=recorded)

    async def deliver(self, case_id: str, answer: Answer) -> Recorded | None:
        """Tell a received answer to its case; None when the case cannot be told now.

        Raises:
            Refused: the case refused it, as the inbox then says.
        """
        handle = self._client.get_workflow_handle(case_id)
        try:
            talk = handle.execute_update("answer", answer, id=answer.response, result_type=Recorded, rpc_timeout=TALK_SECONDS)
            recorded = await asyncio.wait_for(talk, ANSWER_SECONDS)
        except WorkflowUpdateFailedError as error:
            refusal = refusal_of(error)
            if refusal is None:
                log.warning("not_told", case=case_id, step=answer.step, error=str(error.cause))
                return None
            await self._inbox.refused(answer.response, refusal.code, refusal.text, refusal.facts)
            log.info("refused", case=case_id, step=answer.step, code=refusal.code)
            raise refusal from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return await self._to_an_ended_case(case_id, answer)
            log.warning("not_told", case=case_id, step=answer.step, error=str(error))
            return None
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError, RuntimeError) as error:
            log.warning("not_told", case=case_id, step=answer.step, error=type(error).__name__)
            return None
        await self._taken_down(case_id, answer)
        return Recorded.model_validate(recorded)

    async def _taken_down(self, case_id: str, answer: Answer) -> None:
        """Note that an answer was recorded, with its receipt; one owed is issued later."""
        case = await self._readmodel.case(case_id)
        step = case.step(answer.step)
        if step is None or step.decision is None or step.decision.response != answer.response:
            log.error("no_receipt", case=case_id, step=answer.step, response=answer.response)
            await self._inbox.recorded(answer.response)
            return
        await self._inbox.recorded(answer.response, then=self._issuing.with_receipt(case, step.id, answer.response))

    async def _to_an_ended_case(self, case_id: str, answer: Answer) -> Recorded | None:
        """An answer to a case whose workflow is closed: what was recorded of it, a refusal, or nothing while it begins a run."""
        case = await self._readmodel.case(case_id)
        step = case.step(answer.step)
        if step and step.decision and step.decision.response == answer.response:
            await self._taken_down(case_id, answer)
            return Recorded(
                response=answer.response,
                step=step.id,
                option=step.option,
                at=step.decision.recorded,
                late=step.decision.late,
                reference=answer.response,
            )
        if case.ended is None:
            return None
        refusal = Refused(
            "closed", f"the case ended on {case.ended.isoformat()}: {case.ending}", at=case.ended.isoformat(), state=State.WITHDRAWN
        )
        await self._inbox.refused(answer.response, refusal.code, refusal.text, refusal.facts)
        raise refusal

    async def redeliver(self, limit: int = 100) -> int:
        """Start reserved cases and tell received answers that could not be told; gives how many of them still wait.

        Each call goes on behind the last answer of the one before, so that answers that cannot be told hold up no other.
        """
        left = 0
        for launch in await self._launches.reserved():
            left += not await self._tried(launch.case_id, self._start(launch))
        for row in await self._inbox.waiting(limit, self._told_to):
            left += not await self._tried(row.case_id, self._tell_again(row))
            self._told_to = row.number
        return left

    async def _tell_again(self, row: InboxRow) -> bool:
        try:
            return await self.deliver(row.case_id, row.answer) is not None
        except Refused as refusal:
            log.info("refused_later", case=row.case_id, step=row.answer.step, code=refusal.code)
            return True
        except Missing:
            return False

    async def _tried(self, case_id: str, work: Awaitable[bool]) -> bool:
        """Whether a piece of work for one case was done; its faults stay its own, a database that is away is everybody's."""
        try:
            return await work
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of this one case: the others are told all the same
            log.error("not_told", case=case_id, error=type(error).__name__)
            return False

    # Acting

    async def act(self, case_id: str, given: Intervention) -> Acted:
        """Carry out an act; the same act sent again is done once. Its reason is kept as a content, the case names its sha256.

        Raises:
            Missing: no such case.
            Refused: it cannot be done now; nothing is changed, and the refusal is logged.
            Invalid: faults of the form it brings, by field.
            Unreachable: the case cannot be told; nothing was done.
        """
        case = await self._readmodel.case(case_id)
        try:
            act = await self._intake.act_of(case, given)
            acted = await self._tell_act(case_id, act)
            if act.act not in case.acted:  # one told before stands in the history as it was told first: the sweep reads it there
                await self._issuing.act(case_id, act, acted)
            if acted.do is not act.do:
                text = f"{act.act} is there with another act, {acted.do}; a new act needs a new id"
                raise Refused("conflict", text, act=act.act, do=acted.do)
            return acted
        except Refused as refusal:
            log.info("act_refused", case=case_id, do=given.do, by=given.by, step=given.step, code=refusal.code)
            raise

    async def _tell_act(self, case_id: str, act: Act) -> Acted:
        handle = self._client.get_workflow_handle(case_id)
        try:
            talk = handle.execute_update("act", act, id=act.act, result_type=Acted, rpc_timeout=TALK_SECONDS)
            return await asyncio.wait_for(talk, ANSWER_SECONDS)
        except WorkflowUpdateFailedError as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise Unreachable(f"{case_id} cannot be told now: {error.cause}") from error
            raise refusal from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and (await self._readmodel.case(case_id)).ended is not None:
                raise Refused("ended", f"{case_id} is not an open case") from error
            raise Unreachable(f"{case_id} cannot be told now: {error}") from error
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError, RuntimeError) as error:
            raise Unreachable(f"{case_id} cannot be told now: {error}") from error

    async def appointments_changed(self, institution: str) -> list[str]:
        """Have the open cases that ask an institution look up who answers for it now; gives their numbers.

        Raises:
            Unreachable: a case cannot be told; those told before it have looked already.
        """
        told = []
        for case_id in await self._readmodel.asking(institution):
            office = self.programmes[(await self._readmodel.case(case_id)).programme].office.code
            with suppress(Refused):  # it has just ended: nobody is asked there any more
                await self.act(case_id, Intervention(do=Doing.REVIEW, by=office, to=institution))
                told.append(case_id)
        return told

    # Reading what waits, and what Temporal holds

    async def waiting(self) -> int:
        """How many received answers the cases have not yet been told."""
        return await self._inbox.count_waiting()

    async def earlier(self, response: str) -> InboxRow | None:
        """What became of a response; None when it never came in."""
        return await self._intake.earlier(response)

    async def histories(self, case_id: str, *, source: Source = "either") -> list[Exported]:
        """Every run's exported history, first to last: run id, JSON, number of events; closed runs from the archive.

        Raises:
            Unreachable: Temporal cannot be asked now.
            Missing: nobody holds them, or the `source` that was named does not.
        """
        return await self._histories.of(case_id, source)

    async def in_temporal(self, case_id: str) -> Found:
        """What Temporal itself holds of a case, and what keeps it from giving more.

        Raises:
            Unreachable: it cannot be asked now.
        """
        return await self._histories.in_temporal(case_id)

    async def is_reachable(self) -> bool:
        """Whether Temporal answers."""
        try:
            return await self._client.service_client.check_health(timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError):
            return False


def refusal_of(error: WorkflowUpdateFailedError) -> Refused | None:
    """The refusal a case gave; None when the failure was another."""
    cause = error.cause
    if not isinstance(cause, ApplicationError) or cause.type is None or not cause.details:
        return None
    facts = cause.details[0]
    return (
        Refused(cause.type, cause.message, **{str(key): str(value) for key, value in facts.items()})
        if isinstance(facts, dict)
        else None
    )
