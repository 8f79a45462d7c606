"""A loop and servers that one test plays its cases on, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.model.play import difference
from tests.model.script import Script
from tests.model.stage import Servers

Differs = Callable[[Script], str]
"""Plays a script and tells how the procedure differs from the reference; empty when it does not."""


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for a test that is not a coroutine itself, as hypothesis wants it."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def servers(runner: asyncio.Runner) -> Iterator[Servers]:
    """A server a case, the next one started while the case is played."""
    servers = Servers()
    yield servers
    runner.run(servers.close())


@pytest.fixture
def differs(runner: asyncio.Runner, servers: Servers) -> Differs:
    """Plays one script after another."""
    return lambda script: runner.run(difference(servers, script))
