"""What the tables show of a case against what its histories lead to: lists and timeline, answers as they came in, erasures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from audit.gathering import Held, read
from audit.holdings import OWED
from evidence.anchoring import by_answer
from evidence.entries import Entry, EntryKind
from evidence.findings import Code, Findings, Layer
from evidence.told import is_answer, objects_in
from models.case import Answer, Case
from store.copied import case_row, step_rows, transition_row
from store.inbox import InboxState
from store.leaves import ReceiptRow
from store.standing import Values

TOLD = 5
"""How many transitions that differ are named one by one."""


def compare_case(ends: Sequence[Case], row: Values | None, steps: list[Values], said: list[Values], findings: Findings) -> None:
    """Compare the read model with the state at the end of each run."""
    case = ends[-1]
    if row is None:
        findings.fault(Layer.ROWS, Code.ROW_MISSING, case.id, f"lists and pages do not know {case.id}")
    else:
        _same(case_row(case), row, "the case", case.id, findings)
    _compare_rows(step_rows(case), steps, "id", "step", findings)
    _compare_rows([transition_row(case.id, one) for end in ends for one in end.said], said, "seq", "transition", findings)


def _compare_rows(meant: list[Values], there: list[Values], key: str, what: str, findings: Findings) -> None:
    wanted, found = ({row[key]: row for row in rows} for rows in (meant, there))
    for name in [name for name in wanted if name not in found][:TOLD]:
        findings.fault(
            Layer.ROWS, Code.ROW_MISSING, f"{what} {name}", f"the {what} {name} is in the histories, and not in its table"
        )
    for name in [name for name in found if name not in wanted][:TOLD]:
        findings.fault(
            Layer.ROWS, Code.ROW_UNKNOWN, f"{what} {name}", f"the {what} {name} is in its table, and not in the histories"
        )
    for name in wanted.keys() & found.keys():
        _same(wanted[name], found[name], f"the {what} {name}", f"{what} {name}", findings)


def _same(meant: Values, there: Values, what: str, where: str, findings: Findings) -> None:
    """Say which columns of a row are not what they copy."""
    if differ := [name for name, value in meant.items() if there.get(name) != value]:
        text = f"{what} is shown with another {', '.join(differ)} than the histories lead to"
        findings.fault(Layer.ROWS, Code.ROW_DIFFERS, where, text)


class Answers:
    """The answers that the histories tell, against those that came in and the receipts that were issued."""

    def __init__(self, case: Case, histories: Sequence[bytes], now: datetime) -> None:
        self._case = case
        self._now = now
        self._steps = {step.decision.response: step for step in case.steps if by_answer(step) and step.decision}
        told = (one for history in histories for one in objects_in(read(history)) if is_answer(one))
        self._told: dict[str, list[dict[str, Any]]] = {}
        for one in told:
            self._told.setdefault(one["response"], []).append(one)

    @property
    def responses(self) -> list[str]:
        """The response of each decision that came about by an answer."""
        return list(self._steps)

    def owed(self, response: str) -> bool:
        """Whether an answer was recorded so lately that its receipt may still be on its way."""
        step = self._steps.get(response)
        return step is not None and step.decision is not None and self._now - step.decision.recorded < OWED

    def step_owed(self, step_id: str) -> bool:
        """The same of a step."""
        step = self._case.step(step_id)
        return step is not None and step.decision is not None and self.owed(step.decision.response)

    def compare(self, inbox: list[Values], with_receipt: set[str], findings: Findings) -> None:
        """Compare them with the inbox; what was recorded there has its receipt."""
        rows = {row["response"]: row for row in inbox}
        for response, step in self._steps.items():
            if response not in rows:
                text = f"the answer that decided {step.id} never came in: the inbox does not hold {response}"
                findings.fault(Layer.INBOX, Code.ANSWER_MISSING, f"step {step.id}", text)
        for response, row in rows.items():
            where = f"answer {response}"
            try:
                answer = Answer.model_validate_json(row["answer"])
            except ValueError:
                findings.fault(Layer.INBOX, Code.ANSWER_DIFFERS, where, f"the answer {response} cannot be read as it came in")
                continue
            self._compare(row, answer, where, findings)
            if row["state"] == InboxState.RECORDED and response not in with_receipt and response not in self._steps:
                text = f"the answer {response} is noted as recorded, and there is no receipt of it"
                findings.fault(Layer.RECEIPTS, Code.RECEIPT_MISSING, where, text)

    def _compare(self, row: Values, answer: Answer, where: str, findings: Findings) -> None:
        response = row["response"]
        said = [_answer(one) for one in self._told.get(response, [])]
        taken = response in self._steps
        recorded = row["state"] == InboxState.RECORDED
        if (answer.response, answer.step, answer.received) != (response, row["step"], row["received"]):
            text = f"the answer {response} is filed under another step or instant than it says"
        elif said and answer not in said:
            text = f"the answer {response} came in as another than the case was told"
        elif recorded and not said:
            text = f"the answer {response} is noted as recorded, and the histories do not know it"
        elif taken and row["state"] == InboxState.REFUSED:
            text = f"the answer {response} decided a step, and is noted as refused"
        else:
            return
        findings.fault(Layer.INBOX, Code.ANSWER_DIFFERS, where, text)


def _answer(said: dict[str, Any]) -> Answer | None:
    try:
        return Answer.model_validate(said)
    except ValueError:
        return None


def compare_receipts(rows: Sequence[ReceiptRow], said: Sequence[dict[str, Any]], findings: Findings) -> None:
    """Each receipt is filed under what it says."""
    for row, one in zip(rows, said, strict=True):
        log = one.get("log")
        index = log.get("index") if isinstance(log, dict) else None
        if (row.response, row.case_id, row.step, row.index) != (one.get("response"), one.get("case"), one.get("step"), index):
            text = f"the receipt of {row.step} is filed under another answer, case, step or entry than it says"
            findings.fault(Layer.RECEIPTS, Code.RECEIPT_DIFFERS, f"receipt of {row.step}", text)


def compare_erasures(rows: list[Values], entries: Sequence[Entry], held: Sequence[Held], findings: Findings) -> None:
    """Whatever was erased was erased with somebody's data, as a row and an entry of the log say; and the other way round."""
    attested = {entry.ref: entry for entry in entries if entry.kind is EntryKind.ERASURE}
    gone = {sha256: kept for one in held for sha256, kept in one.erased.items()}
    explained = {sha256 for row in rows for sha256 in row["contents"]}
    people = {row["person"] for row in rows}
    for sha256, kept in gone.items():
        if sha256 not in explained and (not kept.person or kept.person not in people):
            text = f"the content {sha256} is marked as erased, and no erasure names it"
            findings.fault(Layer.ERASURES, Code.ERASURE_UNKNOWN, sha256, text)
    for row in rows:
        entry, where = attested.pop(row["person"], None), f"erasure of {row['person']}"
        if entry is None:
            findings.fault(Layer.ERASURES, Code.ERASURE_UNKNOWN, where, "the log does not tell of this erasure")
        elif (entry.facts.get("contents"), entry.facts.get("by")) != (len(row["contents"]), row["by"]):
            text = (
                f"the log tells of {entry.facts.get('contents')} erased contents, the table of {len(row['contents'])}, or of others"
            )
            findings.fault(Layer.ERASURES, Code.ERASURE_DIFFERS, where, text)
        for sha256 in sorted({sha256 for one in held for sha256 in one.there} & set(row["contents"])):
            text = f"the content {sha256} is said to be erased, and it is there"
            findings.fault(Layer.ERASURES, Code.ERASURE_DIFFERS, sha256, text)
    for ref in attested:
        text = "the log tells of this erasure, and the table of erasures does not"
        findings.fault(Layer.ERASURES, Code.ERASURE_DIFFERS, f"erasure of {ref}", text)
