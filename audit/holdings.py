"""The histories of a case as the archive and Temporal hold them, compared event by event; nothing is kept that was not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import zip_longest

from activities.histories import Exported, Found
from cases import Cases
from evidence.entries import digest
from evidence.events import Event, events_of, line_of, within
from evidence.findings import Code, Findings, Layer
from evidence.following import ENDS
from evidence.told import instant_of
from models.errors import Missing
from store.archive import Archive, ArchivedRun
from store.contents import Contents, Corrupt

OWED = timedelta(minutes=10)
"""How long after its end a run may not be exported yet, an answer be without its receipt: the sweep comes every minute."""


class Holdings:
    """Reads the histories of a case from the two that hold them."""

    def __init__(self, cases: Cases, archive: Archive, contents: Contents, now: datetime) -> None:
        self._cases = cases
        self._archive = archive
        self._contents = contents
        self._now = now

    async def of(self, case_id: str, ended: bool, findings: Findings) -> list[Exported]:
        """Every run's history, the first first: from the archive where it is sound there, else from Temporal.

        Raises:
            Unreachable: Temporal or the database is away.
        """
        rows = await self._archive.runs(case_id)
        archived = {row.run_id: data for row in rows if (data := await self._bytes(row, findings)) is not None}
        found = await self._cases.in_temporal(case_id)
        held = {run_id: (history, count) for run_id, history, count in found.runs}
        self._say_what_is_not_held(case_id, found, rows, ended, findings)
        if held and not found.forgotten and not found.fault:
            rows = [row for row in rows if row.run_id in held]
        order = [row.run_id for row in rows if row.run_id not in held] + list(held)
        read = [(one, _read(archived[one] if one in archived else held[one][0])) for one in order if one in archived or one in held]
        if gaps := gaps_in(read) or ({row.run_id for row in rows} - archived.keys() - held.keys()):
            text = f"neither Temporal nor the archive holds run {', '.join(sorted(gaps))}: the case cannot be gone over"
            findings.fault(Layer.ARCHIVE, Code.HISTORY_MISSING, case_id, text)
            return []
        for number, run_id in enumerate(order, start=1):
            row = next((row for row in rows if row.run_id == run_id), None)
            if row is None:
                self._not_archived(number, run_id, held[run_id][0], findings)
                continue
            if row.run != number:
                text = f"run {run_id} is archived as run {row.run}, and stands in place {number}"
                findings.fault(Layer.ARCHIVE, Code.ARCHIVE_DIFFERS, f"run {number}", text)
            if run_id in archived and run_id in held:
                self._compare(number, archived[run_id], held[run_id][0], findings)
        runs = [(one, archived[one] if one in archived else held[one][0]) for one in order if one in archived or one in held]
        return [(run_id, history, len(_read(history))) for run_id, history in runs]

    async def _bytes(self, row: ArchivedRun, findings: Findings) -> bytes | None:
        where = f"run {row.run}"
        try:
            data = await self._contents.get(row.sha256)
        except Missing:
            findings.fault(Layer.ARCHIVE, Code.CONTENT_MISSING, where, f"the archived history {row.sha256} is not there")
            return None
        except Corrupt as error:
            findings.fault(Layer.ARCHIVE, Code.CONTENT_DAMAGED, where, f"the archived history is damaged: {error}")
            return None
        if len(_read(data)) != row.events:
            text = f"run {row.run_id} is archived with {row.events} events, and its history has {len(_read(data))}"
            findings.fault(Layer.ARCHIVE, Code.ARCHIVE_DIFFERS, where, text)
        return data

    def _say_what_is_not_held(
        self, case_id: str, found: Found, rows: Sequence[ArchivedRun], ended: bool, findings: Findings
    ) -> None:
        held = {run_id for run_id, _, _ in found.runs}
        if found.fault:
            findings.fault(Layer.TEMPORAL, Code.TEMPORAL_REFUSES, case_id, found.fault)
        elif found.forgotten and not held and not ended:
            text = f"{case_id} is open, and Temporal does not know it: nothing will happen in it"
            findings.fault(Layer.TEMPORAL, Code.UNKNOWN_TO_TEMPORAL, case_id, text)
        elif found.forgotten and not held and rows:
            findings.remark(Layer.TEMPORAL, Code.FORGOTTEN, case_id, f"Temporal no longer holds {case_id}; the archive does")
        elif found.forgotten and found.forgotten in {row.run_id for row in rows}:
            text = f"Temporal no longer holds run {found.forgotten}; the archive does"
            findings.remark(Layer.TEMPORAL, Code.FORGOTTEN, case_id, text)
        elif not found.forgotten and (stray := [row.run for row in rows if row.run_id not in held]):
            text = f"Temporal leads back to the first run without run {stray[0]} as it is archived"
            findings.fault(Layer.ARCHIVE, Code.ARCHIVE_DIFFERS, f"run {stray[0]}", text)

    def _not_archived(self, number: int, run_id: str, history: bytes, findings: Findings) -> None:
        """A closed run that the archive does not hold: a fault once it should."""
        events = _read(history)
        if not events or events[-1].get("eventType") not in ENDS:
            return
        ended, where = instant_of(events[-1].get("eventTime")), f"run {number}"
        text = f"run {run_id} has ended, and the archive does not hold it"
        if ended is not None and self._now - ended < OWED:
            findings.remark(Layer.ARCHIVE, Code.NOT_ARCHIVED, where, f"{text} yet")
        else:
            findings.fault(Layer.ARCHIVE, Code.NOT_ARCHIVED, where, text)

    def _compare(self, number: int, archived: bytes, held: bytes, findings: Findings) -> None:
        """Say where a run that both hold is not the same."""
        if digest(archived) == digest(held):
            return
        lines = [[line_of(event) for event in _read(history)] for history in (archived, held)]
        for at, (ours, theirs) in enumerate(zip_longest(*lines), start=1):
            if ours != theirs:
                which = "the archive has no such event" if ours is None else "Temporal has no such event"
                text = f"run {number} is another in Temporal than in the archive, from event {at} on"
                said = text if ours is not None and theirs is not None else f"{text}: {which}"
                findings.fault(Layer.TEMPORAL, Code.TEMPORAL_DIFFERS, f"run {number}, event {at}", said)
                return


def gaps_in(runs: Sequence[tuple[str, Sequence[Event]]]) -> set[str]:
    """The runs that others continue or go on as, and that are not among them."""
    known, named = {run_id for run_id, _ in runs}, set[str]()
    for _, events in runs:
        if events:
            began = within(events[0], "workflowExecutionStartedEventAttributes", "continuedExecutionRunId")
            goes_on = within(events[-1], "workflowExecutionContinuedAsNewEventAttributes", "newExecutionRunId")
            named |= {one for one in (began, goes_on) if isinstance(one, str) and one}
    return named - known


def _read(history: bytes) -> list[Event]:
    """The events of a history; none of one that cannot be read, which is said where it is gone through."""
    try:
        return events_of(history)
    except ValueError:
        return []
