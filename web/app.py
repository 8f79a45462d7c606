"""The pages of an installation: an institution's questions, health, and in `dev` the mails that were caught."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from cases import Cases
from evidence.links import Links
from models.errors import Missing, Unreachable
from web.mailbox import MailPage, StoredMail
from web.pages import Pages
from web.respond.routes import Respond
from wording import Words

STATIC = Path(__file__).resolve().parent / "static"
LARGEST_BODY = 1 << 20
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups"

Ready = Callable[[], Awaitable[dict[str, bool]]]


def build(cases: Cases, links: Links, words: Words, *, mailbox: MailPage | None = None, ready: Ready) -> FastAPI:
    """The application; `mailbox` shows caught mails, `ready` says how each part is."""
    app = FastAPI(title="Passerelle", docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(words)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(Respond(cases, links, words, pages).router)
    app.middleware("http")(guarded)
    app.add_exception_handler(Unreachable, away)

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"alive": True}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        parts = await ready()
        return JSONResponse(parts, status_code=200 if all(parts.values()) else 503)

    @app.get("/")
    async def index() -> Response:
        return pages.page("index.html", "en", {"mails": mailbox is not None})

    if mailbox is not None:
        show_mails(app, pages, mailbox)
    return app


def show_mails(app: FastAPI, pages: Pages, mailbox: MailPage) -> None:
    """Add the pages that show caught mails."""

    def found(mail_id: str) -> StoredMail | None:
        try:
            return mailbox.message(mail_id)
        except Missing:
            return None

    @app.get("/mails")
    async def mails() -> Response:
        return pages.page("mails.html", "en", {"mails": mailbox.messages()})

    @app.get("/mails/{mail_id}")
    async def mail(mail_id: str) -> Response:
        message = found(mail_id)
        return pages.page("mail.html", "en", {"mail": message}) if message else Response("not found", status_code=404)

    @app.get("/mails/{mail_id}/page")
    async def mail_page(mail_id: str) -> Response:
        message = found(mail_id)
        if message is None:
            return Response("not found", status_code=404)
        return Response(message.html, media_type="text/html", headers={"Content-Security-Policy": MAIL_POLICY})

    @app.get("/mails/{mail_id}/attachments/{number}")
    async def attachment(mail_id: str, number: int) -> Response:
        message = found(mail_id)
        if message is None or not 0 <= number < len(message.attachments):
            return Response("not found", status_code=404)
        part = message.attachments[number]
        headers = {"Content-Disposition": f'attachment; filename="{part.get_filename() or "file"}"'}
        return Response(part.get_payload(decode=True), media_type=part.get_content_type(), headers=headers)


async def guarded(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Refuse large bodies, and send every answer with the headers that keep it to itself."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        return Response("too large", status_code=413, media_type="text/plain")
    response = await call_next(request)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


async def away(request: Request, error: Exception) -> Response:
    """A part of the system is away: said plainly, nothing was recorded."""
    return Response(f"not now: {error}", status_code=503, media_type="text/plain")
