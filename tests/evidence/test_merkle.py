"""The tree of the log: roots and proofs as RFC 6962 defines them, and nothing else passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evidence import merkle
from evidence.merkle import Node, Span, Wrong

MOST = 40
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(MOST)]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """The root as the definition has it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else merkle.EMPTY_ROOT
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node_hash(defined_root(leaves[:k]), defined_root(leaves[k:]))


def defined_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The proof of a leaf as the definition has it."""
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < k:
        return [*defined_path(index, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(index - k, leaves[k:]), defined_root(leaves[:k])]


def defined_growth(first: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """The proof of growth as the definition has it."""
    if first == len(leaves):
        return [] if whole else [defined_root(leaves)]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if first <= k:
        return [*defined_growth(first, leaves[:k], whole), defined_root(leaves[k:])]
    return [*defined_growth(first - k, leaves[k:], False), defined_root(leaves[:k])]


def nodes() -> dict[Node, bytes]:
    """Every node, made leaf by leaf."""
    found: dict[Node, bytes] = {}
    for index, leaf in enumerate(LEAVES):
        hashed = leaf
        for node in merkle.added(index):
            if node.level:
                hashed = merkle.node_hash(found[Node(node.level - 1, node.at * 2)], hashed)
            found[node] = hashed
    return found


HASHES = nodes().__getitem__


@pytest.mark.parametrize("size", range(MOST + 1))
def test_a_root_is_the_defined_one_however_it_is_made(size: int) -> None:
    assert merkle.hash_of(Span(0, size), HASHES) == merkle.root_of(LEAVES[:size]) == defined_root(LEAVES[:size])


@pytest.mark.parametrize("size", range(1, MOST + 1))
def test_the_proof_of_every_leaf_is_the_defined_one_and_proves_no_other(size: int) -> None:
    root = defined_root(LEAVES[:size])
    for index in range(size):
        proof = [merkle.hash_of(span, HASHES) for span in merkle.inclusion(index, size)]
        assert proof == defined_path(index, LEAVES[:size])
        merkle.check_inclusion(LEAVES[index], index, size, proof, root)
        for other in {(index + 1) % size, size - 1 - index} - {index}:
            with pytest.raises(Wrong):
                merkle.check_inclusion(LEAVES[index], other, size, proof, root)
        with pytest.raises(Wrong):
            merkle.check_inclusion(LEAVES[index], index, size, [*proof, root], root)
        for at in range(len(proof)):
            with pytest.raises(Wrong):
                merkle.check_inclusion(LEAVES[index], index, size, [*proof[:at], bytes(32), *proof[at + 1 :]], root)


@pytest.mark.parametrize("second", range(1, MOST + 1))
def test_the_proof_of_growth_is_the_defined_one_and_proves_no_other(second: int) -> None:
    after = defined_root(LEAVES[:second])
    for first in range(1, second + 1):
        before = defined_root(LEAVES[:first])
        proof = [merkle.hash_of(span, HASHES) for span in merkle.consistency(first, second)]
        assert proof == defined_growth(first, LEAVES[:second])
        merkle.check_consistency(first, before, second, after, proof)
        for wrong in ((bytes(32), after), (before, bytes(32))):
            with pytest.raises(Wrong):
                merkle.check_consistency(first, wrong[0], second, wrong[1], proof)
        for at in range(len(proof)):
            with pytest.raises(Wrong):
                merkle.check_consistency(first, before, second, after, [*proof[:at], bytes(32), *proof[at + 1 :]])
        with pytest.raises(Wrong):
            merkle.check_consistency(first, before, second, after, [*proof, after])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_tree_has_a_leaf_beyond_it(index: int, size: int) -> None:
    with pytest.raises(Wrong):
        merkle.inclusion(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_nothing_grows_from_nothing_or_from_more(first: int, second: int) -> None:
    with pytest.raises(Wrong):
        merkle.consistency(first, second)
