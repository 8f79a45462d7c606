"""The history of a closed run, exported to the content store and named by its digest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from temporalio import activity

from activities import names
from models.case import RunDigest
from models.orders import RunOrder
from store.archive import Archive

FetchHistory = Callable[[str, str], Awaitable[tuple[bytes, int]]]
"""Gives the exported history of a workflow id and run id as JSON bytes, and its number of events."""


class RunArchive:
    """Keeps the histories of closed runs."""

    def __init__(self, archive: Archive, fetch: FetchHistory, clock: Callable[[], datetime]) -> None:
        self._archive = archive
        self._fetch = fetch
        self._clock = clock

    @activity.defn(name=names.KEEP_RUN)
    async def keep_run(self, order: RunOrder) -> RunDigest:
        """Export one closed run; doing it again changes nothing."""
        history, events = await self._fetch(order.case, order.run_id)
        sha256 = await self._archive.keep(order.case, order.run, order.run_id, events, history, self._clock())
        return RunDigest(run_id=order.run_id, events=events, sha256=sha256)
