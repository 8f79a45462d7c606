"""How figures are reduced and printed: medians, percentiles, one table a part, each goal beside its figure."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(width=160)


def heading(part: str, text: str) -> None:
    """The title of a part, with the load of the machine as it begins."""
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    console.print(f"\n[bold]{part}  {text}[/bold]  (load {load}, {os.cpu_count()} cores)")


def rows(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """A table; all columns but the first are figures."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    console.print(table)


def note(text: str) -> None:
    """A line under a table."""
    console.print(text, highlight=False, markup=False)


def against(figure: float, goal: float, *, least: bool = False, form: Callable[[float], str] = "{:.1f}".format) -> str:
    """A goal and whether a figure meets it; the goal is the most it may be, or with `least` the least."""
    met = figure >= goal if least else figure <= goal
    return f"{'≥' if least else '≤'} {form(goal)} {'met' if met else 'MISSED'}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))
