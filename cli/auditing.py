"""`passerelle audit history|state`: what happened in a case, and what it was at any event or instant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from audit.differences import Change, differences
from audit.moments import Moment, at_event, at_instant
from audit.saying import details_of, events_of, heading_of
from audit.timeline import Line, Raw, raw_events, rules_of, timeline
from audit.timemachine import Replayed, TimeMachine
from cases import Cases
from cli.case import AsJson, CaseId, Data, shown
from cli.edge import opened, out, plain, print_json, print_rows, run
from models.errors import Missing, Refused, Unreachable
from models.words import LANGUAGES
from wording import Words

At = Annotated[
    str | None, typer.Option("--at", metavar="EVENT|INSTANT", help="An event's number, or an instant such as 2027-01-31T09:00Z.")
]
Run = Annotated[int | None, typer.Option("--run", min=1, help="The run whose event it is; default: the last.")]


async def replayed(cases: Cases, case_id: str) -> Replayed:
    """A case, replayed from what the archive and Temporal hold of it."""
    try:
        histories = await cases.histories(case_id)
    except Unreachable:
        if case_id not in await cases.numbers():
            raise Missing(f"there is no case {case_id}") from None
        raise
    async with TimeMachine(processes=min(2, len(histories))) as machine:
        return await machine.of(case_id, histories)


def history(
    case: CaseId,
    language: Annotated[str, typer.Option("--language", parser=spoken, metavar="LANGUAGE", help="en, fr, ar or pt.")] = "en",
    raw: Annotated[bool, typer.Option("--raw", help="The events as they stand in the histories.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What happened in a case, replayed from its histories: who, on whose behalf, by which rule, with which papers and mails."""

    async def work() -> None:
        async with opened(data) as (workplace, cases):
            found = await replayed(cases, case)
            if raw:
                show_raw([event for run in found.runs for event in raw_events(run)], as_json)
                return
            lines = timeline(found.runs, found.moments, await cases.mails(case), rules_of(found.runs))
            show_lines(lines, workplace.words, language, as_json)

    run(work())


def spoken(text: str) -> str:
    """A language that the words are there in."""
    if text not in LANGUAGES:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(LANGUAGES)}")
    return text


def show_lines(lines: Sequence[Line], words: Words, language: str, as_json: bool) -> None:
    """The timeline, each line with its sentences."""
    if as_json:
        said = [(heading_of(line, words, language), details_of(line, words, language)) for line in lines]
        print_json([{**plain(line), "says": says, "details": details} for line, (says, details) in zip(lines, said, strict=True)])
        return
    for line in lines:
        out.print(f"{shown(line.at)}  {heading_of(line, words, language)}", markup=False, style="bold")
        for sentence in (*details_of(line, words, language), events_of(line, words, language)):
            out.print(f"    {sentence}", markup=False)


def show_raw(events: Sequence[Raw], as_json: bool) -> None:
    """The events of every run, as they stand there."""
    if as_json:
        print_json(list(events))
        return
    for event in events:
        out.print(f"run {event.run}, event {event.event}, {event.at.isoformat()}: {event.kind}", markup=False)
        for text in event.texts:
            out.print(f"    {text}", markup=False)


def instant_in(text: str) -> datetime:
    """An instant as somebody wrote it, in UTC; one without a zone is meant in UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--at: {text!r} is neither the number of an event nor an instant in ISO 8601") from error
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def moment_at(moments: Sequence[Moment], at: str | None, run_number: int | None) -> Moment:
    """The moment that was asked for; the last one when nothing was."""
    of_run = moments[-1].run if run_number is None else run_number
    try:
        if at is None:
            return at_event(moments, of_run, max((m.until for m in moments if m.run == of_run), default=0))
        if at.isascii() and at.isdigit():
            return at_event(moments, of_run, int(at))
        return at_instant(moments, instant_in(at))
    except Refused as refusal:
        raise typer.BadParameter(f"--at: {refusal}") from refusal


def state(
    case: CaseId,
    at: At = None,
    run_number: Run = None,
    diff: Annotated[bool, typer.Option("--diff", help="What differs from the moment before.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What a case was at an event or instant, replayed from its histories; the last state without --at."""
    if at is not None and not (at.isascii() and at.isdigit()):
        instant_in(at)  # a wrong use is told before anything is fetched
        if run_number is not None:
            raise typer.BadParameter("--run goes with the number of an event")

    async def work() -> None:
        async with opened(data) as (_, cases):
            moments = (await replayed(cases, case)).moments
        found = moment_at(moments, at, run_number)
        place = moments.index(found)
        changes = differences(moments[place - 1].state if place else "{}", found.state) if diff else None
        show(found, changes, as_json)

    run(work())


def show(found: Moment, changes: Sequence[Change] | None, as_json: bool) -> None:
    """A moment, or what changed with it."""
    where = {"run": found.run, "run_id": found.run_id, "event": found.event, "until": found.until, "at": found.at.isoformat()}
    document: dict[str, Any] = where | ({"state": json.loads(found.state)} if changes is None else {"changes": changes})
    if as_json:
        print_json(document)
        return
    out.print(f"run {found.run}, event {found.event} to {found.until}, {shown(found.at)} UTC")
    if changes is None:
        print_json(document["state"])
        return
    print_rows(
        ["field", "before", "after"], [[escape(change.path), text_of(change.before), text_of(change.after)] for change in changes]
    )


def text_of(value: Any) -> str:
    """A value of a state, for people; what is in brackets is no mark-up."""
    return "" if value is None else escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
