"""What is seen to again and again: closed runs are exported, receipts that are owed are issued, acts the log missed are put there.

So the evidence of a case is whole without Temporal as soon as it has ended, whatever was away when it should have been written.
"""

from __future__ import annotations

import structlog
from pydantic import ValidationError

from activities.archive import RunArchive
from audit.plain import events_of
from audit.whole import fault_in
from cases import Cases
from evidence.entries import act_entry
from evidence.events import events_of as plain_events
from evidence.issuing import Issuing
from evidence.told import acts_in
from models.acts import Act
from models.errors import Missing, PasserelleError, Unreachable
from models.orders import RunOrder
from store.archive import Archive

BATCH = 50

log = structlog.get_logger("sweep")


class Sweep:
    """Goes through the cases; `closed` is for every minute, `whole` for every hour."""

    def __init__(self, cases: Cases, archive: Archive, runs: RunArchive, issuing: Issuing) -> None:
        self._cases = cases
        self._archive = archive
        self._runs = runs
        self._issuing = issuing

    async def closed(self) -> int:
        """Export the last run of every case that has ended; gives how many were exported.

        Raises:
            Unreachable: Temporal or the database is away.
        """
        count = 0
        for case_id, run in await self._archive.unarchived(BATCH):
            try:
                count += await self._export(case_id, run)
            except Unreachable:
                raise
            except PasserelleError as error:  # a fault of this one case: the others are exported all the same
                log.error("not_archived", case=case_id, run=run, error=str(error))
        return count

    async def whole(self) -> int:
        """Everything that can be owed: the keys in the log, receipts, acts of open cases, exports; gives how many were made."""
        await self._issuing.log.announce()
        count = await self._issuing.catch_up() + await self.closed()
        for case_id in await self._cases.open_numbers():
            try:
                count += await self._acts(case_id)
            except Missing as error:
                log.warning("no_history", case=case_id, error=str(error))
        return count

    async def _export(self, case_id: str, run: int) -> bool:
        """Export the last run of a case, if its history has come to its end."""
        run_id, history, events = (await self._cases.histories(case_id))[-1]
        if fault := fault_in(events_of(history), closed=True):
            log.info("not_closed_yet", case=case_id, run=run, fault=fault)
            return False
        await self._runs.keep(RunOrder(case=case_id, run=run, run_id=run_id), history, events)
        await self._logged(case_id, run, history)
        log.info("archived", case=case_id, run=run, events=events)
        return True

    async def _acts(self, case_id: str) -> int:
        """Put acts of an open case that the log does not know there; its history is fetched only where one is missing."""
        acted = (await self._cases.case(case_id)).acted
        known = {entry.ref for entry in await self._issuing.log.entries_of(case_id)}
        if all(f"{case_id}/{act}" in known for act in acted):
            return 0
        return sum([await self._logged(case_id, run, one[1]) for run, one in enumerate(await self._cases.histories(case_id), 1)])

    async def _logged(self, case_id: str, run: int, history: bytes) -> int:
        """Put the acts that a run carried out into the log; those there stay. Gives how many it carried out."""
        entries = []
        for told in acts_in(run, plain_events(history)):
            try:
                act = Act.model_validate(told.said)
            except ValidationError as error:
                log.error("act_unreadable", case=case_id, run=run, event=told.event, error=error.error_count())
                continue
            if told.done:
                entries.append(act_entry(case_id, act))
        async with self._issuing.log.transaction() as connection:
            await self._issuing.log.append(connection, entries)
        return len(entries)
