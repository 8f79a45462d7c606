"""The statement of a bundle: who says what of which files, signed (source: in-toto Statement v1, DSSE v1, RFC 8032).

The statement is canonical JSON (RFC 8785) in a DSSE envelope. Its subject is the manifest of the payload; its predicate names the
runs, the place in the log, and every other file with its sha256.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Annotated, Any

import rfc8785
from pydantic import ConfigDict, StringConstraints, ValidationError

from evidence.bag import MANIFEST
from evidence.entries import object_in
from evidence.notary import Notary, NotSigned, Trusted
from models.message import Message

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://passerelle.example/evidence/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
LARGEST_STATEMENT = 16 << 20

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}$")]


class Said(Message):
    """A part of the statement; one that says more, or another kind of value, is none of this version."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RunSaid(Said):
    """A run: its number and id, how many events, the sha256 of its exported history, the root over its events."""

    run: int
    run_id: Number
    events: int
    sha256: Sha256
    root: Sha256


class LogSaid(Said):
    """The log that the proofs lead to: its name and size."""

    name: str
    size: int


class ReceiptSaid(Said):
    """A receipt: the response it is for, the index of its entry, the sha256 of its bytes."""

    response: str
    index: int
    sha256: Sha256


class DocumentSaid(Said):
    """A document: its sha256 and the file that holds it."""

    sha256: Sha256
    file: str


class MailSaid(Said):
    """A mail: its name, the letter it is, about which step, how far it got, when it was queued, and the sha256 it is kept under."""

    message_id: str
    letter: str
    step: str
    state: str
    queued: str
    sha256: Sha256


class Named(Said):
    """A content that is named and not there."""

    sha256: Sha256


class Predicate(Said):
    """What is said of the case; `tags` are the files beside the payload, but those that hold manifests and the statement."""

    case: Number
    procedure: int
    exported: str
    runs: tuple[RunSaid, ...]
    log: LogSaid
    state: Sha256
    receipts: tuple[ReceiptSaid, ...]
    documents: tuple[DocumentSaid, ...]
    mails: tuple[MailSaid, ...]
    erased: tuple[Named, ...]
    missing: tuple[Named, ...]
    tags: dict[str, Sha256]


def statement_of(predicate: Predicate, manifest: str) -> bytes:
    """The statement about a bundle whose manifest has that sha256."""
    return rfc8785.dumps({**head_of(manifest), "predicate": predicate.model_dump(mode="json")})


def head_of(manifest: str) -> dict[str, Any]:
    """What a statement is, and what it is about."""
    return {"_type": TYPE, "subject": [{"name": MANIFEST, "digest": {"sha256": manifest}}], "predicateType": PREDICATE}


def signed_part(payload: bytes) -> bytes:
    """The bytes that are signed of a payload: those of DSSE, its type and length before it."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def enveloped(payload: bytes, notary: Notary) -> bytes:
    """A payload in its signed envelope."""
    return envelope_of(payload, notary.sign(signed_part(payload)), notary.key_id)


def envelope_of(payload: bytes, signature: bytes, key: str) -> bytes:
    """The envelope of a payload with the signature of a key."""
    signatures = [{"keyid": key, "sig": b64encode(signature).decode()}]
    return rfc8785.dumps({"payload": b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": signatures}) + b"\n"


def payload_in(envelope: bytes) -> tuple[bytes, bytes, str]:
    """The payload of an envelope, its signature, and the id of the key that is said to have made it; nothing is checked.

    Raises:
        ValueError: it is no envelope, or not written as one.
    """
    if len(envelope) > LARGEST_STATEMENT:
        raise ValueError("the envelope is too large to be one")
    read = object_in(envelope)
    try:
        [signature] = read["signatures"]
        payload, signed, key = (
            b64decode(read["payload"], validate=True),
            b64decode(signature["sig"], validate=True),
            signature["keyid"],
        )
    except (KeyError, TypeError, ValueError, NotBase64) as error:
        raise ValueError("it is no envelope with a payload and one signature") from error
    if not isinstance(key, str) or envelope_of(payload, signed, key) != envelope:
        raise ValueError("it is not written as an envelope of a statement is")
    return payload, signed, key


def check_signature(payload: bytes, signature: bytes, key: str, trusted: Trusted) -> None:
    """Check that the key named signed a payload as that of an envelope.

    Raises:
        NotSigned: it did not, or is none of those trusted.
    """
    if key not in trusted.ids:
        raise NotSigned(f"the statement names key {key}, which is none of those to check with")
    trusted.check(signed_part(payload), signature, key)


def predicate_in(payload: bytes) -> tuple[Predicate, str]:
    """What a statement says, and the sha256 of the manifest it says it of.

    Raises:
        ValueError: it is no statement of this version.
    """
    read = object_in(payload)
    if rfc8785.dumps(read) != payload:
        raise ValueError("the statement is not canonical JSON")
    manifest = _manifest_in(read)
    try:
        predicate = Predicate.model_validate_json(json.dumps(read["predicate"]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"the statement does not say what one of this version says: {field}: {first['msg']}") from error
    return predicate, manifest


def _manifest_in(read: dict[str, Any]) -> str:
    try:
        [subject] = read["subject"]
        manifest = subject["digest"]["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("it is no statement about one file") from error
    if not isinstance(manifest, str) or {**head_of(manifest), "predicate": read.get("predicate", ())} != read:
        raise ValueError("it is no statement about the manifest of a bundle")
    return manifest
