"""A case verified where it lives: histories, read model, contents, mails, receipts and log are compared with one another.

What a bundle would hold goes through the check of bundles; what only the installation itself can compare is compared beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from activities.histories import Exported
from audit.attested import Attested
from audit.comparing import Answers, compare_case, compare_erasures, compare_receipts
from audit.gathering import MAIL, Gathering, Held, named_by
from audit.holdings import Holdings
from audit.moments import Moment
from audit.posted import compare_letters, compare_mails
from audit.replay import NotReplayed
from audit.timemachine import TimeMachine
from audit.wholelog import LogVerified, Tell, WholeLog
from cases import Cases
from evidence.bundle import named_in
from evidence.entries import Entry, entry_of, object_in
from evidence.events import read_json
from evidence.findings import Code, Finding, Findings, Layer, Severity, are_sound
from models.case import Case
from models.errors import Missing, Unreachable
from models.message import Message
from store.archive import Archive
from store.standing import Standing, Values
from workplace import Workplace

SECONDS = 0.5
"""How long is waited before a case that goes on is looked at again."""


class Verified(Message):
    """What was found of a case, and what was gone through: runs, events, receipts, documents, mails, entries of the log."""

    case: str
    runs: int = 0
    events: int = 0
    receipts: int = 0
    documents: int = 0
    mails: int = 0
    entries: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return are_sound(self.findings)


@dataclass(frozen=True)
class Read:
    """A case as it was read: its row, its histories, its state after the last task, and at the end of each run."""

    case_id: str
    row: Values | None
    histories: Sequence[Exported]
    state: bytes
    ends: Sequence[Case]
    replayed: bool

    @property
    def case(self) -> Case:
        """The case as it stands."""
        return self.ends[-1]


class Verifier:
    """Verifies cases and the log; reads everything and writes nothing."""

    def __init__(
        self, workplace: Workplace, cases: Cases, machine: TimeMachine, wait: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._cases = cases
        self._machine = machine
        self._wait = wait
        self._log = workplace.log
        self._contents = workplace.contents
        self._archive = Archive(workplace.database)
        self._standing = Standing(workplace.database)
        self._gathering = Gathering(workplace.log, workplace.contents, self._standing)

    async def numbers(self) -> list[str]:
        """The number of every case that anything is kept of."""
        return await self._standing.numbers()

    async def log(self, attested: Sequence[Attested] = (), tell: Tell = lambda done, whole: None) -> LogVerified:
        """Verify the log as a whole, against what was published of it and what others have kept.

        Raises:
            Unreachable: the database is away.
        """
        return await WholeLog(self._log, self._standing).verify(attested, tell)

    async def case(self, case_id: str) -> Verified:
        """Verify a case; what goes on while it is looked at is looked at again. Whatever is wrong with it is a finding.

        Raises:
            Missing: nothing is kept of such a case.
            Unreachable: Temporal or the database is away.
        """
        if case_id not in await self._standing.numbers():
            raise Missing(f"there is no case {case_id}")
        found = await self._case(case_id)
        row = await self._standing.case(case_id)
        tried = any(finding.code is Code.TEMPORAL_REFUSES for finding in found.findings)
        if not found.sound and not tried and (row is None or row["ended"] is None):
            await self._wait(SECONDS)
            found = await self._case(case_id)
        return found

    async def _case(self, case_id: str) -> Verified:
        findings = Findings()
        try:
            return await self._verified(case_id, findings)
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 - garbage in the rows of this one case: the others are verified all the same
            what = "its rows do not fit" if isinstance(error, ValidationError) else str(error)[:200]
            text = f"what is kept of {case_id} cannot be read: {type(error).__name__}: {what}"
            findings.fault(Layer.ROWS, Code.ROW_UNREADABLE, case_id, text)
            return Verified(case=case_id, findings=findings.all)

    async def _verified(self, case_id: str, findings: Findings) -> Verified:
        row = await self._standing.case(case_id)
        holdings = Holdings(self._cases, self._archive, self._contents, self._log.now())
        histories = await holdings.of(case_id, row is not None and row["ended"] is not None, findings)
        if not histories:
            if all(finding.code is not Code.HISTORY_MISSING for finding in findings.all):
                findings.fault(Layer.ARCHIVE, Code.HISTORY_MISSING, case_id, f"nobody holds a history of {case_id}")
            return Verified(case=case_id, findings=findings.all)
        read = await self._read(case_id, row, histories, findings)
        if read is None:
            return Verified(case=case_id, runs=len(histories), findings=findings.all)
        if read.replayed:
            steps, said = await self._standing.steps(case_id), await self._standing.transitions(case_id)
            compare_case(read.ends, await self._standing.case(case_id), steps, said, findings)
        return await self._compared(read, findings)

    async def _read(self, case_id: str, row: Values | None, histories: Sequence[Exported], findings: Findings) -> Read | None:
        """The case as its histories lead to it; as the read model has it where they do not."""
        try:
            moments = (await self._machine.of(case_id, histories)).moments
        except NotReplayed as error:
            findings.fault(Layer.REPLAY, Code.NOT_REPLAYED, case_id, f"the case does not replay: {error}")
            if row is None:
                return None
            state = str(row["doc"])
            return Read(case_id, row, histories, state.encode(), [Case.model_validate_json(state)], replayed=False)
        ends = [ends_of(moments, run) for run in sorted({moment.run for moment in moments})]
        return Read(case_id, row, histories, moments[-1].state.encode(), ends, replayed=True)

    async def _compared(self, read: Read, findings: Findings) -> Verified:
        case, case_id = read.case, read.case_id
        rows, mails = await self._standing.mails(case_id), await self._cases.mails(case_id)
        inbox = await self._standing.inbox(case_id)
        wanted = named_in(read_json(read.state)) | named_by(read.histories)
        wanted |= {sha256 for row in inbox for sha256 in named_in(_object(row["answer"]))}
        papers = await self._gathering.held(wanted, findings)
        letters = await self._gathering.held({row["content"] for row in rows}, findings, keep=True, media=MAIL)
        compare_mails(case, rows, findings)
        compare_letters(rows, letters.kept, findings)
        answers = Answers(case, [history for _, history, _ in read.histories], self._log.now())
        answers.compare(inbox, await self._standing.receipts(row["response"] for row in inbox), findings)
        await self._compare_filed(case_id, [papers, letters], findings)
        material = await self._gathering.material(case_id, read.histories, read.state, papers, letters, mails, findings)
        checked = Findings()
        try:
            predicate, _, entries = await asyncio.to_thread(self._gathering.checked, material, checked)
        except ValueError as error:
            checked.fault(Layer.EVENTS, Code.HISTORY_UNREADABLE, case_id, f"a history cannot be read: {error}")
            return Verified(case=case_id, runs=len(read.histories), findings=findings.all + checked.all)
        return Verified(
            case=case_id,
            runs=len(predicate.runs),
            events=sum(run.events for run in predicate.runs),
            receipts=len(predicate.receipts),
            documents=len(predicate.documents),
            mails=len(predicate.mails),
            entries=entries,
            findings=findings.all + tuple(_in_time(finding, answers) for finding in checked.all),
        )

    async def _compare_filed(self, case_id: str, held: Sequence[Held], findings: Findings) -> None:
        receipts = await self._log.leaves.receipts_of(case_id)
        compare_receipts(receipts, [_object(receipt.body) for receipt in receipts], findings)
        leaves = [leaf.leaf.encode() for leaf in await self._log.entries_of(case_id)]
        entries = [entry for leaf in leaves if (entry := _entry(leaf)) is not None]
        compare_erasures(await self._standing.erasures(case_id), entries, held, findings)


def ends_of(moments: Sequence[Moment], run: int) -> Case:
    """The case at the end of a run."""
    return [moment for moment in moments if moment.run == run][-1].case


def _object(text: str) -> dict[str, object]:
    try:
        return object_in(text.encode())
    except ValueError:
        return {}


def _entry(leaf: bytes) -> Entry | None:
    try:
        return entry_of(leaf)
    except (ValueError, OverflowError):
        return None


def _in_time(finding: Finding, answers: Answers) -> Finding:
    """A finding; that a receipt is missing of an answer that was recorded just now is no fault."""
    step = finding.where.removeprefix("step ")
    if finding.code is not Code.RECEIPT_MISSING or not answers.step_owed(step):
        return finding
    text = f"the receipt of {step} is still to be issued"
    owed = {"code": Code.RECEIPT_OWED, "severity": Severity.REMARK, "text": text, "means": ""}
    return finding.model_copy(update=owed)
