"""The signed state of the log, and proofs that refer to it (source: C2SP signed-note, tlog-checkpoint, tlog-proof, tlog-tiles).

A checkpoint is a note: the log's name, its size, its root in base64, a blank line, and below it a line
`— name base64(key hash ‖ signature)`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from evidence.merkle import HASH_BYTES, Wrong, check_inclusion
from evidence.notary import Notary, NotSigned, Trusted

ED25519 = b"\x01"
KEY_HASH_BYTES = 4
LONGEST_NOTE = 10_000
LONGEST_PROOF = 20_000
SIGNED = re.compile(r"— (\S+) (\S+)")
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
PROOF = "c2sp.org/tlog-proof@v1"


class Checkpoint(NamedTuple):
    """What a log says of itself: its name, how many leaves it has, and their root."""

    name: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.name}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Proof:
    """That a leaf stands in a log: its index, the hashes beside its way up, and the checkpoint they lead to, as a note."""

    index: int
    hashes: tuple[bytes, ...]
    note: str

    @property
    def text(self) -> str:
        """The proof in the format of C2SP."""
        return "\n".join([PROOF, f"index {self.index}", *(b64encode(one).decode() for one in self.hashes), "", self.note])


def key_hash(name: str, raw: bytes) -> bytes:
    """The four bytes that name a key in a note."""
    return sha256(name.encode() + b"\n" + ED25519 + raw).digest()[:KEY_HASH_BYTES]


def verifier_key(name: str, raw: bytes) -> str:
    """A public key as tools of the format take it: `name+hash+key`."""
    return f"{name}+{key_hash(name, raw).hex()}+{b64encode(ED25519 + raw).decode()}"


def signed_note(checkpoint: Checkpoint, notary: Notary) -> str:
    """A checkpoint with the notary's signature."""
    raw = notary.trusted.raw(notary.key_id)
    signature = key_hash(notary.name, raw) + notary.sign(checkpoint.text.encode())
    return f"{checkpoint.text}\n— {notary.name} {b64encode(signature).decode()}\n"


def checkpoint_of(note: str, trusted: Trusted) -> Checkpoint:
    """The checkpoint in a note that one of the keys signed under the log's own name; other signatures are passed over.

    Raises:
        NotSigned: the note is none, or no key of ours signed it.
    """
    checkpoint, rest = _read(note)
    for line in rest:
        found = SIGNED.fullmatch(line)
        if found is None:
            raise NotSigned("a line below the checkpoint is no signature")
        signature = _bytes(found[2])
        for key_id in trusted.ids:
            named = key_hash(checkpoint.name, trusted.raw(key_id))
            if found[1] == checkpoint.name and signature[:KEY_HASH_BYTES] == named:
                trusted.check(checkpoint.text.encode(), signature[KEY_HASH_BYTES:], key_id)
                return checkpoint
    raise NotSigned("the checkpoint bears no signature of any of the keys")


def _read(note: str) -> tuple[Checkpoint, list[str]]:
    text, blank, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if len(note) > LONGEST_NOTE or not blank or not signatures.endswith("\n") or len(lines) != 3:
        raise NotSigned("this is no checkpoint: three lines, a blank one, and signatures are expected")
    name, size, root = lines
    hashed = _bytes(root)
    if not NUMBER.fullmatch(size) or len(hashed) != HASH_BYTES or not re.fullmatch(r"[^\s+]+", name):
        raise NotSigned("this is no checkpoint: a name, a size and a root are expected")
    return Checkpoint(name, int(size), hashed), signatures[:-1].split("\n")


def proof_of(text: str) -> Proof:
    """The proof in a text; nothing of it is checked.

    Raises:
        NotSigned: it is none.
    """
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    name, _, index = lines[1].partition(" ") if len(lines) > 1 else ("", "", "")
    if len(text) > LONGEST_PROOF or not blank or lines[0] != PROOF or name != "index" or not NUMBER.fullmatch(index):
        raise NotSigned("this is no proof of a place in the log")
    hashes = tuple(_bytes(line) for line in lines[2:])
    if any(len(one) != HASH_BYTES for one in hashes):
        raise NotSigned("a line of the proof is no hash")
    return Proof(int(index), hashes, note)


def check_proof(leaf: bytes, text: str, trusted: Trusted) -> tuple[Proof, Checkpoint]:
    """Check that the leaf of that hash stands in the log as a proof says, up to a signed checkpoint.

    Raises:
        NotSigned: it does not, or the checkpoint bears no signature of ours.
    """
    proof = proof_of(text)
    checkpoint = checkpoint_of(proof.note, trusted)
    try:
        check_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    except Wrong as error:
        raise NotSigned(str(error)) from error
    return proof, checkpoint


def written(hashes: Sequence[bytes]) -> list[str]:
    """Hashes in base64."""
    return [b64encode(one).decode() for one in hashes]


def _bytes(text: str) -> bytes:
    """Bytes in base64, in the one way they are written."""
    try:
        raw = b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise NotSigned(f"this is not base64: {text[:60]!r}") from error
    if b64encode(raw).decode() != text:
        raise NotSigned(f"this is not base64 as it is written: {text[:60]!r}")
    return raw
