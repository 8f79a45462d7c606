"""Signing in and out. A refusal says the same whatever its reason, so that nobody learns who has an account."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from models.errors import Refused
from store.users import NAME, Users
from web.auditor.frame import Frame
from web.auditor.gate import EVERY_ROLE, READ, SEE_OTHER, SIGN_IN, Gate, NotSignedIn, Signed, local, must_be_from_here
from web.posted import keepable, texts_of

STATUS = {"sign_in": 403, "busy": 503}
LONGEST_SHOWN = 64

log = structlog.get_logger("auditor")


class Signing:
    """The routes of signing in and out."""

    def __init__(self, frame: Frame, gate: Gate, users: Users) -> None:
        self._frame = frame
        self._gate = gate
        self._users = users
        self.router = APIRouter()
        self.router.add_api_route(SIGN_IN, self.form, methods=READ, response_class=HTMLResponse)
        self.router.add_api_route(SIGN_IN, self.enter, methods=["POST"], response_class=HTMLResponse)
        gate.takes(self.router, "/audit/sign-out", self.leave)

    async def form(self, request: Request) -> Response:
        """The page to sign in; who is signed in already goes on."""
        back = local(request.query_params.get("next", ""))
        try:
            await self._gate.signed_in(request, EVERY_ROLE)
        except NotSignedIn:
            return self._page(request, back, out="out" in request.query_params)
        return RedirectResponse(back, status_code=SEE_OTHER)

    async def enter(self, request: Request) -> Response:
        """Take a name and a password.

        Raises:
            NotOurs: the form comes from another site.
        """
        must_be_from_here(request)
        posted = await texts_of(request)
        name, back = posted.get("name", "").strip().lower(), local(posted.get("next", ""))
        try:
            user = await self._users.admitted(name if NAME.fullmatch(name) else "", posted.get("password", ""))
        except Refused as refusal:
            log.warning("sign_in_refused", why=refusal.code)
            return self._page(request, back, posted.get("name", ""), refusal.code)
        answer = RedirectResponse(back, status_code=SEE_OTHER)
        await self._gate.enter(request, answer, user.name)
        log.info("signed_in", user=user.name, role=user.role)
        return answer

    async def leave(self, request: Request, signed: Signed, posted: dict[str, str]) -> Response:
        """Sign out."""
        answer = RedirectResponse(f"{SIGN_IN}?out=1", status_code=SEE_OTHER)
        await self._gate.leave(answer, signed)
        log.info("signed_out", user=signed.session.user)
        return answer

    def _page(self, request: Request, back: str, name: str = "", wrong: str = "", *, out: bool = False) -> Response:
        context = {"next": back, "name": keepable(name)[:LONGEST_SHOWN], "wrong": wrong, "out": out}
        return self._frame.page(request, None, "sign_in.html", context, STATUS.get(wrong, 200))
