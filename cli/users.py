"""`passerelle users …`: the accounts of auditors and coordinators who sign in to the pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from cli.case import AsJson, Data, shown
from cli.edge import opened, out, print_json, print_rows, run
from models.errors import Fault, Invalid
from models.words import Role
from store.users import User
from workplace import Workplace

app = typer.Typer(no_args_is_help=True, help="The accounts of auditors and coordinators who sign in to the pages.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account, by the name of an office: court-of-auditors.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", exists=True, dir_okay=False, help="A file that holds the password; asked for without it."),
]


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What the account is for.")],
    password_file: PasswordFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an account. Its password has at least 12 characters."""

    async def work(at: Workplace) -> User:
        return await at.users.add(name, role, password_in(password_file))

    change(data, as_json, work, "{name} may sign in as {role}.")


@app.command("list")
def listing(data: Data = None, as_json: AsJson = False) -> None:
    """Which accounts there are, and which of them cannot be used."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            found, now = await workplace.users.listing(), workplace.clock()
        if as_json:
            print_json(found)
            return
        rows = []
        for user in found:
            shut = user.locked_until if user.locked_until and user.locked_until > now else None
            rows.append([user.name, user.role, shown(user.created), shown(user.disabled), shown(shut)])
        print_rows(["name", "role", "made", "disabled since", "shut until"], rows)

    run(work())


@app.command()
def password(name: Name, password_file: PasswordFile = None, data: Data = None, as_json: AsJson = False) -> None:
    """Give an account another password; it is signed out everywhere."""

    async def work(at: Workplace) -> User:
        return await at.users.change_password(name, password_in(password_file))

    change(data, as_json, work, "{name} has another password and is signed out.")


@app.command()
def disable(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """Let nobody sign in with an account any more; it is signed out everywhere."""
    change(data, as_json, lambda at: at.users.disable(name), "{name} is disabled and signed out.")


@app.command()
def enable(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """Let an account be used again that was disabled, or shut by too many tries."""
    change(data, as_json, lambda at: at.users.enable(name), "{name} may sign in again.")


@app.command("sign-out")
def sign_out(name: Name, data: Data = None, as_json: AsJson = False) -> None:
    """End every session of an account."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            user = await workplace.users.of(name)
            ended = await workplace.sessions.end_all(user.name)
        if as_json:
            print_json({"name": user.name, "ended": ended})
        else:
            out.print(f"{user.name}: {ended} sessions ended.")

    run(work())


def change(data: Path | None, as_json: bool, make: Callable[[Workplace], Awaitable[User]], told: str) -> None:
    """Make or change an account and say so; nothing secret is printed."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            user = await make(workplace)
        if as_json:
            print_json(user)
        else:
            out.print(told.format(name=user.name, role=user.role))

    run(work())


def password_in(file: Path | None) -> str:
    """A password: what a file holds, without the line end, or what is typed twice.

    Raises:
        Invalid: the file cannot be read as text.
    """
    if file is None:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        text = f"the file cannot be read as text: {type(error).__name__}"
        raise Invalid([Fault(field="password", code="invalid", text=text)], source=file.name) from error
