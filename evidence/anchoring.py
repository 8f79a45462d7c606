"""What the log attests of a case: each receipt, document, mail, run and act has its entry, and each entry what it tells of.

Whoever has the key can sign another statement; the log, whose checkpoints others hold, does not change with it.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from evidence import excerpt
from evidence.bundle import CHECKPOINT, LOG, RECEIPTS, named_in, receipt_said
from evidence.checkpoint import checkpoint_of
from evidence.entries import Entry, EntryKind, digest, digest_of, entry_of
from evidence.excerpt import Excerpt
from evidence.findings import Code, Findings, Layer
from evidence.following import Runs
from evidence.notary import NotSigned, Trusted
from evidence.opening import Files
from evidence.receipts import Receipt, checked, claims_of
from evidence.statement import MailSaid, Predicate
from evidence.told import Told, instant_of
from models.acts import Act
from models.case import Case, Step
from models.words import DecisionKind

ALONE = frozenset({EntryKind.BUNDLE, EntryKind.ERASURE, EntryKind.RESTORE})
"""Entries of a case that tell of nothing else in its bundle."""
WAITING = ("queued", "deferred", "failed")
"""How far a mail got that no mail server has taken: it has no entry."""


def check_anchors(files: Files, said: Predicate, runs: Runs, trusted: Trusted, findings: Findings) -> int:
    """Check what a bundle shows against the log; gives how many entries of the case there are."""
    log = check_log(files, said, trusted, findings)
    if log is None or runs.case is None:
        return 0
    anchors = Anchors(said, runs, runs.case, log, findings)
    anchors.check_receipts(check_receipts(files, said, trusted, findings))
    anchors.check_papers()
    anchors.check_mails()
    anchors.check_runs()
    anchors.check_acts()
    anchors.check_contents()
    anchors.check_rest()
    return len(anchors.entries)


def check_log(files: Files, said: Predicate, trusted: Trusted, findings: Findings) -> Excerpt | None:
    """The entries of the bundle, each proved to stand in the log of the checkpoint; None when they cannot be read."""
    try:
        note = files.read(CHECKPOINT).decode()
        checkpoint = checkpoint_of(note, trusted)
        leaves = excerpt.leaves_in(files.read(LOG))
    except (NotSigned, ValueError) as error:
        findings.fault(Layer.LOG, Code.LOG_UNREADABLE, CHECKPOINT, f"the excerpt of the log cannot be read: {error}")
        return None
    if (checkpoint.name, checkpoint.size) != (said.log.name, said.log.size):
        findings.fault(
            Layer.LOG, Code.LOG_UNREADABLE, CHECKPOINT, "the checkpoint is of another log or size than the statement says"
        )
    if sorted(map(excerpt.proof_file, leaves)) != files.below(excerpt.PROOFS):
        findings.fault(Layer.LOG, Code.NOT_IN_LOG, LOG, "there are other proofs than entries")
        return None
    entries = dict[int, Entry]()
    for index, leaf in leaves.items():
        where = excerpt.proof_file(index)
        try:
            excerpt.check_place(leaf, index, files.read(where), note, checkpoint)
            entries[index] = entry_of(leaf)
        except NotSigned as error:
            findings.fault(Layer.LOG, Code.NOT_IN_LOG, where, f"entry {index} is not shown to stand in the log: {error}")
        except (ValueError, OverflowError):
            findings.fault(Layer.LOG, Code.LOG_UNREADABLE, LOG, f"entry {index} tells nothing that an entry tells")
    return Excerpt(entries, entries[0].at if 0 in entries else None)


def check_receipts(files: Files, said: Predicate, trusted: Trusted, findings: Findings) -> list[Receipt]:
    """The receipts of the bundle that were signed."""
    receipts = list[Receipt]()
    try:
        for row in excerpt.rows_in(files.read(RECEIPTS)):
            receipt = Receipt(*(b64decode(row[name], validate=True) for name in ("receipt", "signature")))
            checked(receipt, trusted)
            receipts.append(receipt)
    except NotSigned as error:
        findings.fault(
            Layer.RECEIPTS, Code.RECEIPT_UNREADABLE, RECEIPTS, f"a receipt behind the first {len(receipts)} was not signed: {error}"
        )
    except (KeyError, TypeError, ValueError, NotBase64) as error:
        findings.fault(Layer.RECEIPTS, Code.RECEIPT_UNREADABLE, RECEIPTS, f"the receipts cannot be read: {error}")
    if tuple(map(receipt_said, receipts)) != said.receipts:
        findings.fault(Layer.SIGNATURE, Code.STATEMENT_DIFFERS, RECEIPTS, "the statement names other receipts")
    return receipts


@dataclass(frozen=True)
class Anchors:
    """Compares a case with the log, kind by kind."""

    said: Predicate
    runs: Runs
    case: Case
    log: Excerpt
    findings: Findings

    @property
    def entries(self) -> dict[int, Entry]:
        """The entries of the case."""
        return {index: entry for index, entry in self.log.entries.items() if entry.case == self.case.id}

    def missing(self, what: str, at: datetime | None, where: str) -> None:
        """There is no entry for something: a fault, but for what is older than the log."""
        if at is not None and self.log.begun is not None and at < self.log.begun:
            self.findings.remark(Layer.LOG, Code.OLDER_THAN_LOG, where, f"no entry attests {what}: it is older than the log")
            return
        self.findings.fault(Layer.LOG, Code.ENTRY_MISSING, where, f"the log has no entry for {what}")

    def compare(self, entry: Entry, facts: Mapping[str, Any], what: str, where: str) -> None:
        """An entry says of something what there is of it."""
        if {name: entry.facts.get(name) for name in facts} != facts:
            self.findings.fault(Layer.LOG, Code.ENTRY_DIFFERS, where, f"the log says other things of {what}")

    def unmatched(self, kind: EntryKind, matched: set[str], what: str) -> None:
        """Entries of a kind that tell of something that is not there."""
        for ref, (index, _) in self.own(kind).items():
            if ref not in matched:
                text = f"entry {index} of the log tells of {what} {ref} that the case does not have"
                self.findings.fault(Layer.LOG, Code.ENTRY_UNMATCHED, f"entry {index}", text)

    def own(self, kind: EntryKind) -> dict[str, tuple[int, Entry]]:
        """The entries of the case of a kind, by what they refer to."""
        return {ref: found for ref, found in self.log.of_kind(kind).items() if found[1].case == self.case.id}

    # Kind by kind

    def check_receipts(self, receipts: list[Receipt]) -> None:
        """Every decision by an answer has the one receipt that says what it was, at its place in the log, and no other."""
        entries, steps = self.own(EntryKind.RECEIPT), {step.id: step for step in self.case.steps if by_answer(step)}
        shown = Counter(str(receipt.said["step"]) for receipt in receipts)
        for receipt in receipts:
            said, where = receipt.said, f"receipt of {receipt.said['step']}"
            step = steps.get(said["step"]) if isinstance(said["step"], str) else None
            if step is None or receipt.claims != _claims(self.case.id, step) or shown[step.id] > 1:
                text = f"the decision on {said['step']} is not the one that was acknowledged"
                self.findings.fault(Layer.RECEIPTS, Code.RECEIPT_DIFFERS, where, text)
            index, entry = entries.get(str(said["response"]), (-1, None))
            if entry is None or index != receipt.index or said["log"]["name"] != self.said.log.name:
                text = f"the receipt names entry {receipt.index}, which is not its own"
                self.findings.fault(Layer.RECEIPTS, Code.RECEIPT_DIFFERS, where, text)
            else:
                facts = {"step": said["step"], "sha256": digest(rfc8785.dumps(receipt.claims))}
                self.compare(entry, facts, f"the receipt of {said['step']}", where)
        for step in steps.values():
            if not shown[step.id]:
                self._without_receipt(step)
        self.unmatched(EntryKind.RECEIPT, {str(receipt.said["response"]) for receipt in receipts}, "a receipt of answer")

    def _without_receipt(self, step: Step) -> None:
        assert step.decision is not None
        where, what = f"step {step.id}", f"the decision on {step.id}"
        if self.log.begun is not None and step.decision.recorded < self.log.begun:
            self.findings.remark(
                Layer.RECEIPTS, Code.OLDER_THAN_LOG, where, f"there is no receipt of {what}: it is older than the log"
            )
        else:
            self.findings.fault(Layer.RECEIPTS, Code.RECEIPT_MISSING, where, f"there is no receipt of {what}")

    def check_papers(self) -> None:
        """Every paper has its entry; an entry without one is of a task that came to nothing."""
        entries, matched = self.own(EntryKind.DOCUMENT), set[str]()
        for paper in self.case.papers:
            ref, what, where = f"{self.case.id}/{paper.sha256}", f"the paper {paper.kind} {paper.sha256}", f"paper {paper.sha256}"
            if ref not in entries:
                self.missing(what, paper.at, where)
                continue
            matched.add(ref)
            facts = {"document": paper.kind, "language": paper.language, "sha256": paper.sha256, "about": paper.about}
            self.compare(entries[ref][1], facts, what, where)
        for ref, (index, _) in entries.items():
            if ref not in matched:
                text = f"entry {index} of the log tells of the paper {ref}, which was set and not issued"
                self.findings.remark(Layer.LOG, Code.ENTRY_UNMATCHED, f"entry {index}", text)

    def check_mails(self) -> None:
        """Every mail that a mail server took has its entry."""
        entries = self.own(EntryKind.MAIL)
        for mail in self.said.mails:
            what, where = f"the mail {mail.message_id}", f"mail {mail.sha256}"
            if mail.message_id in entries:
                self.compare(entries[mail.message_id][1], _of_mail(mail), what, where)
            elif mail.state in WAITING:
                self.findings.remark(
                    Layer.LOG, Code.NOT_SENT, where, f"{what} is said to have reached no mail server: {mail.state}"
                )
            else:
                self.missing(what, instant_of(mail.queued), where)
        self.unmatched(EntryKind.MAIL, {mail.message_id for mail in self.said.mails}, "a mail")

    def check_runs(self) -> None:
        """Every closed run has its entry, with its digest and root."""
        entries = self.own(EntryKind.RUN)
        for run in self.runs.runs:
            said, what, where = run.said, f"run {run.said.run}", f"run {run.said.run}"
            if said.run_id in entries:
                facts = {"run": said.run, "events": said.events, "sha256": said.sha256, "root": said.root}
                self.compare(entries[said.run_id][1], facts, what, where)
            elif run.closed:
                self.missing(what, run.until, where)
        self.unmatched(EntryKind.RUN, {run.said.run_id for run in self.runs.runs if run.closed}, "a closed run")

    def check_acts(self) -> None:
        """Every act that was carried out has its entry, and every entry its act."""
        entries, told = self.own(EntryKind.INTERVENTION), dict[str, list[Told]]()
        for run in self.runs.runs:
            for act in run.acts:
                told.setdefault(f"{self.case.id}/{act.said.get('act')}", []).append(act)
        for ref, acts in told.items():
            what = f"the act {acts[0].said.get('do')} in run {acts[0].run}, event {acts[0].event}"
            where = f"run {acts[0].run}, event {acts[0].event}"
            if ref in entries:
                if not any(_digest_of_act(act.said) == entries[ref][1].facts.get("sha256") for act in acts):
                    self.findings.fault(Layer.LOG, Code.ENTRY_DIFFERS, where, f"the log says other things of {what}")
            elif any(act.done for act in acts):
                self.missing(what, instant_of(acts[0].said.get("received")), where)
        self.unmatched(EntryKind.INTERVENTION, set(told), "an act")

    def check_contents(self) -> None:
        """Every content that the case refers to is there, but what was erased with the data of a person."""
        there = {one.sha256 for one in self.said.documents}
        erased, lost = ({one.sha256 for one in named} for named in (self.said.erased, self.said.missing))
        allowed = sum(_count(entry) for _, entry in self.own(EntryKind.ERASURE).values())
        named = named_in(self.runs.state) | {sha for run in self.runs.runs for act in run.acts for sha in named_in(act.said)}
        named |= {sha256 for run in self.runs.runs for answer in run.answers for sha256 in named_in(answer)}
        mails = {mail.sha256 for mail in self.said.mails}
        for sha256 in sorted((named | mails) & erased):
            if len(erased) <= allowed:
                text = f"the content {sha256} was erased with the data of a person, as the log says"
                self.findings.remark(Layer.CONTENTS, Code.CONTENT_ERASED, sha256, text)
            else:
                text = f"the content {sha256} is said to have been erased, and the log tells of {allowed} erased contents"
                self.findings.fault(Layer.CONTENTS, Code.CONTENT_MISSING, sha256, text)
        for sha256 in sorted((named - there - erased) | (mails & lost)):
            self.findings.fault(Layer.CONTENTS, Code.CONTENT_MISSING, sha256, f"the content {sha256} is not there")
        for sha256 in sorted(there - named):
            where = next(one.file for one in self.said.documents if one.sha256 == sha256)
            self.findings.fault(Layer.CONTENTS, Code.CONTENT_UNREFERENCED, where, f"nothing in the case refers to {where}")

    def check_rest(self) -> None:
        """No entry is of another case, but the log's first; none stands there twice."""
        for index, entry in self.log.entries.items():
            if entry.case != self.case.id and index:
                text = f"entry {index} of the log is not of this case"
                self.findings.fault(Layer.LOG, Code.ENTRY_UNMATCHED, f"entry {index}", text)
        counted = Counter((entry.kind, entry.ref) for entry in self.entries.values())
        for (kind, ref), count in counted.items():
            if count > 1:
                self.findings.fault(Layer.LOG, Code.ENTRY_UNMATCHED, ref, f"the log has {count} entries of the {kind} {ref}")
        if not self.said.log.size:
            self.findings.fault(Layer.LOG, Code.ENTRY_MISSING, CHECKPOINT, "the log is empty, so it attests nothing")


def by_answer(step: Step) -> bool:
    """Whether a step was decided by an answer; an override is an act, and has an act's entry."""
    decision = step.decision
    return decision is not None and bool(decision.response) and decision.kind is not DecisionKind.OVERRIDDEN


def _claims(case: str, step: Step) -> dict[str, Any] | None:
    """What a receipt of a decision says; nothing where the state holds values that no receipt can say."""
    try:
        return claims_of(case, step)
    except (ValueError, OverflowError):
        return None


def _of_mail(mail: MailSaid) -> dict[str, Any]:
    return {"letter": mail.letter, "step": mail.step, "sha256": mail.sha256}


def _digest_of_act(said: dict[str, Any]) -> str:
    try:
        return digest_of(Act.model_validate(said))
    except (ValueError, OverflowError):
        return ""


def _count(entry: Entry) -> int:
    contents = entry.facts.get("contents")
    return contents if isinstance(contents, int) else 0
