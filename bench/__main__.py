"""`python -m bench [p1 p2 p3 p7 p8]`: prints the figures of the goals, the missed ones too, and exits 0."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

from bench import histories, machinery
from worker import configure_logs

PARTS: dict[str, Callable[[], None]] = {
    "p1": lambda: asyncio.run(histories.measure()),
    "p2": lambda: asyncio.run(machinery.measure()),
}


def main(asked: list[str]) -> int:
    """Print the parts that are asked for, or all; 2 when one is not known."""
    unknown = [part for part in asked if part not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    configure_logs("error", "text")
    for part in asked or PARTS:
        PARTS[part]()
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the Temporal core can fault while Python takes it apart
