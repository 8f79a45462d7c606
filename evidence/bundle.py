"""The bundle: all there is of a case, in one zip that stands without us; `docs/bundle-format.md` says what is where."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence import excerpt, programme
from evidence.bag import BAGIT, DECLARATION, ENDING, INFO, MANIFEST, bagged, info_of, manifest_of
from evidence.checkpoint import Proof, checkpoint_of
from evidence.entries import digest
from evidence.events import events_of, lines_of, opening_of, root_over
from evidence.notary import Notary
from evidence.receipts import Receipt
from evidence.statement import (
    DocumentSaid,
    LogSaid,
    MailSaid,
    Named,
    Predicate,
    ReceiptSaid,
    RunSaid,
    enveloped,
    statement_of,
)

STATEMENT, CHECKPOINT, VERIFY = "statement.dsse.json", "checkpoint", "VERIFY.md"
EVENTS, RECEIPTS, STATE, PROGRAMME, LOG = (
    *("data/events.ndjson", "data/receipts.jsonl", "data/state.json", "data/programme.toml", "data/log.jsonl"),
)
HISTORY, DOCUMENTS, MAILS = "data/history/", "data/documents/", "data/mails/"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Mail:
    """A mail of the case: what is said of it, and its bytes as archived; None when they are not there."""

    said: MailSaid
    eml: bytes | None


@dataclass(frozen=True)
class Material:
    """What a bundle is made of.

    `histories` are run ids with exported histories, the first first; `state` the case after its last workflow task; `documents`
    contents with their file ending, by sha256; `leaves` and `proofs` the log's entries of the case by index; `erased` and
    `missing` the sha256 of contents that are named and not there; `exported` an instant as entries write it.
    """

    case: str
    exported: str
    histories: Sequence[tuple[str, bytes]]
    state: bytes
    procedure: int
    receipts: Sequence[Receipt]
    documents: Mapping[str, tuple[bytes, str]]
    mails: Sequence[Mail]
    erased: Sequence[str]
    missing: Sequence[str]
    leaves: Mapping[int, bytes]
    proofs: Mapping[int, Proof]
    checkpoint: str
    verify: bytes


@dataclass(frozen=True)
class Bundle:
    """A bundle: the bytes of its zip, the sha256 of its manifest, its file's name, and how many events its case has."""

    data: bytes
    manifest: str
    name: str
    events: int


def bundle_of(material: Material, notary: Notary) -> Bundle:
    """The bundle of a case, signed; the same material gives the same bytes."""
    lines = [lines_of(history) for _, history in material.histories]
    payload = dict(payload_of(material, lines))
    manifest = manifest_of({name: digest(data) for name, data in payload.items()})
    tags = dict(tags_of(material, len(payload), sum(map(len, payload.values()))))
    predicate = predicate_of(material, lines, payload, tags, notary)
    statement = statement_of(predicate, digest(manifest))
    tags |= {MANIFEST: manifest, STATEMENT: enveloped(statement, notary)}
    folder = f"{material.case}{ENDING}"
    return Bundle(bagged(folder, payload, tags), digest(manifest), f"{folder}.zip", sum(map(len, lines)))


def payload_of(material: Material, lines: Sequence[Sequence[bytes]]) -> Iterator[tuple[str, bytes]]:
    """The files below `data/`."""
    for run, (run_id, history) in enumerate(material.histories, start=1):
        yield history_file(run, run_id), history
    yield EVENTS, b"".join(line + b"\n" for of_run in lines for line in of_run)
    yield RECEIPTS, excerpt.lines_of([receipt_row(receipt) for receipt in material.receipts])
    yield STATE, material.state
    yield PROGRAMME, programme.written(opening_of(events_of(material.histories[0][1]))["programme"])
    yield LOG, excerpt.written(material.leaves)
    for sha256, (data, ending) in material.documents.items():
        yield document_file(sha256, ending), data
    for mail in material.mails:
        if mail.eml is not None:
            yield mail_file(mail.said.sha256), mail.eml


def tags_of(material: Material, files: int, size: int) -> Iterator[tuple[str, bytes]]:
    """The files beside `data/` that the statement names."""
    yield BAGIT, DECLARATION
    yield INFO, info_of(material.case, material.exported, files, size)
    yield CHECKPOINT, material.checkpoint.encode()
    yield VERIFY, material.verify
    for index, proof in material.proofs.items():
        yield excerpt.proof_file(index), proof.text.encode()


def predicate_of(
    material: Material,
    lines: Sequence[Sequence[bytes]],
    payload: Mapping[str, bytes],
    tags: Mapping[str, bytes],
    notary: Notary,
) -> Predicate:
    """What the statement says."""
    log = checkpoint_of(material.checkpoint, notary.trusted)
    return Predicate(
        case=material.case,
        procedure=material.procedure,
        exported=material.exported,
        runs=tuple(
            RunSaid(run=run, run_id=run_id, events=len(own), sha256=digest(history), root=root_over(own))
            for run, ((run_id, history), own) in enumerate(zip(material.histories, lines, strict=True), start=1)
        ),
        log=LogSaid(name=log.name, size=log.size),
        state=digest(material.state),
        receipts=tuple(receipt_said(receipt) for receipt in material.receipts),
        documents=tuple(
            DocumentSaid(sha256=sha256, file=document_file(sha256, material.documents[sha256][1]))
            for sha256 in sorted(material.documents)
        ),
        mails=tuple(mail.said for mail in material.mails),
        erased=tuple(Named(sha256=sha256) for sha256 in sorted(material.erased)),
        missing=tuple(Named(sha256=sha256) for sha256 in sorted(material.missing)),
        tags={name: digest(data) for name, data in tags.items()},
    )


def history_file(run: int, run_id: str) -> str:
    """The file that holds the history of a run."""
    return f"{HISTORY}{run:02d}-{run_id}.json"


def document_file(sha256: str, ending: str) -> str:
    """The file that holds a content."""
    return f"{DOCUMENTS}{sha256}.{ending}"


def mail_file(sha256: str) -> str:
    """The file that holds a mail."""
    return f"{MAILS}{sha256}.eml"


def receipt_row(receipt: Receipt) -> dict[str, str | int]:
    """The line of a receipt."""
    return {"receipt": b64encode(receipt.body).decode(), "signature": b64encode(receipt.signature).decode()}


def receipt_said(receipt: Receipt) -> ReceiptSaid:
    """What the statement says of a receipt."""
    return ReceiptSaid(response=str(receipt.said["response"]), index=receipt.index, sha256=digest(receipt.body))


def named_in(value: Any) -> set[str]:
    """Every sha256 that stands in a value of JSON, but for the digests of its closed runs: the contents it refers to."""
    found, waiting = set[str](), [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and SHA256.fullmatch(one):
            found.add(one)
        elif isinstance(one, dict):
            waiting += [item for name, item in one.items() if name != "runs"]
        elif isinstance(one, list):
            waiting += one
    return found
