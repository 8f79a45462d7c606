"""`passerelle audit export|check`: the evidence of a case in one file, and whether such a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from audit.exporting import Exporter
from audit.rechecking import recheck
from audit.timemachine import TimeMachine
from cli.case import AsJson, CaseId, Data
from cli.edge import opened, out, plain, print_json, run
from evidence.findings import Report, Severity
from evidence.notary import LARGEST_KEYS, NotSigned, trusted_of
from evidence.opening import LARGEST_ZIP
from models.errors import PasserelleError, WrongSetting
from store.archive import Archive

Readable = {"exists": True, "dir_okay": False, "readable": True}


class NotSound(PasserelleError):
    """A bundle that does not hold."""


def export(
    case: CaseId,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Default: CASE-evidence.zip.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Put the evidence of a case together, signed, in one file that stands without us; the log notes it."""

    async def work() -> None:
        async with opened(data) as (workplace, cases), TimeMachine() as machine:
            exporter = Exporter(cases, workplace.issuing, Archive(workplace.database), machine)
            bundle, report = await exporter.bundle(case)
        place = to or Path(bundle.name)
        try:
            place.write_bytes(bundle.data)
        except OSError as error:
            raise WrongSetting(f"{place} cannot be written: {error.strerror}") from error
        if as_json:
            print_json({"file": str(place), "manifest": bundle.manifest, **plain(report), "sound": report.sound})
        else:
            show(report)
            out.print(f"{place}: {len(bundle.data)} bytes, manifest sha256 {bundle.manifest}")
        judge(report)

    run(work())


def check(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle, CASE-evidence.zip.", **Readable)],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Public keys in PEM, from somebody you trust.", **Readable)],
    replay: Annotated[bool, typer.Option("--replay/--no-replay", help="Replay the case with the procedure in hand.")] = True,
    as_json: AsJson = False,
) -> None:
    """Whether a bundle holds: offline, by its bytes and the public key alone. Exit: 0 sound, 1 not, 2 usage."""

    async def work() -> None:
        try:
            with key.open("rb") as file:
                trusted = trusted_of(file.read(LARGEST_KEYS + 1))
        except NotSigned as error:
            raise WrongSetting(f"{key}: {error}") from error
        with bundle.open("rb") as file:
            data = file.read(LARGEST_ZIP + 1)
        async with TimeMachine() as machine:
            report = await recheck(data, trusted, machine if replay else None)
        if as_json:
            print_json({**plain(report), "sound": report.sound})
        else:
            show(report)
        judge(report)

    run(work())


def show(report: Report) -> None:
    """What was found, faults first, and what was looked at."""
    for finding in sorted(report.findings, key=lambda one: one.severity is not Severity.FAULT):
        colour = "red" if finding.severity is Severity.FAULT else "yellow"
        place = f" ({finding.where})" if finding.where else ""
        out.print(f"[{colour}]{finding.severity}[/] {finding.layer}, {finding.code}: {escape(finding.text + place)}")
        if finding.means:
            out.print(f"      {finding.means}", markup=False)
    if report.case:
        counts = ", ".join(f"{getattr(report, name)} {name}" for name in ("runs", "events", "receipts", "documents", "mails"))
        out.print(f"{report.case}: {counts}; exported {report.exported}, signed with key {report.key}", markup=False)
        out.print(f"{report.entries} entries of log {report.log}, which has {report.size}", markup=False)
    if report.sound:
        out.print("sound")


def judge(report: Report) -> None:
    """Say whether a bundle is sound.

    Raises:
        NotSound: it is not.
    """
    faults = sum(finding.severity is Severity.FAULT for finding in report.findings)
    if faults:
        raise NotSound(f"{report.case or 'the bundle'} is not sound: {faults} fault{'s' * (faults > 1)}")
