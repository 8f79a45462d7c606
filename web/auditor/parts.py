"""The parts of a case's pages: how one is opened, what stands at its head, and what is said where it cannot be shown."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from audit.replay import NotReplayed
from models.errors import Erased, Missing, Unreachable
from store.contents import Corrupt
from store.finding import Facts, Finding
from web.auditor.frame import Frame
from web.auditor.gate import HOME, Gate, Signed

NUMBER = re.compile(r"[A-Z][A-Z0-9]{0,15}(?:-[A-Z0-9]{1,15})*-[0-9]{4}-[0-9]{4,9}")
"""A case number: the programme's letters, the year, a number of at least four digits (`store.cases.Launches.reserve`)."""

CASE = HOME + "/cases/{number}"
PARTS = {"overview": "", "timeline": "/timeline", "at": "/at", "papers": "/papers", "exceptions": "/exceptions", "proof": "/proof"}
"""The parts that have a page of their own, and where below the case it stands."""

MISSING, CONFLICT, GONE, AWAY = 404, 409, 410, 503

log = structlog.get_logger("auditor")

Show = Callable[[Request, Signed, Facts], Awaitable[Response]]
Take = Callable[[Request, Signed, Facts, Mapping[str, str]], Awaitable[Response]]


class Parts:
    """Opens the parts of a case to those who may read."""

    def __init__(self, frame: Frame, gate: Gate, finding: Finding) -> None:
        self.frame = frame
        self._gate = gate
        self._finding = finding

    def shows(self, router: APIRouter, path: str, show: Show) -> None:
        """A page below a case."""

        async def opened(request: Request, signed: Signed) -> Response:
            return await self._opened(request, signed, lambda facts: show(request, signed, facts))

        self._gate.shows(router, CASE + path, opened)

    def takes(self, router: APIRouter, path: str, take: Take) -> None:
        """A form below a case."""

        async def sent(request: Request, signed: Signed, posted: dict[str, str]) -> Response:
            return await self._opened(request, signed, lambda facts: take(request, signed, facts, posted))

        self._gate.takes(router, CASE + path, sent)

    async def _opened(self, request: Request, signed: Signed, work: Callable[[Facts], Awaitable[Response]]) -> Response:
        number = str(request.path_params["number"])
        facts: Facts | None = None
        try:
            if not NUMBER.fullmatch(number):
                raise Missing("no such number")
            facts = await self._finding.case(number)
            return await work(facts)
        except Erased as error:
            return self.fault(request, signed, number, "erased", str(error), GONE)
        except Missing:
            return self.frame.page(request, signed, "missing.html", {"case": facts.id if facts else ""}, MISSING)
        except NotReplayed as error:
            log.warning("not_replayed", case=number, error=str(error))
            return self.fault(request, signed, number, "unreplayed", str(error), CONFLICT)
        except Corrupt as error:
            log.error("damaged", case=number, error=str(error))
            return self.fault(request, signed, number, "damaged", str(error), CONFLICT)
        except ValueError as error:  # a row that somebody wrote past the procedure: said, as whatever is found of a case
            log.error("unreadable", case=number, error=type(error).__name__)
            return self.fault(request, signed, number, "unreadable", "", CONFLICT)
        except Unreachable as error:
            log.warning("away", case=number, error=str(error))
            return self.fault(request, signed, number, "away", "", AWAY)

    def fault(self, request: Request, signed: Signed, number: str, what: str, says: str, status: int) -> Response:
        """Why a part cannot be shown, with the way back to the case."""
        return self.frame.page(request, signed, "fault.html", {"number": number, "what": what, "says": says}, status)

    def page(
        self,
        request: Request,
        signed: Signed,
        facts: Facts,
        part: str,
        template: str,
        context: Mapping[str, Any],
        status: int = 200,
    ) -> Response:
        """A page of a part."""
        base = {"case": facts, "part": part, "parts": PARTS, "section": "cases", "root": f"{HOME}/cases/{facts.id}"}
        return self.frame.page(request, signed, template, {**base, **context}, status)
