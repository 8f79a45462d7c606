"""Writes what is expected of scenarios that have no expectation yet: `python -m tests.scenarios`; to be read before it is kept."""

from __future__ import annotations

import asyncio
import sys

from rehearsal.player import play, template_database
from rehearsal.scenario import load_scenario
from tests.procedure.scenarios import EXPECTED, NAMES, PROGRAMMES, SCENARIOS, lines


async def main() -> None:
    """Play every scenario without an expectation and write its lines."""
    EXPECTED.mkdir(exist_ok=True)
    async with template_database() as template:
        for name in NAMES:
            path = EXPECTED / f"{name}.txt"
            if not path.exists():
                scenario, request = load_scenario(SCENARIOS / f"{name}.toml")
                played = await play(scenario, request, template, PROGRAMMES)
                path.write_text("\n".join(lines(played)) + "\n", encoding="utf-8")
                sys.stdout.write(f"{path.name}\n")
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main())
