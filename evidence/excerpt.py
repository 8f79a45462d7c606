"""The excerpt of the log in a bundle: the entries of its case, and for each the proof that it stands in the log."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from evidence.checkpoint import Checkpoint, proof_of
from evidence.entries import Entry, EntryKind, object_in
from evidence.merkle import Wrong, check_inclusion, leaf_hash
from evidence.notary import NotSigned

PROOFS, PROOF_ENDING = "proofs/", ".tlog-proof"


@dataclass(frozen=True)
class Excerpt:
    """The entries of a case by their index, and when the log began, if its first entry is among them."""

    entries: Mapping[int, Entry]
    begun: datetime | None = None

    def of_kind(self, kind: EntryKind) -> dict[str, tuple[int, Entry]]:
        """The entries of a kind with their indexes, by what they refer to."""
        return {entry.ref: (index, entry) for index, entry in self.entries.items() if entry.kind is kind}


def proof_file(index: int) -> str:
    """The file that holds the proof of an entry."""
    return f"{PROOFS}{index}{PROOF_ENDING}"


def lines_of(rows: list[dict[str, str | int]]) -> bytes:
    """Rows as lines of canonical JSON."""
    return b"".join(rfc8785.dumps(row) + b"\n" for row in rows)


def rows_in(data: bytes) -> list[dict[str, Any]]:
    """The rows in lines of canonical JSON.

    Raises:
        ValueError: they are not written so.
    """
    lines = data.split(b"\n")
    rows = [object_in(line) for line in lines[:-1]]
    if b"".join(rfc8785.dumps(row) + b"\n" for row in rows) != data:
        raise ValueError("the lines are not canonical JSON")
    return rows


def written(leaves: Mapping[int, bytes]) -> bytes:
    """The lines of an excerpt: a leaf and its index each."""
    return lines_of([{"index": index, "leaf": b64encode(leaves[index]).decode()} for index in sorted(leaves)])


def leaves_in(data: bytes) -> dict[int, bytes]:
    """The leaves in the lines of an excerpt, by their index.

    Raises:
        ValueError: they are not written as an excerpt is.
    """
    leaves = dict[int, bytes]()
    for row in rows_in(data):
        try:
            leaves[row["index"]] = b64decode(row["leaf"], validate=True)
        except (KeyError, TypeError, NotBase64) as error:
            raise ValueError("a line names no index with a leaf in base64") from error
    if any(type(index) is not int for index in leaves) or written(leaves) != data:
        raise ValueError("the lines are not those of an excerpt: each entry once, in order")
    return leaves


def check_place(leaf: bytes, index: int, proof: bytes, note: str, checkpoint: Checkpoint) -> None:
    """Check that a leaf stands at an index of the log of a checkpoint.

    Raises:
        NotSigned: the proof is of another place, does not lead there, or leads to another checkpoint.
    """
    try:
        read = proof_of(proof.decode())
    except UnicodeDecodeError as error:
        raise NotSigned("this is no proof of a place in the log") from error
    if read.index != index or read.note != note:
        raise NotSigned(f"the proof is of entry {read.index}, or leads to another checkpoint than that of the bundle")
    try:
        check_inclusion(leaf_hash(leaf), index, checkpoint.size, read.hashes, checkpoint.root)
    except Wrong as error:
        raise NotSigned(str(error)) from error
