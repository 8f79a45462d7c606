"""`passerelle keys …`: the keys with which the systems of institutions answer by the API."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.case import AsJson, Data
from cli.edge import opened, out, print_json, print_rows, refuse, run, settings_of
from evidence.checkpoint import verifier_key
from evidence.links import rotate as rotate_links
from evidence.notary import notary_of, renew, signing_keys_in
from models.errors import PasserelleError
from store.keyfile import rotate as rotate_file
from store.person_keys import rewrap
from store.sealing import SETTING
from store.tokens import Token

app = typer.Typer(no_args_is_help=True, help="The keys with which the systems of institutions answer by the API.")

Code = Annotated[str, typer.Argument(metavar="INSTITUTION", help="An institution, SN-POSTE.")]


@app.command()
def issue(
    institution: Code,
    label: Annotated[str, typer.Option("--label", help="The system that will use it, Registry of the Post.")],
    days: Annotated[int, typer.Option("--days", help="For how many days it counts.")] = 365,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Issue a key to an institution's system. Its secret is shown this once and kept nowhere."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            token, secret = await cases.tokens.issue(institution, label, days)
        if as_json:
            print_json({"key": token, "secret": secret})
        else:
            print(secret)
            out.print(f"{token.id}, for {token.label} of {institution} until {token.expires:%Y-%m-%d}. It is not shown again.")

    run(work())


@app.command("list")
def listing(
    institution: Annotated[str, typer.Argument(metavar="[INSTITUTION]", help="An institution; all of them without it.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Which keys were issued, until when they count, and when each was used last."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            found = await cases.tokens.listing(institution)
            now = cases.clock()
        if as_json:
            print_json(found)
            return
        columns = ["key", "institution", "label", "issued", "counts until", "used last"]
        print_rows(columns, [[t.id, t.institution, t.label, day(t.created), until(t, t.opens(now)), day(t.used)] for t in found])

    run(work())


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `keys list` names it, K-1a2b3c4d.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take a key back; what was answered with it stands."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            token = await cases.tokens.revoke(key)
        if as_json:
            print_json(token)
        else:
            out.print(f"{token.id} of {token.institution} counts no more.")

    run(work())


@app.command()
def public(data: Data = None, as_json: AsJson = False) -> None:
    """The public keys to check receipts, checkpoints and bundles with, in PEM; hand them over, they are no secret."""
    settings = settings_of(data)
    assert settings.signing_key_file is not None
    try:
        notary = notary_of(signing_keys_in(settings.signing_key_file), settings.log_name)
    except PasserelleError as error:
        refuse(error)
    if as_json:
        verifiers = [verifier_key(notary.name, notary.trusted.raw(one)) for one in notary.trusted.ids]
        print_json({"log": notary.name, "keys": notary.trusted.ids, "verifiers": verifiers, "pem": notary.trusted.pem})
    else:
        print(notary.trusted.pem, end="")


@app.command()
def rotate(
    signing: Annotated[bool, typer.Option("--signing", help="The key that receipts and the log are signed with.")] = False,
    of_data: Annotated[bool, typer.Option("--data-key", help="The key that wraps those of persons.")] = False,
    data: Data = None,
) -> None:
    """Begin a new key of the links in mails, or of what an option names; what the former keys made goes on counting."""
    if of_data:
        run(rotate_data(data))
        return
    settings = settings_of(data)
    assert settings.link_key_file is not None
    assert settings.signing_key_file is not None
    try:
        number = renew(settings.signing_key_file) if signing else rotate_links(settings.link_key_file)
    except PasserelleError as error:
        refuse(error)
    if signing:
        out.print(f"Key {number} signs once web and worker have been started again. Hand the public keys over again: keys public.")
        return
    out.print(f"Key {number} signs what is sent once the worker has been started again; the former keys still open their links.")


async def rotate_data(data: Path | None) -> None:
    """Begin a new key of the data and wrap every person's key with it; running processes read the file again by themselves."""
    async with opened(data) as (workplace, _):
        path = settings_of(data).data_key_file
        assert path is not None
        number = rotate_file(SETTING, path)
        count = await rewrap(workplace.database)
    out.print(f"Key {number} wraps the keys of all persons now, {count} of them anew; the former keys can be taken out of {path}.")


def until(token: Token, counts: bool) -> str:
    """Until when a key counts, or since when it does not."""
    if token.revoked is not None:
        return f"revoked {day(token.revoked)}"
    return day(token.expires) if counts else f"expired {day(token.expires)}"


def day(instant: datetime | None) -> str:
    """The day of an instant, empty where there is none."""
    return f"{instant:%Y-%m-%d}" if instant else ""
