"""An installation on the embedded Temporal server, with SQLite and with PostgreSQL, and a mail server that takes its letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from rehearsal.player import binary
from tests.integration.situations import Flaky, Installation, installation
from tests.mail.server import listening
from tests.postgres import database_url, postgres_url, sqlite_url
from workflows.converter import CONVERTER

__all__ = ["database_url", "postgres_url", "sqlite_url"]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """The embedded server, one for all tests; each test has cases with numbers and a task queue of its own."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=CONVERTER, dev_server_log_level="error"
    ) as environment:
        yield environment


@pytest_asyncio.fixture(loop_scope="package")
async def there(server: WorkflowEnvironment, database_url: str) -> AsyncIterator[Installation]:
    """An installation whose mail is taken, once on each kind of database; nobody works on cases yet."""
    async with _delivering(installation(server.client, database_url)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="package")
async def here(server: WorkflowEnvironment, sqlite_url: str) -> AsyncIterator[Installation]:
    """An installation on SQLite, for what is the same on any database."""
    async with _delivering(installation(server.client, sqlite_url)) as found:
        yield found


@asynccontextmanager
async def _delivering(opening: AbstractAsyncContextManager[Installation]) -> AsyncIterator[Installation]:
    async with opening as found, listening(found.box) as port:
        delivering = asyncio.create_task(found.deliver(port))
        yield found
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)


@pytest.fixture
def flaky() -> type[Flaky]:
    """A database that is away as often as it is told to be."""
    return Flaky
