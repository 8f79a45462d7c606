"""The log as a whole: every leaf is hashed anew up to the root, and every state of it that was signed is compared with that.

Whoever can write to the database can write the whole tree anew; that is found by a checkpoint that somebody else has kept.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence

from audit.attested import Attested
from evidence import merkle
from evidence.checkpoint import checkpoint_of
from evidence.entries import Entry, EntryKind, entry_of
from evidence.findings import Code, Finding, Findings, Layer, are_sound
from evidence.log import Log
from evidence.merkle import HASH_BYTES, Node, Span
from evidence.notary import NotSigned
from models.message import Message
from store.standing import Standing, Values

HEIGHT = 11
BATCH = 1 << HEIGHT
MOST = 20
"""How many findings of one kind are told; of the others how many there are."""
NOTHING = bytes(HASH_BYTES)

Tell = Callable[[int, int], None]
"""Told how many leaves of how many were gone through."""


class LogVerified(Message):
    """What was found of the log: its name, how many leaves, their root in base64, and how many signed states were compared."""

    name: str
    size: int
    root: str
    published: int
    attested: int
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return are_sound(self.findings)


class WholeLog:
    """Goes through the log from the first leaf to the last; writes nothing."""

    def __init__(self, log: Log, standing: Standing) -> None:
        self._log = log
        self._standing = standing
        self._findings = Findings()
        self._counted = Counter[Code]()
        self._computed = dict[Node, bytes]()
        self._wanted = set[Node]()
        self._keys = dict[str, Entry]()

    async def verify(self, attested: Sequence[Attested] = (), tell: Tell = lambda done, whole: None) -> LogVerified:
        """Compare the leaves, the tree, the checkpoints published, and those that come from outside.

        Raises:
            Unreachable: the database is away.
        """
        published = await self._standing.checkpoints()
        hashed = await self._standing.hashed()
        size = await self._log.leaves.size()
        notes: list[tuple[str, str, int | None]] = [(f"checkpoint {number}", note, number) for number, note in published]
        notes += [(one.where, one.note, None) for one in attested]
        signed = [(where, *said) for where, note, number in notes if (said := self._signed(where, note, number)) is not None]
        for _, at, _ in [*signed, ("", size, b"")]:
            self._wanted |= set(merkle.nodes_of(Span(0, min(at, size))))
        for start in range(0, size, BATCH):
            await self._batch(start, min(start + BATCH, size))
            tell(min(start + BATCH, size), size)
        await self._above(size)
        if hashed > size:
            text = f"the hashes of {hashed} leaves are kept, and {size} leaves are there: the last ones were taken out"
            self._fault(Code.LOG_SHORTER, f"leaf {size}", text)
        for where, at, attests in signed:
            self._compare(where, at, attests, size)
        self._check_keys()
        for code, count in self._counted.items():
            if count > MOST:
                self._findings.fault(Layer.TREE, code, "", f"{count - MOST} more of the kind {code}")
        root = b64encode(self._root(size)).decode()
        name = self._log.notary.name
        counts = {"published": len(published), "attested": len(attested)}
        return LogVerified(name=name, size=size, root=root, findings=self._findings.all, **counts)

    def _fault(self, code: Code, where: str, text: str) -> None:
        self._counted[code] += 1
        if self._counted[code] <= MOST:
            self._findings.fault(Layer.TREE, code, where, text)

    # Leaves and tree

    async def _batch(self, start: int, end: int) -> None:
        rows = {row["index"]: row for row in await self._standing.leaves(start, end)}
        kept = dict[Node, bytes]()
        for level in range(HEIGHT + 1):
            found = await self._standing.nodes(level, start >> level, end >> level)
            kept |= {Node(level, at): hashed for at, hashed in found.items()}
        await asyncio.to_thread(self._go_through, start, end, rows, kept)

    def _go_through(self, start: int, end: int, rows: dict[int, Values], kept: dict[Node, bytes]) -> None:
        level = {index: self._leaf(index, rows.get(index), kept.get(Node(0, index))) for index in range(start, end)}
        self._keep(0, level)
        for height in range(1, HEIGHT + 1):
            level = self._joined(height, level, kept)

    def _leaf(self, index: int, row: Values | None, kept: bytes | None) -> bytes:
        """The hash of a leaf; of one that is not there the one that is kept."""
        where = f"leaf {index}"
        if row is None:
            self._fault(Code.LEAF_MISSING, where, f"leaf {index} of the log is not there, and later ones are")
            return kept or NOTHING
        leaf = str(row["leaf"]).encode()
        hashed = merkle.leaf_hash(leaf)
        if hashed != kept:
            text = f"leaf {index} is another than when its hash was {'kept' if kept else 'to be kept, which is not there'}"
            self._fault(Code.LEAF_DIFFERS, where, text)
        try:
            entry = entry_of(leaf)
        except (ValueError, OverflowError):
            self._fault(Code.LEAF_DIFFERS, where, f"leaf {index} tells nothing that an entry tells")
            return hashed
        if (entry.kind, entry.case, entry.ref, entry.at) != (row["kind"], row["case_id"], row["ref"], row["at"]):
            self._fault(Code.LEAF_DIFFERS, where, f"leaf {index} is filed under another kind, case, name or instant than it says")
        if entry.kind is EntryKind.KEY:
            self._keys[entry.ref] = entry
        return hashed

    def _joined(self, height: int, below: dict[int, bytes], kept: dict[Node, bytes]) -> dict[int, bytes]:
        """The hashes of a level over those of the one below, each compared with what is kept over what is kept below it."""
        level = {at >> 1: merkle.node_hash(below[at], below[at + 1]) for at in below if not at & 1 and at + 1 in below}
        for at in level:
            beneath = [kept.get(Node(height - 1, at * 2 + side)) for side in (0, 1)]
            over = merkle.node_hash(*(one or NOTHING for one in beneath))
            if kept.get(Node(height, at)) != over:
                text = f"the hash of level {height}, index {at} is not that of the two below it, or is not there"
                self._fault(Code.NODE_DIFFERS, f"node {height}/{at}", text)
        self._keep(height, level)
        return level

    def _keep(self, height: int, level: dict[int, bytes]) -> None:
        self._computed |= {Node(height, at): hashed for at, hashed in level.items() if self._is_kept(Node(height, at))}

    def _is_kept(self, node: Node) -> bool:
        return node.level >= HEIGHT or node in self._wanted

    async def _above(self, size: int) -> None:
        """The levels above those of a batch."""
        level = {node.at: hashed for node, hashed in self._computed.items() if node.level == HEIGHT}
        height = HEIGHT
        kept = {Node(height, at): hashed for at, hashed in (await self._standing.nodes(height, 0, size >> height)).items()}
        while len(level) > 1:
            height += 1
            found = await self._standing.nodes(height, 0, size >> height)
            kept |= {Node(height, at): hashed for at, hashed in found.items()}
            level = self._joined(height, level, kept)

    def _root(self, size: int) -> bytes:
        return merkle.hash_of(Span(0, size), lambda node: self._computed.get(node, NOTHING))

    # What was signed of it

    def _signed(self, where: str, note: str, number: int | None) -> tuple[int, bytes] | None:
        """The size and root that a note of ours says."""
        try:
            said = checkpoint_of(note, self._log.notary.trusted)
        except NotSigned as error:
            self._fault(Code.CHECKPOINT_NOT_SIGNED, where, f"it is no checkpoint that one of our keys signed: {error}")
            return None
        if said.name != self._log.notary.name or number not in (None, said.size):
            text = f"it is the checkpoint of {said.name} at {said.size} leaves, not of {self._log.notary.name}"
            self._fault(
                Code.CHECKPOINT_DIFFERS, where, text if number in (None, said.size) else f"it is kept as of {number} leaves"
            )
            return None
        return said.size, said.root

    def _compare(self, where: str, at: int, root: bytes, size: int) -> None:
        if at > size:
            text = f"it attests {at} leaves, and the log has {size}: it was cut short, or restored from an older copy"
            self._fault(Code.LOG_SHORTER, where, text)
        elif self._root(at) != root:
            text = f"the first {at} leaves have another root than it attests: the log was rewritten since"
            self._fault(Code.CHECKPOINT_DIFFERS, where, text)

    def _check_keys(self) -> None:
        """The keys in the log are those that sign here, or did."""
        trusted = self._log.notary.trusted
        for ref, entry in self._keys.items():
            if ref not in trusted.ids or entry.facts.get("pem") != trusted.pem_of(ref):
                text = f"the log names the key {ref}, which is none of those this installation has"
                self._fault(Code.KEY_UNKNOWN, f"key {ref}", text)
        for ref in trusted.ids:
            if ref not in self._keys:
                text = f"the log does not name the key {ref} yet; the worker puts it there"
                self._findings.remark(Layer.TREE, Code.KEY_NOT_IN_LOG, f"key {ref}", text)
