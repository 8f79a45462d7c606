"""What a played case leaves: its state and timeline, mails, papers and histories, each history replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from audit.replay import NotReplayed, states
from cases import Cases
from models.case import Case, Transition
from store.mails import MailRow


@dataclass(frozen=True)
class Played:
    """What a played scenario left; `personal` are the names and mailboxes of the people it is about."""

    case: Case
    started: datetime
    timeline: list[Transition]
    mails: list[MailRow]
    messages: list[EmailMessage]
    histories: list[tuple[str, bytes, int]]
    contents: dict[str, bytes]
    personal: frozenset[str]
    verified: bool

    def summary(self) -> dict[str, Any]:
        """The document that `rehearse --json` prints."""
        case = self.case
        return {
            "case": case.id,
            "ending": case.ending,
            "reason": case.reason,
            "started": text_of(self.started),
            "ended": text_of(case.ended) if case.ended else None,
            "transitions": [transition_of(said) for said in self.timeline],
            "mails": [
                {"at": text_of(m.queued), "kind": m.letter, "to": m.to, "language": m.language, "message_id": m.message_id}
                for m in self.mails
            ],
            "documents": [{"kind": p.kind, "language": p.language, "sha256": p.sha256} for p in case.papers],
            "nominations": [
                {
                    "id": n.id,
                    "person": n.person,
                    "institution": n.institution,
                    "country": n.country,
                    "status": n.standing,
                    "substitute": n.substitute,
                    "replaces": n.replaces,
                    "certified": n.certified,
                }
                for n in case.nominations
            ],
            "histories": [{"run_id": run_id, "events": events} for run_id, _, events in self.histories],
            "verified": self.verified,
        }


def text_of(instant: datetime) -> str:
    """An instant as ISO 8601 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def transition_of(said: Transition) -> dict[str, Any]:
    """A transition as the summary lists it."""
    return {
        "at": text_of(said.at),
        "event": said.event,
        "run": said.run,
        "verb": said.verb,
        "step": said.step,
        "kind": said.kind,
        "by": said.by,
        "on_behalf_of": said.on_behalf_of,
        "decision": said.decision,
        "round": said.round,
        "about": said.about,
        "reason": said.reason,
    }


async def leave(cases: Cases, case_id: str, messages: list[EmailMessage]) -> Played:
    """Gather what a played case left, and replay every one of its histories; `messages` are the mails that were sent."""
    case = await cases.case(case_id)
    mails = await cases.mails(case_id)
    histories = await cases.histories(case_id)
    people = (await cases.persons(case)).values()
    named = [*(paper.sha256 for paper in case.papers), *(mail.content for mail in mails)]
    return Played(
        case=case,
        started=case.opened,
        timeline=await cases.timeline(case_id),
        mails=mails,
        messages=messages,
        histories=histories,
        personal=frozenset(text for person in people for text in (person.name, person.email) if text),
        contents={sha256: await cases.content(sha256) for sha256 in named},
        verified=await replays(case_id, histories, case),
    )


async def replays(case_id: str, histories: Sequence[tuple[str, bytes, int]], case: Case) -> bool:
    """Whether every history replays with the procedure in hand, the last one to the very state that was published."""
    try:
        ends = await states(case_id, histories)
    except NotReplayed:
        return False
    return ends[-1].model_dump_json(exclude={"said"}) == case.model_dump_json(exclude={"said"})
