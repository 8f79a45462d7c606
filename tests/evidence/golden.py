"""A golden case as the material of a bundle: its contents made up, its histories naming them, a log that holds what they tell."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence import merkle
from evidence.bundle import Mail, Material, named_in
from evidence.checkpoint import Checkpoint, Proof, signed_note
from evidence.entries import (
    Entry,
    EntryKind,
    act_entry,
    digest,
    document_entry,
    key_entry,
    run_entry,
    written,
)
from evidence.events import events_of, opening_of, root_of_run
from evidence.notary import Notary, new_key, notary_of
from evidence.receipts import Receipt, claims_of, receipt_entry, signed_receipt
from evidence.statement import MailSaid
from evidence.told import acts_in, is_answer, objects_in
from models.acts import Act
from models.case import Case
from models.words import DecisionKind
from tests.histories.golden import HISTORIES

NAME = "exchanges.example/log"
NOTARY = notary_of(new_key(), NAME)
EXPORTED = datetime(2032, 1, 5, 8, 30, tzinfo=UTC)
VERIFY = (HISTORIES.parents[1] / "templates" / "evidence" / "VERIFY.md").read_bytes()


class MadeLog:
    """A log in memory."""

    def __init__(self, notary: Notary = NOTARY) -> None:
        self.notary = notary
        self.leaves: list[bytes] = []

    def append(self, *entries: Entry) -> list[int]:
        """Put entries at the end; gives their indexes."""
        start = len(self.leaves)
        self.leaves += [entry.leaf for entry in entries]
        return list(range(start, len(self.leaves)))

    def note(self) -> str:
        """The signed checkpoint."""
        root = merkle.root_of([merkle.leaf_hash(leaf) for leaf in self.leaves])
        return signed_note(Checkpoint(self.notary.name, len(self.leaves), root), self.notary)

    def proof(self, index: int, note: str) -> Proof:
        """The proof of an entry."""
        hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves]
        spans = merkle.inclusion(index, len(hashes))
        return Proof(index, tuple(merkle.root_of(hashes[span.start : span.end]) for span in spans), note)


@dataclass
class Known:
    """A case as an installation knows it; a test changes what it likes before it is put together and signed."""

    case: str
    histories: list[tuple[str, bytes]]
    state: dict[str, Any]
    log: MadeLog
    receipts: list[Receipt] = field(default_factory=list)
    documents: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)

    def material(self) -> Material:
        """What its bundle is made of."""
        note, follows = self.log.note(), self.state.get("procedure", 1)
        return Material(
            case=self.case,
            exported=written(EXPORTED),
            histories=self.histories,
            state=json.dumps(self.state, separators=(",", ":")).encode(),
            procedure=follows if type(follows) is int and abs(follows) < 2**31 else 1,
            receipts=self.receipts,
            documents=self.documents,
            mails=self.mails,
            erased=self.erased,
            missing=self.missing,
            leaves={index: self.log.leaves[index] for index in self.indexes},
            proofs={index: self.log.proof(index, note) for index in self.indexes},
            checkpoint=note,
            verify=VERIFY,
        )

    def entered(self, *entries: Entry) -> list[int]:
        """Put entries of the case into its log."""
        indexes = self.log.append(*entries)
        self.indexes += indexes
        return indexes


def golden(name: str) -> Known:
    """A golden case, with everything in the log that belongs there, and before, between and after it what does not."""
    histories, state = renamed(name)
    known = Known(case=state["id"], histories=histories, state=state, log=MadeLog())
    named = named_in(state)
    for _, history in histories:
        events = events_of(history)
        named |= {sha for act in acts_in(1, events) for sha in named_in(act.said)}
        named |= {sha for one in objects_in(events) if is_answer(one) for sha in named_in(one)}
    known.documents = {sha256: (CONTENTS[sha256], "pdf") for sha256 in sorted(named)}
    at = datetime.fromisoformat(state["opened"])
    known.indexes += known.log.append(key_entry(NOTARY.key_id, NOTARY.trusted.pem, at - timedelta(days=30)))
    enter(known, Case.model_validate(state), at)
    known.log.append(*(elsewhere(number, EXPORTED) for number in range(3)))
    return known


def elsewhere(number: int, at: datetime) -> Entry:
    """An entry of another case."""
    case = f"AMEDIP-2031-9{number:03}"
    return document_entry(case, "acknowledgement", "en", digest(case.encode()), "", at)


def enter(known: Known, case: Case, at: datetime) -> None:
    """Put into the log what the case tells, with some mails, and issue its receipts."""
    known.log.append(elsewhere(100, at))
    for number, (run_id, history) in enumerate(known.histories, start=1):
        root, events = root_of_run(history)
        known.entered(run_entry(case.id, number, run_id, events, digest(history), root, at))
        for act in acts_in(number, events_of(history)):
            known.entered(act_entry(case.id, Act.model_validate(act.said)))
    for step in case.steps:
        if step.decision and step.decision.response and step.decision.kind is not DecisionKind.OVERRIDDEN:
            [index] = known.entered(receipt_entry(case.id, step))
            known.receipts.append(signed_receipt(claims_of(case.id, step), index, NOTARY))
    known.log.append(elsewhere(101, at))
    papers = {paper.sha256: paper for paper in case.papers}
    known.entered(*(document_entry(case.id, p.kind, p.language, p.sha256, p.about, p.at) for p in papers.values()))
    for number, state in enumerate(("accepted", "accepted", "queued"), start=1):
        eml = f"Message-ID: <{case.id}.{number}@exchanges.example>\r\n\r\nDear colleague\r\n".encode()
        said = MailSaid(
            message_id=f"<{case.id}.{number}@exchanges.example>",
            letter="ask_completeness",
            step="completeness-1",
            state=state,
            queued=written(at),
            sha256=digest(eml),
        )
        known.mails.append(Mail(said, eml))
        if state == "accepted":
            known.entered(mail_entry(case.id, said))


def mail_entry(case: str, said: MailSaid) -> Entry:
    """The entry of a mail."""
    facts: dict[str, str | int] = {"letter": said.letter, "step": said.step, "sha256": said.sha256}
    return Entry(kind=EntryKind.MAIL, case=case, ref=said.message_id, at=datetime.fromisoformat(said.queued), facts=facts)


# Contents made up, and named in the histories

CONTENTS: dict[str, bytes] = {}
HEX = re.compile(rb"\b[0-9a-f]{64}\b")


def renamed(name: str) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    """The histories and the state of a golden case, each naming contents that are there, and each run the one before as it is."""
    folder, names = HISTORIES / name, dict[bytes, bytes]()
    text = (folder / "state.txt").read_bytes()
    digests = [run["sha256"].encode() for run in json.loads(text).get("runs", [])]
    histories = list[tuple[str, bytes]]()
    for at, path in enumerate(sorted(folder.glob("*.json"))):
        history = json.loads(path.read_bytes())
        rewrite(history, lambda said: HEX.sub(lambda found: renaming(found[0], names), said))
        run_id = history["events"][0]["workflowExecutionStartedEventAttributes"]["originalExecutionRunId"]
        data = json.dumps(history, separators=(",", ":"), ensure_ascii=False).encode()
        histories.append((run_id, data))
        if at < len(digests):
            names[digests[at]] = digest(data).encode()
    return histories, json.loads(HEX.sub(lambda found: renaming(found[0], names), text))


def renaming(sha256: bytes, names: dict[bytes, bytes]) -> bytes:
    """The sha256 of the content that stands for another, which is made up where there is none yet."""
    if sha256 not in names:
        content = b"the content once named " + sha256
        names[sha256] = digest(content).encode()
        CONTENTS[names[sha256].decode()] = content
    return names[sha256]


def rewrite(value: Any, change: Callable[[bytes], bytes]) -> None:
    """Change what every payload within a history says, each payload as it was packed."""
    if isinstance(value, dict) and "metadata" in value and "data" in value:
        data = b64decode(value["data"])
        deflated = b64decode(value["metadata"]["encoding"]) == b"json/zlib"
        said = change(zlib.decompress(data) if deflated else data)
        value["data"] = b64encode(zlib.compress(said) if deflated else said).decode()
        return
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, Sequence) else ():
        if isinstance(item, dict | list):
            rewrite(item, change)


def opening(history: bytes) -> dict[str, Any]:
    """What a run began with."""
    return opening_of(events_of(history))
