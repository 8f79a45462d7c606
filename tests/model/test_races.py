"""Answers received within 50 ms of the closing instant: nothing in time is refused, nothing late is taken, worker up or down.

In real time, on the embedded server: a host called is given until the next whole second but one, and refuses at the last moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import names
from models.case import Answer, Facts, Step
from models.message import to_the_second
from models.orders import ScheduleOrder, Schedules
from models.rules import recorded_of
from models.schedule import Do, Schedule, Tick
from models.words import Kind, State
from rehearsal.player import binary
from tests.model.light import Light
from tests.model.play import TALK, code_of, of, opening_of, recorded_at
from tests.model.script import Request, Script
from workflows.converter import CONVERTER
from workflows.exchange import Exchange

HOSTS_A_CASE = 6
SIDE_BY_SIDE = 6
CLOSE_BY = timedelta(milliseconds=50)
LEFT, LONG = timedelta(milliseconds=600), timedelta(days=1)
WAIT, OUTAGE, STUCK_SECONDS = 0.01, 0.3, 30.0


def now() -> datetime:
    """The machine's clock, which is the server's."""
    return datetime.now(UTC)


class LastMoment(Light):
    """Hosts have less than two seconds, everybody else a day."""

    @activity.defn(name=names.SCHEDULE)
    async def schedule(self, order: ScheduleOrder) -> Schedules:
        """A closing at a whole second, soon."""
        soon, long = to_the_second(now() + LEFT) + timedelta(seconds=1), to_the_second(now()) + LONG
        closes = [soon if wanted.step.startswith(Kind.HOST_OFFER) else long for wanted in order.wanted]
        return Schedules(schedules=tuple(Schedule(due=at, zone="UTC", ticks=(Tick(at=at, do=Do.CLOSE),)) for at in closes))


class Racing:
    """One case all of whose hosts answer at the last moment, or a moment too late."""

    def __init__(self, client: Client, number: int) -> None:
        self.client, self.id, self.chance = client, f"race-{number}", random.Random(number)
        self.light = LastMoment()
        self.close_by = 0
        self.faults: list[str] = []

    async def race(self) -> None:
        """Every host called is one race; half of them while nobody works on the case."""
        opened = to_the_second(now())
        far = (opened + timedelta(weeks=30)).date()
        request = Request(opened, "study_visit", "SN-POSTE", 3, 4, far, far + timedelta(weeks=4))
        opening = opening_of(Script(request, (), (("call.first", 3), ("call.widened", 3))))
        case = opening.case.model_copy(update={"id": self.id})
        async with asyncio.timeout(STUCK_SECONDS):
            working = await self.start_worker()
            await self.client.start_workflow("Exchange", opening.model_copy(update={"case": case}), id=self.id, task_queue=self.id)
            for kind in (Kind.COMPLETENESS, Kind.CONSULTATION, Kind.CONSULTATION, Kind.DECISION):
                await self.answer_at_once(kind)
            for number in range(1, HOSTS_A_CASE + 1):
                offer = await self.step(open_step(f"host_offer-{number}"))
                working = await self.one(offer, working)
            await working.shutdown()

    async def start_worker(self) -> Worker:
        """A worker for this case alone, which keeps no case in memory."""
        worker = Worker(
            self.client,
            task_queue=self.id,
            workflows=[Exchange],
            activities=self.light.activities(),
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=0,
            graceful_shutdown_timeout=timedelta(0),
        )
        await worker.__aenter__()
        return worker

    async def step(self, wanted: Callable[[Step], bool]) -> Step:
        """The first such step, once it is published."""
        while not (found := [step for step in self.steps() if wanted(step)]):
            await asyncio.sleep(WAIT)
        return found[0]

    def steps(self) -> list[Step]:
        """The steps published so far."""
        return self.light.case.steps if self.light.published else []

    async def answer_at_once(self, kind: Kind) -> None:
        """The office and the consultees do what they are asked."""
        step = await self.step(lambda step: step.kind is kind and step.state is State.OPEN)
        option = {Kind.COMPLETENESS: "complete", Kind.DECISION: "approve"}.get(kind, "no_objection")
        facts = Facts(scores=dict.fromkeys(("relevance", "impact", "feasibility", "cost"), 4) if kind is Kind.DECISION else {})
        given: dict[str, Any] = {"by": step.asked, "received": now(), "facts": facts}
        assert (await self.tell(Answer(response=f"{self.id}-{step.id}", step=step.id, option=option, **given))).startswith(
            "recorded"
        )

    async def one(self, offer: Step, working: Worker) -> Worker:
        """One host refuses close by its closing; gives the worker that works afterwards."""
        assert offer.schedule is not None
        closes, down = offer.schedule.closes, self.chance.random() < 1 / 2
        if down:
            await working.shutdown()
        at = closes + CLOSE_BY * self.chance.uniform(-1, 1)
        await asyncio.sleep(max(0.0, (at - now()).total_seconds()))
        answer = Answer(response=f"{self.id}-{offer.id}", step=offer.id, option="refuse", by=offer.asked, received=now())
        self.light.received[answer.response] = answer
        await asyncio.sleep(OUTAGE if down else self.chance.uniform(0, CLOSE_BY.total_seconds()))
        working = await self.start_worker() if down else working
        told = await self.tell(answer)
        step = await self.step(lambda step: step.id == offer.id and not step.is_open)
        self.close_by += abs(answer.received - closes) <= CLOSE_BY
        self.judge(answer, closes, told, step, down)
        return working

    async def tell(self, answer: Answer) -> str:
        """What whoever answered is told, told again as often as it takes."""
        while True:
            try:
                handle = self.client.get_workflow_handle(self.id)
                told = recorded_at(await handle.execute_update("answer", answer, rpc_timeout=TALK, **of(answer)))
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                continue
            except WorkflowUpdateFailedError as error:
                told = code_of(error)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND or self.light.case.ended is None:
                    await asyncio.sleep(WAIT)  # the case is just ending or beginning a run
                    continue
                told = self.told_by_an_ended_case(answer)
            self.light.told[answer.response] = told
            return told

    def told_by_an_ended_case(self, answer: Answer) -> str:
        """What the way in says when the workflow is closed: what stands."""
        step = self.light.case.step(answer.step)
        held = step is not None and step.decision is not None and step.decision.response == answer.response
        return recorded_at(recorded_of(step)) if step is not None and held else "closed"

    def judge(self, answer: Answer, closes: datetime, told: str, step: Step, down: bool) -> None:
        """It counts if it was received by the closing, and is refused if not; what was told is what stands."""
        in_time = answer.received <= closes
        held = step.decision is not None and step.decision.response == answer.response
        stands = step.state is (State.ANSWERED if in_time else State.LAPSED)
        if not (told.startswith("recorded") == held == in_time and stands):
            early = (closes - answer.received) / timedelta(milliseconds=1)
            self.faults.append(f"{answer.response}, worker {'down' if down else 'up'}, {early:.1f} ms before: {told}, {step.state}")


def open_step(id: str) -> Callable[[Step], bool]:
    """Whether a step is that one, and open."""
    return lambda step: step.id == id and step.state is State.OPEN


@asynccontextmanager
async def embedded() -> AsyncIterator[Client]:
    """The embedded server, in real time."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=CONVERTER, dev_server_log_level="error"
    ) as environment:
        yield environment.client


async def races(least: int, first: int) -> list[str]:
    """What goes wrong in at least so many races within 50 ms, several cases side by side."""
    faults: list[str] = []
    done, number = 0, first
    async with embedded() as client:
        while done < least:
            cases = [Racing(client, number + n) for n in range(SIDE_BY_SIDE)]
            await asyncio.gather(*(case.race() for case in cases))
            faults += [fault for case in cases for fault in case.faults]
            done, number = done + sum(case.close_by for case in cases), number + SIDE_BY_SIDE
    return faults


async def test_an_answer_within_50_ms_of_the_closing_counts_when_it_came_in_time() -> None:
    assert await races(60, first=0) == []


@pytest.mark.soak
async def test_a_thousand_answers_at_the_last_moment_count_when_they_came_in_time() -> None:
    assert await races(1000, first=1_000) == []
