"""One case before the auditors: the facts at its head, whose move it is, its steps, and the ways to its other parts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from models.errors import PasserelleError, Unreachable
from models.words import State
from reading import Reading
from store.cases import StepRow
from store.finding import Facts
from web.auditor.gate import Signed
from web.auditor.parts import Parts

WAITING = (State.OPENING, State.OPEN, State.PAUSED)


class CasePages:
    """The first page of a case."""

    def __init__(self, parts: Parts, cases: Reading) -> None:
        self._parts = parts
        self._cases = cases
        self.router = APIRouter()
        parts.shows(self.router, "", self.head)

    async def head(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """Where a case stands."""
        language = self._parts.frame.language(request)
        programme = self._cases.programmes.get(facts.programme)
        steps, delegates, title = await self._steps(facts)
        context = {
            "title": title,
            "programme": programme.name[language] if programme else facts.programme,
            "institutions": {one.code: one.name for one in await self._cases.reference.institutions()},
            "steps": steps,
            "moves": [(step, delegates.get(step.id, "")) for step in steps if step.state in WAITING],
        }
        return self._parts.page(request, signed, facts, "overview", "case.html", context)

    async def _steps(self, facts: Facts) -> tuple[list[StepRow], dict[str, str], str]:
        """The steps, who answers each in another's place, and the title; what cannot be read is empty."""
        steps: list[StepRow] = []
        try:
            steps = await self._cases.steps(facts.id)
            case = await self._cases.case(facts.id)
            delegates = {step.id: step.delegate for step in case.steps if step.delegate}
            return steps, delegates, (await self._cases.texts(case)).title
        except Unreachable:
            raise
        except (PasserelleError, ValueError):  # the head of a case is shown all the same
            return steps, {}, ""
