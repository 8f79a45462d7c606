"""`passerelle case …`: launch, look, answer, intervene."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cases import Given
from cli.edge import opened, out, print_json, print_rows, run, settings_of
from dev import CAUGHT, forget_caught
from models.errors import Fault, Invalid, Missing
from models.lines import faults_in
from models.words import OPTIONS, Channel, Ending
from rehearsal.scenario import load_toml

app = typer.Typer(no_args_is_help=True, help="One case: launch it, look at it, answer, intervene.")

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default var/ or PASSERELLE_DATA.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
CaseId = Annotated[str, typer.Argument(metavar="CASE", help="A case number, AMEDIP-2026-0001.")]
StepId = Annotated[str, typer.Argument(metavar="STEP", help="A step, host_offer-1.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the case.")]


OPEN = "open"


def listed(text: str) -> str:
    """An ending that a list can be narrowed to, or `open`."""
    if text not in (OPEN, *Ending):
        raise typer.BadParameter(f"{text!r} is none of {', '.join((OPEN, *Ending))}")
    return text


def shown(instant: datetime | None) -> str:
    """An instant for people, in UTC."""
    return instant.strftime("%Y-%m-%d %H:%M") if instant else ""


def form_in(file: Path | None) -> dict[str, Any]:
    """A form from a TOML or JSON file; empty without one."""
    if file is None:
        return {}
    if file.suffix != ".json":
        return load_toml(file)
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid([Fault(field="file", code="invalid", text=str(error))], source=file.name) from error
    if not isinstance(loaded, dict):
        raise Invalid([Fault(field="file", code="invalid", text="a form is an object of fields")], source=file.name)
    return loaded


@app.command()
def launch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A request, TOML.")],
    key: Annotated[str, typer.Option("--key", help="The same key gives the same case.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Open a case for a request and print its number."""

    async def work() -> None:
        request = load_toml(file)
        async with opened(data) as (_, cases):
            with faults_in(file):
                launched = await cases.launch(request, key, source=file.name)
        if as_json:
            print_json(launched)
        else:
            print(launched.case)
            if not launched.started:
                out.print("Temporal cannot be reached; the case is kept and starts when it can.")

    run(work())


@app.command("list")
def listing(
    ending: Annotated[
        str | None,
        typer.Option("--ending", parser=listed, metavar="ENDING", help="Only cases that ended so; open for the open ones."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The cases, the last opened first."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            rows = await cases.listing(ending="" if ending == OPEN else ending, limit=limit)
        if as_json:
            print_json(rows)
            return
        columns = ["case", "format", "requesting", "partner", "phase", "waits for", "next", "ending"]
        lines = [
            [r.id, r.format, r.requesting, r.partner, r.phase, ", ".join(r.waiting_for), shown(r.next_instant), r.ending or ""]
            for r in rows
        ]
        print_rows(columns, lines)

    run(work())


@app.command()
def show(case: CaseId, data: Data = None, as_json: AsJson = False) -> None:
    """One case as it stands."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            state = await cases.case(case)
            title = (await cases.texts(state)).title
        if as_json:
            print_json(state)
            return
        visit = f"{state.visit_start} – {state.visit_end}" if state.visit_start else "not agreed yet"
        waits = ", ".join(f"{s.id} ({s.answering})" for s in state.steps if s.is_open) or "nobody"
        wishes = ", ".join(f"{s.id}: {s.asked_days} working days" for s in state.steps if s.is_open and s.asked_days)
        facts = {
            "case": state.id,
            "title": title,
            "format": state.asked.format,
            "requesting": state.asked.requesting,
            "host": state.host or "not found yet",
            "visit": visit,
            "phase": state.phase,
            "waits for": waits,
            "more time wanted": wishes or "no",
            "on hold": f"since {shown(state.hold.since)}" if state.hold else "no",
            "coordinator": state.coordinator or "the office",
            "set aside": ", ".join(f"{w.rule} {w.about}".strip() + f" by {w.by}" for w in state.waivers) or "no rule",
            "ending": f"{state.ending} {state.reason}".strip() if state.ending else "open",
        }
        print_rows(["", ""], [[name, str(value)] for name, value in facts.items()])

    run(work())


@app.command()
def steps(case: CaseId, data: Data = None, as_json: AsJson = False) -> None:
    """The steps of a case: who was asked, by when, what was answered."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            state = await cases.case(case)
            rows = await cases.steps(case)
        if as_json:
            print_json(rows)
            return
        columns = ["step", "round", "asked", "state", "opened", "due", "closes", "answer", "how"]
        known = {step.id: step for step in state.steps}
        lines = [
            [
                r.id,
                str(r.round),
                f"{r.asked}, answered for by {known[r.id].delegate}" if known[r.id].delegate else r.asked,
                f"{r.state}, {known[r.id].voided_by}" if known[r.id].voided else r.state,
                *(shown(r.opened), shown(r.due), shown(r.closes), r.option, r.decision or ""),
            ]
            for r in rows
        ]
        print_rows(columns, lines)

    run(work())


@app.command()
def timeline(case: CaseId, data: Data = None, as_json: AsJson = False) -> None:
    """What happened in a case, in order."""

    async def work() -> None:
        async with opened(data) as (_, cases):
            await cases.case(case)
            rows = await cases.timeline(case)
        if as_json:
            print_json(rows)
            return
        columns = ["at (UTC)", "run", "event", "what", "step", "by", "on behalf of", "decision", "about"]
        lines = [
            [shown(r.at), str(r.run), str(r.event), r.verb, r.step, r.by, r.on_behalf_of, r.decision or "", r.about[:12]]
            for r in rows
        ]
        print_rows(columns, lines)

    run(work())


@app.command()
def answer(
    case: CaseId,
    step: StepId,
    option: Annotated[str, typer.Argument(metavar="OPTION", help="One of the step's options.")],
    form: Annotated[Path | None, typer.Option("--form", metavar="FILE", help="The filled form, TOML or JSON.")] = None,
    on_behalf_of: Annotated[str, typer.Option("--on-behalf-of", metavar="CODE", help="Who gave the answer on paper.")] = "",
    proof: Annotated[
        Path | None, typer.Option("--proof", metavar="FILE", exists=True, dir_okay=False, help="The scan that proves it.")
    ] = None,
    paper: Annotated[str, typer.Option("--paper", help="sha256 of the paper read; default: the one that stands.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Answer a step asked of the programme's office, or record an answer given on paper."""

    async def work() -> None:
        filled = form_in(form)
        async with opened(data) as (workplace, cases):
            state = await cases.case(case)
            asked = state.step(step)
            if asked is None:
                raise Missing(f"case {case} has no step {step}")
            given = Given(
                case=case,
                step=step,
                option=option,
                form=filled,
                by=workplace.programmes[state.programme].office.code,
                on_behalf_of=on_behalf_of,
                channel=Channel.PAPER if on_behalf_of else Channel.CLI,
                paper=paper or asked.paper,
                proof=await cases.keep(proof.read_bytes(), "application/octet-stream", case=case) if proof else "",
            )
            with faults_in(form) if form and option in OPTIONS[asked.kind] else nullcontext():
                outcome = await cases.answer(given)
        if as_json:
            print_json(outcome)
        else:
            print("recorded" if outcome.state == "recorded" else "received, being recorded", outcome.response)

    run(work())


@app.command()
def erase(
    case: CaseId,
    nomination: Annotated[str, typer.Argument(metavar="NOMINATION", help="A nomination, N2, or a colleague, SN-POSTE/p-….")],
    by: Annotated[str, typer.Option("--by", help="Who decided it, by office.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept, so without the person's name.")],
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="NAME", help="Another name they are called by; repeat.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Erase the data of a person of a case for good. Histories and what was proved of the case stay."""

    async def work() -> None:
        async with opened(data) as (workplace, cases):
            state = await cases.case(case)
            at = cases.clock()
            said: dict[str, Any] = {"by": by, "reason": reason, "also": also or (), "then": workplace.log_erasure}
            erasure = await workplace.erasures.erase(state, nomination, at=at, **said)
        uncaught = forget_caught(settings_of(data).data / CAUGHT, erasure.messages)
        if as_json:
            print_json(erasure)
        else:
            print(f"{erasure.person} was erased; {len(erasure.contents)} contents lost their bytes")
            if uncaught:
                out.print(f"{uncaught} mails that `passerelle dev` had caught are deleted.")

    run(work())
