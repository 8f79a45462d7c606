"""The Merkle tree of the log: hashes, roots and proofs (source: RFC 6962, section 2.1; RFC 9162, section 2.1.3 for checking them).

A tree of `size` leaves is a row of perfect subtrees. A perfect subtree is a node `(level, at)`: the hash over the leaves from
`at << level` on, `1 << level` of them. Nodes never change once they are complete, so a store keeps them and every proof of every
earlier size is made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


class Node(NamedTuple):
    """A perfect subtree: over `1 << level` leaves, the `at`-th of its level."""

    level: int
    at: int


class Span(NamedTuple):
    """The leaves from `start` on, before `end`."""

    start: int
    end: int


Hashes = Callable[[Node], bytes]
"""Gives the hash of a complete node."""


class Wrong(ValueError):
    """A proof that does not prove what it is said to."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def nodes_of(span: Span) -> Iterator[Node]:
    """The perfect subtrees that make up a span, from the left; its start is a multiple of the size of the whole."""
    start = span.start
    while start < span.end:
        level = (span.end - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def hash_of(span: Span, hashes: Hashes) -> bytes:
    """The hash over a span of leaves; over none it is the hash of nothing."""
    found = [hashes(node) for node in nodes_of(span)]
    if not found:
        return EMPTY_ROOT
    top = found.pop()
    while found:
        top = node_hash(found.pop(), top)
    return top


def added(index: int) -> list[Node]:
    """The nodes that a leaf completes when it is put at the end, itself first, each over the one before and its left neighbour."""
    nodes = [Node(0, index)]
    while index & 1:
        index >>= 1
        nodes.append(Node(nodes[-1].level + 1, index))
    return nodes


def inclusion(index: int, size: int) -> list[Span]:
    """The spans whose hashes show that a leaf is in the tree of a size, the nearest first.

    Raises:
        Wrong: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise Wrong(f"a tree of {size} leaves has no leaf {index}")
    spans, start, end = list[Span](), 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency(first: int, second: int) -> list[Span]:
    """The spans whose hashes show that the tree of the second size begins with that of the first.

    Raises:
        Wrong: the first is larger, or nothing.
    """
    if not 0 < first <= second:
        raise Wrong(f"there is no proof from {first} leaves to {second}")
    spans, start, end, whole = list[Span](), 0, second, True
    while first < end:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if first <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start, whole = middle, False
    return ([] if whole else [Span(start, end)]) + spans[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf of that hash stands at an index of the tree with this root.

    Raises:
        Wrong: it does not, or the proof is none of this place.
    """
    spans = inclusion(index, size)
    if len(spans) != len(proof):
        raise Wrong(f"leaf {index} of {size} needs a proof of {len(spans)} hashes, there are {len(proof)}")
    found = leaf
    for span, beside in zip(spans, proof, strict=True):
        found = node_hash(beside, found) if span.start < index else node_hash(found, beside)
    if found != root:
        raise Wrong(f"the proof of leaf {index} does not lead to the root of the {size} leaves")


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of the second size and root begins with that of the first.

    Raises:
        Wrong: it does not, or the proof is none of these sizes.
    """
    spans = consistency(first, second)
    if len(spans) != len(proof):
        raise Wrong(f"from {first} leaves to {second} a proof has {len(spans)} hashes, there are {len(proof)}")
    hashes = list(proof)
    before = after = hashes.pop(0) if spans and spans[0].start < first and spans[0].end == first else first_root
    for span, beside in zip(spans[len(spans) - len(hashes) :], hashes, strict=True):
        if span.start < first:
            before, after = node_hash(beside, before), node_hash(beside, after)
        else:
            after = node_hash(after, beside)
    if before != first_root or after != second_root:
        raise Wrong(f"the tree of {second} leaves does not begin with that of {first}")


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves given by their hashes."""
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[2 * len(paired) :]
    return level[0]
