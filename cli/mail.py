"""`passerelle mail …` and `passerelle case letter`: how far mails got, sending them anew, a letter for the post."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.case import AsJson, CaseId, Data, StepId, shown
from cli.case import app as case_app
from cli.edge import opened, out, print_json, print_rows, run
from models.errors import Missing, Refused
from store.deliveries import Delivery
from store.replies import Reply

app = typer.Typer(no_args_is_help=True, help="How far the mails of cases got, and sending those anew that did not arrive.")


@app.command("list")
def listing(
    case: Annotated[str, typer.Argument(metavar="[CASE]", help="A case number; with --failed all cases without it.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not arrive.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """How far each mail got with each of its receivers, and what came back."""
    if not case and not failed:
        raise typer.BadParameter("name a case, or ask for --failed")

    async def work() -> None:
        replies: list[Reply] = []
        async with opened(data) as (_, cases):
            if case:
                await cases.case(case)
            if failed:
                found = await cases.undelivered(case)
            else:
                found, replies = await cases.deliveries(case), await cases.replies(case)
        if as_json:
            print_json({"deliveries": found} if failed else {"deliveries": found, "replies": replies})
        else:
            show(found, replies)

    run(work())


def show(found: list[Delivery], replies: list[Reply]) -> None:
    """Deliveries and replies for people; receivers are named by their codes, never by address."""
    columns = ["message", "letter", "to", "state", "next try", "at (UTC)", "what was said"]
    lines = [
        [
            each.message_id.strip("<>"),
            each.letter,
            f"{each.party}{' (copy)' if each.rank else ''}",
            each.state,
            shown(each.next_try),
            shown(each.at),
            each.reply,
        ]
        for each in found
    ]
    print_rows(columns, lines)
    if replies:
        rows = [
            [shown(r.received), r.kind, "automatic" if r.auto else "", r.step, r.message_id.strip("<>"), r.content] for r in replies
        ]
        print_rows(["came back (UTC)", "what", "", "step", "to", "content"], rows)


@app.command()
def requeue(
    message: Annotated[str, typer.Argument(metavar="[MESSAGE-ID]", help="As the list shows it.")] = "",
    case: Annotated[str, typer.Option("--case", metavar="CASE", help="All mails of this case that did not arrive.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Send a mail anew, under its Message-ID, to those it did not reach, at the mailboxes they have now."""
    if bool(message) == bool(case):
        raise typer.BadParameter("name either a message or a case")

    async def work() -> None:
        async with opened(data) as (workplace, cases):
            if case:
                await cases.case(case)
                messages = list(dict.fromkeys(each.message_id for each in await cases.undelivered(case)))
                if not messages:
                    raise Refused("not_failed", f"no mail of {case} failed or came back")
            else:
                messages = [f"<{message.strip('<>')}>"]
            undelivered = workplace.undelivered
            sent = {name: await undelivered.requeue(name) for name in messages}
        if as_json:
            print_json([{"message_id": name, "ranks": ranks} for name, ranks in sent.items()])
        else:
            for name, ranks in sent.items():
                print(name.strip("<>"))
                out.print(f"is sent anew to {len(ranks)} of its receivers.")

    run(work())


@case_app.command()
def letter(
    case: CaseId,
    step: StepId,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Default: CASE-STEP.pdf.")] = None,
    to: Annotated[str, typer.Option("--to", metavar="CODE", help="Who is asked; default: whoever is to answer now.")] = "",
    data: Data = None,
) -> None:
    """The letter of an open step as a PDF for the post, with its link as a code. Whoever holds it may answer."""

    async def work() -> None:
        async with opened(data) as (workplace, _):
            pdf = await workplace.on_paper.letter(case, step, to)
        place = file or Path(f"{case}-{step}.pdf")
        try:
            place.write_bytes(pdf)
        except OSError as error:
            raise Missing(f"cannot write {place}: {error.strerror}") from error
        print(place)

    run(work())
