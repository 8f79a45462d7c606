"""What the read model copies of a case's state into columns."""

from __future__ import annotations

from typing import Any

from models.case import Case, Step, Transition


def case_row(case: Case) -> dict[str, Any]:
    """The row of a case; its next instant is the earliest of its open steps, or when it stops resting."""
    ticks = [step.next_tick.at for step in case.steps if step.next_tick]
    return {
        "id": case.id,
        "programme": case.programme,
        "format": case.asked.format,
        "requesting": case.asked.requesting,
        "partner": case.partner,
        "phase": case.phase,
        "waiting_for": list(dict.fromkeys(step.asked for step in case.steps if step.is_open)),
        "ending": case.ending or "",
        "reason": case.reason,
        "opened": case.opened,
        "ended": case.ended,
        "next_instant": min(ticks, default=case.resting_until),
        "run": case.run,
        "seq": case.seq,
        "doc": case.model_dump_json(exclude={"said"}),
    }


def step_rows(case: Case) -> list[dict[str, Any]]:
    """The rows of a case's steps, their position counted from 0 in the order of opening."""
    return [_step_row(case.id, position, step) for position, step in enumerate(case.steps)]


def _step_row(case_id: str, position: int, step: Step) -> dict[str, Any]:
    tick = step.next_tick
    return {
        "case_id": case_id,
        "id": step.id,
        "position": position,
        "kind": step.kind,
        "round": step.round,
        "asked": step.asked,
        "country": step.country,
        "state": step.state,
        "escalated_to": step.escalated_to,
        "opened": step.opened,
        "due": step.schedule.due if step.schedule else None,
        "closes": step.schedule.closes if step.schedule else None,
        "next_instant": tick.at if tick else None,
        "closed": step.closed,
        "option": step.option,
        "decision": step.decision.kind if step.decision else "",
        "late": step.decision.late if step.decision else False,
    }


def transition_row(case_id: str, said: Transition) -> dict[str, Any]:
    """The row of a transition."""
    return {**said.model_dump(), "case_id": case_id, "kind": said.kind or "", "decision": said.decision or ""}
