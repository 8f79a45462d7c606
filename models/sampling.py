"""A random sample that anybody can draw again: by the sha256 of the seed and the case number, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256


def drawn(numbers: Iterable[str], seed: str, size: int) -> list[str]:
    """The first `size` case numbers by the sha256, in hex, of `seed:number`; all of them where there are fewer."""
    return sorted(numbers, key=lambda number: (sha256(f"{seed}:{number}".encode()).hexdigest(), number))[:size]
