"""What the log holds: an entry each for receipts, documents, mails, runs, bundles, acts, erasures and restores.

A leaf of the log is the canonical JSON (RFC 8785) of `{"kind", "case", "ref", "at", …}`. Nothing in it is about a person but ids
and digests; the contents themselves are kept elsewhere, sealed with that person's key where they are about one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import rfc8785

from evidence.events import read_json
from models.acts import Act
from models.message import Instant, Message


class EntryKind(StrEnum):
    """What an entry tells of."""

    RECEIPT = "receipt"
    DOCUMENT = "document"
    MAIL = "mail"
    RUN = "run"
    BUNDLE = "bundle"
    INTERVENTION = "intervention"
    ERASURE = "erasure"
    RESTORE = "restore"
    KEY = "key"


class Entry(Message):
    """One entry: what it tells of, in which case, its own name among its kind, when, and its facts (codes, digests, counts)."""

    kind: EntryKind
    case: str = ""
    ref: str
    at: Instant
    facts: dict[str, str | int] = {}

    @property
    def leaf(self) -> bytes:
        """The bytes of the leaf."""
        head = {"kind": str(self.kind), "case": self.case, "ref": self.ref, "at": written(self.at)}
        return rfc8785.dumps({**self.facts, **head})


def entry_of(leaf: bytes) -> Entry:
    """The entry that a leaf tells.

    Raises:
        ValueError: it tells none, or is not written as one.
    """
    read = dict(object_in(leaf))
    head = {name: read.pop(name, None) for name in ("kind", "case", "ref", "at")}
    entry = Entry.model_validate({**head, "facts": read})
    if entry.leaf != leaf:
        raise ValueError("the leaf is not written as an entry is")
    return entry


def object_in(data: bytes) -> dict[str, Any]:
    """The object that JSON holds.

    Raises:
        ValueError: it holds none.
    """
    read = read_json(data)
    if isinstance(read, dict):
        return read
    raise ValueError("the JSON holds no object")


def written(at: datetime) -> str:
    """An instant as entries and receipts write it, in UTC, exact to the microsecond where it is."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def digest(data: bytes) -> str:
    """The sha256 of bytes, in hex."""
    return sha256(data).hexdigest()


def digest_of(message: Message) -> str:
    """The sha256 of a message's canonical JSON without its defaults: a field that is added later changes none of before."""
    return digest(rfc8785.dumps(message.model_dump(mode="json", exclude_defaults=True)))


def document_entry(case: str, kind: str, language: str, sha256: str, about: str, at: datetime) -> Entry:
    """That a document was set."""
    facts: dict[str, str | int] = {"document": kind, "language": language, "sha256": sha256, "about": about}
    return Entry(kind=EntryKind.DOCUMENT, case=case, ref=f"{case}/{sha256}", at=at, facts=facts)


def mail_entry(case: str, message_id: str, letter: str, step: str, sha256: str, at: datetime) -> Entry:
    """That a mail server took a mail, archived under a sha256."""
    facts: dict[str, str | int] = {"letter": letter, "step": step, "sha256": sha256}
    return Entry(kind=EntryKind.MAIL, case=case, ref=message_id, at=at, facts=facts)


def run_entry(case: str, run: int, run_id: str, events: int, sha256: str, root: str, at: datetime) -> Entry:
    """That a run is closed: its number of events, the sha256 of its exported history, and the root over its events."""
    facts: dict[str, str | int] = {"run": run, "events": events, "sha256": sha256, "root": root}
    return Entry(kind=EntryKind.RUN, case=case, ref=run_id, at=at, facts=facts)


def act_entry(case: str, act: Act) -> Entry:
    """That an act was carried out; the digest is that of the act as its case was told it."""
    facts: dict[str, str | int] = {"do": str(act.do), "by": act.by, "step": act.step, "sha256": digest_of(act)}
    return Entry(kind=EntryKind.INTERVENTION, case=case, ref=f"{case}/{act.act}", at=act.received, facts=facts)


def bundle_entry(case: str, manifest: str, events: int, at: datetime) -> Entry:
    """That the evidence of a case was put together: the sha256 of its manifest."""
    return Entry(kind=EntryKind.BUNDLE, case=case, ref=f"{case}/{manifest}", at=at, facts={"events": events})


def erasure_entry(case: str, person: str, by: str, contents: int, at: datetime) -> Entry:
    """That the data of a person were erased, and how many contents were blanked with them."""
    return Entry(kind=EntryKind.ERASURE, case=case, ref=person, at=at, facts={"by": by, "contents": contents})


def restore_entry(ref: str, cases: int, by: str, at: datetime) -> Entry:
    """That the read model of cases was written anew from their histories."""
    return Entry(kind=EntryKind.RESTORE, ref=ref, at=at, facts={"cases": cases, "by": by})


def key_entry(key_id: str, pem: str, at: datetime) -> Entry:
    """That a key signs from now on."""
    return Entry(kind=EntryKind.KEY, ref=key_id, at=at, facts={"pem": pem})
