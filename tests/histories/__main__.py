"""Keeps the histories of scenarios as golden ones: `python -m tests.histories`; those that are there are never overwritten.

A golden history stays as long as a case that old may be open. To begin anew before the first release, remove the folders.
"""

from __future__ import annotations

import asyncio
import json
import sys

from rehearsal.player import Played, play, template_database
from rehearsal.scenario import load_scenario
from tests.histories.golden import GOLDEN, HISTORIES
from tests.procedure.scenarios import PROGRAMMES, SCENARIOS


async def main() -> None:
    """Play and keep every golden scenario that has no histories yet."""
    async with template_database() as template:
        for name in GOLDEN:
            if not (HISTORIES / name).exists():
                scenario, request = load_scenario(SCENARIOS / f"{name}.toml")
                keep(name, await play(scenario, request, template, PROGRAMMES))
                sys.stdout.write(f"{name}\n")
    await asyncio.sleep(0.5)


def keep(name: str, played: Played) -> None:
    """Write every run's history, and beside them the state that the last one leads to."""
    folder = HISTORIES / name
    folder.mkdir()
    for number, (_, history, _) in enumerate(played.histories, start=1):
        compact = json.dumps(json.loads(history), separators=(",", ":"), ensure_ascii=False)
        (folder / f"{number}.json").write_text(compact + "\n", encoding="utf-8")
    state = played.case.model_dump_json(exclude={"said"}, exclude_defaults=True)
    (folder / "state.txt").write_text(state + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
