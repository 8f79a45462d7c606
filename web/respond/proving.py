"""The code of a question that asks for one: sent to the mailbox the link went to, entered on a page of its own."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from models.errors import Missing
from web.respond.door import REDIRECTED, Door, Shut, Unproved, is_from_elsewhere, path_of
from web.respond.front import Front

SOON, WRONG = 429, 422


class Proving:
    """The route of the code."""

    def __init__(self, front: Front, door: Door) -> None:
        self._front = front
        self._door = door
        self.router = APIRouter()
        self.router.add_api_route("/r/{case}/{step}/code", self.press, methods=["POST"], response_class=HTMLResponse)

    async def press(self, request: Request, case: str, step: str) -> Response:
        """Send a code, or take the one that was entered."""
        if is_from_elsewhere(request):
            return PlainTextResponse("cross-site", status_code=403)
        posted = {key: value for key, value in (await request.form()).multi_items() if isinstance(value, str)}
        path = path_of(case, step)
        try:
            await self._door.seat(request, case, step)
            return RedirectResponse(path, status_code=REDIRECTED)
        except Unproved as unproved:
            seat = unproved.seat
        except Shut as shut:
            return await self._front.shut(shut, request, path, {})
        except Missing:
            return self._front.unknown(request)
        if not seat.is_ours(posted):
            return await self._front.code(seat, "stale", WRONG)
        if posted.get("do") == "send":
            sent = await self._front.send_code(seat)
            return RedirectResponse(path, status_code=REDIRECTED) if sent else await self._front.code(seat, "soon", SOON)
        wrong = await self._front.enter_code(seat, posted.get("code", ""))
        return await self._front.code(seat, wrong, WRONG) if wrong else RedirectResponse(path, status_code=REDIRECTED)
