"""`passerelle db …`: schema, reference data, read model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from audit.rebuild import rebuild
from cli.edge import opened, print_json, run, settings_of
from store.database import Database
from store.migrate import current, head
from store.migrate import upgrade as upgrade_schema
from store.seed import seed as seed_folder

app = typer.Typer(no_args_is_help=True, help="Schema, reference data, read model.")

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default var/ or PASSERELLE_DATA.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.command()
def upgrade(data: Data = None, as_json: AsJson = False) -> None:
    """Bring the schema to its newest version."""

    async def work() -> None:
        url = settings_of(data).database_url
        before = current(url)
        upgrade_schema(url)
        if as_json:
            print_json({"before": before, "now": head()})
        else:
            print(f"schema {head()}" + ("" if before == head() else f" (was {before or 'empty'})"))

    run(work())


@app.command()
def seed(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the CSV files.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Enter reference data from CSV files, replacing what has the same key."""

    async def work() -> None:
        database = Database.open(settings_of(data).database_url)
        try:
            taken = await seed_folder(database, folder)
        finally:
            await database.close()
        if as_json:
            print_json(taken)
        else:
            print(", ".join(f"{name} {count}" for name, count in taken.items()))

    run(work())


@app.command()
def seal(data: Data = None, as_json: AsJson = False) -> None:
    """Seal what was kept of persons before contents were sealed; what is sealed already stays as it is."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            count = await workplace.contents.seal()
        if as_json:
            print_json({"sealed": count})
        else:
            print(f"{count} contents sealed")

    run(work())


@app.command("rebuild")
def rebuild_command(data: Data = None, as_json: AsJson = False) -> None:
    """Write the read model anew from the histories."""

    async def work() -> None:
        async with opened(data) as (workplace, cases):
            numbers = await cases.numbers()
            shown = numbers if as_json else track(numbers, description="cases")
            for number in shown:
                await rebuild(workplace.readmodel, cases, number)
            await workplace.issuing.restored(len(numbers), "db rebuild")
        if as_json:
            print_json({"cases": numbers})
        else:
            print(f"{len(numbers)} cases rebuilt")

    run(work())
