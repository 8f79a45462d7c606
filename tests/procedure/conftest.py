"""Cases on skipped time: played scenarios, and one case driven step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from rehearsal.player import stage, template_database
from tests.procedure.driven import Driven
from tests.procedure.scenarios import PROGRAMMES, Watched, watched


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A seeded database, to be copied for each case."""
    loop = asyncio.new_event_loop()
    made = template_database()
    try:
        yield loop.run_until_complete(made.__aenter__())
    finally:
        loop.run_until_complete(made.__aexit__(None, None, None))
        loop.close()


@pytest_asyncio.fixture
async def case(template: Path) -> AsyncIterator[Driven]:
    """The standard request, launched on Monday 13 January 2031 at 09:00 UTC."""
    async with stage(template, PROGRAMMES) as on:
        driven = Driven(on)
        await driven.launch()
        yield driven


@pytest.fixture(scope="session")
def plays(template: Path) -> Callable[[str], Awaitable[Watched]]:
    """Plays a scenario, once a session, watched by the invariants that hold after every turn."""
    played: dict[str, Watched] = {}

    async def play_once(name: str) -> Watched:
        if name not in played:
            played[name] = await watched(name, template)
        return played[name]

    return play_once
