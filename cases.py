"""The one way into a case: launch, answer, act, read. The only code that speaks to Temporal as a client.

An answer is written to the inbox first, with the time of its receipt, then told to the case; "recorded" is said when the case has
taken it down, "received" before. What could not be told is told again by `redeliver`, as often as it takes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Literal
from uuid import uuid4

import rfc8785
import structlog
from pydantic import BaseModel, ConfigDict, Field
from temporalio.client import Client, RPCError, WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCStatusCode

from activities.letters import Facts
from activities.letters import Texts as Texts
from activities.parties import Parties
from activities.parties import Party as Party
from models.acts import Act, Acted, Doing
from models.case import Answer, Case, Recorded, Step, Transition
from models.case import Facts as AnswerFacts
from models.errors import Fault, Invalid, Missing, Refused, Unreachable
from models.forms import Form, NominationForm, nominees_of, read_form
from models.message import Message, to_the_second
from models.orders import Opening
from models.programme import Programme
from models.request import Request, asked_of, sound_request
from models.words import Channel, State
from store.archive import Archive
from store.cases import CaseRow, Launch, Launches, LaunchState, ReadModel, StepRow
from store.contents import Contents
from store.database import Database
from store.inbox import Inbox, InboxRow
from store.mails import MailRow
from store.persons import Person, Persons
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


class Given(BaseModel):
    """An answer as it comes in from a page, the API, the command line or paper; `response` makes it the same when sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    step: str
    option: str
    form: dict[str, Any] = {}
    by: str
    on_behalf_of: str = ""
    channel: Channel = Channel.PAGE
    paper: str = ""
    proof: str = ""
    response: str = Field(default_factory=lambda: uuid4().hex, min_length=8, max_length=64)


class Outcome(Message):
    """What the one who answered is told: recorded, or received and being recorded."""

    state: Literal["recorded", "received"]
    response: str
    recorded: Recorded | None = None


class Cases:
    """The cases of an installation."""

    def __init__(
        self,
        client: Client,
        database: Database,
        reference: Reference,
        parties: Parties,
        facts: Facts,
        programmes: Mapping[str, Programme],
        *,
        task_queue: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.reference = reference
        self.programmes = programmes
        self.clock = clock
        self._client = client
        self._database = database
        self._parties = parties
        self._facts = facts
        self._task_queue = task_queue
        self._launches = Launches(database)
        self._readmodel = ReadModel(database)
        self._inbox = Inbox(database)
        self._contents = Contents(database)
        self._persons = Persons(database)
        self._archive = Archive(database)
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
            case = Case(id=case_id, programme=programme.code, asked=asked, opened=opened, clock=opened)
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
        answer = await self._receive(case, step, given, form)
        recorded = await self.deliver(given.case, answer)
        return Outcome(state="recorded" if recorded else "received", response=given.response, recorded=recorded)

    async def _receive(self, case: Case, step: Step, given: Given, form: Form) -> Answer:
        filled = rfc8785.dumps(form.model_dump(mode="json", exclude={"nominees"}))
        known = await self.earlier(given.response)
        if known is not None:
            return await self._same(known, case.id, given, sha256_of(filled), form)
        facts, people = form.facts(), list[Person]()
        if isinstance(form, NominationForm):
            people = await self._people(case, step, given.response, form)
        async with self._database.begin() as connection:
            await self._inbox.enter(connection)
            stored = await self._contents.put(filled, "application/json", connection=connection)
            if isinstance(form, NominationForm):
                await self._persons.add(case.id, people, connection=connection)
                pairs = zip(salted(form), people, strict=True)
                details = [
                    await self._contents.put(entry, "application/json", person=person.id, connection=connection)
                    for entry, person in pairs
                ]
                facts = nominees_of(form, [person.id for person in people], details, step.asked)
            if not await self._inbox.receive(case.id, self._answer(given, stored, facts), connection=connection):
                await connection.rollback()  # the same came in meanwhile: its nominees' entries stand, these are let go
        return (await self._inbox.of(given.response)).answer

    async def _same(self, known: InboxRow, case_id: str, given: Given, stored: str, form: Form) -> Answer:
        """The answer that came in under the same response before; another answer is a conflict."""
        answer = known.answer
        same = (known.case_id, answer.step, answer.option, answer.form) == (case_id, given.step, given.option, stored)
        if same and isinstance(form, NominationForm):
            before = [await self.form(nominee.form) for nominee in answer.facts.nominees]
            entries = [{name: value for name, value in entry.items() if name != "salt"} for entry in before]
            same = entries == [nominee.model_dump(mode="json") for nominee in form.nominees]
        if not same:
            text = f"response {given.response} is there with another answer; a new answer needs a new response"
            raise Refused("conflict", text, response=given.response, option=answer.option, state=known.state)
        return answer

    def _answer(self, given: Given, form: str, facts: AnswerFacts) -> Answer:
        return Answer(
            response=given.response,
            step=given.step,
            option=given.option,
            by=given.by,
            on_behalf_of=given.on_behalf_of,
            channel=given.channel,
            received=self.clock(),
            form=form,
            paper=given.paper,
            proof=given.proof,
            facts=facts,
        )

    async def _people(self, case: Case, step: Step, response: str, form: NominationForm) -> list[Person]:
        known = (await self.reference.known()).institutions
        faults = [
            Fault(
                field=f"nominees.{n}.institution",
                code="unknown",
                text=f"unknown value {nominee.institution!r}",
                facts={"value": nominee.institution},
            )
            for n, nominee in enumerate(form.nominees)
            if nominee.institution and nominee.institution not in known
        ]
        if faults:
            raise Invalid(faults)
        return [
            Person(
                id=f"p-{response[:12]}-{n}",
                case_id=case.id,
                name=nominee.person,
                function=nominee.function,
                language=nominee.language,
                gender=nominee.gender,
                email=nominee.email,
                institution=nominee.institution or step.asked,
            )
            for n, nominee in enumerate(form.nominees, start=1)
        ]

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
        await self._inbox.recorded(answer.response)
        return Recorded.model_validate(recorded)

    async def _to_an_ended_case(self, case_id: str, answer: Answer) -> Recorded | None:
        """An answer to a case whose workflow is closed: what was recorded of it, a refusal, or nothing while it begins a run."""
        case = await self._readmodel.case(case_id)
        step = case.step(answer.step)
        if step and step.decision and step.decision.response == answer.response:
            await self._inbox.recorded(answer.response)
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

    async def act(self, case_id: str, do: Doing, *, by: str, reason: str = "", step: str = "", working_days: int = 0) -> Acted:
        """Carry out a coordinator's act; the reason is kept as a content, the case names its sha256.

        Raises:
            Refused: it cannot be done now.
            Unreachable: the case cannot be told; nothing was done.
        """
        stored = await self._contents.put(reason.encode(), "text/plain; charset=utf-8") if reason else ""
        act = Act(act=uuid4().hex, do=do, by=by, received=self.clock(), step=step, working_days=working_days, reason=stored)
        handle = self._client.get_workflow_handle(case_id)
        try:
            talk = handle.execute_update("act", act, id=act.act, result_type=Acted, rpc_timeout=TALK_SECONDS)
            return await asyncio.wait_for(talk, ANSWER_SECONDS)
        except WorkflowUpdateFailedError as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise Unreachable(f"{case_id} cannot be told now: {error.cause}") from error
            log.info("act_refused", case=case_id, do=do, code=refusal.code)
            raise refusal from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Refused("ended", f"{case_id} is not an open case") from error
            raise Unreachable(f"{case_id} cannot be told now: {error}") from error
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError, RuntimeError) as error:
            raise Unreachable(f"{case_id} cannot be told now: {error}") from error

    # Reading

    async def case(self, case_id: str) -> Case:
        """The state of a case as last published.

        Raises:
            Missing: there is no such case.
        """
        return await self._readmodel.case(case_id)

    async def listing(self, *, ending: str | None = None, limit: int = 50, offset: int = 0) -> list[CaseRow]:
        """Cases, the last opened first; the open ones with `ending=""`."""
        return await self._readmodel.cases(ending=ending, limit=limit, offset=offset)

    async def numbers(self) -> list[str]:
        """The number of every case whose workflow was started, in order."""
        return await self._launches.numbers()

    async def steps(self, case_id: str) -> list[StepRow]:
        """The steps of a case in the order in which they were opened."""
        return await self._readmodel.steps(case_id)

    async def timeline(self, case_id: str) -> list[Transition]:
        """What happened in a case, in order."""
        return await self._readmodel.timeline(case_id)

    async def mails(self, case_id: str) -> list[MailRow]:
        """The mails of a case and how far each got."""
        return await self._readmodel.mails(case_id)

    async def request(self, case: Case) -> Request:
        """The request as filed."""
        return Request.model_validate_json(await self._contents.get(case.asked.request))

    async def texts(self, case: Case) -> Texts:
        """The texts of the request with every correction applied."""
        return await self._facts.texts(case)

    async def background(self, case: Case, step: Step, language: str) -> Mapping[str, Any]:
        """What the one asked needs to know to answer a step, as its letter says it: remarks, opinions, people, actions."""
        return await self._facts.of_kind(self.programmes[case.programme], case, step, language)

    async def days_left(self, step: Step) -> int:
        """The working days until a scheduled step is due, in the calendar of the one asked."""
        return await self._facts.days_left(step, self.clock())

    async def form(self, sha256: str) -> Mapping[str, Any]:
        """A stored form; empty when there is none."""
        return await self._facts.form(sha256)

    async def party(self, case: Case, code: str) -> Party:
        """Who is meant by a party's code in a case.

        Raises:
            Missing: nobody is.
        """
        return await self._parties.party(self.programmes[case.programme], case, code)

    async def content(self, sha256: str) -> bytes:
        """The bytes of a content.

        Raises:
            Missing: there is none.
        """
        return await self._contents.get(sha256)

    async def media(self, sha256: str) -> str:
        """The media type of a content."""
        return await self._contents.media(sha256)

    async def keep(self, data: bytes, media: str) -> str:
        """Keep a proof or file as a content; gives its sha256."""
        return await self._contents.put(data, media)

    async def persons(self, case: Case) -> dict[str, Person]:
        """The persons behind a case's nominations, by nomination."""
        found = await self._persons.of([nomination.person for nomination in case.nominations])
        return {n.id: found[n.person] for n in case.nominations if n.person in found}

    async def waiting(self) -> int:
        """How many received answers the cases have not yet been told."""
        return await self._inbox.count_waiting()

    async def earlier(self, response: str) -> InboxRow | None:
        """What became of a response; None when it never came in."""
        try:
            return await self._inbox.of(response)
        except Missing:
            return None

    async def histories(self, case_id: str) -> list[tuple[str, bytes, int]]:
        """Every run's exported history, first to last: run id, JSON, number of events; closed runs from the archive.

        Raises:
            Unreachable: Temporal cannot be asked now.
            Missing: Temporal does not know the case.
        """
        kept = [(run.run_id, await self._contents.get(run.sha256), run.events) for run in await self._archive.runs(case_id)]
        try:
            current = await self._handle(case_id).describe(rpc_timeout=TALK_SECONDS)
            if current.run_id not in {run_id for run_id, _, _ in kept}:
                kept.append((current.run_id, *await fetch_history(self._client, case_id, current.run_id)))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Missing(f"Temporal holds no history of {case_id}") from error
            raise Unreachable(f"the history of {case_id} cannot be fetched now: {error}") from error
        except RuntimeError as error:
            raise Unreachable(f"the history of {case_id} cannot be fetched now: {error}") from error
        return kept

    async def is_reachable(self) -> bool:
        """Whether Temporal answers."""
        try:
            return await self._client.service_client.check_health(timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError):
            return False

    def _handle(self, case_id: str) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(case_id)


async def fetch_history(client: Client, case_id: str, run_id: str) -> tuple[bytes, int]:
    """A run's history as exported JSON, and its number of events."""
    history = await client.get_workflow_handle(case_id, run_id=run_id).fetch_history()
    return history.to_json().encode(), len(history.events)


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


def salted(form: NominationForm) -> list[bytes]:
    """Each nominee's entry as it is kept, a content of that person; the salt keeps its sha256 from being guessed."""
    return [rfc8785.dumps(nominee.model_dump(mode="json") | {"salt": token_hex(16)}) for nominee in form.nominees]


def sha256_of(data: bytes) -> str:
    """The sha256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
