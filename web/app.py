"""The pages of an installation: an institution's questions, the auditors' pages, health, in `dev` the caught mails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from audit.timemachine import TimeMachine
from cases import Cases
from models.errors import Unreachable
from web.api.app import interface
from web.auditor.rooms import open_rooms
from web.guard import Guard
from web.log import Published
from web.mailbox import Mailbox, MailPage
from web.pages import Pages, preferred
from web.respond.acting import Acting
from web.respond.door import Door
from web.respond.front import Front
from web.respond.handing import Handing
from web.respond.proving import Proving
from web.respond.routes import Respond
from workplace import Workplace

STATIC = Path(__file__).resolve().parent / "static"
READ = ["GET", "HEAD"]

Ready = Callable[[], Awaitable[dict[str, bool]]]


def build(
    cases: Cases, workplace: Workplace, *, mailbox: MailPage | None = None, ready: Ready, machine: TimeMachine | None = None
) -> FastAPI:
    """The application; `mailbox` shows caught mails, `ready` says how each part is, `machine` replays cases."""
    app = FastAPI(title="Passerelle", docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(workplace.words)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.mount("/api", interface(cases, workplace.words, workplace.log))
    secure = workplace.public_url.startswith("https:")
    door = Door(cases, workplace.links, workplace.visits, secure=secure)
    front = Front(cases, workplace.words, pages, door, workplace.resending)
    for part in (
        Handing(front, door),
        Acting(front, door),
        Proving(front, door, workplace.resending, workplace.links),
        Respond(front, door),
    ):
        app.include_router(part.router)
    open_rooms(app, cases, workplace, pages, machine or TimeMachine(), secure=secure)
    app.include_router(Published(workplace.log).router)
    if mailbox is not None:
        app.include_router(Mailbox(mailbox, pages).router)
    app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=6)
    app.add_middleware(Guard)

    @app.exception_handler(Unreachable)
    async def away(request: Request, error: Unreachable) -> Response:
        return pages.page("away.html", preferred(request), {}, 503)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        return PlainTextResponse(error.detail, status_code=error.status_code, headers=error.headers)

    @app.api_route("/healthz", methods=READ)
    async def healthz() -> dict[str, bool]:
        return {"alive": True}

    @app.api_route("/readyz", methods=READ)
    async def readyz() -> JSONResponse:
        parts = await ready()
        return JSONResponse(parts, status_code=200 if all(parts.values()) else 503)

    @app.api_route("/", methods=READ)
    async def index() -> Response:
        return pages.page("index.html", "en", {"mails": mailbox is not None})

    return app
