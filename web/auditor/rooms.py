"""The auditors' pages put together: their routes, and what is said to who may not come in."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import Response

from audit.exporting import Exporter
from audit.timemachine import TimeMachine
from audit.verifying import Verifier
from cases import Cases
from store.archive import Archive
from web.auditor.case import CasePages
from web.auditor.checking import CheckingPages
from web.auditor.finding import FindingPages
from web.auditor.frame import Frame
from web.auditor.gate import Gate, NotAllowed, NotOurs, NotSignedIn, to_sign_in
from web.auditor.papers import PaperPages
from web.auditor.parts import Parts
from web.auditor.past import PastPages
from web.auditor.proving import ProvingPages
from web.auditor.replays import Replays
from web.auditor.signing import Signing
from web.pages import Pages
from workplace import Workplace

BARRED = 403


def open_rooms(app: FastAPI, cases: Cases, workplace: Workplace, pages: Pages, machine: TimeMachine, *, secure: bool) -> None:
    """Add the pages to an application."""
    gate = Gate(workplace.sessions, secure=secure)
    frame = Frame(pages, workplace.words, gate)
    parts, replays = Parts(frame, gate, workplace.finding), Replays(cases, machine)
    workplace.closing.append(replays.close)
    exporter = Exporter(cases, workplace.issuing, Archive(workplace.database), machine)
    for part in (
        Signing(frame, gate, workplace.users),
        FindingPages(frame, gate, cases, workplace.finding, workplace.samples),
        CasePages(parts, cases),
        PastPages(parts, cases, replays),
        PaperPages(parts, cases, workplace.log),
        ProvingPages(parts, gate, workplace.log),
        CheckingPages(parts, exporter, Verifier(workplace, cases, machine)),
    ):
        app.include_router(part.router)

    @app.exception_handler(NotSignedIn)
    async def sign_in(request: Request, error: NotSignedIn) -> Response:
        return to_sign_in(request)

    @app.exception_handler(NotAllowed)
    async def barred(request: Request, error: NotAllowed) -> Response:
        return frame.page(request, error.signed, "barred.html", {}, BARRED)

    @app.exception_handler(NotOurs)
    async def stale(request: Request, error: NotOurs) -> Response:
        return frame.page(request, None, "stale.html", {}, BARRED)
