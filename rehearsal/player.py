"""Plays a scenario through the real procedure on skipped time: a real Temporal server, a database, letters and papers."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkflowRunner

from activities.postman import Transport
from audit.recorder import Kept, Recorder
from audit.replay import NotReplayed, states
from cases import Cases, Given, Intervention
from models.case import Case, Step, Transition
from models.errors import PasserelleError, Unreachable
from models.orders import Rest
from models.programme import Programme
from models.words import OPTIONS, Channel, State
from rehearsal.plausible import plausible
from rehearsal.scenario import DATA, SILENT, CoordinatorAct, Reply, Scenario, at_monday, merged
from store.database import Database
from store.mails import MailRow
from store.migrate import upgrade
from store.seed import seed
from workflows.converter import CONVERTER
from workplace import Workplace

LINK_KEY = sha256(b"rehearsal: these links open nothing").digest()
PUBLIC_URL = "https://exchanges.example"
SENDER = "coordination@amedip.example"
STUCK_SECONDS = 60.0
POLL_SECONDS = 0.002
MOST_TURNS = 2000
EARLY, LATE = timedelta(seconds=1), timedelta(seconds=1)


Told = Callable[[], Awaitable[object]]
"""Called after every turn, so that mails leave while the case goes on."""

Watch = Callable[[Cases, str], Awaitable[object]]
"""Called after every turn with the way into the cases and the case's number."""

Asked = tuple[str, str]
"""A step, and who is asked on it: the one first asked, or the one it was escalated to."""


class Stuck(PasserelleError):
    """The case waits for nobody and for no instant, or does not go on: a fault of the procedure."""


@dataclass
class Collected:
    """A transport that delivers into a list."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def send(self, message: EmailMessage, sender: str, receivers: list[str]) -> str:
        """Keep the message."""
        self.messages.append(message)
        return "250 kept"


@dataclass(frozen=True)
class Played:
    """What a played scenario left; `personal` are the names and mailboxes of the people it is about."""

    case: Case
    started: datetime
    timeline: list[Transition]
    mails: list[MailRow]
    messages: list[EmailMessage]
    histories: list[tuple[str, bytes, int]]
    contents: dict[str, bytes]
    personal: frozenset[str]
    verified: bool

    def summary(self) -> dict[str, Any]:
        """The document that `rehearse --json` prints."""
        case = self.case
        return {
            "case": case.id,
            "ending": case.ending,
            "reason": case.reason,
            "started": text_of(self.started),
            "ended": text_of(case.ended) if case.ended else None,
            "transitions": [transition_of(said) for said in self.timeline],
            "mails": [
                {"at": text_of(m.queued), "kind": m.letter, "to": m.to, "language": m.language, "message_id": m.message_id}
                for m in self.mails
            ],
            "documents": [{"kind": p.kind, "language": p.language, "sha256": p.sha256} for p in case.papers],
            "nominations": [
                {
                    "id": n.id,
                    "person": n.person,
                    "institution": n.institution,
                    "country": n.country,
                    "status": n.standing,
                    "substitute": n.substitute,
                    "replaces": n.replaces,
                    "certified": n.certified,
                }
                for n in case.nominations
            ],
            "histories": [{"run_id": run_id, "events": events} for run_id, _, events in self.histories],
            "verified": self.verified,
        }


def text_of(instant: datetime) -> str:
    """An instant as ISO 8601 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def transition_of(said: Transition) -> dict[str, Any]:
    """A transition as the summary lists it."""
    return {
        "at": text_of(said.at),
        "event": said.event,
        "run": said.run,
        "verb": said.verb,
        "step": said.step,
        "kind": said.kind,
        "by": said.by,
        "on_behalf_of": said.on_behalf_of,
        "decision": said.decision,
        "round": said.round,
        "about": said.about,
        "reason": said.reason,
    }


class Clock:
    """The clock of the skipped time: what the driver last slept to, going on with the machine's in between."""

    def __init__(self) -> None:
        self.instant = datetime.now(UTC)

    def __call__(self) -> datetime:
        """The instant it is."""
        return self.instant


@asynccontextmanager
async def template_database() -> AsyncIterator[Path]:
    """A folder with a seeded SQLite file, to be copied for each rehearsal."""
    folder = Path(tempfile.mkdtemp(prefix="passerelle-"))
    try:
        url = f"sqlite+aiosqlite:///{folder}/template.db"
        await asyncio.to_thread(upgrade, url)
        database = Database.open(url, durable=False)
        await seed(database, DATA)
        await database.close()
        yield folder / "template.db"
    finally:
        shutil.rmtree(folder)


class Pulse:
    """How the case stood after its last workflow task."""

    def __init__(self) -> None:
        self.rest = Rest()

    def keep(self, kept: Kept) -> None:
        """Note what the case says of itself."""
        self.rest = Rest.model_validate_json(kept.answer)


class Player:
    """Drives one case: reads how it stands, skips to the next reply, act or instant, and does what the scenario says."""

    def __init__(self, on: Stage, scenario: Scenario, told: Told, watch: Watch | None) -> None:
        self.pulse = on.pulse
        self.environment = on.environment
        self.workplace = on.workplace
        self.clock = on.clock
        self.scenario = scenario
        self.cases = on.workplace.cases(on.environment.client)
        self._told = told
        self._watch = watch
        self._planned: dict[Asked, tuple[datetime, Reply]] = {}
        self._seen: set[Asked] = set()
        self._acts: list[tuple[datetime, CoordinatorAct]] = []
        self._awaited = [act for act in scenario.act if act.on]

    async def play(self, request: dict[str, Any]) -> str:
        """Launch the case and see it to its end; gives its number."""
        start = self.scenario.start or at_monday(self.clock.instant)
        await self._sleep_until(start, timedelta(0))
        self._acts = [(act.at, act) for act in self.scenario.act if act.at is not None]
        launched = await self.cases.launch(request, key="rehearsal")
        rest = await self._quiet(lambda rest: True)
        for _ in range(MOST_TURNS):
            await self._told()
            if self._watch is not None:
                await self._watch(self.cases, launched.case)
            if rest.ended:
                return launched.case
            rest = await self._turn(launched.case, rest)
        raise Stuck(f"{launched.case} did not end within {MOST_TURNS} turns")

    async def _turn(self, case_id: str, rest: Rest) -> Rest:
        case = await self.cases.case(case_id)
        await self._plan(case)
        replies = sorted((at, asked) for asked, (at, _) in self._planned.items())
        acts = sorted(((at, n) for n, (at, _) in enumerate(self._acts)))
        instants = [*(at for at, _ in replies[:1]), *(at for at, _ in acts[:1])]
        said = min(instants, default=None)
        if said is not None and (rest.next_instant is None or said <= rest.next_instant):
            await self._sleep_until(said, EARLY if said == rest.next_instant else timedelta(0))
            if acts and acts[0][0] == said:
                await self._act(case_id, self._acts.pop(acts[0][1])[1])
            else:
                await self._answer(case, replies[0][1])
            return await self._quiet(lambda rest: True)
        if rest.next_instant is None:
            raise Stuck(f"{case_id} waits for {[step.id for step in case.steps if step.is_open]} and for no instant")
        instant = rest.next_instant
        await self._sleep_until(instant, -LATE)
        return await self._quiet(lambda rest: rest.next_instant is None or rest.next_instant > instant)

    async def _plan(self, case: Case) -> None:
        """Plan the replies of those newly asked, and the acts that wait for something that has happened."""
        for step in case.steps:
            if step.state in (State.OPEN, State.PAUSED):
                self._plan_reply(step, step.asked, step.opened, self.scenario.reply_to(step) or self._usual(step))
                if step.escalated_to:
                    above = self.scenario.reply_from_above(step)
                    self._plan_reply(step, step.escalated_to, self.clock.instant, above)
        for asked in [asked for asked in self._planned if not self._is_open(case, asked[0])]:
            del self._planned[asked]
        if self._awaited:
            happened = {f"{said.kind}.{said.verb}": said.at for said in reversed(await self.cases.timeline(case.id)) if said.kind}
            for act in [act for act in self._awaited if act.on in happened]:
                self._awaited.remove(act)
                self._acts.append((happened[act.on] + act.after, act))

    def _plan_reply(self, step: Step, by: str, since: datetime, reply: Reply | None) -> None:
        """Plan what one party answers to a step, once."""
        if (step.id, by) not in self._seen and reply is not None and reply.answer != SILENT:
            self._planned[step.id, by] = (since + reply.after, reply)
        self._seen.add((step.id, by))

    def _is_open(self, case: Case, step_id: str) -> bool:
        step = case.step(step_id)
        return step is not None and step.is_open

    def _usual(self, step: Step) -> Reply | None:
        if self.scenario.default == SILENT:
            return None
        return Reply(step=step.kind, answer=next(iter(OPTIONS[step.kind])))

    async def _answer(self, case: Case, asked: Asked) -> None:
        at, reply = self._planned.pop(asked)
        step_id, by = asked
        self.clock.instant = max(at, self.clock.instant)
        step = case.step(step_id)
        assert step is not None
        rules = self.workplace.programmes[case.programme]
        party = await self.cases.party(case, by)
        form = merged(plausible(rules, case, step, reply.answer, party.language), reply.form)
        said = f"{case.id} {step.id}" if by == step.asked else f"{case.id} {step.id} {by}"
        given = Given(
            case=case.id,
            step=step.id,
            option=reply.answer,
            form=form,
            by=by,
            channel=Channel.CLI,
            paper=step.paper,
            response=UUID(bytes=sha256(said.encode()).digest()[:16]).hex,
        )
        outcome = await self.cases.answer(given)
        if outcome.state != "recorded":
            raise Stuck(f"the answer to {step.id} was received but not recorded")

    async def _act(self, case_id: str, act: CoordinatorAct) -> None:
        case = await self.cases.case(case_id)
        office = self.workplace.programmes[case.programme].office.code
        kind, _, _ = act.on.partition(".")
        step = act.arguments.step
        if not step and kind:
            step = next((s.id for s in reversed(case.steps) if s.kind == kind and s.is_open), "")
        said = act.arguments
        given = Intervention(do=act.do, by=office, step=step, working_days=said.working_days, reason=said.reason)
        await self.cases.act(case_id, given)

    async def _sleep_until(self, instant: datetime, early: timedelta) -> None:
        """Skip to an instant, a little earlier or later; the logical clock says the instant itself. Time only runs forward."""
        now = await self.environment.get_current_time()
        if instant - early > now:
            await self.environment.sleep(instant - early - now)
        self.clock.instant = max(instant, self.clock.instant)

    async def _quiet(self, enough: Callable[[Rest], bool]) -> Rest:
        """Wait until the case has done all it does by itself at this instant."""
        async with asyncio.timeout(STUCK_SECONDS):
            while not ((rest := self.pulse.rest).quiet and enough(rest)):
                await asyncio.sleep(POLL_SECONDS)
        return rest


@dataclass(frozen=True)
class Stage:
    """Where a case is played: a server that skips time, a workplace, a worker, and their logical clock."""

    environment: WorkflowEnvironment
    workplace: Workplace
    clock: Clock
    pulse: Pulse


@asynccontextmanager
async def stage(template: Path, programmes: Mapping[str, Programme], runner: WorkflowRunner | None = None) -> AsyncIterator[Stage]:
    """A server of its own and a copy of the template database, for one case."""
    clock, pulse = Clock(), Pulse()
    with tempfile.TemporaryDirectory(prefix="passerelle-") as folder:
        path = Path(folder) / "rehearsal.db"
        shutil.copy(template, path)
        database = Database.open(f"sqlite+aiosqlite:///{path}", durable=False)
        workplace = Workplace(database, programmes, public_url=PUBLIC_URL, task_queue="rehearsal", link_key=LINK_KEY, clock=clock)
        async with await WorkflowEnvironment.start_time_skipping(
            data_converter=CONVERTER, test_server_existing_path=binary("temporal-test-server")
        ) as environment:
            async with workplace.worker(environment.client, lambda: None, runner=Recorder("rest", pulse.keep, runner)):
                yield Stage(environment, workplace, clock, pulse)
            await asyncio.sleep(0)
        await workplace.close()


async def play(
    scenario: Scenario,
    request: dict[str, Any],
    template: Path,
    programmes: Mapping[str, Programme],
    *,
    transport: Transport | None = None,
    runner: WorkflowRunner | None = None,
    watch: Watch | None = None,
) -> Played:
    """Play a scenario on a stage of its own.

    `transport` takes the mails (default: a list), `watch` is called after every turn with the way into the cases.
    """
    collected = Collected()
    async with stage(template, programmes, runner) as on:
        postman = on.workplace.postman(transport or collected, SENDER)
        player = Player(on, scenario, postman.deliver, watch)
        return await leave(player, await player.play(request), collected)


async def leave(player: Player, case_id: str, collected: Collected) -> Played:
    """Gather what a played case left, and replay every one of its histories."""
    cases = player.cases
    case = await cases.case(case_id)
    mails = await cases.mails(case_id)
    histories = await cases.histories(case_id)
    people = (await cases.persons(case)).values()
    named = [*(paper.sha256 for paper in case.papers), *(mail.content for mail in mails)]
    return Played(
        case=case,
        started=case.opened,
        timeline=await cases.timeline(case_id),
        mails=mails,
        messages=collected.messages,
        histories=histories,
        personal=frozenset(text for person in people for text in (person.name, person.email) if text),
        contents={sha256: await cases.content(sha256) for sha256 in named},
        verified=await replays(case_id, histories, case),
    )


async def replays(case_id: str, histories: Sequence[tuple[str, bytes, int]], case: Case) -> bool:
    """Whether every history replays with the procedure in hand, the last one to the very state that was published."""
    try:
        ends = await states(case_id, histories)
    except NotReplayed:
        return False
    return ends[-1].model_dump_json(exclude={"said"}) == case.model_dump_json(exclude={"said"})


def binary(name: str) -> str:
    """The path of a Temporal binary that came with the packages.

    Raises:
        Unreachable: it is not installed.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise Unreachable(f"{name} is not installed beside Python")
    return found


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
