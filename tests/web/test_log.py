"""The log in public: its checkpoint, its key and its tiles, for anybody; its proofs by API."""

from __future__ import annotations

from base64 import b64decode

from cases import Intervention
from evidence import merkle
from evidence.checkpoint import check_proof, checkpoint_of, verifier_key
from evidence.entries import Entry, EntryKind, digest_of
from models.acts import Doing
from models.case import Facts
from models.words import Kind
from tests.store.situations import MONDAY
from tests.web.situations import CASE, Desk
from workplace import Workplace


async def grown(workplace: Workplace, count: int) -> list[bytes]:
    """The log with so many entries; gives the hashes of their leaves."""
    entries = [Entry(kind=EntryKind.MAIL, case=CASE, ref=f"M{n}", at=MONDAY) for n in range(count)]
    async with workplace.log.transaction() as connection:
        await workplace.log.append(connection, entries)
    return [merkle.leaf_hash(entry.leaf) for entry in entries]


async def test_anybody_reads_the_checkpoint_and_the_key(desk: Desk, workplace: Workplace) -> None:
    hashes = await grown(workplace, 5)
    answer = await desk.browser.get("/log/checkpoint")
    trusted = workplace.log.notary.trusted
    found = checkpoint_of(answer.text, trusted)
    assert (found.size, found.root) == (5, merkle.root_of(hashes))
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    name = workplace.log.notary.name
    assert (await desk.browser.get("/log/key")).text == f"{verifier_key(name, trusted.raw(trusted.ids[0]))}\n"


async def test_anybody_reads_the_hashes_and_nothing_else(desk: Desk, workplace: Workplace) -> None:
    hashes = await grown(workplace, 258)
    full = await desk.browser.get("/log/tile/0/000")
    assert full.content == b"".join(hashes[:256])
    assert "immutable" in full.headers["cache-control"]
    assert (await desk.browser.get("/log/tile/0/001.p/2")).content == b"".join(hashes[256:])
    assert (await desk.browser.get("/log/tile/1/000.p/1")).content == merkle.root_of(hashes[:256])
    for path in (
        "0/001",
        "0/001.p/3",
        "0/001.p/0",
        "0/000.p/256",
        "0/x000/000/000",
        "0/1",
        "64/000",
        "entries/000",
        "-1/000",
    ):
        assert (await desk.browser.get(f"/log/tile/{path}")).status_code == 404, path


async def test_proofs_are_given_by_api_without_a_key(desk: Desk, workplace: Workplace) -> None:
    hashes = await grown(workplace, 7)
    state = (await desk.browser.get("/api/v1/log/checkpoint")).json()
    assert (state["size"], state["name"]) == (7, workplace.log.notary.name)
    proof = (await desk.browser.get("/api/v1/log/entries/3/proof")).json()
    check_proof(hashes[3], proof["proof"], workplace.log.notary.trusted)
    earlier = (await desk.browser.get("/api/v1/log/entries/3/proof?size=4")).json()
    given = [b64decode(one) for one in earlier["hashes"]]
    merkle.check_inclusion(hashes[3], 3, 4, given, merkle.root_of(hashes[:4]))
    assert earlier["proof"] == ""
    growth = (await desk.browser.get("/api/v1/log/consistency?first=4&second=7")).json()
    given = [b64decode(one) for one in growth["hashes"]]
    merkle.check_consistency(4, merkle.root_of(hashes[:4]), 7, merkle.root_of(hashes), given)


async def test_a_proof_of_what_is_not_there_says_so(desk: Desk, workplace: Workplace) -> None:
    await grown(workplace, 3)
    for path in ("entries/3/proof", "entries/1/proof?size=9", "entries/2/proof?size=2", "consistency?first=3&second=2"):
        assert (await desk.browser.get(f"/api/v1/log/{path}")).status_code == 404, path
    for path in ("entries/x/proof", "entries/-1/proof", "consistency?first=0&second=2", "consistency", "entries/1/proof?size=0"):
        assert (await desk.browser.get(f"/api/v1/log/{path}")).status_code == 422, path


async def test_an_act_stands_in_the_log_and_one_told_again_is_left_to_the_history(desk: Desk, workplace: Workplace) -> None:
    """Told again after its acknowledgement was lost, it was received at another instant than the history says."""
    await desk.ask(Kind.HOST_OFFER)
    step = (await desk.cases.case(CASE)).steps[-1]
    wish = {"do": Doing.MORE_TIME, "by": step.asked, "step": step.id, "working_days": 2, "reason": "Ministry closed."}
    lost, told = (Intervention.model_validate({**wish, "act": act}) for act in ("act-lost-1", "act-told-1"))
    case = await desk.cases.case(CASE)
    await desk.cases._tell_act(CASE, await desk.cases._intake.act_of(case, lost))
    for given in (lost, told, told):
        await desk.cases.act(CASE, given)
    assert [row.ref for row in await workplace.log.leaves.of_kind(EntryKind.INTERVENTION)] == [f"{CASE}/act-told-1"]


def test_a_field_that_is_added_later_changes_no_digest_of_before() -> None:
    class Wider(Facts):
        added: str = ""

    said = {"cost": 3, "verdicts": {"N1": "clear"}}
    assert digest_of(Wider.model_validate(said)) == digest_of(Facts.model_validate(said))
    assert digest_of(Wider.model_validate({**said, "added": "x"})) != digest_of(Facts.model_validate(said))
