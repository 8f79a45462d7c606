"""`passerelle case extend …`: what a coordinator does with an open case, and what the asked do through them.

Each command is one act. Refused acts say why and what could be done instead, and change nothing.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cases import read_intervention
from cli.case import AsJson, CaseId, Data, Reason, StepId, app, form_in
from cli.edge import opened, print_json, run
from models.acts import Doing, Waivable
from models.lines import faults_in

Who = Annotated[str, typer.Option("--as", metavar="CODE", help="The coordinator who acts, such as west-africa.")]
For = Annotated[str, typer.Option("--by", metavar="CODE", help="Who was asked and acts; default: the office on their behalf.")]
Proof = Annotated[Path | None, typer.Option("--proof", metavar="FILE", exists=True, dir_okay=False, help="What proves a consent.")]
OnStep = Annotated[str, typer.Option("--step", metavar="STEP", help="The step it is about.")]
OnNomination = Annotated[str, typer.Option("--nomination", metavar="N", help="The nomination it is about, N2.")]
FormFile = Annotated[Path | None, typer.Option("--form", metavar="FILE", help="TOML or JSON.")]
NomineeFile = Annotated[Path | None, typer.Option("--nominee", metavar="FILE", help="The new nominee; default: the reserve.")]
ColleagueFile = Annotated[Path | None, typer.Option("--colleague", metavar="FILE", help="A colleague: person, function, email.")]
Called = Annotated[list[str] | None, typer.Option("--call", metavar="CODE", help="An institution to call; may be repeated.")]
Appointed = Annotated[str, typer.Option("--to", metavar="CODE", help="A colleague by appointment, SN-POSTE/2.")]
DAY = ["%Y-%m-%d"]

CASE = "case"
"""The name under which the commands of one case are found, those of this module among them."""


def act(case: str, do: Doing, data: Path | None, as_json: bool, *, by: str = "", proof: Path | None = None, **given: Any) -> None:
    """Carry out one act."""

    async def work() -> None:
        async with opened(data) as (workplace, cases):
            state = await cases.case(case)
            office = workplace.programmes[state.programme].office.code
            kept = await cases.keep(proof.read_bytes(), "application/octet-stream", case=case) if proof else ""
            acted = await cases.act(case, read_intervention({"do": do, "by": by or office, "proof": kept, **given}))
        if as_json:
            print_json(acted)
        else:
            print(f"{acted.do} {'noted for the coordinator ' if acted.noted else ''}{acted.at.isoformat()}")

    run(work())


@app.command()
def extend(
    case: CaseId,
    step: StepId,
    reason: Reason,
    working_days: Annotated[int, typer.Option("--working-days", min=1)] = 5,
    coordinator: Who = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a step more working days; its planned reminders move along."""
    act(case, Doing.EXTEND, data, as_json, step=step, working_days=working_days, reason=reason, coordinator=coordinator)


@app.command()
def reassign(
    case: CaseId,
    step: StepId,
    to: Annotated[str, typer.Option("--to", metavar="CODE", help="Another institution of the country, or the office.")],
    reason: Reason,
    coordinator: Who = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask another institution instead, with a fresh limit in its own calendar."""
    act(case, Doing.REASSIGN, data, as_json, step=step, to=to, reason=reason, coordinator=coordinator)


@app.command()
def recall(
    case: CaseId, step: StepId, reason: Reason, by: For = "", coordinator: Who = "", data: Data = None, as_json: AsJson = False
) -> None:
    """Take back an answer, until a step that rests on it was decided; the question is put again."""
    act(case, Doing.RECALL, data, as_json, step=step, reason=reason, by=by, coordinator=coordinator)


@app.command()
def hold(case: CaseId, reason: Reason, coordinator: Who = "", data: Data = None, as_json: AsJson = False) -> None:
    """Put a case on hold: every clock stops, the parties are told."""
    act(case, Doing.HOLD, data, as_json, reason=reason, coordinator=coordinator)


@app.command()
def resume(case: CaseId, coordinator: Who = "", data: Data = None, as_json: AsJson = False) -> None:
    """Let a case on hold go on; each limit keeps the working time it still had."""
    act(case, Doing.RESUME, data, as_json, coordinator=coordinator)


@app.command()
def reschedule(
    case: CaseId,
    start: Annotated[datetime, typer.Option("--start", formats=DAY, help="The new first day of the visit.")],
    reason: Reason,
    days: Annotated[int, typer.Option("--days", min=0, help="Another length in days; 0: as it is.")] = 0,
    places: Annotated[int, typer.Option("--places", min=0, help="Fewer places; 0: as they are.")] = 0,
    coordinator: Who = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give the visit other dates; only the approvals that depend on dates are asked for again."""
    given: dict[str, Any] = {"start": start.date(), "days": days, "places": places, "reason": reason, "coordinator": coordinator}
    act(case, Doing.RESCHEDULE, data, as_json, **given)


@app.command()
def replace(
    case: CaseId,
    nomination: OnNomination,
    reason: Reason,
    nominee: NomineeFile = None,
    proof: Proof = None,
    coordinator: Who = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Replace a nominee by a new, linked nomination; after the cut-off date with the host's written consent (--proof)."""
    given: dict[str, Any] = {"nomination": nomination, "reason": reason, "coordinator": coordinator}
    if nominee is not None:
        given["nominee"] = form_in(nominee)
    act(case, Doing.REPLACE, data, as_json, proof=proof, **given)


@app.command()
def widen(
    case: CaseId,
    reason: Reason,
    called: Called = None,
    coordinator: Who = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Widen the call to hosts, once: all candidates who are left are asked now, and those named."""
    act(case, Doing.WIDEN, data, as_json, called=called or [], reason=reason, coordinator=coordinator)


@app.command()
def convert(case: CaseId, reason: Reason, coordinator: Who = "", data: Data = None, as_json: AsJson = False) -> None:
    """Turn a study visit into an expert assignment, or the other way round; the call begins anew."""
    act(case, Doing.CONVERT, data, as_json, reason=reason, coordinator=coordinator)


@app.command()
def override(
    case: CaseId,
    rule: Annotated[Waivable, typer.Argument(metavar="RULE", help=", ".join(Waivable))],
    reason: Reason,
    coordinator: Annotated[str, typer.Option("--as", metavar="CODE", help="The coordinator who answers for it.")],
    step: OnStep = "",
    nomination: OnNomination = "",
    option: Annotated[str, typer.Option("--option", help="With answer: the option given instead.")] = "",
    form: FormFile = None,
    proof: Proof = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Set a rule aside, with a reason, as a named coordinator; `answer` answers an open step in the place of the one asked."""
    given: dict[str, Any] = {
        "rule": rule,
        "reason": reason,
        "step": step,
        "nomination": nomination,
        "option": option,
        "form": form_in(form),
    }
    with faults_in(form) if form else nullcontext():
        act(case, Doing.OVERRIDE, data, as_json, proof=proof, coordinator=coordinator, **given)


@app.command()
def release(case: CaseId, reason: Reason, by: For = "", coordinator: Who = "", data: Data = None, as_json: AsJson = False) -> None:
    """The host, or who provides the experts, withdraws: back to the call, nominations are kept."""
    act(case, Doing.RELEASE, data, as_json, reason=reason, by=by, coordinator=coordinator)


@app.command("hand-over")
def hand_over(
    case: CaseId,
    to: Annotated[str, typer.Option("--to", metavar="CODE", help="The coordinator who takes over.")],
    reason: Reason,
    coordinator: Who = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Hand a case over to another coordinator, with what is open."""
    act(case, Doing.HAND_OVER, data, as_json, to=to, reason=reason, coordinator=coordinator)


@app.command()
def withdraw(case: CaseId, reason: Reason, coordinator: Who = "", data: Data = None, as_json: AsJson = False) -> None:
    """Withdraw a case for its requester."""
    act(case, Doing.WITHDRAW, data, as_json, reason=reason, coordinator=coordinator)


@app.command()
def cancel(case: CaseId, reason: Reason, coordinator: Who = "", data: Data = None, as_json: AsJson = False) -> None:
    """Cancel a case for the programme or the host."""
    act(case, Doing.CANCEL, data, as_json, reason=reason, coordinator=coordinator)


@app.command("more-time")
def more_time(
    case: CaseId,
    step: StepId,
    reason: Reason,
    working_days: Annotated[int, typer.Option("--working-days", min=1)] = 5,
    by: For = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The asked want more time: given by rule up to its cap, else noted for the coordinator."""
    act(case, Doing.MORE_TIME, data, as_json, step=step, working_days=working_days, reason=reason, by=by)


@app.command()
def delegate(
    case: CaseId,
    step: StepId,
    to: Appointed = "",
    colleague: ColleagueFile = None,
    by: For = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The asked pass a step on to a colleague, who answers on their behalf."""
    given: dict[str, Any] = {"step": step, "to": to}
    if colleague is not None:
        given["colleague"] = form_in(colleague)
    act(case, Doing.DELEGATE, data, as_json, by=by, **given)


@app.command()
def revoke(case: CaseId, step: StepId, by: For = "", data: Data = None, as_json: AsJson = False) -> None:
    """Take a delegation of one step back."""
    act(case, Doing.REVOKE, data, as_json, step=step, by=by)


@app.command()
def decline(case: CaseId, step: StepId, reason: Reason, by: For = "", data: Data = None, as_json: AsJson = False) -> None:
    """The asked will not answer: what follows silence follows now."""
    act(case, Doing.DECLINE, data, as_json, step=step, reason=reason, by=by)
