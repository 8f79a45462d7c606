"""Receipts: what was recorded of an answer, signed for the one who gave it.

A receipt is one line of canonical JSON (RFC 8785): the claims, the name of the log and the index of its entry there, and the id
of the key. The signature is Ed25519 over these very bytes. The log's entry holds the digest of the claims alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rfc8785

from evidence.entries import Entry, EntryKind, digest, digest_of, object_in, written
from evidence.notary import Notary, NotSigned, Trusted
from models.case import Step

FORMAT = "passerelle receipt 1"
MORE = ("log", "key")
FIELDS = frozenset(
    {"receipt", "case", "step", "kind", "round", "option", "decision", "by", "on_behalf_of", "channel", "response"}
    | {"received", "recorded", "late", "form", "paper", "proof", "facts"}
)


@dataclass(frozen=True)
class Receipt:
    """A receipt as it is handed out: its bytes and the signature over them."""

    body: bytes
    signature: bytes

    @property
    def said(self) -> dict[str, Any]:
        """What it says."""
        return object_in(self.body)

    @property
    def claims(self) -> dict[str, Any]:
        """What it says of the answer."""
        return {name: value for name, value in self.said.items() if name not in MORE}

    @property
    def index(self) -> int:
        """The index of its entry in the log."""
        return int(self.said["log"]["index"])


def claims_of(case: str, step: Step) -> dict[str, Any]:
    """What a receipt says of the decision on a step.

    Raises:
        ValueError: the step was not decided by an answer.
    """
    decision = step.decision
    if decision is None or not decision.response or decision.received is None or decision.channel is None:
        raise ValueError(f"{step.id} was not decided by an answer")
    return {
        "receipt": FORMAT,
        "case": case,
        "step": step.id,
        "kind": str(step.kind),
        "round": step.round,
        "option": decision.option,
        "decision": str(decision.kind),
        "by": decision.by,
        "on_behalf_of": decision.on_behalf_of,
        "channel": str(decision.channel),
        "response": decision.response,
        "received": written(decision.received),
        "recorded": written(decision.recorded),
        "late": decision.late,
        "form": decision.form,
        "paper": decision.paper,
        "proof": decision.proof,
        "facts": digest_of(decision.facts),
    }


def receipt_entry(case: str, step: Step) -> Entry:
    """The log's entry of a receipt."""
    claims = claims_of(case, step)
    assert step.decision is not None
    facts: dict[str, str | int] = {"step": step.id, "sha256": digest(rfc8785.dumps(claims))}
    return Entry(kind=EntryKind.RECEIPT, case=case, ref=claims["response"], at=step.decision.recorded, facts=facts)


def signed_receipt(claims: dict[str, Any], index: int, notary: Notary) -> Receipt:
    """The receipt whose entry stands at an index of the log."""
    body = rfc8785.dumps({**claims, "log": {"name": notary.name, "index": index}, "key": notary.key_id})
    return Receipt(body, notary.sign(body))


def checked(receipt: Receipt, trusted: Trusted) -> dict[str, Any]:
    """What a receipt says, if one of the keys signed it.

    Raises:
        NotSigned: the signature is of none of the keys, or what was signed is no receipt of ours.
    """
    key = trusted.check(receipt.body, receipt.signature)
    try:
        said = object_in(receipt.body)
        canonical = rfc8785.dumps(said)
    except ValueError as error:
        raise NotSigned(f"what was signed is no receipt: {error}") from error
    if canonical != receipt.body:
        raise NotSigned("what was signed is not canonical JSON")
    log = said.get("log")
    if (
        said.keys() != FIELDS | set(MORE)
        or said["receipt"] != FORMAT
        or not isinstance(log, dict)
        or log.keys() != {"name", "index"}
    ):
        raise NotSigned("what was signed is no receipt of this format")
    if said["key"] != key or not isinstance(log["index"], int) or isinstance(log["index"], bool) or log["index"] < 0:
        raise NotSigned("the receipt names another key, or no place in the log")
    return said
