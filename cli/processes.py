"""`passerelle dev`, `web`, `worker` and `doctor`: the processes of an installation, and how they are."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path
from socket import getaddrinfo
from typing import Annotated, Any

import typer

import worker as worker_process
from cases import Cases
from cli.edge import leave, opened, out, print_json, print_rows, run, settings_of
from dev import Running, beside_dev, everything
from dev import web as web_process
from models.errors import Unreachable
from store.mails import MailState
from store.migrate import current, head
from workplace import Workplace, load_programmes

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default var/ or PASSERELLE_DATA.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def dev(
    data: Data = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port of the pages; default 8000.")] = None,
) -> None:
    """Everything on one machine: Temporal server, worker, pages, mail sink. Ctrl-C stops it; open cases are found again."""

    async def work() -> None:
        settings = settings_of(data, port, quiet=False)

        def told(here: Running) -> None:
            out.print(f"ready  pages {here.web}  mails {here.web}/mails  histories {here.ui}")
            mails = f"mail server 127.0.0.1:{here.smtp_port}"
            out.print(f"       Temporal {here.temporal}  {mails}  Ctrl-C stops; cases stay in {settings.data}")

        await everything(settings, told)

    run(work())
    leave()


def web() -> None:
    """The pages, as a process of their own."""

    async def work() -> None:
        await web_process(beside_dev(settings_of(quiet=False)))

    run(work())
    leave()


def worker() -> None:
    """The worker, as a process of its own."""

    async def work() -> None:
        await worker_process.main(beside_dev(settings_of(quiet=False)))

    run(work())
    leave()


def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Whether every part is there and well: settings, programmes, schema, database, Temporal; and what waits or failed."""

    async def work() -> None:
        found: list[dict[str, Any]] = []

        def note(part: str, well: bool, says: str) -> None:
            found.append({"part": part, "well": well, "says": says})

        settings = beside_dev(settings_of(data))
        note("settings", True, str(settings.data))
        programmes = load_programmes(settings.programmes)
        note("programmes", True, ", ".join(programmes))
        schema = current(settings.database_url)
        note("schema", schema == head(), f"{schema or 'empty'}; the newest is {head()}")
        remote = await asyncio.to_thread(is_remote, settings.temporal_address)
        note("temporal_tls", not remote or settings.temporal_tls_ca is not None, "a remote Temporal server needs TLS")
        if schema == head():
            async with opened(data) as (workplace, cases):
                await workplace.database.ping()
                note("database", True, "answers")
                note("institutions", bool(await workplace.reference.institutions()), "reference data")
                note("temporal", await cases.is_reachable(), settings.temporal_address or worker_process.TEMPORAL_HERE)
                for part, says in (await left_over(workplace, cases)).items():
                    note(part, True, says)
        show(found, as_json)
        if not all(item["well"] for item in found):
            raise Unreachable("not well: " + ", ".join(str(item["part"]) for item in found if not item["well"]))

    run(work())


def is_remote(address: str) -> bool:
    """Whether a `host:port` is neither this machine nor a container beside it: a name without a dot, at private addresses only."""
    host = address.rpartition(":")[0].strip("[]")
    if host in ("", "localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        if "." in host:
            return True
    try:
        found = {str(item[4][0]) for item in getaddrinfo(host, None)}
    except OSError:
        return False
    return not all(ip_address(place.partition("%")[0]).is_private for place in found)


async def left_over(workplace: Workplace, cases: Cases) -> dict[str, str]:
    """What did not get through, by part: how many mails failed and in which cases, how many mails and answers still wait."""
    counts = await workplace.mails.counts()
    failed = ", ".join(await workplace.mails.cases_in(MailState.FAILED))
    return {
        "failed_mails": f"{counts[MailState.FAILED]}" + (f": {failed}" if failed else ""),
        "waiting_mails": f"{counts[MailState.QUEUED] + counts[MailState.DEFERRED]}, of which tried {counts[MailState.DEFERRED]}",
        "waiting_answers": str(await cases.waiting()),
    }


def show(found: list[dict[str, Any]], as_json: bool) -> None:
    """What the doctor found."""
    if as_json:
        print_json({"well": all(item["well"] for item in found), "parts": found})
    else:
        print_rows(["part", "", ""], [[item["part"], "well" if item["well"] else "NOT WELL", item["says"]] for item in found])
