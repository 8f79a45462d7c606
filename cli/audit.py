"""`passerelle audit …`: what the histories say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit.deployment import Deployment, open_cases
from audit.fitting import Fit, Outcome
from cli.auditing import history, state
from cli.edge import opened, out, print_json, print_rows, run
from cli.evidence import check, export
from cli.verify import verify
from models.errors import PasserelleError
from models.words import PROCEDURE

app = typer.Typer(no_args_is_help=True, help="What the histories say of the cases.")
app.command()(history)
app.command()(state)
app.command()(export)
app.command()(check)
app.command()(verify)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default var/ or PASSERELLE_DATA.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
CaseId = Annotated[str | None, typer.Argument(metavar="CASE", help="A case number, AMEDIP-2026-0001.")]

SAID = {
    Outcome.REPLAYS: "replays",
    Outcome.DIFFERS: "would not replay",
    Outcome.NEWER: "is of a newer procedure",
    Outcome.BROKEN: "is not whole",
    Outcome.UNFINISHED: "does not end",
    Outcome.MISSING: "has no history",
}


class NotFitting(PasserelleError):
    """Cases that the code in hand cannot go on with."""


@app.command()
def replay(
    case: CaseId = None,
    every: Annotated[bool, typer.Option("--all", help="Every open case.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Closed runs and ended cases as well.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Whether the code in hand can go on with a case, or with every open one: each current run is replayed."""
    if every == (case is not None):
        raise typer.BadParameter("name a case or say --all")

    async def work() -> None:
        async with opened(data) as (_, cases):
            numbers = [case] if case else await (cases.numbers() if closed else open_cases(cases))
            found = []
            with progress(as_json) as bar:
                task = bar.add_task("cases", total=len(numbers))
                async for fit in Deployment(cases).fits(numbers, closed=closed):
                    found.append(fit)
                    bar.update(task, completed=numbers.index(fit.case) + 1)
        show(found, as_json)
        if not all(fit.fits for fit in found):
            raise NotFitting("\n".join(sentence(fit) for fit in found if not fit.fits))

    run(work())


def progress(as_json: bool) -> Progress:
    """A bar on standard error, where somebody can see it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal)


def sentence(fit: Fit) -> str:
    """What keeps a run from fitting."""
    at = f" at event {fit.event} ({fit.kind})" if fit.event else ""
    return f"{fit.case}{f', run {fit.run}' if fit.run else ''} {SAID[fit.outcome]}{at}: {fit.says}"


def show(found: list[Fit], as_json: bool) -> None:
    """Every run and what became of it, and the sum."""
    counted = Counter(fit.outcome for fit in found)
    if as_json:
        print_json({"procedure": PROCEDURE, "fits": all(f.fits for f in found), "counts": dict(counted), "runs": found})
        return
    columns = ["case", "run", "phase", "procedure", "events", ""]
    print_rows(
        columns, [[f.case, *(str(n or "") for n in (f.run, f.phase, f.procedure, f.events)), SAID[f.outcome]] for f in found]
    )
    told = ", ".join(f"{count} {SAID[outcome]}" for outcome, count in counted.items()) or "no case is open"
    out.print(f"procedure {PROCEDURE}: {told}")
