"""Receipts: what was recorded, signed for the one who answered, once, with a place in the log."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import rfc8785

from evidence.checkpoint import check_proof
from evidence.entries import digest
from evidence.issuing import Issuing
from evidence.log import Log
from evidence.merkle import leaf_hash
from evidence.notary import NotSigned, new_key, notary_of
from evidence.receipts import Receipt, checked, claims_of, receipt_entry, signed_receipt
from models.case import Case
from rehearsal.stage import NOTARY
from store.cases import ReadModel
from store.database import Database
from store.inbox import Inbox
from tests.store.situations import CASE, a_case, an_answer, an_open_step, answered


def decided() -> Case:
    """A case whose host made an offer."""
    return a_case(answered(an_open_step("S1", "MA-POSTE")), an_open_step("S2", "TN-OTE"), seq=2)


async def recorded(database: Database, issuing: Issuing, case: Case) -> None:
    """The answer of the case came in and was recorded, with its receipt."""
    inbox = Inbox(database)
    await inbox.receive(CASE, an_answer("R-S1"))
    await inbox.recorded("R-S1", then=issuing.with_receipt(case, "S1", "R-S1"))


async def test_a_recorded_answer_has_a_receipt_that_says_what_was_recorded(database: Database, issuing: Issuing) -> None:
    await recorded(database, issuing, decided())
    receipt = await issuing.of_step(CASE, "S1")
    assert receipt is not None
    said = checked(receipt, NOTARY.trusted)
    assert {name: said[name] for name in ("case", "step", "option", "by", "response", "received")} == {
        "case": CASE,
        "step": "S1",
        "option": "offer",
        "by": "MA-POSTE",
        "response": "R-S1",
        "received": "2027-01-05T09:00:00Z",
    }
    assert (said["log"], said["key"]) == ({"name": "rehearsal", "index": 0}, NOTARY.key_id)


async def test_the_log_holds_the_digest_of_what_a_receipt_says(database: Database, issuing: Issuing, the_log: Log) -> None:
    case = decided()
    await recorded(database, issuing, case)
    receipt = await issuing.of_step(CASE, "S1")
    assert receipt is not None
    [row] = await the_log.entries_of(CASE)
    assert row.leaf.encode() == receipt_entry(CASE, case.steps[0]).leaf
    assert digest(rfc8785.dumps(receipt.claims)) in row.leaf
    check_proof(leaf_hash(row.leaf.encode()), (await the_log.proof(receipt.index)).text, NOTARY.trusted)


async def test_a_receipt_is_issued_once(database: Database, issuing: Issuing, the_log: Log) -> None:
    case = decided()
    await recorded(database, issuing, case)
    async with the_log.transaction() as connection:
        again = await issuing.issue(connection, case, "S1", "R-S1")
    assert again == await issuing.of_step(CASE, "S1")
    assert await the_log.leaves.size() == 1


async def test_no_receipt_is_given_for_what_was_not_decided_by_that_answer(issuing: Issuing, the_log: Log) -> None:
    for step, response in (("S1", "R-other"), ("S2", "R-S1"), ("S9", "R-S1")):
        async with the_log.transaction() as connection:
            with pytest.raises(ValueError, match="was not decided by"):
                await issuing.issue(connection, decided(), step, response)
    assert await the_log.leaves.size() == 0


async def test_what_was_recorded_before_there_were_receipts_gets_its_own(database: Database, issuing: Issuing) -> None:
    inbox = Inbox(database)
    for response in ("R-S1", "R-lost"):
        await inbox.receive(CASE, an_answer(response))
        await inbox.recorded(response)
    await ReadModel(database).publish(decided())
    assert await issuing.catch_up() == 1
    assert await issuing.of_step(CASE, "S1") is not None
    assert await issuing.catch_up() == 0


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    """A receipt."""
    return signed_receipt(claims_of(CASE, decided().steps[0]), 7, NOTARY)


def changed(before: Receipt, **said: object) -> Receipt:
    """The receipt with something else in it, signed by us."""
    body = rfc8785.dumps({**before.said, **said})  # type: ignore[dict-item]
    return Receipt(body, NOTARY.sign(body))


SPOILT: dict[str, Callable[[Receipt], Receipt]] = {
    "other option": lambda r: Receipt(r.body.replace(b'"offer"', b'"refuse"'), r.signature),
    "other signature": lambda r: Receipt(r.body, bytes(64)),
    "no signature": lambda r: Receipt(r.body, b""),
    "other key": lambda r: Receipt(r.body, notary_of(new_key(), "x").sign(r.body)),
    "spaces": lambda r: Receipt(r.body + b" ", NOTARY.sign(r.body + b" ")),
    "no object": lambda r: Receipt(b"[]", NOTARY.sign(b"[]")),
    "no JSON": lambda r: Receipt(b"{", NOTARY.sign(b"{")),
    "a name more": lambda r: changed(r, more="said"),
    "another format": lambda r: changed(r, receipt="passerelle receipt 0"),
    "another key named": lambda r: changed(r, key="0" * 16),
    "a place that is none": lambda r: changed(r, log={"name": "rehearsal", "index": -1}),
    "a place that is true": lambda r: changed(r, log={"name": "rehearsal", "index": True}),
    "a place in a list": lambda r: changed(r, log={"name": "rehearsal", "index": [7]}),
    "a list for the log": lambda r: changed(r, log=["rehearsal", 7]),
    "more of the log": lambda r: changed(r, log={"name": "rehearsal", "index": 7, "more": 1}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_receipt_that_was_changed_is_none(receipt: Receipt, spoil: Callable[[Receipt], Receipt]) -> None:
    checked(receipt, NOTARY.trusted)
    with pytest.raises(NotSigned):
        checked(spoil(receipt), NOTARY.trusted)


@pytest.mark.parametrize("name", sorted(claims_of(CASE, decided().steps[0])))
def test_every_claim_is_of_the_decision(name: str) -> None:
    """Whatever is changed in a decision changes the claims."""
    step = decided().steps[0]
    assert step.decision is not None
    other = {
        "step": step.model_copy(update={"id": "S9"}),
        "kind": step.model_copy(update={"kind": "decision"}),
        "round": step.model_copy(update={"round": 2}),
    }
    update = {"option": "refuse", "by": "X", "on_behalf_of": "X", "channel": "paper", "response": "R-x", "late": True, "form": "f"}
    update |= {"paper": "p", "proof": "q", "decision": "on_behalf", "received": "2027-01-05T09:00:00.000001Z"}
    update |= {"recorded": "2027-01-05T09:00:01Z", "facts": {"cost": 3}}
    if name in update:
        field = {"decision": "kind"}.get(name, name)
        raw = step.decision.model_dump() | {field: update[name]}
        other[name] = step.model_copy(update={"decision": type(step.decision).model_validate(raw)})
    if name in ("case", "receipt"):
        assert claims_of("AMEDIP-2027-0002", step)["case"] != claims_of(CASE, step)["case"]
        return
    assert claims_of(CASE, other[name]) != claims_of(CASE, step)
    assert claims_of(CASE, other[name])[name] != claims_of(CASE, step)[name]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_alone_checks_a_receipt(receipt: Receipt, tmp_path: Path) -> None:
    files = {"receipt.json": receipt.body, "receipt.sig": receipt.signature, "key.pem": NOTARY.trusted.pem.encode()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in receipt.json -sigfile receipt.sig"

    def verified() -> bool:
        return subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert verified()
    (tmp_path / "receipt.json").write_bytes(receipt.body.replace(b'"offer"', b'"refus"'))
    assert not verified()
