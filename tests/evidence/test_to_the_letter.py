"""Keys, notes and envelopes to the letter: key hashes as others compute them, limits that are kept to, one way of writing each."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from evidence.bundle import STATEMENT
from evidence.checkpoint import (
    LONGEST_NOTE,
    LONGEST_PROOF,
    Checkpoint,
    Proof,
    checkpoint_of,
    key_hash,
    proof_of,
    signed_note,
    verifier_key,
    written,
)
from evidence.merkle import root_of
from evidence.notary import LARGEST_KEYS, NotSigned, new_key, notary_of, trusted_of
from evidence.receipts import checked, signed_receipt
from evidence.statement import LARGEST_STATEMENT, PAYLOAD_TYPE, enveloped, head_of, payload_in, predicate_in, signed_part
from models.errors import WrongSetting
from tests.evidence.golden import Known
from tests.evidence.tampering import signed, unzipped

NAME = "exchanges.example/log"
OURS = notary_of(new_key(), NAME)
NOTE = signed_note(Checkpoint(NAME, 1, bytes(32)), OURS)


def test_a_key_is_named_as_others_name_it() -> None:
    raw = OURS.trusted.raw(OURS.key_id)
    assert key_hash(NAME, raw) == sha256(NAME.encode() + b"\n\x01" + raw).digest()[:4]
    assert verifier_key(NAME, raw) == f"{NAME}+{key_hash(NAME, raw).hex()}+{b64encode(bytes([1]) + raw).decode()}"
    assert OURS.key_id == sha256(raw).hexdigest()[:16]


def padded(length: int) -> str:
    """The note with another's signature that makes it so long."""
    line = "— other.example/log "
    size = (length - len(NOTE) - len(line) - 1) // 4 * 4
    name = "o" * (length - len(NOTE) - len(line) - 1 - size)
    return f"{NOTE}{line.replace('other', f'other{name}')}{b64encode(bytes(size // 4 * 3)).decode()}\n"


def test_a_note_is_as_long_as_allowed_and_no_longer() -> None:
    assert checkpoint_of(padded(LONGEST_NOTE), OURS.trusted).size == 1
    with pytest.raises(NotSigned):
        checkpoint_of(padded(LONGEST_NOTE + 1), OURS.trusted)


def test_a_proof_is_as_long_as_allowed_and_no_longer() -> None:
    proof = Proof(0, (bytes(32),) * 250, "")
    longest = Proof(0, proof.hashes, "x" * (LONGEST_PROOF - len(proof.text)))
    assert proof_of(longest.text) == longest
    with pytest.raises(NotSigned):
        proof_of(longest.text + "x")


def test_a_file_of_keys_is_as_large_as_allowed_and_no_larger() -> None:
    pem = OURS.trusted.pem.encode()
    assert trusted_of(pem + b"\n" * (LARGEST_KEYS - len(pem))).ids == (OURS.key_id,)
    with pytest.raises(NotSigned):
        trusted_of(pem + b"\n" * (LARGEST_KEYS - len(pem) + 1))


def test_keys_of_another_kind_are_refused() -> None:
    other = X25519PrivateKey.generate()
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(WrongSetting, match="not of Ed25519"):
        notary_of(new_key() + private, NAME)
    with pytest.raises(NotSigned, match="not of Ed25519"):
        trusted_of(OURS.trusted.pem.encode() + public)


def test_a_receipt_can_have_the_log_s_first_place_and_none_before_it(base: Known) -> None:
    claims = base.receipts[0].claims
    assert checked(signed_receipt(claims, 0, OURS), OURS.trusted)["log"] == {"name": NAME, "index": 0}
    with pytest.raises(NotSigned):
        checked(signed_receipt(claims, -1, OURS), OURS.trusted)


def test_what_is_signed_of_a_statement_is_what_dsse_says() -> None:
    assert signed_part(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"
    assert len(PAYLOAD_TYPE) == 28
    payload, signature, key = payload_in(enveloped(b"hello", OURS))
    assert (payload, key) == (b"hello", OURS.key_id)
    assert OURS.trusted.check(signed_part(b"hello"), signature) == OURS.key_id


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace(b"in-toto", b"in-tofu"),
        lambda line: line.rstrip(),
        lambda line: line.replace(b'"keyid"', b'"key"'),
        lambda line: line.replace(b'"sig":"', b'"sig":"!'),
        lambda line: line.replace(b"[", b"[1,"),
        lambda line: line.replace(b'"payload":"', b'"payload":1,"other":"'),
        lambda line: line.replace(b'{"payload"', b'{"more":1,"payload"'),
        lambda line: b" " + line,
        lambda line: b"[]",
    ],
)
def test_an_envelope_is_written_in_one_way(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"\w"):
        payload_in(spoil(enveloped(b"hello", OURS)))


def test_an_envelope_is_as_large_as_allowed_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = enveloped(b"hello", OURS)
    assert LARGEST_STATEMENT == 16 << 20
    monkeypatch.setattr("evidence.statement.LARGEST_STATEMENT", len(envelope))
    assert payload_in(envelope)[0] == b"hello"
    monkeypatch.setattr("evidence.statement.LARGEST_STATEMENT", len(envelope) - 1)
    with pytest.raises(ValueError, match="too large"):
        payload_in(envelope)


@pytest.mark.parametrize(
    "head",
    [
        {},
        head_of("a" * 64) | {"subject": []},
        head_of("a" * 64) | {"subject": 1},
        head_of("a" * 64) | {"subject": [{"name": "other.txt", "digest": {"sha256": "a" * 64}}]},
        head_of("a" * 64) | {"subject": [{"name": "manifest-sha256.txt", "digest": {"sha256": 5}}]},
        head_of("a" * 64) | {"subject": head_of("a" * 64)["subject"] * 2},
        head_of("a" * 64) | {"_type": "https://in-toto.io/Statement/v0.1"},
        head_of("a" * 64) | {"predicateType": "https://slsa.dev/provenance/v1"},
        head_of("a" * 64) | {"more": 1},
    ],
)
def test_a_statement_is_about_the_manifest_and_nothing_else(head: dict[str, Any], base: Known) -> None:
    said = json.loads(payload_in(unzipped(signed(base))[STATEMENT])[0])["predicate"]
    assert predicate_in(rfc8785.dumps({**head_of("a" * 64), "predicate": said}))[1] == "a" * 64
    with pytest.raises(ValueError, match=r"\w"):
        predicate_in(rfc8785.dumps({**head, "predicate": said}))
    with pytest.raises(ValueError, match=r"\w"):
        predicate_in(rfc8785.dumps({**head_of("a" * 64), "predicate": {**said, "more": 1}}))
    with pytest.raises(ValueError, match=r"\w"):
        predicate_in(rfc8785.dumps(head_of("a" * 64)))


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert written([b"\0", b"\1"]) == ["AA==", "AQ=="]
