"""A script played by the real procedure: what it said, what everybody was told, and whether what must always hold held."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from temporalio.client import RPCError, WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCStatusCode

from audit.replay import states
from models.acts import Act, Acted, Doing
from models.case import Answer, Case, Facts, Nominee, Recorded, Step
from models.orders import Opening
from models.programme import Programme
from models.request import Asked, Period
from models.rules import recorded_of
from models.words import PROCEDURE, Format
from tests.model.foretold import EARLY, foretell, rules_with
from tests.model.invariants import faults_of
from tests.model.light import Light, digest
from tests.model.script import Deed, Down, Label, Move, Person, Reply, Said, Script, Tell, Up
from tests.model.stage import CASE, TASK_QUEUE, Servers, Stage

LATE = timedelta(seconds=1)
TALK = timedelta(seconds=2)
ONE_IN = 10
"""One case in so many is replayed from its histories at its end."""

SLOW = timedelta(seconds=30)
SHA256_LENGTH = 64


@dataclass
class Played:
    """What came of a script; `woken` is when a worker that was started again went on, by the number of the move."""

    said: list[Said] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    woken: dict[int, datetime] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ending: str = ""
    told_again: int = 0


async def difference(servers: Servers, script: Script) -> str:
    """How the real procedure differs from the reference on a script, or what it broke; empty when it does not."""
    async with servers.stage() as stage:
        played = await Player(stage, script).play()
    foretold = foretell(script, played.woken)
    if played.faults:
        return "\n".join(played.faults)
    starts = [move.at for move in script.moves if isinstance(move, Up)]
    said = (in_time(one, starts) for one in (foretold.case.said, played.said))
    return compare("told", foretold.told, played.told) or compare_said(*said)


def compare(what: str, expected: list[str], real: list[str]) -> str:
    """The first difference of two lists."""
    for number, (one, other) in enumerate(zip(expected, real, strict=True)):
        if one != other:
            return f"{what} {number}: the reference says {one!r}, the procedure {other!r}"
    return ""


def in_time(real: list[Said], starts: list[datetime]) -> list[Said]:
    """What happened, as if workers needed no time to start: the server's clock goes on with the machine's while one does."""
    found = []
    for said in real:
        began = next((start for start in starts if start <= said.at <= start + SLOW), said.at)
        found.append(said._replace(at=began))
    return found


def compare_said(expected: list[Said], real: list[Said]) -> str:
    """The first instant at which not the same happened, whatever the order within an instant."""
    missing, extra = Counter(expected) - Counter(real), Counter(real) - Counter(expected)
    if not missing and not extra:
        return ""
    first = min(said.at for said in (*missing, *extra))
    lines = [f"  the reference alone: {said}" for said in missing if said.at == first]
    lines += [f"  the procedure alone: {said}" for said in extra if said.at == first]
    lines += [
        f"  later, {who}: {said}" for who, group in (("reference", missing), ("procedure", extra)) for said in sorted(group)[:3]
    ]
    return "\n".join([f"at {first.isoformat()}", *lines])


class Player:
    """Plays one script on one stage."""

    def __init__(self, stage: Stage, script: Script) -> None:
        self.stage, self.light, self.script = stage, stage.light, script
        self.played = Played()
        self.now = script.request.opened
        self.rules = programme_of(script.rules)
        self.handle: WorkflowHandle[Any, Any] = stage.environment.client.get_workflow_handle(CASE)

    async def play(self) -> Played:
        """The whole script; the timeline as published at its end."""
        opening = opening_of(self.script)
        await self.stage.skip_to(opening.case.opened)
        await self.stage.start_worker(stays=self.stays(0))
        await self.stage.environment.client.start_workflow("Exchange", opening, id=CASE, task_queue=TASK_QUEUE)
        await self.settle()
        for number, move in enumerate(self.script.moves):
            await self.until(move.at)
            self.played.told.append(await self.make(number, move))
            self.played.faults += [f"after move {number}, {move}: {fault}" for fault in await self.check()]
            if self.played.faults:
                break
        if len(self.script.moves) % ONE_IN == 0 and not self.played.faults:
            self.played.faults += await self.replay()
        self.played.said = said_of(self.light)
        self.played.ending = self.light.case.ending or ""
        return self.played

    async def replay(self) -> list[str]:
        """I5: every run replays, and leads to the state that was published."""
        histories = []
        for run_id in (*self.light.runs, (await self.handle.describe()).raw_description.workflow_execution_info.execution.run_id):
            history = await self.stage.environment.client.get_workflow_handle(CASE, run_id=run_id).fetch_history()
            histories.append((run_id, history.to_json().encode(), len(history.events)))
        ends = await states(CASE, histories)
        return [] if ends[-1] == self.light.case else ["I5: the replayed state is not the published one"]

    async def settle(self) -> None:
        """The case has done all it does by itself by now, unless nobody works on it."""
        if self.stage.worker is not None:
            await self.stage.settle(self.now)

    async def until(self, instant: datetime) -> None:
        """Skip to an instant, stopping wherever the case acts by itself; a little earlier when it will just then."""
        if self.stage.worker is not None:
            while (due := self.stage.watcher.rest.next_instant) is not None and due < instant:
                await self.stage.skip_to(due + LATE)
                await self.stage.settle(due)
            self.now = instant - EARLY if due == instant else instant
            await self.stage.skip_to(self.now)
        else:
            self.now = instant
            await self.stage.skip_alone(instant)

    def stays(self, number: int) -> bool:
        """Whether the worker that works from a move on is never stopped."""
        return not any(isinstance(move, Down) for move in self.script.moves[number:])

    async def make(self, number: int, move: Move) -> str:
        """One move."""
        match move:
            case Down():
                await self.stage.stop_worker()
            case Up():
                await self.start_again(number, move)
            case Tell() if self.stage.worker is not None:
                await self.tell_all()
            case Reply():
                return await self.receive(move)
            case Deed():
                return await self.act(move) if self.stage.worker is not None else "away"
        return ""

    async def start_again(self, number: int, move: Move) -> None:
        """A new worker replays the case and goes on; then the inbox is delivered."""
        watcher = self.stage.watcher
        watcher.woken.clear()
        await self.stage.start_worker(stays=self.stays(number))
        await self.settle()
        if watcher.woken:
            self.played.woken[number] = watcher.woken[0].replace(microsecond=0)
            if not move.at <= watcher.woken[0] <= move.at + SLOW:
                self.played.faults.append(f"woken at {watcher.woken[0]}, not at {move.at}")
        await self.tell_all()

    async def receive(self, reply: Reply) -> str:
        """An answer comes into the inbox, and is told to the case if it can be."""
        answer = answer_of(reply, self.light.case)
        self.light.received[answer.response] = answer
        if not reply.told or self.stage.worker is None:
            return "received"
        return await self.tell(answer)

    async def tell_all(self) -> None:
        """What waits is told."""
        for answer in self.light.waiting():
            await self.tell(answer)

    async def tell(self, answer: Answer) -> str:
        """An answer is told to the case, again where the server lost it, as the delivery loop does: recorded, or refused."""
        told = ""
        while not told:
            try:
                told = recorded_at(await self.handle.execute_update("answer", answer, rpc_timeout=TALK, **of(answer)))
            except WorkflowUpdateFailedError as error:
                told = code_of(error)
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                self.played.told_again += 1
            except RPCError as error:
                told = self.told_by_an_ended_case(answer, error)
        self.light.told[answer.response] = told
        await self.settle()
        return told

    def told_by_an_ended_case(self, answer: Answer, error: RPCError) -> str:
        """What the way in says when the workflow is closed: what stands."""
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise error
        step = self.light.case.step(answer.step)
        if step and step.decision and step.decision.response == answer.response:
            return recorded_at(recorded_of(step))
        return "closed"

    async def act(self, deed: Deed) -> str:
        """Somebody acts."""
        act = act_of(deed, self.light.case)
        try:
            await self.handle.execute_update("act", act, id=act.act, result_type=Acted)
            told = "done"
        except WorkflowUpdateFailedError as error:
            told = code_of(error)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            told = "ended"
        await self.settle()
        return told

    async def check(self) -> list[str]:
        """What must hold after every turn; the case is asked in a thread, for its event loop takes the place of the thread's."""
        instance, watcher = self.stage.watcher.instance, self.stage.watcher
        if self.stage.worker is None or instance is None:
            return faults_of(self.light, self.rules, None, None)
        return faults_of(self.light, self.rules, await asyncio.to_thread(instance.ask, "case"), watcher.rest)


def of(answer: Answer) -> dict[str, Any]:
    """What makes telling an answer twice the same as once."""
    return {"id": answer.response, "result_type": Recorded}


def recorded_at(recorded: Recorded) -> str:
    """What somebody is told whose answer was taken down."""
    return f"recorded {recorded.at.isoformat()}{' late' if recorded.late else ''}"


def code_of(error: WorkflowUpdateFailedError) -> str:
    """The code of a refusal."""
    cause = error.cause
    if not isinstance(cause, ApplicationError) or cause.type is None or not cause.details:
        raise error
    return cause.type


def opening_of(script: Script) -> Opening:
    """What the case's first run begins with."""
    asked, opened = script.request, script.request.opened
    case = Case(
        id=CASE,
        programme="amedip",
        asked=Asked(
            request=digest("request"),
            format=Format(asked.format),
            requesting=asked.requesting,
            language="fr",
            theme="remittances.formal",
            level="bilateral",
            places=asked.places,
            duration_days=asked.days,
            periods=(Period(earliest=asked.earliest, latest=asked.latest),),
            ceiling=asked.ceiling,
        ),
        opened=opened,
        clock=opened,
        procedure=PROCEDURE,
    )
    return Opening(programme=programme_of(script.rules), case=case)


@cache
def programme_of(changes: tuple[tuple[str, Any], ...]) -> Programme:
    """The programme's rules with other values at some paths."""
    return Programme.model_validate(rules_with(changes))


def label_of(case: Case, step: Step) -> Label:
    """A step's label."""
    asked = step.first_asked or step.asked
    same = [s for s in case.steps if (s.kind, s.first_asked or s.asked, s.about) == (step.kind, asked, step.about)]
    return Label(str(step.kind), asked, step.about, same.index(step) + 1)


def step_of(case: Case, label: Label | None) -> Step | None:
    """The step of a label."""
    return next((step for step in case.steps if label_of(case, step) == label), None)


def answer_of(reply: Reply, case: Case) -> Answer:
    """The message of an answer."""
    step = step_of(case, reply.step)
    paper = step.paper if step else ""
    return Answer(
        response=reply.response,
        step=step.id if step else f"{reply.step.kind}-99",
        option=reply.option,
        by=reply.by,
        on_behalf_of=reply.behalf,
        received=reply.at,
        form=digest("form", reply.response),
        paper=paper if reply.paper else digest("another version"),
        proof=digest("proof") if reply.proof else "",
        facts=facts_of(reply.facts),
    )


def facts_of(facts: dict[str, Any]) -> Facts:
    """The facts of an answer."""
    nominees = [nominee_of(person) for person in facts.get("nominees", ())]
    return Facts.model_validate(facts | {"nominees": tuple(nominees)})


def nominee_of(person: Person) -> Nominee:
    """Somebody nominated."""
    return Nominee(person=person.person, institution=person.institution, country=person.country, substitute=person.substitute)


def act_of(deed: Deed, case: Case) -> Act:
    """The message of an act."""
    more = dict(deed.more)
    step = step_of(case, deed.step)
    if "nominee" in more:
        more["nominee"] = nominee_of(more["nominee"])
    if "facts" in more:
        more["facts"] = facts_of(more["facts"])
    more["proof"] = digest("proof") if more.get("proof") else ""
    return Act(
        act=digest("act", deed.at, deed.do, repr(deed.step), repr(deed.more)),
        do=Doing(deed.do),
        by=deed.by,
        received=deed.at,
        step=step.id if step else f"{deed.step.kind}-99" if deed.step else "",
        reason=digest("reason") if deed.reason else "",
        **more,
    )


def said_of(light: Light) -> list[Said]:
    """The timeline as published, with labels in the place of ids and nothing of what stands for contents."""
    case = light.case
    labels = {step.id: label_of(case, step) for step in case.steps}
    return [
        Said(
            at=said.at,
            verb=str(said.verb),
            step=labels.get(said.step),
            round=said.round,
            about="" if len(said.about) == SHA256_LENGTH else said.about,
            reason="" if len(said.reason) == SHA256_LENGTH else str(said.reason),
            by=said.by,
            on_behalf_of=said.on_behalf_of,
            how=str(said.decision or ""),
        )
        for said in light.timeline
    ]
