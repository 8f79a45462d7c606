"""`passerelle demo` and `passerelle rehearse`: whole cases on skipped time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.edge import leave, out, print_json, run, settings_of
from models.errors import PasserelleError
from rehearsal.demo import demonstrate, line_of
from rehearsal.player import play, template_database
from rehearsal.scenario import load_scenario
from workplace import load_programmes


class NotVerified(PasserelleError):
    """Something that was checked does not hold."""


def demo(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where everything is left.")] = Path("demo-out"),
) -> None:
    """Two whole cases on skipped time, with mails, papers, histories and evidence, and a check of each."""

    async def work() -> None:
        programmes = load_programmes(settings_of().programmes)
        shown = await demonstrate(
            folder,
            programmes,
            lambda title: out.print(f"\n[bold]{title}[/bold]"),
            lambda line: out.print(f"  {line}", markup=False),
        )
        for case in shown:
            out.print(f"\n[bold]{case.played.case.id}, {case.played.case.asked.format.value}: {case.played.case.ending}[/bold]")
            for name, holds in case.checks.items():
                out.print(f"  {'checked' if holds else 'FAILED '}  {name}", markup=False)
        out.print(f"\nMails, papers, timelines, histories and evidence are in {folder}/")
        if not all(all(case.checks.values()) for case in shown):
            raise NotVerified("a check failed")

    run(work())
    leave()


def rehearse(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario, TOML.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Play one scenario through the real procedure on skipped time."""

    async def work() -> None:
        programmes = load_programmes(settings_of().programmes)
        loaded, request = load_scenario(scenario)
        async with template_database() as template:
            played = await play(loaded, request, template, programmes)
        if as_json:
            print_json(played.summary())
        else:
            for said in played.timeline:
                print(line_of(said))
            print(f"{played.case.id}: {played.case.ending} {played.case.reason}".rstrip())
        if not played.verified:
            raise NotVerified("a history does not replay to the published state")

    run(work())
    leave()
