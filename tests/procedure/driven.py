"""One case driven by hand: who answers what and when, on skipped time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from cases import Cases, Given, Intervention, Outcome
from models.acts import Acted, Doing
from models.case import Answer, Case, Recorded, Step
from models.errors import Refused
from models.schedule import Schedule
from models.words import OPTIONS, Kind, Verb
from rehearsal.plausible import plausible
from rehearsal.player import EARLY, LATE, STUCK_SECONDS, Stage
from rehearsal.scenario import load_scenario, merged
from tests.procedure.scenarios import PROGRAMMES, SCENARIOS

OFFICE, SUPERVISOR = "OFFICE", "OFFICE/supervisor"
POLL_SECONDS = 0.002
MOST_ANSWERS = 80


class Driven:
    """A case and its clock; a step is named by its id, or by its kind, meaning the last one opened."""

    def __init__(self, on: Stage) -> None:
        self.on = on
        self.cases = on.workplace.cases(on.environment.client)
        self.id = ""

    async def launch(self) -> None:
        """File the request of the standard scenario."""
        scenario, request = load_scenario(SCENARIOS / "standard.toml")
        assert scenario.start is not None
        await self.at(scenario.start)
        self.id = (await self.cases.launch(request, key="driven")).case
        await self.settle()

    # Time

    @property
    def now(self) -> datetime:
        """The instant it is."""
        return self.on.clock.instant

    async def at(self, instant: datetime, early: timedelta = timedelta(0)) -> None:
        """Skip to an instant; with `early` the server's clock stands before it, with a negative one after it."""
        now = await self.on.environment.get_current_time()
        if instant - early > now:
            await self.on.environment.sleep(instant - early - now)
        self.on.clock.instant = instant
        if self.id:
            await self.settle()

    async def past(self, instant: datetime) -> None:
        """Skip past an instant, stopping wherever the case acts by itself."""
        while (due := self.on.pulse.rest.next_instant) is not None and due <= instant:
            await self.at(due, -LATE)
        await self.at(instant, -LATE)

    async def at_the_last_moment(self, step: str) -> None:
        """Skip to the very closing instant of a step, while it is still open."""
        closes = (await self.schedule(step)).closes
        await self.past(closes - timedelta(minutes=5))
        await self.at(closes, EARLY)

    async def after_closing(self, step: str) -> None:
        """Skip to the second after a step's closing instant."""
        await self.past((await self.schedule(step)).closes + LATE)

    async def pass_days(self, days: float) -> None:
        """Let days pass."""
        await self.past(self.now + timedelta(days=days))

    async def settle(self) -> None:
        """Wait until the case has done all it does by itself at this instant."""
        async with asyncio.timeout(STUCK_SECONDS):
            while True:
                now = await self.on.environment.get_current_time()
                rest = self.on.pulse.rest
                if rest.quiet and (rest.next_instant is None or rest.next_instant > now):
                    return
                await asyncio.sleep(POLL_SECONDS)

    # Saying

    async def given(self, step: str, option: str = "", *, by: str = "", form: dict[str, Any] | None = None, **more: Any) -> Given:
        """An answer as it comes in: the usual option and a plausible form where nothing else is said."""
        case, asked = await self.state(), await self.step(step)
        option = option or next(iter(OPTIONS[asked.kind]))
        filled = merged(plausible(PROGRAMMES[case.programme], case, asked, option, "en"), form or {})
        said = {"by": by or asked.asked, "paper": asked.paper, **more}
        return Given(case=self.id, step=asked.id, option=option, form=filled, **said)

    async def answer(self, step: str, option: str = "", **more: Any) -> Outcome:
        """An answer comes in now and is told to the case."""
        return await self.send(await self.given(step, option, **more))

    async def send(self, given: Given) -> Outcome:
        """The answer comes in now."""
        outcome = await self.cases.answer(given)
        await self.settle()
        return outcome

    async def receive(self, step: str, option: str = "", **more: Any) -> Given:
        """An answer is received now while the case cannot be told: it waits in the inbox."""
        given = await self.given(step, option, **more)
        outcome = await OutOfReach.like(self.cases).answer(given)
        assert outcome.state == "received"
        return given

    async def refused(self, step: str, option: str = "", **more: Any) -> Refused:
        """How an answer is refused; a refusal is accepted in no history and changes nothing."""
        before = (await self.state(), await self.accepted())
        try:
            await self.answer(step, option, **more)
        except Refused as refusal:
            assert (await self.state(), await self.accepted()) == before
            return refusal
        raise AssertionError("the answer was taken")

    async def act(self, do: Doing, reason: str = "A reason.", **more: Any) -> Acted:
        """The coordinator acts now."""
        acted = await self.cases.act(self.id, Intervention(do=do, by=more.pop("by", OFFICE), reason=reason, **more))
        await self.settle()
        return acted

    async def act_refused(self, do: Doing, reason: str = "A reason.", **more: Any) -> str:
        """The code with which an act is refused."""
        try:
            await self.act(do, reason, **more)
        except Refused as refusal:
            return refusal.code
        raise AssertionError("the act was carried out")

    async def reach(self, kind: Kind) -> Step:
        """Everybody answers as usual, at once, until such a step is open."""
        for _ in range(MOST_ANSWERS):
            case = await self.state()
            found = next((step for step in case.steps if step.kind is kind and step.is_open), None)
            if found is not None:
                return found
            waiting = next((step for step in case.steps if step.is_open), None)
            if waiting is not None:
                await self.answer(waiting.id)
            else:
                assert case.resting_until is not None, f"the case waits for nobody: {case.ending}"
                await self.past(case.resting_until)
        raise AssertionError(f"no {kind} was opened")

    # Seeing

    async def state(self) -> Case:
        """The case as published."""
        return await self.cases.case(self.id)

    async def step(self, name: str) -> Step:
        """A step by its id, or the last one of a kind."""
        case = await self.state()
        found = case.step(name) or case.latest(Kind(name))
        assert found is not None
        return found

    async def schedule(self, name: str) -> Schedule:
        """The schedule of a step."""
        schedule = (await self.step(name)).schedule
        assert schedule is not None
        return schedule

    async def said(self, *verbs: Verb, step: str = "") -> list[str]:
        """What happened so far, in order: the verbs, of one step or of all, of these or of all."""
        timeline = await self.cases.timeline(self.id)
        return [said.verb for said in timeline if (not verbs or said.verb in verbs) and (not step or said.step == step)]

    async def letters(self, letter: str, step: str = "") -> list[str]:
        """Whom a letter went to, in order."""
        return [mail.to for mail in await self.cases.mails(self.id) if mail.letter == letter and step in ("", mail.step)]

    async def accepted(self) -> int:
        """How many updates the histories say were accepted; of a refused one the server that skips time leaves its own tasks."""
        histories = [history for _, history, _ in await self.cases.histories(self.id)]
        return sum(history.count(b"EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED") for history in histories)


class OutOfReach(Cases):
    """The way into a case that cannot be told anything now."""

    @classmethod
    def like(cls, cases: Cases) -> OutOfReach:
        """The same installation."""
        other = cls.__new__(cls)
        other.__dict__.update(cases.__dict__)
        return other

    async def deliver(self, case_id: str, answer: Answer) -> Recorded | None:
        """Nothing can be told."""
        return None
