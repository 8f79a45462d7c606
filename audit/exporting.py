"""The evidence of a case, put together from what the installation holds of it, and noted in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from activities.archive import RunArchive
from activities.histories import Exported
from audit.timemachine import TimeMachine
from cases import Cases
from evidence.bundle import Bundle, Mail, Material, bundle_of, named_in
from evidence.checking import check
from evidence.entries import bundle_entry, written
from evidence.events import Event, events_of, read_json
from evidence.findings import Report
from evidence.following import is_closed
from evidence.issuing import Issuing, receipt_of
from evidence.statement import MailSaid
from evidence.told import acts_in, is_answer, objects_in
from models.case import Case
from models.errors import Erased, Missing
from models.orders import RunOrder
from store.archive import Archive
from store.mails import MailRow

GUIDE = Path(__file__).resolve().parents[1] / "templates" / "evidence" / "VERIFY.md"
ENDINGS = {
    "application/pdf": "pdf",
    "application/json": "json",
    "text/plain": "txt",
    "image/png": "png",
    "image/jpeg": "jpg",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
TRIES = 3
SECONDS = 0.5
"""How long is waited for what a case is just being told, before its evidence is put together anew."""


@dataclass
class Held:
    """Contents that were asked for: what is there, with its file ending, and what is erased or missing."""

    there: dict[str, tuple[bytes, str]]
    erased: list[str]
    missing: list[str]


class Exporter:
    """Puts bundles together; reads cases and writes none, but closes the archive and the log over them first."""

    def __init__(
        self,
        cases: Cases,
        issuing: Issuing,
        archive: Archive,
        machine: TimeMachine,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cases = cases
        self._log = issuing.log
        self._runs = RunArchive(archive, issuing.log, not_here, issuing.log.now)
        self._machine = machine
        self._wait = wait

    async def bundle(self, case_id: str) -> tuple[Bundle, Report]:
        """The bundle of a case, open or closed, and what a check finds of it; one that a case outran is put together anew.

        Raises:
            Missing: there is no such case, or nobody holds its histories.
            NotReplayed: its histories are not whole, or the procedure in hand does not lead to them again.
            Unreachable: Temporal or the database is away.
        """
        await self._log.announce()
        for left in reversed(range(TRIES)):
            material = await self.material(case_id)
            bundle = await asyncio.to_thread(bundle_of, material, self._log.notary)
            report = await asyncio.to_thread(check, bundle.data, self._log.notary.trusted)
            if report.sound or not left:
                break
            await self._wait(SECONDS)
        async with self._log.transaction() as connection:
            entry = bundle_entry(case_id, bundle.manifest, bundle.events, self._log.now())
            await self._log.append(connection, [entry])
        return bundle, report

    async def material(self, case_id: str) -> Material:
        """What the bundle of a case is made of, as things stand now."""
        histories = await self._cases.histories(case_id)
        last = (await self._machine.of(case_id, histories)).moments[-1]
        case, read = Case.model_validate_json(last.state), [events_of(history) for _, history, _ in histories]
        await self._keep(case_id, histories, read)
        mails = await self._cases.mails(case_id)
        papers = await self._held(named_in(read_json(last.state.encode())).union(*map(named, read)))
        letters = await self._held({mail.content for mail in mails})
        rows = [*await self._log.leaves.between(0, 1), *await self._log.entries_of(case_id)]
        receipts = await self._log.leaves.receipts_of(case_id)
        note = await self._log.checkpoint()
        return Material(
            case=case_id,
            exported=written(self._log.now()),
            histories=[(run_id, history) for run_id, history, _ in histories],
            state=last.state.encode(),
            procedure=case.procedure,
            receipts=[receipt_of(row) for row in receipts],
            documents=papers.there,
            mails=[mail_of(mail, letters) for mail in mails],
            erased=papers.erased + letters.erased,
            missing=papers.missing + letters.missing,
            leaves={row.index: row.leaf.encode() for row in rows},
            proofs=await self._log.proofs({row.index for row in rows}, note),
            checkpoint=note,
            verify=GUIDE.read_bytes(),
        )

    async def _keep(self, case_id: str, histories: list[Exported], read: list[list[Event]]) -> None:
        """Keep every closed run with its entry in the log, which the sweep would do within a minute."""
        for number, ((run_id, history, events), own) in enumerate(zip(histories, read, strict=True), start=1):
            if is_closed(own):
                await self._runs.keep(RunOrder(case=case_id, run=number, run_id=run_id), history, events)

    async def _held(self, wanted: set[str]) -> Held:
        held = Held({}, [], [])
        for sha256 in sorted(wanted):
            try:
                media = (await self._cases.media(sha256)).partition(";")[0]
                held.there[sha256] = await self._cases.content(sha256), ENDINGS.get(media, "bin")
            except Erased:
                held.erased.append(sha256)
            except Missing:
                held.missing.append(sha256)
        return held


async def not_here(case_id: str, run_id: str) -> tuple[bytes, int]:
    """The histories that are kept come with what is asked for; none is fetched on its own."""
    raise Missing(f"run {run_id} of {case_id} is not fetched here")


def named(events: list[Event]) -> set[str]:
    """The contents that a run's answers and acts refer to."""
    told = [*(act.said for act in acts_in(1, events)), *filter(is_answer, objects_in(events))]
    return set().union(*map(named_in, told))


def mail_of(row: MailRow, letters: Held) -> Mail:
    """A mail as a bundle holds it."""
    return Mail(said_of(row), letters.there.get(row.content, (None, ""))[0])


def said_of(row: MailRow) -> MailSaid:
    """What a bundle says of a mail."""
    return MailSaid(
        message_id=row.message_id,
        letter=row.letter,
        step=row.step,
        state=str(row.state),
        queued=written(row.queued),
        sha256=row.content,
    )
