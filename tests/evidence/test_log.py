"""The log grows, entry by entry, and shows at every size what it was."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import event

from evidence import merkle
from evidence.checkpoint import check_proof, checkpoint_of
from evidence.entries import Entry, EntryKind, entry_of
from evidence.log import Log, tile_path, tiles
from models.errors import Missing
from store.database import Database
from tests.store.situations import CASE, MONDAY


def an_entry(ref: str, case: str = CASE) -> Entry:
    """That a mail was sent."""
    return Entry(kind=EntryKind.MAIL, case=case, ref=ref, at=MONDAY, facts={"letter": "ask_host_offer", "sha256": "a" * 64})


async def put(log: Log, *entries: Entry) -> list[int]:
    """Put entries in, in one transaction."""
    async with log.transaction() as connection:
        return await log.append(connection, entries)


def leaves(*entries: Entry) -> list[bytes]:
    """The hashes of the leaves."""
    return [merkle.leaf_hash(entry.leaf) for entry in entries]


async def test_the_log_is_the_tree_of_its_entries_at_every_size(the_log: Log) -> None:
    entries = [an_entry(f"M{n}") for n in range(11)]
    assert await put(the_log, *entries[:1]) == [0]
    assert await put(the_log, *entries[1:6]) == [1, 2, 3, 4, 5]
    assert await put(the_log, *entries[6:]) == [6, 7, 8, 9, 10]
    hashed = leaves(*entries)
    for size in range(1, 12):
        assert await the_log.root(size) == merkle.root_of(hashed[:size])
        for index in range(size):
            proof = await the_log.inclusion(index, size)
            merkle.check_inclusion(hashed[index], index, size, proof, merkle.root_of(hashed[:size]))
        proof = await the_log.consistency(size, 11)
        merkle.check_consistency(size, merkle.root_of(hashed[:size]), 11, merkle.root_of(hashed), proof)
    assert await the_log.root(0) == merkle.EMPTY_ROOT


async def test_an_entry_that_is_there_stays_and_is_named_again(the_log: Log) -> None:
    assert await put(the_log, an_entry("M1"), an_entry("M2")) == [0, 1]
    changed = an_entry("M1").model_copy(update={"facts": {"sha256": "b" * 64}})
    assert await put(the_log, an_entry("M3"), changed, an_entry("M3")) == [2, 0, 2]
    assert [row.ref for row in await the_log.entries_of(CASE)] == ["M1", "M2", "M3"]
    assert entry_of((await the_log.entries_of(CASE))[0].leaf.encode()) == an_entry("M1")


async def test_an_entry_goes_with_what_it_tells_of(the_log: Log) -> None:
    async with the_log.transaction() as connection:
        await the_log.append(connection, [an_entry("M1")])
        await connection.rollback()
    assert await the_log.leaves.size() == 0
    assert await put(the_log, an_entry("M2")) == [0]


async def test_many_who_append_at_once_get_a_place_each(the_log: Log) -> None:
    places = await asyncio.gather(*(put(the_log, an_entry(f"M{n}")) for n in range(8)))
    assert sorted(place for [place] in places) == list(range(8))
    in_order = [entry_of(row.leaf.encode()) for row in await the_log.leaves.between(0, 8)]
    assert await the_log.root(8) == merkle.root_of(leaves(*in_order))


async def test_a_checkpoint_is_signed_once_a_size_and_stays_known(the_log: Log) -> None:
    empty = checkpoint_of(await the_log.checkpoint(), the_log.notary.trusted)
    assert (empty.size, empty.root) == (0, merkle.EMPTY_ROOT)
    await put(the_log, an_entry("M1"))
    note = await the_log.checkpoint()
    assert await the_log.checkpoint() == note
    assert checkpoint_of(note, the_log.notary.trusted).root == merkle.leaf_hash(an_entry("M1").leaf)
    assert len(await the_log.leaves.checkpoints()) == 2


async def test_a_proof_goes_with_the_checkpoint_it_leads_to(the_log: Log) -> None:
    await put(the_log, *(an_entry(f"M{n}") for n in range(3)))
    earlier = await the_log.checkpoint()
    await put(the_log, *(an_entry(f"M{n}") for n in range(3, 9)))
    for note in (earlier, ""):
        proof, checkpoint = check_proof(leaves(an_entry("M1"))[0], (await the_log.proof(1, note)).text, the_log.notary.trusted)
        assert (proof.index, checkpoint.size) == (1, 3 if note else 9)
    with pytest.raises(merkle.Wrong):
        await the_log.proof(5, earlier)


async def test_what_is_beyond_the_log_is_not_there(the_log: Log) -> None:
    await put(the_log, an_entry("M1"))
    with pytest.raises(Missing):
        await the_log.inclusion(1, 5)
    with pytest.raises(Missing):
        await the_log.root(2)
    with pytest.raises(Missing):
        await the_log.tile(0, 0, 2)


async def test_tiles_hold_the_hashes_of_every_eighth_level(database: Database, the_log: Log) -> None:
    entries = [an_entry(f"M{n}") for n in range(260)]
    await put(the_log, *entries)
    hashed = leaves(*entries)
    assert tiles(260) == [(0, 0, 256), (0, 1, 4), (1, 0, 1)]
    assert await the_log.tile(0, 0) == b"".join(hashed[:256])
    assert await the_log.tile(0, 1, 4) == b"".join(hashed[256:])
    assert await the_log.tile(1, 0, 1) == merkle.root_of(hashed[:256])


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((0, 67), "tile/0/067"),
        ((1, 1_234_067), "tile/1/x001/x234/067"),
        ((2, 999, 5), "tile/2/999.p/5"),
        ((0, 1000), "tile/0/x001/000"),
    ],
)
def test_a_tile_is_found_where_the_format_says(place: tuple[int, ...], path: str) -> None:
    assert tile_path(*place) == path


async def test_keys_that_sign_are_in_the_log_once(the_log: Log) -> None:
    await the_log.announce()
    await the_log.announce()
    [row] = await the_log.leaves.of_kind(EntryKind.KEY)
    assert entry_of(row.leaf.encode()).facts["pem"] == the_log.notary.trusted.pem


@pytest.mark.parametrize("leaf", [b"", b"[]", b"{}", b'{"kind":"mail"}', an_entry("M1").leaf + b" ", b'{"a":1,"a":2}'])
def test_a_leaf_that_is_no_entry_is_none(leaf: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        entry_of(leaf)


async def test_proofs_looked_up_together_are_those_looked_up_one_by_one(the_log: Log) -> None:
    await put(the_log, *(an_entry(f"M{n}") for n in range(13)))
    note = await the_log.checkpoint()
    assert await the_log.proofs([4, 0, 12], note) == {index: await the_log.proof(index, note) for index in (4, 0, 12)}
    assert await the_log.proofs([], note) == {}


async def test_in_a_long_log_nothing_reads_every_row(the_log: Log, database: Database) -> None:
    await put(the_log, *(an_entry(f"M{n}") for n in range(5)))
    said: list[str] = []
    for engine in (database._writer, database._reader):
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    note = await the_log.checkpoint()
    await the_log.proof(3, note)
    await put(the_log, an_entry("M4"), an_entry("M9"))
    looked = [text for text in said if "FROM log_nodes" in text or "log_entries.kind" in text]
    assert len(looked) >= 3
    assert [text for text in looked if re.search(r"\(log_\w+\.\w+, log_\w+\.\w+\) IN", text)] == []
