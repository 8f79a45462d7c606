"""P2: five approvals through our own step machinery, against bare Temporal on the same kind of server in the same run.

Every row has a new embedded server started as `passerelle dev` starts it. Worker and clients share one process, as in `dev`. A
client starts a case, answers its five steps one after the other, waits for the end and reads the history back. DBOS and viewflow,
which the goals name too, are not dependencies and are not measured here.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

import rfc8785
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.approval import ASKED, OPTION, Approval
from bench.bare import STEPS, Bare, Effects, Plan
from bench.servers import Place, place
from bench.tables import against, heading, middle, note, percentile, rows
from cases import WORKFLOW, Cases, Given
from intake import sha256_of
from models.case import Answer, Case, Recorded
from models.orders import Opening, Reached
from models.request import asked_of, read_request
from rehearsal.player import LINK_KEY, PUBLIC_URL
from rehearsal.scenario import load_toml
from rehearsal.stage import NOTARY, VAULT
from store.cases import NOTHING_BEFORE, ReadModel
from store.database import Database
from store.mails import QueuedMail
from workplace import STICKY_SECONDS, Workplace, load_programmes

ROOT = Path(__file__).resolve().parent.parent
REQUEST = ROOT / "data" / "requests" / "01-sn-poste-study-visit.toml"
CLIENTS = ((1, 10), (20, 60), (100, 120))
"""Clients at once, and cases in all."""

REPEATS = 3
WARM_UP = 3
GOAL = 0.8
QUEUE = "bench"


@dataclass
class Run:
    """What one run of a row at one number of clients took: seconds in all and of processors, seconds an answer, events a case."""

    cases: int = 0
    seconds: float = 0.0
    python: float = 0.0
    server: float = 0.0
    answers: list[float] = field(default_factory=list)
    events: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Cases a second."""
        return self.cases / self.seconds

    @property
    def spent(self) -> float:
        """Processor seconds a case, ours and the server's."""
        return (self.python + self.server) / self.cases


class Doors:
    """Tells a waiting client that its case's first step is open, without asking the server."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def of(self, case: str) -> asyncio.Event:
        """The event of a case."""
        return self._events.setdefault(case, asyncio.Event())

    def open(self, case: str) -> None:
        """The first step is open."""
        self.of(case).set()


class Driver:
    """How one row starts a case and answers a step."""

    def __init__(self, client: Client, doors: Doors) -> None:
        self.client = client
        self.doors = doors

    async def start(self) -> str:
        """Start a case and wait until its first step is open; gives its number."""
        raise NotImplementedError

    async def answer(self, case: str, number: int) -> None:
        """Answer a step, counted from 1; done when the next one is open."""
        raise NotImplementedError


class BareDriver(Driver):
    """Bare Temporal."""

    def __init__(self, client: Client, doors: Doors, local: bool) -> None:
        super().__init__(client, doors)
        self._local = local

    async def start(self) -> str:
        """Start the workflow."""
        case = f"bare-{uuid4().hex}"
        await self.client.start_workflow("Bare", Plan(case, self._local), id=case, task_queue=QUEUE)
        await self.doors.of(case).wait()
        return case

    async def answer(self, case: str, number: int) -> None:
        """Execute the update."""
        await self.client.get_workflow_handle(case).execute_update("answer", number, id=f"{case}.{number}")


class MachineryDriver(Driver):
    """Our steps, told directly: neither request nor inbox."""

    def __init__(self, client: Client, doors: Doors, opening: Opening) -> None:
        super().__init__(client, doors)
        self._opening = opening
        self._numbers = count(1)

    async def start(self) -> str:
        """Start the workflow."""
        case = f"AMEDIP-2026-{next(self._numbers):05}"
        now = datetime.now(UTC)
        state = Case(id=case, programme=self._opening.case.programme, asked=self._opening.case.asked, opened=now, clock=now)
        opening = Opening(programme=self._opening.programme, case=state)
        await self.client.start_workflow(WORKFLOW, opening, id=case, task_queue=QUEUE)
        await self.doors.of(case).wait()
        return case

    async def answer(self, case: str, number: int) -> None:
        """Execute the update."""
        response = uuid4().hex
        step = f"consultation-{number}"
        answer = Answer(response=response, step=step, option=OPTION, by=ASKED[number - 1], received=datetime.now(UTC))
        await self.client.get_workflow_handle(case).execute_update("answer", answer, id=response, result_type=Recorded)


class WholeDriver(Driver):
    """Our steps by the one way in, as pages use it: request checked and kept, answer in the inbox first."""

    def __init__(self, client: Client, doors: Doors, cases: Cases) -> None:
        super().__init__(client, doors)
        self._cases = cases
        self._request = load_toml(REQUEST)

    async def start(self) -> str:
        """Launch."""
        launched = await self._cases.launch(self._request)
        await self.doors.of(launched.case).wait()
        return launched.case

    async def answer(self, case: str, number: int) -> None:
        """Answer; one that was only received is sent again, as often as it takes."""
        given = Given(case=case, step=f"consultation-{number}", option=OPTION, by=ASKED[number - 1])
        while (await self._cases.answer(given)).state != "recorded":
            pass


class Telling(ReadModel):
    """The read model, which also tells the waiting client."""

    def __init__(self, database: Database, doors: Doors) -> None:
        super().__init__(database)
        self._doors = doors

    async def publish(self, case: Case, mails: Sequence[QueuedMail] = (), reached: Reached = NOTHING_BEFORE) -> None:
        """Write as always; the case's first publication comes with its first step open."""
        await super().publish(case, mails, reached)
        self._doors.open(case.id)


@asynccontextmanager
async def bare(here: Place, *, local: bool, does: bool) -> AsyncIterator[Driver]:
    """A row of bare Temporal at work."""
    doors = Doors()
    async with AsyncExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(1))
        effects = await Effects.open(does, here.folder / "effects.db", executor, doors.open)
        stack.push_async_callback(effects.close)
        working = Worker(
            here.client,
            task_queue=QUEUE,
            workflows=[Bare],
            activities=[effects.mail, effects.document],
            workflow_runner=UnsandboxedWorkflowRunner(),
            sticky_queue_schedule_to_start_timeout=STICKY_SECONDS,
        )
        await stack.enter_async_context(working)
        yield BareDriver(here.client, doors, local)


@asynccontextmanager
async def ours(here: Place, *, whole: bool) -> AsyncIterator[Driver]:
    """A row of our own machinery at work, with the activities and the store of an installation."""
    programmes = load_programmes(ROOT / "programmes")
    doors = Doors()
    database = Database.open(here.database_url, vault=VAULT)
    workplace = Workplace(database, programmes, public_url=PUBLIC_URL, task_queue=QUEUE, link_key=LINK_KEY, notary=NOTARY)
    request = read_request(load_toml(REQUEST), REQUEST.name)
    filed = rfc8785.dumps(request.model_dump(mode="json"))
    await workplace.contents.put(filed, "application/json")
    programme, now = programmes[request.programme], datetime.now(UTC)
    state = Case(id="", programme=programme.code, asked=asked_of(request, sha256_of(filed)), opened=now, clock=now)
    workplace.readmodel = Telling(database, doors)
    async with Worker(
        here.client,
        task_queue=QUEUE,
        workflows=[Approval],
        activities=workplace.activities(here.client, lambda: None),
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=STICKY_SECONDS,
    ):
        if whole:
            yield WholeDriver(here.client, doors, workplace.cases(here.client))
        else:
            yield MachineryDriver(here.client, doors, Opening(programme=programme, case=state))
    await workplace.close()


Row = Callable[[Place], AbstractAsyncContextManager[Driver]]

BARE_REGULAR, BARE_LOCAL = "bare, regular activities", "bare, local activities"
BARE_IDLE = "bare, local, effects do nothing"
OURS, WHOLE = "ours, step machinery", "ours, with request and inbox"
ROWS: dict[str, Row] = {
    BARE_REGULAR: lambda here: bare(here, local=False, does=True),
    BARE_LOCAL: lambda here: bare(here, local=True, does=True),
    BARE_IDLE: lambda here: bare(here, local=True, does=False),
    OURS: lambda here: ours(here, whole=False),
    WHOLE: lambda here: ours(here, whole=True),
}


async def one(driver: Driver, run: Run) -> None:
    """One case from start to the history read back."""
    case = await driver.start()
    for number in range(1, STEPS + 1):
        began = time.perf_counter()
        await driver.answer(case, number)
        if number < STEPS:
            run.answers.append(time.perf_counter() - began)
    handle = driver.client.get_workflow_handle(case)
    await handle.result()
    run.events.append(len((await handle.fetch_history()).events))
    run.cases += 1


async def drive(here: Place, driver: Driver, clients: int, cases: int) -> Run:
    """So many clients work off so many cases."""
    run = Run()
    left = iter(range(cases))

    async def client() -> None:
        for _ in left:
            await one(driver, run)

    began, python, server = time.perf_counter(), time.process_time(), here.server_seconds()
    await asyncio.gather(*(client() for _ in range(clients)))
    run.seconds = time.perf_counter() - began
    run.python, run.server = time.process_time() - python, here.server_seconds() - server
    return run


async def measure(repeats: int = REPEATS) -> None:
    """Every row in turn, `repeats` times over; medians and the ratios of each round are printed."""
    heading("P2", f"five approvals, a mail each, a reminder and a deadline armed, one document; median of {repeats} rounds")
    runs: dict[tuple[str, int], list[Run]] = {}
    for _ in range(repeats):
        for name, row in ROWS.items():
            async with place() as here, row(here) as driver:
                await drive(here, driver, 1, WARM_UP)
                for clients, cases in CLIENTS:
                    run = await drive(here, driver, clients, cases)
                    runs.setdefault((name, clients), []).append(run)
                    print(f"{name}, {clients} at once: {run.rate:.1f} cases/s", file=sys.stderr)
    show(runs)


def verdict(ratios: Sequence[float]) -> str:
    """The goal, met or missed when every round says so."""
    if min(ratios) < GOAL <= max(ratios):
        return f"≥ {GOAL} UNSURE: rounds differ"
    return against(middle(ratios), GOAL, least=True)


def show(runs: dict[tuple[str, int], list[Run]]) -> None:
    """Print rates, latencies and ratios."""
    for clients, cases in CLIENTS:
        lines = []
        for name in ROWS:
            found = runs[name, clients]
            ratios = [
                run.rate / max(runs[BARE_REGULAR, clients][n].rate, runs[BARE_LOCAL, clients][n].rate)
                for n, run in enumerate(found)
            ]
            spent = [
                min(runs[BARE_REGULAR, clients][n].spent, runs[BARE_LOCAL, clients][n].spent) / run.spent
                for n, run in enumerate(found)
            ]
            goal = verdict(ratios) if name in (OURS, WHOLE) else ""
            lines.append(
                [
                    name,
                    f"{middle([run.rate for run in found]):.1f}",
                    f"{1000 * middle([percentile(run.answers, 0.5) for run in found]):.0f}",
                    f"{1000 * middle([percentile(run.answers, 0.95) for run in found]):.0f}",
                    f"{1000 * middle([run.python / run.cases for run in found]):.0f}",
                    f"{1000 * middle([run.server / run.cases for run in found]):.0f}",
                    f"{middle([event for run in found for event in run.events]):.0f}",
                    f"{middle(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
                    f"{middle(spent):.2f}",
                    goal,
                ]
            )
        title = f"{clients} client{'s' if clients > 1 else ''}, {cases} cases"
        rows(
            [
                title,
                "cases/s",
                "answer p50 ms",
                "p95 ms",
                "Python ms",
                "server ms",
                "events",
                "÷ best bare (range)",
                "by processor",
                "goal",
            ],
            lines,
        )
    note("The ratio is to the better of the two bare rows whose effects are real, in the same round; by processor: the processor")
    note("time a case of the cheaper of them over ours, which other processes hardly disturb. Ours sends two mails a step")
    note("(the question, and the receipt), in the receiver's language, computes deadlines in working days, keeps a timeline and a")
    note("read model. DBOS and viewflow are not dependencies and are not measured: only bare Temporal is compared.")
