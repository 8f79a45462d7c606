"""The small pages beside a question: ask for more time, delegate, take that back, say it is not for one, recall an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cases import Intervention
from models.acts import may_act
from models.errors import Invalid, Missing, Refused, Unreachable
from web.respond.deeds import DEEDS, FORM, Deed, act_of, filled, place_in, read_deed
from web.respond.door import REDIRECTED, Door, Seat, Shut, path_of
from web.respond.front import ACTED, Front, Shown, fault_of, kept_on, query
from web.respond.routes import READ, posting

RESPONSE = re.compile(r"[0-9a-f]{32}")
LOOKS, BETWEEN_LOOKS = 20, 0.1


class Acting:
    """The routes of those pages, one address each; an act is confirmed on a second page like an answer."""

    def __init__(self, front: Front, door: Door) -> None:
        self._front = front
        self._door = door
        self._cases = front.cases
        self.router = APIRouter()
        for deed in DEEDS.values():
            self._route(deed)

    def _route(self, deed: Deed) -> None:
        async def show(request: Request, case: str, step: str, lang: str = "") -> Response:
            return await self._show(request, case, step, lang, deed)

        async def send(request: Request, case: str, step: str, lang: str = "") -> Response:
            async def pressed(_: Request, seat: Seat, posted: dict[str, str]) -> Response:
                return await self._pressed(seat, deed, posted)

            return await posting(self._front, request, case, step, lang, pressed)

        address, name = f"/r/{{case}}/{{step}}/{deed.address}", deed.name
        self.router.add_api_route(address, show, methods=READ, name=f"show_{name}", response_class=HTMLResponse)
        self.router.add_api_route(address, send, methods=["POST"], name=f"send_{name}", response_class=HTMLResponse)

    async def _show(self, request: Request, case: str, step: str, lang: str, deed: Deed) -> Response:
        try:
            seat = await self._door.seat(request, case, step, lang)
        except Shut as shut:
            return await self._front.shut(shut, request, path_of(case, step), {})
        except Missing:
            return self._front.unknown(request)
        if self._front.is_dead(seat):
            return RedirectResponse(seat.path, status_code=REDIRECTED)
        try:
            self._allowed(seat, deed, None)
        except Refused as refusal:
            return await self._page(seat, deed, {}, refusal=refusal, status=409)
        return await self._page(seat, deed, {})

    def _allowed(self, seat: Seat, deed: Deed, given: Intervention | None) -> None:
        case, step, party = seat.question
        may_act(case, act_of(deed, case, step, party.code, self._cases.clock(), given), self._cases.programmes[case.programme])

    async def _pressed(self, seat: Seat, deed: Deed, posted: dict[str, str]) -> Response:
        if self._front.is_dead(seat) and f"{ACTED}{posted.get('response', '')}" not in seat.visit.draft:
            return await self._front.dead(seat)
        response = posted.get("response", "")
        response = response if RESPONSE.fullmatch(response) else uuid4().hex
        inputs, do = filled(deed, posted), posted.get("do", "review")
        if not seat.is_ours(posted):
            return await self._page(seat, deed, inputs, notice="stale", response=response, status=409)
        if do == "change":
            return await self._page(seat, deed, inputs, response=response)
        try:
            given = read_deed(deed, posted, seat.question.step.id, seat.visit.party, response)
            if f"{ACTED}{response}" not in seat.visit.draft:
                self._allowed(seat, deed, given)
            if do != "record":
                return await self._confirm(seat, deed, posted, response)
            return await self._act(seat, deed, given)
        except Invalid as invalid:
            return await self._page(seat, deed, inputs, shown=Shown(faults=invalid.faults), response=response, status=422)
        except Refused as refusal:
            fault = fault_of(refusal)
            in_form = place_in(deed, fault.field, fault.code).field is not None
            if in_form:
                return await self._page(seat, deed, inputs, shown=Shown(faults=[fault]), response=response, status=422)
            return await self._page(seat, deed, inputs, refusal=refusal, response=response, status=409)
        except Unreachable:
            return await self._page(seat, deed, inputs, notice="not_done", response=response, status=503)

    async def _act(self, seat: Seat, deed: Deed, given: Intervention) -> Response:
        """Carry the act out, go on with the links as they are then, and say what was done on the question's page."""
        key = f"{ACTED}{given.act}"
        if key not in seat.visit.draft:
            acted = await self._cases.act(seat.question.case.id, given)
            said = f"{deed.name}_noted" if acted.noted else deed.name
            epoch = await self._epoch_after(seat, given.act)
            await self._door.visits.keep(seat.visit, epoch=epoch, draft={**seat.visit.draft, key: said})
        return RedirectResponse(f"{seat.path}?{query(acted=given.act)}", status_code=REDIRECTED)

    async def _epoch_after(self, seat: Seat, act: str) -> int:
        """The epoch of the step once the act shows in the read model, so that whoever acted goes on; else what it was."""
        for _ in range(LOOKS):
            case = await self._cases.case(seat.visit.case_id)
            step = case.step(seat.visit.step)
            if act in case.acted and step is not None:
                return step.epoch
            await asyncio.sleep(BETWEEN_LOOKS)
        return seat.visit.epoch

    async def _confirm(self, seat: Seat, deed: Deed, posted: Mapping[str, str], response: str) -> Response:
        values = {field.name: posted.get(f"{FORM}.{field.name}", "").strip() for field in deed.fields}
        context = {
            **await self._front.heading(seat),
            "choice": self._front.words.say(seat.language, f"act.{deed.name}"),
            "said": (await self._front.summary(seat)).of_fields(deed.fields, values),
            "uploads": {},
            "posted": {**kept_on(posted), "response": response},
            "target": f"{seat.path}/{deed.address}",
            "record": self._front.words.say(seat.language, f"act.{deed.name}_do"),
            "switching": False,
        }
        return self._front.page(seat, "confirm.html", context)

    async def _page(
        self,
        seat: Seat,
        deed: Deed,
        inputs: Mapping[str, str],
        *,
        shown: Shown = Shown(),
        refusal: Refused | None = None,
        notice: str = "",
        response: str = "",
        status: int = 200,
    ) -> Response:
        language = seat.language
        faults = self._front.faults(language, shown.faults, lambda fault: place_in(deed, fault.field, fault.code))
        refused = self._front.faults(language, [fault_of(refusal)] if refusal else [], lambda fault: place_in(deed, "", ""))
        context: dict[str, Any] = {
            **await self._front.heading(seat),
            "deed": deed,
            "inputs": inputs,
            "faults": faults,
            "refused": [each["text"] for each in refused.values()],
            "notice": notice,
            "response": response or uuid4().hex,
            "target": f"{seat.path}/{deed.address}",
            "here": f"{seat.path}/{deed.address}",
        }
        return self._front.page(seat, "act.html", context, status)
