"""One case before the auditors: the facts at its head."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import Response

from models.errors import Missing, PasserelleError, Unreachable
from reading import Reading
from store.finding import Finding
from web.auditor.frame import Frame
from web.auditor.gate import HOME, Gate, Signed

NUMBER = re.compile(r"[A-Z][A-Z0-9]{0,15}(?:-[A-Z0-9]{1,15})*-[0-9]{4}-[0-9]{4,9}")
"""A case number: the programme's letters, the year, a number of at least four digits (`store.cases.Launches.reserve`)."""


class CasePages:
    """The routes of one case."""

    def __init__(self, frame: Frame, gate: Gate, cases: Reading, finding: Finding) -> None:
        self._frame = frame
        self._cases = cases
        self._finding = finding
        self.router = APIRouter()
        gate.shows(self.router, HOME + "/cases/{number}", self.head)

    async def head(self, request: Request, signed: Signed) -> Response:
        """Where a case stands."""
        number, language = str(request.path_params["number"]), self._frame.language(request)
        try:
            if not NUMBER.fullmatch(number):
                raise Missing("no such number")
            facts = await self._finding.case(number)
        except Missing:
            return self._frame.page(request, signed, "missing.html", {}, 404)
        programme = self._cases.programmes.get(facts.programme)
        context = {
            "case": facts,
            "title": await self._title(number),
            "programme": programme.name[language] if programme else facts.programme,
            "requesting": await self._institution(facts.requesting),
            "partner": await self._institution(facts.partner),
            "section": "cases",
        }
        return self._frame.page(request, signed, "case.html", context)

    async def _title(self, number: str) -> str:
        """The title of the request; empty where state or content cannot be read, for the head of the case is shown all the same."""
        try:
            return (await self._cases.texts(await self._cases.case(number))).title
        except Unreachable:
            raise
        except (PasserelleError, ValueError):
            return ""

    async def _institution(self, code: str) -> str:
        found = await self._cases.reference.institution_or_none(code) if code else None
        return found.name if found else ""
