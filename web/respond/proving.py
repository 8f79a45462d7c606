"""The code of a question that asks for one: sent to the mailbox the link went to, entered on a page of its own."""

from __future__ import annotations

from hmac import compare_digest

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from evidence.links import Links
from models.errors import Missing
from resending import Resending
from store.visits import CODE_LIFE, CODE_TRIES
from web.posted import is_from_elsewhere, texts_of
from web.respond.door import REDIRECTED, Door, Seat, Shut, Unproved, path_of
from web.respond.front import Front

SOON, WRONG = 429, 422


class Proving:
    """The route of the code."""

    def __init__(self, front: Front, door: Door, resending: Resending, links: Links) -> None:
        self._front = front
        self._door = door
        self._resending = resending
        self._links = links
        self.router = APIRouter()
        self.router.add_api_route("/r/{case}/{step}/code", self.press, methods=["POST"], response_class=HTMLResponse)

    async def press(self, request: Request, case: str, step: str) -> Response:
        """Send a code, or take the one that was entered."""
        if is_from_elsewhere(request):
            return PlainTextResponse("cross-site", status_code=403)
        posted = await texts_of(request)
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
            sent = await self._send(seat)
            return RedirectResponse(path, status_code=REDIRECTED) if sent else await self._front.code(seat, "soon", SOON)
        wrong = await self._enter(seat, posted.get("code", ""))
        return await self._front.code(seat, wrong, WRONG) if wrong else RedirectResponse(path, status_code=REDIRECTED)

    async def _send(self, seat: Seat) -> bool:
        """Send a code to the mailbox of whoever sits there; False when one went out just before."""
        visit, nonce = seat.visit, self._links.nonce()
        if not await self._resending.send_code(seat.question.case, seat.question.step, visit.party, visit.session, nonce):
            return False
        await self._door.visits.keep(visit, nonce=nonce, code_sent=self._front.cases.clock(), code_tries=0)
        return True

    async def _enter(self, seat: Seat, entered: str) -> str:
        """Take a code; gives what is wrong with it, nothing when it was right."""
        visit, now = seat.visit, self._front.cases.clock()
        if visit.code_sent is None or now > visit.code_sent + CODE_LIFE or visit.code_tries >= CODE_TRIES:
            return "old"
        digits = "".join(character for character in entered if character.isdecimal())
        code = self._links.code(visit.nonce, visit.session, visit.case_id, visit.step, visit.party)
        right = digits.isascii() and compare_digest(digits, code)
        await self._door.visits.keep(visit, code_tries=visit.code_tries + 1, proved=now if right else None)
        return "" if right else "wrong"
