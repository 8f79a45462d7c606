"""P4: the state after every event of 200 histories, and the moments of a case of some 500 events, the processes warm."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from activities.histories import Exported
from audit.plain import events_of
from audit.timemachine import PROCESSES, TimeMachine
from bench.tables import against, heading, middle, note, rows

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "histories"
CASE = "AMEDIP-2031-0001"
HISTORIES, EVENTS_A_SECOND = 200, 4000
EVENTS, OPENS_MS = 500, 400
ROUNDS, OPENINGS = 3, 9
PATIENT = 60.0


def golden_cases() -> list[list[Exported]]:
    """The histories of every golden case."""
    cases = []
    for folder in sorted({path.parent for path in GOLDEN.glob("*/*.json")}):
        runs = []
        for path in sorted(folder.glob("*.json")):
            history = path.read_bytes()
            events = events_of(history)
            began = events[0].workflow_execution_started_event_attributes
            runs.append((began.original_execution_run_id, history, len(events)))
        cases.append(runs)
    return cases


def length_of(case: list[Exported]) -> int:
    """How many events the histories of a case hold."""
    return sum(events for _, _, events in case)


def enough(cases: list[list[Exported]]) -> list[list[Exported]]:
    """Whole cases, the first again after the last, until there are as many histories as wanted."""
    taken: list[list[Exported]] = []
    while sum(len(case) for case in taken) < HISTORIES:
        taken.append(cases[len(taken) % len(cases)])
    return taken


def processor_seconds() -> float:
    """Processor time of this process and of those it began that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


async def measure() -> None:
    """Replay all of them some times over, then one by itself."""
    heading("P4", f"replay in {PROCESSES} processes, reading and checking of the exported histories included")
    cases = golden_cases()
    taken = enough(cases)
    before = processor_seconds()
    one = min(cases, key=lambda case: abs(length_of(case) - EVENTS))
    async with TimeMachine(stall=PATIENT) as machine:
        await asyncio.gather(*(machine.of(CASE, case) for case in cases[:4]))
        rates, opened, moments = [], [], 0
        for _ in range(ROUNDS):
            started = time.perf_counter()
            replayed = await asyncio.gather(*(machine.of(CASE, case) for case in taken))
            rates.append(sum(length_of(case) for case in taken) / (time.perf_counter() - started))
            moments = sum(len(found.moments) for found in replayed)
        for _ in range(OPENINGS):
            started = time.perf_counter()
            await machine.of(CASE, one)
            opened.append(1000 * (time.perf_counter() - started))
    used = processor_seconds() - before
    events, histories = sum(length_of(case) for case in taken), sum(len(case) for case in taken)
    rows(
        ["", "figure", "best", "goal"],
        [
            [
                f"events a second: {histories} histories, {events:,} events, {moments:,} states",
                f"{middle(rates):,.0f}",
                f"{max(rates):,.0f}",
                against(middle(rates), EVENTS_A_SECOND, least=True, form="{:,.0f}".format),
            ],
            [
                "events a second of processor time, beginning the processes included",
                f"{(ROUNDS * events + OPENINGS * length_of(one)) / used:,.0f}",
                "",
                "",
            ],
            [
                f"moments of a case of {length_of(one)} events, ms",
                f"{middle(opened):.0f}",
                f"{min(opened):.0f}",
                against(middle(opened), OPENS_MS, form="{:.0f}".format),
            ],
        ],
    )
    note("The histories are those of tests/histories, in whole cases; figures are medians.")
