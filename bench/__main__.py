"""`python -m bench [p1 p2 p3 p4 p7 p8 p9 p10 line]`: prints the figures of the goals, the missed ones too, and exits 0."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from bench import answering, documents, evidence, histories, machinery, rehearsing, replaying, slow_line, starting
from worker import configure_logs

PARTS: dict[str, Callable[[], Awaitable[None]]] = {
    "p1": histories.measure,
    "p2": machinery.measure,
    "p3": answering.measure,
    "p4": replaying.measure,
    "p7": starting.measure,
    "p8": documents.measure,
    "p9": rehearsing.measure,
    "p10": evidence.measure,
    "line": slow_line.measure,
}


async def measure(parts: list[str]) -> None:
    """One part after the other."""
    for part in parts:
        await PARTS[part]()


def main(asked: list[str]) -> int:
    """Print the parts that are asked for, or all; 2 when one is not known."""
    unknown = [part for part in asked if part not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    configure_logs("error", "text")
    asyncio.run(measure(asked or list(PARTS)))
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the Temporal core can fault while Python takes it apart
