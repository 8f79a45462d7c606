"""A case in the middle of things, and the letters written about it."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from models.case import Hold, Step, Transition
from models.message import Instant
from models.orders import Letter, Publication
from models.words import Kind, Standing, State, Verb
from tests.mail.situations import OPENED, CaseFile, amedip

HELD_ON: Instant = OPENED + timedelta(days=1)


class Desk:
    """A case in the middle of things: steps open, somebody in reserve, a cost above the ceiling."""

    def __init__(self, file: CaseFile) -> None:
        self.file = file
        self.case = file.case
        self.requesting = file.case.asked.requesting
        for kind in (Kind.NOMINATION, Kind.AGENDA):
            step = self.step(kind)
            step.state, step.decision = State.OPEN, None
        self.case.nominations[-1].standing = Standing.RESERVE

    def step(self, kind: Kind) -> Step:
        """The step of a kind."""
        step = self.case.step(f"{kind}-1")
        assert step is not None
        return step

    def decide_on(self, *about: str) -> Step:
        """Ask for a decision on something else than the request."""
        changed = {"id": "decision-2", "about": about, "state": State.OPEN, "decision": None}
        step = self.step(Kind.DECISION).model_copy(update=changed)
        self.case.steps.append(step)
        return step

    def offer(self, cost: int) -> None:
        """Let the host's offer cost so much."""
        offer = self.step(Kind.HOST_OFFER)
        assert offer.decision is not None
        facts = offer.decision.facts.model_copy(update={"cost": cost})
        offer.decision = offer.decision.model_copy(update={"facts": facts})

    def hold(self, reason: str) -> None:
        """Put the case on hold."""
        self.case.hold = Hold(since=HELD_ON, reason=reason)

    def happened(self, verb: Verb, at: Instant, step: str = "", about: str = "") -> None:
        """Note that something happened."""
        self.case.said.append(Transition(seq=1, run=1, at=at, event=1, verb=verb, step=step, about=about))

    async def keep(self, text: str) -> str:
        """The sha256 of a reason given in words."""
        return await self.file.workplace.contents.put(text.encode(), "text/plain")

    async def mail(self, letter: str, to: str = "", **said: Any) -> EmailMessage:
        """The composed message of a letter."""
        order = Letter(letter=letter, to=to or self.requesting, at=OPENED + timedelta(days=2), number=7, **said)
        publication = Publication(programme=amedip(), case=self.case, letters=(order,))
        (queued,) = await self.file.composer.compose(publication)
        message: EmailMessage = message_from_bytes(queued.eml, EmailMessage, policy=SMTP)
        return message

    async def text(self, letter: str, to: str = "", **said: Any) -> str:
        """What the receiver of a letter reads."""
        return body(await self.mail(letter, to, **said))


def body(message: EmailMessage, kind: str = "plain") -> str:
    """A message's text or page."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")
