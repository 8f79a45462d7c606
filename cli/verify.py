"""`passerelle audit verify`: whether what is kept of a case, and of the log, agrees with itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit.attested import LARGEST, Attested, attested_in
from audit.timemachine import TimeMachine
from audit.verifying import Verified, Verifier
from audit.wholelog import LogVerified
from cli.edge import opened, out, plain, print_json, run
from evidence.findings import Finding, Severity
from models.errors import PasserelleError, WrongSetting

COUNTED = ("runs", "events", "receipts", "documents", "mails", "entries")


class Disagrees(PasserelleError):
    """What is kept does not agree with itself, or with what others have kept."""


def verify(
    case: Annotated[str | None, typer.Argument(metavar="CASE", help="A case number, AMEDIP-2026-0001.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every case that anything is kept of.")] = False,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A checkpoint somebody else has kept: a file, a text that holds it, a confirmation as .eml; may be repeated.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder; default var/ or PASSERELLE_DATA.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Compare histories, lists, contents, mails, receipts and log with one another. Exit: 0 sound, 1 not, 2 usage, 3 away."""
    if every == (case is not None):
        raise typer.BadParameter("name a case or say --all")

    async def work() -> None:
        attested = [one for path in checkpoint or [] for one in read_attested(path)]
        async with opened(data) as (workplace, cases), TimeMachine() as machine:
            verifier = Verifier(workplace, cases, machine)
            with progress(as_json) as bar:
                numbers = [case] if case else await verifier.numbers()
                task = bar.add_task("log", total=None)
                log = await verifier.log(attested, lambda done, whole: bar.update(task, completed=done, total=whole))
                task = bar.add_task("cases", total=len(numbers))
                found = list[Verified]()
                for number in numbers:
                    found.append(await verifier.case(number))
                    bar.update(task, advance=1)
        show(log, found, as_json)
        judge(log, found)

    run(work())


def read_attested(path: Path) -> list[Attested]:
    """The checkpoints in a file.

    Raises:
        WrongSetting: it holds none, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise WrongSetting(f"{path} cannot be read: {error.strerror}") from error
    found = attested_in(path.name, data) if len(data) <= LARGEST else []
    if not found:
        raise WrongSetting(f"{path}: there is no checkpoint in it")
    return found


def progress(as_json: bool) -> Progress:
    """A bar on standard error, where somebody can see it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal)


def show(log: LogVerified, found: Sequence[Verified], as_json: bool) -> None:
    """What was found of the log and of each case, faults first."""
    if as_json:
        cases = [{**plain(one), "sound": one.sound} for one in found]
        sound = log.sound and all(one.sound for one in found)
        print_json({"sound": sound, "log": {**plain(log), "sound": log.sound}, "cases": cases})
        return
    for finding in ordered(log.findings):
        tell("log", finding)
    for one in found:
        for finding in ordered(one.findings):
            tell(one.case, finding)
        counts = ", ".join(f"{getattr(one, name)} {name}" for name in COUNTED)
        out.print(f"{one.case}: {'sound' if one.sound else 'not sound'}; {counts}", markup=False)
    compared = f"{log.published} checkpoints published, {log.attested} from outside"
    out.print(f"log {log.name}: {'sound' if log.sound else 'not sound'}; {log.size} entries, {compared}", markup=False)


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Findings, faults first."""
    return sorted(findings, key=lambda one: one.severity is not Severity.FAULT)


def tell(about: str, finding: Finding) -> None:
    """A finding, and what it means."""
    colour = "red" if finding.severity is Severity.FAULT else "yellow"
    place = f" ({finding.where})" if finding.where else ""
    out.print(f"[{colour}]{finding.severity}[/] {about}: {finding.layer}, {finding.code}: {escape(finding.text + place)}")
    if finding.means:
        out.print(f"      {finding.means}", markup=False)


def judge(log: LogVerified, found: Sequence[Verified]) -> None:
    """Say whether everything agrees.

    Raises:
        Disagrees: something does not; names what.
    """
    unsound = [one.case for one in found if not one.sound] + ([] if log.sound else ["the log"])
    if unsound:
        more = f" and {len(unsound) - 5} more" if len(unsound) > 5 else ""
        raise Disagrees(f"not sound: {', '.join(unsound[:5])}{more}")
