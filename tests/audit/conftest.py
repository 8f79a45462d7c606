"""A played case as its installation has it, made once a session, and a copy of it for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.stage import template_database
from tests.audit.installed import Installed, Tampered, played


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A case played through the real procedure to its end."""

    async def made() -> Installed:
        async with template_database() as template:
            return await played(template, tmp_path_factory.mktemp("played"))

    loop = asyncio.new_event_loop()
    yield loop.run_until_complete(made())
    loop.close()


@pytest.fixture
def tampered(base: Installed, tmp_path: Path) -> Tampered:
    """A copy of it, as yet untouched."""
    return Tampered(base, tmp_path)
