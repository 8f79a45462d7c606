"""The log: append-only, its entries the leaves of a Merkle tree, its state signed (source: RFC 6962, C2SP tlog-checkpoint).

An entry is appended in the transaction of what it tells of, so that neither is there without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import islice

from evidence import merkle
from evidence.checkpoint import Checkpoint, Proof, checkpoint_of, signed_note
from evidence.entries import Entry, key_entry
from evidence.merkle import Node, Span
from evidence.notary import Notary
from models.errors import Missing
from store.database import Database, Transaction
from store.leaves import LeafRow, Leaves

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT


class Log:
    """The log of an installation."""

    def __init__(self, database: Database, notary: Notary, clock: Callable[[], datetime]) -> None:
        self.notary = notary
        self.transaction = database.begin
        self.leaves = Leaves(database)
        self.now = clock

    async def append(self, connection: Transaction, entries: Sequence[Entry]) -> list[int]:
        """Put entries at the end, in a transaction; gives their indexes. One of the same kind and ref that is there stays."""
        if not entries:
            return []
        size = await self.leaves.lock(connection)
        there = await self.leaves.there(connection, [(entry.kind, entry.ref) for entry in entries])
        new = [entry for entry in {(e.kind, e.ref): e for e in entries}.values() if (entry.kind, entry.ref) not in there]
        await self._grow(connection, size, [entry.leaf for entry in new], new)
        there |= {(entry.kind, entry.ref): size + at for at, entry in enumerate(new)}
        return [there[entry.kind, entry.ref] for entry in entries]

    async def _grow(self, connection: Transaction, size: int, leaves: Sequence[bytes], entries: Sequence[Entry]) -> None:
        edge = list(merkle.nodes_of(Span(0, size)))
        known = {Node(*key): hashed for key, hashed in (await self.leaves.nodes(edge, connection)).items()}
        new = dict[tuple[int, int], bytes]()
        for index, leaf in enumerate(leaves, start=size):
            hashed = merkle.leaf_hash(leaf)
            for node in merkle.added(index):
                if node.level:
                    hashed = merkle.node_hash(known[Node(node.level - 1, node.at * 2)], hashed)
                known[node] = new[node] = hashed
        rows = [
            {"index": size + at, "kind": e.kind, "case_id": e.case, "ref": e.ref, "leaf": leaf.decode(), "at": e.at}
            for at, (e, leaf) in enumerate(zip(entries, leaves, strict=True))
        ]
        await self.leaves.add(connection, rows, new)

    async def announce(self) -> None:
        """Put the keys that sign into the log, each once."""
        async with self.transaction() as connection:
            trusted = self.notary.trusted
            await self.append(connection, [key_entry(one, trusted.pem_of(one), self.now()) for one in reversed(trusted.ids)])

    # What it is, and proofs of it

    async def root(self, size: int, connection: Transaction | None = None) -> bytes:
        """The root of the first so many leaves.

        Raises:
            Missing: there are fewer, or a hash of the tree is not there.
        """
        [root] = await self._hashes([Span(0, size)], connection)
        return root

    async def checkpoint(self) -> str:
        """The signed state of the log as it is now; what was published of it stays known."""
        size = await self.leaves.size()
        if known := await self.leaves.checkpoint(size):
            return known
        note = signed_note(Checkpoint(self.notary.name, size, await self.root(size)), self.notary)
        await self.leaves.keep_checkpoint(size, note, self.now())
        return note

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that a leaf stands in the tree of a size.

        Raises:
            Wrong: that tree has no such leaf.
            Missing: there are fewer leaves.
        """
        return await self._hashes(merkle.inclusion(index, size))

    async def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that the tree of the second size begins with that of the first.

        Raises:
            Wrong: the first is larger, or nothing.
            Missing: there are fewer leaves.
        """
        return await self._hashes(merkle.consistency(first, second))

    async def proof(self, index: int, note: str = "") -> Proof:
        """The proof that a leaf stands in the log, up to a checkpoint of ours, or to the log as it is now."""
        note = note or await self.checkpoint()
        size = checkpoint_of(note, self.notary.trusted).size
        return Proof(index, tuple(await self.inclusion(index, size)), note)

    async def proofs(self, indexes: Collection[int], note: str) -> dict[int, Proof]:
        """The proofs that leaves stand in the log, up to a checkpoint of ours, by their indexes; looked up together."""
        size = checkpoint_of(note, self.notary.trusted).size
        spans = {index: merkle.inclusion(index, size) for index in indexes}
        hashes = iter(await self._hashes([span for own in spans.values() for span in own]))
        return {index: Proof(index, tuple(islice(hashes, len(own))), note) for index, own in spans.items()}

    async def _hashes(self, spans: Sequence[Span], connection: Transaction | None = None) -> list[bytes]:
        wanted = [node for span in spans for node in merkle.nodes_of(span)]
        found = await self.leaves.nodes(wanted, connection)
        if missing := next((node for node in wanted if node not in found), None):
            raise Missing(f"the log has no hash of level {missing.level}, index {missing.at}")
        return [merkle.hash_of(span, found.__getitem__) for span in spans]

    # As files (source: C2SP tlog-tiles)

    async def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """A tile: the hashes of so many nodes of every eighth level, one behind the other.

        Raises:
            Missing: so many are not complete.
        """
        start = index * TILE_WIDTH
        hashes = await self.leaves.row(level * TILE_HEIGHT, start, start + width)
        if len(hashes) != width or not width:
            raise Missing(f"the log has no tile of level {level}, index {index} with {width} hashes")
        return b"".join(hashes)

    async def entries_of(self, case_id: str) -> list[LeafRow]:
        """The leaves of a case, in order."""
        return await self.leaves.of_case(case_id)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is found: `tile/0/x001/067`, with `.p/5` behind it when it is not full."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03d}")
    return f"tile/{level}/{'/'.join(parts)}" + ("" if width == TILE_WIDTH else f".p/{width}")


def tiles(size: int) -> list[tuple[int, int, int]]:
    """Every tile of a log of a size, as level, index and width."""
    found, level = [], 0
    while (complete := size >> (level * TILE_HEIGHT)) > 0:
        full, rest = divmod(complete, TILE_WIDTH)
        found += [(level, index, TILE_WIDTH) for index in range(full)]
        found += [(level, full, rest)] if rest else []
        level += 1
    return found
