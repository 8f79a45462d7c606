"""The history of a closed run, exported to the content store, named by its digest, and put into the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from temporalio import activity

from activities import names
from evidence.entries import run_entry
from evidence.events import root_of_run
from evidence.log import Log
from models.case import RunDigest
from models.orders import RunOrder
from store.archive import Archive
from store.database import Transaction

FetchHistory = Callable[[str, str], Awaitable[tuple[bytes, int]]]
"""Gives the exported history of a workflow id and run id as JSON bytes, and its number of events."""


class RunArchive:
    """Keeps the histories of closed runs."""

    def __init__(self, archive: Archive, log: Log, fetch: FetchHistory, clock: Callable[[], datetime]) -> None:
        self._archive = archive
        self._log = log
        self._fetch = fetch
        self._clock = clock

    @activity.defn(name=names.KEEP_RUN)
    async def keep_run(self, order: RunOrder) -> RunDigest:
        """Export one closed run; doing it again changes nothing."""
        history, events = await self._fetch(order.case, order.run_id)
        return await self.keep(order, history, events)

    async def keep(self, order: RunOrder, history: bytes, events: int) -> RunDigest:
        """Keep the exported history of a closed run, with its entry in the log."""
        root, _ = root_of_run(history)
        at = self._clock()

        async def then(connection: Transaction, sha256: str) -> None:
            await self._log.append(connection, [run_entry(order.case, order.run, order.run_id, events, sha256, root, at)])

        sha256 = await self._archive.keep(order.case, order.run, order.run_id, events, history, at, then)
        return RunDigest(run_id=order.run_id, events=events, sha256=sha256)
