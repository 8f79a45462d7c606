"""P1: what a case costs in history, free of noise: events, workflow tasks and bytes of the standard case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from bench.tables import against, heading, note, rows
from rehearsal.player import Played, play, template_database
from rehearsal.scenario import load_scenario
from workplace import load_programmes

ROOT = Path(__file__).resolve().parent.parent
STANDARD = ROOT / "tests" / "scenarios" / "standard.toml"
EVENTS_A_STEP, BYTES_AN_EVENT, LARGEST = 14, 700, 16 * 1024
FLOOR_WITH_MAIL, FLOOR_WITHOUT, FLOOR_TICK = 13, 8, 5
TICKS = ("reminded", "chased", "alerted", "escalated", "lapsed")
COSTLIEST = 10


@dataclass
class Cost:
    """What histories hold: events and bytes by type, payload bytes by the attribute they stand in."""

    events: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    payloads: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)
    exported: int = 0

    def add(self, history: bytes) -> None:
        """Count one exported history."""
        self.exported += len(history)
        for event in WorkflowHistory.from_json("bench", history.decode()).events:
            kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
            self.events[kind] += 1
            self.sizes[kind] += event.ByteSize()
            for path, payload in payloads_of(event, kind):
                self.payloads[path] += payload.ByteSize()
                self.counts[path] += 1
                self.largest[path] = max(self.largest[path], len(payload.data))


def payloads_of(message: Any, path: str) -> Iterator[tuple[str, Payload]]:
    """Every payload within a protobuf message, with the names that lead to it."""
    for field_of, value in message.ListFields():
        if field_of.message_type is None:
            continue
        here = path if field_of.name.endswith("_event_attributes") or field_of.name == "payloads" else f"{path}.{field_of.name}"
        if field_of.message_type.GetOptions().map_entry:
            found = [(f"{here}[{key}]", value[key]) for key in value]
        else:
            found = [(here, item) for item in (value if field_of.is_repeated else [value])]
        for place, item in found:
            if isinstance(item, Payload):
                yield place, item
            elif hasattr(item, "ListFields"):
                yield from payloads_of(item, place)


async def measure() -> None:
    """Play the standard case and print what its histories hold."""
    scenario, request = load_scenario(STANDARD)
    async with template_database() as template:
        played = await play(scenario, request, template, load_programmes(ROOT / "programmes"))
    cost = Cost()
    for _, history, _ in played.histories:
        cost.add(history)
    show(played, cost)


def show(played: Played, cost: Cost) -> None:
    """Print the figures beside goals and floor."""
    steps, events = len(played.case.steps), cost.events.total()
    ticks = sum(said.verb in TICKS for said in played.timeline)
    tasks, size = cost.events["WORKFLOW_TASK_COMPLETED"], cost.sizes.total()
    largest = max(cost.largest.values())
    heading("P1", f"cost of a case: {steps} steps, {len(played.mails)} mails, {len(played.case.papers)} papers, {ticks} ticks")
    rows(
        ["", "in all", "a step", "goal", "floor a step"],
        [
            [
                "events",
                str(events),
                f"{events / steps:.1f}",
                against(events / steps, EVENTS_A_STEP, form="{:.0f}".format),
                f"{FLOOR_WITH_MAIL} with a mail, {FLOOR_WITHOUT} without, {FLOOR_TICK} a tick",
            ],
            ["workflow tasks", str(tasks), f"{tasks / steps:.1f}", "", "2 with a mail, 1 without"],
            ["runs", str(len(played.histories)), "", "", ""],
            ["bytes", f"{size:,}", f"{size / steps:,.0f}", "", ""],
            ["bytes an event", f"{size / events:.0f}", "", against(size / events, BYTES_AN_EVENT, form="{:.0f}".format), ""],
            ["largest payload", f"{largest:,}", "", against(largest, LARGEST, form="{:,.0f}".format), ""],
            ["exported JSON", f"{cost.exported:,}", f"{cost.exported / steps:,.0f}", "", ""],
        ],
    )
    rows(
        ["events by type", "events", "a step", "bytes", "bytes each"],
        [
            [kind.lower(), str(count), f"{count / steps:.1f}", f"{cost.sizes[kind]:,}", f"{cost.sizes[kind] / count:.0f}"]
            for kind, count in cost.events.most_common()
        ],
    )
    rows(
        ["payloads by place, costliest first", "payloads", "bytes", "share", "largest"],
        [
            [place.lower(), str(cost.counts[place]), f"{total:,}", f"{100 * total / size:.0f} %", f"{cost.largest[place]:,}"]
            for place, total in cost.payloads.most_common(COSTLIEST)
        ],
    )
    note("Bytes are those of the events as the server keeps them (protobuf); a history exported as JSON is about twice as long.")
