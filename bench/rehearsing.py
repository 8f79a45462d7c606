"""P9: whole cases rehearsed a minute, server and all on one core: the standard case, 14 months, letters and papers included."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.tables import against, heading, rows
from rehearsal.player import play, template_database
from rehearsal.scenario import load_scenario
from workplace import load_programmes

ROOT = Path(__file__).resolve().parent.parent
STANDARD = ROOT / "tests" / "scenarios" / "standard.toml"
CASES_A_MINUTE = 20
ROUNDS = 6


async def measure() -> None:
    """Play the standard case some times over on one core, once more before that is not counted."""
    heading("P9", "whole cases rehearsed, server and all on one core")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        scenario, request = load_scenario(STANDARD)
        programmes = load_programmes(ROOT / "programmes")
        async with template_database() as template:
            await play(scenario, request, template, programmes)
            started = time.perf_counter()
            for _ in range(ROUNDS):
                await play(scenario, request, template, programmes)
            minutes = (time.perf_counter() - started) / 60
    finally:
        os.sched_setaffinity(0, before)
    rate = ROUNDS / minutes
    rows(["", "figure", "goal"], [["cases a minute on one core", f"{rate:.1f}", against(rate, CASES_A_MINUTE, least=True)]])
