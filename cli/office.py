"""`passerelle office …`: who answers for an institution, from when to when, and who coordinates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any

import typer

from cli.case import AsJson, Data
from cli.edge import opened, out, print_json, print_rows, run
from models.errors import Missing
from models.words import Kind
from workplace import Workplace

app = typer.Typer(no_args_is_help=True, help="Who answers for an institution, and when: appointments, successors, delegations.")

Code = Annotated[str, typer.Argument(metavar="INSTITUTION", help="An institution, SN-POSTE.")]
Rank = Annotated[int, typer.Option("--rank", min=1, help="1 is asked first, the next are alternates.")]
Role = Annotated[str, typer.Option("--role", help="The office held, Migration focal point.")]
Email = Annotated[str, typer.Option("--email", help="Its mailbox.")]
Language = Annotated[str, typer.Option("--language", help="en, fr, ar or pt.")]
DAY = ["%Y-%m-%d"]


def day(text: datetime | None) -> date | None:
    """A day given on the command line."""
    return text.date() if text else None


def change(institution: str, data: Data, as_json: bool, make: Callable[[Workplace], Awaitable[Any]]) -> None:
    """Make a change, and have the open cases that ask the institution look up who answers now."""

    async def work() -> None:
        async with opened(data) as (workplace, cases):
            made = await make(workplace)
            told = await cases.appointments_changed(institution)
        if as_json:
            print_json({"made": made, "cases": told})
        else:
            print(getattr(made, "id", made))
            out.print(f"{len(told)} open cases have looked up who answers for {institution}.")

    run(work())


@app.command("list")
def listing(institution: Code, data: Data = None, as_json: AsJson = False) -> None:
    """Who holds an institution's offices, and who stands in for it."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            found = await workplace.reference.institution(institution)
            delegations = await workplace.reference.delegations(institution)
        if as_json:
            print_json({"appointments": found.contacts, "delegations": delegations})
            return
        lines = [[a.id, a.role, a.email, a.language, str(a.starts or ""), str(a.ends or "")] for a in found.contacts]
        print_rows(["appointment", "role", "mailbox", "language", "from", "to"], lines)
        for d in delegations:
            kinds, ended = ", ".join(d.kinds) or "everything", " (revoked)" if d.revoked else ""
            out.print(f"{d.id}: {d.to} answers for {institution} from {d.starts} to {d.ends}, {kinds}{ended}")

    run(work())


@app.command()
def appoint(
    institution: Code,
    role: Role,
    email: Email,
    language: Language,
    rank: Rank = 1,
    starts: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First day.")] = None,
    ends: Annotated[datetime | None, typer.Option("--until", formats=DAY, help="Last day.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give an office of an institution a mailbox."""

    async def make(at: Workplace) -> Any:
        return await at.offices.appoint(institution, rank, role, email, language, starts=day(starts), ends=day(ends))

    change(institution, data, as_json, make)


@app.command()
def succeed(
    institution: Code,
    role: Role,
    email: Email,
    language: Language,
    starts: Annotated[datetime, typer.Option("--from", formats=DAY, help="First day; the predecessor's last is the day before.")],
    rank: Rank = 1,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody follow the holder of an office; open steps move to the successor on the day."""

    async def make(at: Workplace) -> Any:
        return await at.offices.succeed(institution, rank, role, email, language, starts.date())

    change(institution, data, as_json, make)


@app.command()
def delegate(
    institution: Code,
    to: Annotated[
        str, typer.Option("--to", metavar="CODE", help="A post, SN-POSTE/2, or another institution of the same country.")
    ],
    starts: Annotated[datetime, typer.Option("--from", formats=DAY, help="First day.")],
    ends: Annotated[datetime, typer.Option("--until", formats=DAY, help="Last day.")],
    kinds: Annotated[list[Kind] | None, typer.Option("--kind", help="Only this kind of step; may be repeated.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let another answer for an institution between two days; the record says on whose behalf."""

    async def make(at: Workplace) -> Any:
        return await at.offices.delegate(institution, to, starts.date(), ends.date(), kinds or ())

    change(institution, data, as_json, make)


@app.command()
def revoke(
    institution: Code,
    delegation: Annotated[str, typer.Argument(metavar="DELEGATION", help="As `office list` names it.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take a delegation back."""

    async def make(at: Workplace) -> Any:
        if delegation not in [known.id for known in await at.reference.delegations(institution)]:
            raise Missing(f"{institution} has no delegation {delegation}")
        return await at.offices.revoke(delegation)

    change(institution, data, as_json, make)


@app.command()
def coordinators(data: Data = None, as_json: AsJson = False) -> None:
    """The coordinators of the programme's office, to whom cases are handed over."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            found = await workplace.reference.coordinators()
        if as_json:
            print_json(found)
        else:
            print_rows(["code", "role", "mailbox", "language"], [[c.code, c.role, c.email, c.language] for c in found])

    run(work())
