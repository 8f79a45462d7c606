"""Many institutions answer at once on a real Temporal server: whatever was acknowledged is recorded, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count

import httpx
import pytest
import pytest_asyncio

from models.words import Channel, State, Verb
from store.inbox import InboxState
from tests.api.situations import STEPS, System
from tests.integration.conftest import here, server, sqlite_url
from tests.integration.situations import Installation, a_request, given
from web.app import build

__all__ = ["here", "server", "sqlite_url"]
pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.xdist_group("embedded-server")]

CONSULTEES = ("FR-MINT", "CH-SDC")
FEW, MANY = 20, 100
"""Cases; each asks two consultees."""

LONGEST = 60.0


@pytest_asyncio.fixture(loop_scope="package")
async def line(here: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """A line to the API."""

    async def ready() -> dict[str, bool]:
        return {}

    transport = httpx.ASGITransport(build(here.cases, here.workplace, ready=ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example", timeout=LONGEST) as found:
        yield found


async def systems(here: Installation, line: httpx.AsyncClient) -> list[System]:
    """The systems of the consultees, each with a key."""
    numbers = count(1)
    return [System(line, *await here.cases.tokens.issue(code, "Registry", 30), numbers) for code in CONSULTEES]


@pytest.fixture
def news(here: Installation, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set whenever letters were queued."""
    found, posted = asyncio.Event(), here.posted

    def told() -> None:
        posted()
        found.set()

    monkeypatch.setattr(here, "posted", told)
    return found


async def open_now(here: Installation, step: str, cases: list[str]) -> list[str]:
    """Those of some cases in which a step is open."""
    found = [case for case in cases if await here.workplace.readmodel.exists(case)]
    return [case for case in found if any(one.id == step for one in (await here.cases.case(case)).steps)]


async def asked(here: Installation, news: asyncio.Event, cases: int) -> list[str]:
    """So many new cases that were found complete, their consultees asked."""
    launched = [(await here.cases.launch(a_request())).case for _ in range(cases)]
    async with asyncio.timeout(LONGEST):
        while len(await open_now(here, "completeness-1", launched)) < cases:
            await news.wait()
            news.clear()
    for case in launched:
        await here.cases.answer(given(case))
    return launched


async def flood(here: Installation, line: httpx.AsyncClient, news: asyncio.Event, cases: int) -> None:
    """Every consultee answers every case, all of them at once and each twice; then each answer is looked for."""
    launched = await asked(here, news, cases)
    found = await systems(here, line)
    listed = {system.token.institution: (await system.get(STEPS)).json()["steps"] for system in found}
    assert {code: len(steps) for code, steps in listed.items()} == dict.fromkeys(CONSULTEES, cases)

    async def answer(system: System, step: dict[str, str]) -> httpx.Response:
        bearer = system.bearer | {"Idempotency-Key": f"{step['case']}/{step['step']}"}
        said = {"option": "no_objection", "form": {"opinion": step["case"]}}
        while (response := await line.post(f"{step['href']}/answers", json=said, headers=bearer)).status_code == 429:
            await asyncio.sleep(float(response.headers["retry-after"]))
        return response

    work = [answer(system, step) for _ in range(2) for system in found for step in listed[system.token.institution]]
    told = await asyncio.gather(*work)
    assert {response.status_code for response in told} <= {200, 201, 202}
    acknowledged = {(r.json()["case"], r.json()["step"]): r.json()["reference"] for r in told}
    assert len(acknowledged) == len(set(acknowledged.values())) == 2 * cases
    async with asyncio.timeout(LONGEST):
        while await here.cases.redeliver():
            assert await here.cases.is_reachable()
    for case in launched:
        consultations = [step for step in (await here.cases.case(case)).steps if step.id.startswith("consultation-")]
        assert [step.state for step in consultations] == [State.ANSWERED] * 2
        for step in consultations:
            assert step.decision is not None
            assert (step.decision.response, step.decision.channel) == (acknowledged[case, step.id], Channel.API)
            row = await here.cases.earlier(step.decision.response)
            assert row is not None
            assert row.state is InboxState.RECORDED
        said = Counter(line.verb for line in await here.cases.timeline(case))
        assert said[Verb.CONSENTED] == 2


async def test_forty_answers_at_once_are_each_recorded_once(
    here: Installation, line: httpx.AsyncClient, news: asyncio.Event
) -> None:
    async with here.working():
        await flood(here, line, news, FEW)


@pytest.mark.soak
async def test_two_hundred_answers_in_a_minute_lose_nothing(
    here: Installation, line: httpx.AsyncClient, news: asyncio.Event
) -> None:
    async with here.working(), asyncio.timeout(2 * LONGEST):
        await flood(here, line, news, MANY)


async def test_more_time_and_a_question_passed_on_reach_the_case(
    here: Installation, line: httpx.AsyncClient, news: asyncio.Event
) -> None:
    async with here.working():
        (case,) = await asked(here, news, 1)
        french, swiss = await systems(here, line)
        for system, path, said in (
            (french, "more-time", {"working_days": 2, "reason": "The commission meets on Monday."}),
            (swiss, "decline", {"reason": "Not our field."}),
        ):
            (step,) = (await system.get(STEPS)).json()["steps"]
            headers = system.bearer | {"Idempotency-Key": "once"}
            first = await line.post(f"{step['href']}/{path}", json=said, headers=headers)
            again = await line.post(f"{step['href']}/{path}", json=said, headers=headers)
            assert (first.status_code, again.status_code) in ((200, 200), (202, 202))
            assert first.json() == again.json()
        verbs = Counter(said.verb for said in await here.cases.timeline(case))
        assert verbs[Verb.ASKED_FOR_TIME] + verbs[Verb.EXTENDED] == 1
        assert verbs[Verb.PASSED_ON] == 1
