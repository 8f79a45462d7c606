"""P8: documents set per second on one core, every kind in every language in turn, without the store and with it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

from activities.typesetting import KINDS, LANGUAGES, Typesetter
from bench.tables import against, heading, note, rows
from rehearsal.player import template_database
from store.contents import Contents
from store.database import Database
from tests.documents.samples import sample

ROUNDS = 5
GOAL = 100.0
ISSUED = date(2026, 11, 17)


async def measure() -> None:
    """Pin the process to one core, set every document once to warm up, then `ROUNDS` times with another case number each."""
    heading("P8", f"documents on one core: {len(KINDS)} kinds in {len(LANGUAGES)} languages, {ROUNDS} rounds")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as name:
            async with template_database() as template:
                shutil.copy(template, Path(name) / "passerelle.db")
            database = Database.open(f"sqlite+aiosqlite:///{name}/passerelle.db")
            began = time.process_time()
            setting, storing = await timed(Contents(database))
            spent = time.process_time() - began
            await database.close()
    finally:
        os.sched_setaffinity(0, cores)
    show(setting, storing, spent)


async def timed(contents: Contents) -> tuple[dict[str, float], dict[str, float]]:
    """The seconds spent setting and storing, by language."""
    typesetter = Typesetter()
    jobs = [(kind, language, sample(kind, language)) for kind in KINDS for language in LANGUAGES]
    setting, storing = dict.fromkeys(LANGUAGES, 0.0), dict.fromkeys(LANGUAGES, 0.0)
    for turn in range(ROUNDS + 1):
        for kind, language, facts in jobs:
            began = time.perf_counter()
            pdf = typesetter.set(kind, language, facts | {"case_id": f"AMEDIP-2026-{turn:04}"}, ISSUED)
            done = time.perf_counter()
            await contents.put(pdf, "application/pdf")
            if turn > 0:
                setting[language] += done - began
                storing[language] += time.perf_counter() - done
    return setting, storing


def show(setting: dict[str, float], storing: dict[str, float], spent: float) -> None:
    """Print the rates by language and in all; `spent` is the processor time of everything, the warming up too."""
    each = ROUNDS * len(KINDS)
    lines = []
    for name, count, set_in, stored_in in (
        *((language, each, setting[language], storing[language]) for language in LANGUAGES),
        ("all", each * len(LANGUAGES), sum(setting.values()), sum(storing.values())),
    ):
        rate = count / (set_in + stored_in)
        goal = against(rate, GOAL, least=True, form="{:.0f}".format) if name == "all" else ""
        lines.append([name, f"{count / set_in:.0f}", f"{rate:.0f}", f"{1000 * (set_in + stored_in) / count:.1f}", goal])
    rows(["language", "set /s", "set and stored /s", "ms each", "goal (stored)"], lines)
    busy = (ROUNDS + 1) * len(KINDS) * len(LANGUAGES) / spent
    note(f"By processor time, which other processes do not disturb: {busy:.0f} a second set and stored, the first ones included.")
    note("Stored: one durable commit a document into SQLite (WAL, synchronous FULL), as the procedure's activity does.")


if __name__ == "__main__":
    asyncio.run(measure())
