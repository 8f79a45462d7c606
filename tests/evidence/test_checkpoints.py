"""Notes and proofs in the formats of C2SP: what was signed reads, and nothing else does."""

from __future__ import annotations

from base64 import b64encode

import pytest

from evidence import merkle
from evidence.checkpoint import Checkpoint, Proof, check_proof, checkpoint_of, proof_of, signed_note, verifier_key
from evidence.notary import Notary, NotSigned, Trusted, new_key, notary_of, trusted_of

LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(7)]
CHECKPOINT = Checkpoint("exchanges.example/log", 7, merkle.root_of(LEAVES))
OURS = notary_of(new_key(), "exchanges.example/log")
NOTE = signed_note(CHECKPOINT, OURS)


def stranger(name: str = "exchanges.example/log") -> Notary:
    """A notary with a key of its own."""
    return notary_of(new_key(), name)


def test_a_signed_checkpoint_reads_as_it_was_signed() -> None:
    assert checkpoint_of(NOTE, OURS.trusted) == CHECKPOINT
    assert NOTE.startswith(f"exchanges.example/log\n7\n{b64encode(CHECKPOINT.root).decode()}\n\n— exchanges.example/log ")


def test_a_checkpoint_counts_whichever_of_our_keys_signed_it_and_whoever_signed_it_too() -> None:
    other = stranger()
    both = NOTE + signed_note(CHECKPOINT, other).split("\n\n")[1]
    for trusted in (OURS.trusted, other.trusted, trusted_of((other.trusted.pem + OURS.trusted.pem).encode())):
        assert checkpoint_of(both, trusted) == CHECKPOINT


def test_a_renewed_notary_signs_with_its_newest_key_and_stands_for_those_before() -> None:
    older = new_key()
    renewed = notary_of(new_key() + older, "exchanges.example/log")
    assert checkpoint_of(signed_note(CHECKPOINT, notary_of(older, renewed.name)), renewed.trusted) == CHECKPOINT
    assert renewed.trusted.check(b"said", renewed.sign(b"said")) == renewed.key_id == renewed.trusted.ids[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("exchanges.example/log\n7", "other.example/log\n7"),
        lambda note: note.replace("— exchanges", "— another"),
        lambda note: note.replace("— exchanges", "- exchanges"),
        lambda note: note.removesuffix("\n"),
        lambda note: note.replace("\n\n", "\nmore\n\n"),
        lambda note: note.partition("\n\n")[0] + "\n\n",
        lambda note: note + "x" * 10_000 + "\n",
        lambda note: note[:-3] + ("A" if note[-3] != "A" else "B") + note[-2:],
        lambda note: note.replace("=\n\n", "\n\n"),
        lambda note: "",
    ],
)
def test_a_checkpoint_that_was_changed_is_none(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotSigned):
        checkpoint_of(spoil(NOTE), OURS.trusted)


def test_a_checkpoint_of_another_key_is_none_of_ours() -> None:
    with pytest.raises(NotSigned):
        checkpoint_of(signed_note(CHECKPOINT, stranger()), OURS.trusted)


def proof(index: int) -> str:
    """The proof of a leaf, as text."""
    size = len(LEAVES)
    spans = merkle.inclusion(index, size)
    return Proof(index, tuple(merkle.root_of(LEAVES[span.start : span.end]) for span in spans), NOTE).text


def test_a_proof_shows_its_leaf_and_no_other() -> None:
    for index, leaf in enumerate(LEAVES):
        found, checkpoint = check_proof(leaf, proof(index), OURS.trusted)
        assert (found.index, checkpoint) == (index, CHECKPOINT)
        assert found.text == proof(index)
        with pytest.raises(NotSigned):
            check_proof(LEAVES[index - 1], proof(index), OURS.trusted)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("index 3", "index 2"),
        lambda text: text.replace("index 3", "index 9"),
        lambda text: text.replace("index 3", "index -3"),
        lambda text: text.replace("index 3", "place 3"),
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("\n\n", "\nAAAA\n\n", 1),
        lambda text: text.replace("\n7\n", "\n8\n"),
        lambda text: text.partition("\n\n")[0],
        lambda text: text + "x" * 20_000,
    ],
)
def test_a_proof_that_was_changed_shows_nothing(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotSigned):
        check_proof(LEAVES[3], spoil(proof(3)), OURS.trusted)


def test_keys_of_others_and_private_ones_are_not_checked_with() -> None:
    for content in (b"", b"nothing", new_key(), b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"x" * (1 << 21)):
        with pytest.raises(NotSigned):
            trusted_of(content)


def test_a_signature_is_the_named_keys_or_none() -> None:
    other = stranger()
    both = trusted_of((other.trusted.pem + OURS.trusted.pem).encode())
    signature = OURS.sign(b"said")
    assert both.check(b"said", signature) == OURS.key_id
    for wrong in (b"", signature[:-1], other.sign(b"other")):
        with pytest.raises(NotSigned):
            both.check(b"said", wrong)
    with pytest.raises(NotSigned):
        both.check(b"said", signature, other.key_id)
    with pytest.raises(NotSigned):
        Trusted(()).check(b"said", signature)


def test_a_verifier_key_names_its_log() -> None:
    raw = OURS.trusted.raw(OURS.key_id)
    name, hashed, key = verifier_key(OURS.name, raw).split("+", 2)
    assert (name, len(hashed), key) == (OURS.name, 8, b64encode(b"\x01" + raw).decode())


def test_a_proof_without_its_format_is_none() -> None:
    with pytest.raises(NotSigned):
        proof_of("index 3\n\n" + NOTE)
