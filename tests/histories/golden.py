"""Which scenarios' histories are kept, and where."""

from __future__ import annotations

from pathlib import Path

HISTORIES = Path(__file__).resolve().parent
GOLDEN = (
    "standard",
    "expert-assignment",
    "silent-host",
    "returned-for-completion",
    "tacit-consent",
    "decision-escalates",
    "no-host",
    "visa-refused",
    "extended-nomination",
    "held-and-resumed",
    "transfer-plan-from-above",
    "no-evidence",
    "cancelled",
)
