"""Plays a scenario through the real procedure on skipped time: a real Temporal server, a database, letters and papers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from temporalio.worker import WorkflowRunner

from activities.postman import Transport
from cases import Cases, Given, Intervention
from models.acts import Doing, Waivable
from models.case import Case, Step
from models.errors import Fault, Invalid, PasserelleError, Refused
from models.orders import Rest
from models.programme import Programme
from models.words import Channel, Kind, State
from rehearsal.parts import PlannedAct, Reply
from rehearsal.planning import Plan, Saying
from rehearsal.plausible import plausible
from rehearsal.played import Played as Played
from rehearsal.played import leave
from rehearsal.played import text_of as text_of
from rehearsal.scenario import Scenario, at_monday, merged
from rehearsal.stage import LINK_KEY as LINK_KEY
from rehearsal.stage import PUBLIC_URL as PUBLIC_URL
from rehearsal.stage import Collected, enter_offices
from rehearsal.stage import Stage as Stage
from rehearsal.stage import binary as binary
from rehearsal.stage import free_port as free_port
from rehearsal.stage import stage as stage
from rehearsal.stage import template_database as template_database

SENDER = "coordination@amedip.example"
STUCK_SECONDS = 60.0
POLL_SECONDS = 0.002
MOST_TURNS = 2000
EARLY, LATE = timedelta(seconds=1), timedelta(seconds=1)


Told = Callable[[], Awaitable[object]]
"""Called after every turn, so that mails leave while the case goes on."""

Watch = Callable[[Cases, str], Awaitable[object]]
"""Called after every turn with the way into the cases and the case's number."""


AtEnd = Callable[[Stage, Cases, str], Awaitable[object]]
"""Called once the case has been seen to its end, while everything still stands."""


class Stuck(PasserelleError):
    """The case waits for nobody and for no instant, or does not go on: a fault of the procedure."""


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
        self._plan = Plan(scenario)

    async def play(self, request: dict[str, Any]) -> str:
        """Launch the case and see it to its end; gives its number.

        Raises:
            Invalid: a reply or act of the scenario was refused, or nothing ever called for it; names file, line and place.
            Stuck: the case does not go on.
        """
        await self._sleep_until(self.scenario.start or at_monday(self.clock.instant), timedelta(0))
        with self.scenario.faults_named():
            await enter_offices(self.workplace, self.scenario)
        launched = await self.cases.launch(request, key="rehearsal", source=Path(self.scenario.request).name)
        with self.scenario.faults_named():
            await self._to_the_end(launched.case)
        return launched.case

    async def _to_the_end(self, case_id: str) -> None:
        rest = await self._quiet(lambda rest: True)
        for _ in range(MOST_TURNS):
            await self._told()
            if self._watch is not None:
                await self._watch(self.cases, case_id)
            if rest.ended:
                if faults := self._plan.left_over():
                    raise Invalid(faults)
                return
            rest = await self._turn(case_id, rest)
        raise Stuck(f"{case_id} did not end within {MOST_TURNS} turns")

    async def _turn(self, case_id: str, rest: Rest) -> Rest:
        case = await self.cases.case(case_id)
        timeline = await self.cases.timeline(case_id) if self._plan.waits_for_events else []
        self._plan.look(case, timeline, self.clock.instant)
        said = self._plan.next
        if said is not None and (rest.next_instant is None or said <= rest.next_instant):
            await self._sleep_until(said, EARLY if said == rest.next_instant else timedelta(0))
            number = self._plan.due_act(said)
            if number is None:
                await self._reply(case, *self._plan.due_reply())
            else:
                await self._carry_out(case, number)
            return await self._quiet(lambda rest: True)
        if rest.next_instant is None:
            raise Stuck(f"{case_id} waits for {[step.id for step in case.steps if step.is_open]} and for no instant")
        instant = rest.next_instant
        await self._sleep_until(instant, -LATE)
        return await self._quiet(lambda rest: rest.next_instant is None or rest.next_instant > instant)

    # Replies

    async def _reply(self, case: Case, said: Saying, reply: Reply) -> None:
        """Somebody answers; a refusal is a fault of the scenario's reply."""
        self.clock.instant = max(said.at, self.clock.instant)
        step = case.step(said.step)
        assert step is not None
        try:
            outcome = await self.cases.answer(await self._given(case, step, said.by, reply))
        except Refused as refusal:
            text = f"{step.id} by {said.by} was refused: {refusal.code}: {refusal.text}"
            raise Invalid([Fault(field=self._plan.place(reply) or "default", code="invalid", text=text)]) from refusal
        if outcome.state != "recorded":
            raise Stuck(f"the answer to {step.id} was received but not recorded")

    async def _given(self, case: Case, step: Step, by: str, reply: Reply) -> Given:
        """A reply as it comes in: by the one asked on their page, or by the office on a paper of theirs."""
        rules = self.workplace.programmes[case.programme]
        party = await self.cases.party(case, by)
        form = merged(plausible(rules, case, step, reply.answer, party.language), reply.form)
        own: dict[str, Any] = {"by": by, "channel": Channel.CLI}
        if reply.on_behalf:
            proof = await self._kept(case.id, f"{step.id}: {reply.answer}. Signed for {party.name}.")
            own = {"by": rules.office.code, "on_behalf_of": by, "channel": Channel.PAPER, "proof": proof}
        said = f"{case.id} {step.id}" if by == step.asked else f"{case.id} {step.id} {by}"
        return Given(case=case.id, step=step.id, option=reply.answer, form=form, paper=step.paper, response=id_from(said), **own)

    async def _kept(self, case_id: str, text: str) -> str:
        return await self.cases.keep(text.encode(), "text/plain; charset=utf-8", case=case_id)

    # Acts

    async def _carry_out(self, case: Case, number: int) -> None:
        """Do an act of the scenario; it is refused when and as the scenario says, or the play ends here."""
        act, place = self._plan.act(number), f"act.{number}"
        given = await self._intervention(case, act, id_from(f"{case.id} {place}"))
        try:
            await self.cases.act(case.id, given)
        except Refused as refusal:
            if refusal.code == act.refused:
                return
            raise Invalid([Fault(field=place, code="invalid", text=f"refused: {refusal.code}: {refusal.text}")]) from refusal
        except Invalid as invalid:
            raise Invalid(
                [fault.model_copy(update={"field": f"{place}.with.form.{fault.field}"}) for fault in invalid.faults]
            ) from invalid
        if act.refused:
            raise Invalid([Fault(field=place, code="invalid", text=f"was to be refused ({act.refused}) and was carried out")])
        if act.do is Doing.DECLINE:
            self._plan.forget(given.step)

    async def _intervention(self, case: Case, act: PlannedAct, name: str) -> Intervention:
        """An act as it comes in; one that answers in the place of the one asked fills a plausible form."""
        given, rules = act.arguments, self.workplace.programmes[case.programme]
        step = step_meant(case, act)
        form: Mapping[str, Any] = given.form
        if given.rule == Waivable.ANSWER and step is not None:
            form = merged(plausible(rules, case, step, given.option, rules.office.language), given.form)
        own = {
            "by": given.by or rules.office.code,
            "step": step.id if step else act.step,
            "form": form,
            "proof": await self._kept(case.id, given.proof) if given.proof else "",
        }
        return Intervention(do=act.do, act=name, **(dict(given) | own))

    # Time

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


def step_meant(case: Case, act: PlannedAct) -> Step | None:
    """The step an act is about: the one named by its id, else the last one of the kind named, that is open, or to recall answered.

    The kind is named by the act's `step`, else by what the act waited for.
    """
    named = act.step
    if named not in list(Kind):
        return case.step(named)
    wanted = (State.ANSWERED,) if act.do is Doing.RECALL else (State.OPENING, State.OPEN, State.PAUSED)
    found = (step for step in reversed(case.steps) if step.kind == named and step.state in wanted and step.in_force)
    return next(found, None)


def id_from(text: str) -> str:
    """The id of an answer or act, the same in every play of a scenario."""
    return UUID(bytes=sha256(text.encode()).digest()[:16]).hex


async def play(
    scenario: Scenario,
    request: dict[str, Any],
    template: Path,
    programmes: Mapping[str, Programme],
    *,
    transport: Transport | None = None,
    runner: WorkflowRunner | None = None,
    watch: Watch | None = None,
    at_end: AtEnd | None = None,
) -> Played:
    """Play a scenario on a stage of its own.

    `transport` takes the mails (default: a list), `watch` is called after every turn with the way into the cases, `at_end` once.

    Raises:
        Invalid: a part of the scenario was refused or never called for; names file, line and place.
    """
    collected = Collected()
    async with stage(template, programmes, runner) as on:
        postman = on.workplace.postman(transport or collected, SENDER)
        player = Player(on, scenario, postman.deliver, watch)
        case_id = await player.play(request)
        if at_end is not None:
            await at_end(on, player.cases, case_id)
        return await leave(player.cases, case_id, collected.messages)
