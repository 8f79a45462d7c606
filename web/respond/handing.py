"""Files behind a question: its papers and dates are handed out, a report or curriculum vitae is taken in."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from models.errors import Missing, Refused
from models.words import Kind
from web.pages import disposition
from web.posted import is_from_elsewhere
from web.respond.diary import diary
from web.respond.door import REDIRECTED, Door, Seat, Shut, path_of
from web.respond.fields import Place, files_of
from web.respond.front import UPLOAD, Front, fault_of, query, uploads_of
from web.respond.routes import READ
from web.respond.uploads import EXTENSIONS, kind_of, random_name

CALENDAR = "text/calendar; charset=utf-8"
MOST_FILES = 20

log = structlog.get_logger("handing")


class Handing:
    """The routes of files; what is handed out is a file to keep, never a page."""

    def __init__(self, front: Front, door: Door) -> None:
        self._front = front
        self._cases = front.cases
        self._door = door
        self.router = APIRouter()
        self.router.add_api_route("/r/{case}/{step}/paper/{sha256}", self.paper, methods=READ)
        self.router.add_api_route("/r/{case}/{step}/file/{sha256}", self.file, methods=READ)
        self.router.add_api_route("/r/{case}/{step}/calendar.ics", self.calendar, methods=READ)
        self.router.add_api_route("/r/{case}/{step}/upload", self.choose, methods=READ, response_class=HTMLResponse)
        self.router.add_api_route("/r/{case}/{step}/upload", self.upload, methods=["POST"], response_class=HTMLResponse)

    async def paper(self, request: Request, case: str, step: str, sha256: str) -> Response:
        """A paper the question is about."""
        seat = await self._seat(request, case, step)
        if isinstance(seat, Response):
            return seat
        paper = next((paper for paper in seat.question.papers if paper.sha256 == sha256), None)
        if paper is None:
            return self._front.unknown(request)
        name = f"{seat.question.case.id}-{paper.kind}-{paper.language}.pdf"
        media = await self._cases.media(sha256)
        return Response(await self._cases.content(sha256), media_type=media, headers=disposition(name))

    async def file(self, request: Request, case: str, step: str, sha256: str) -> Response:
        """A file that came in: during this visit, with the answer recorded here, or with the report under review."""
        seat = await self._seat(request, case, step)
        if isinstance(seat, Response):
            return seat
        try:
            media = await self._cases.media(sha256) if sha256 in await self._files(seat) else ""
        except Missing:
            media = ""
        if media not in EXTENSIONS:
            return self._front.unknown(request)
        name = uploads_of(seat).get(sha256) or random_name(seat.question.case.id, media)
        return Response(await self._cases.content(sha256), media_type=media, headers=disposition(name))

    async def calendar(self, request: Request, case: str, step: str) -> Response:
        """The due date and the visit for a diary."""
        seat = await self._seat(request, case, step)
        if isinstance(seat, Response):
            return seat
        question, heading = seat.question, await self._front.heading(seat)
        host = await self._front.shower.name(question.case, question.case.host, seat.language) if question.case.host else ""
        content = diary(question.case, question.step, heading["step_name"], heading["title"], host, self._cases.clock())
        return Response(content, media_type=CALENDAR, headers=disposition(f"{question.case.id}-{question.step.id}.ics"))

    async def choose(self, request: Request, case: str, step: str, field: str = "") -> Response:
        """The page on which a file is chosen."""
        seat = await self._seat(request, case, step)
        if isinstance(seat, Response):
            return seat
        if not takes(seat, field):
            return self._front.unknown(request)
        return await self._page(seat, field)

    async def upload(self, request: Request, case: str, step: str, field: str = "") -> Response:
        """Take a file in for a field of the draft; the body is read only for whoever has a visit."""
        if is_from_elsewhere(request):
            return PlainTextResponse("cross-site", status_code=403)
        seat = await self._seat(request, case, step)
        if isinstance(seat, Response):
            return seat
        if not takes(seat, field):
            return self._front.unknown(request)
        async with request.form(max_files=1, max_fields=10) as sent:
            if not seat.is_ours({name: value for name, value in sent.multi_items() if isinstance(value, str)}):
                return await self._page(seat, field, status=409)
            file = sent.get("file")
            data = await file.read() if isinstance(file, UploadFile) else b""
        try:
            if len(uploads_of(seat)) >= MOST_FILES:
                raise Refused("too_many", f"at most {MOST_FILES} files", limit=str(MOST_FILES), field="file")
            kind = kind_of(data)
        except Refused as refusal:
            return await self._page(seat, field, refusal=refusal, status=422)
        sha256 = await self._cases.keep(data, kind.media, case=case, person=seat.question.party.person)
        name = uploads_of(seat).get(sha256) or random_name(seat.question.case.id, kind.media)
        draft = {"option": "", **seat.visit.draft, f"{UPLOAD}{sha256}": name, field: sha256}
        await self._door.visits.draft(seat.visit, draft)
        log.info("file_received", case=case, step=step, media=kind.media, size=len(data))
        return RedirectResponse(f"{seat.path}?{query(saved='file')}", status_code=REDIRECTED)

    async def _seat(self, request: Request, case: str, step: str) -> Seat | Response:
        """Whoever sits there with a link that answers; else the page that says why not."""
        try:
            seat = await self._door.seat(request, case, step)
        except Shut as shut:
            return await self._front.shut(shut, request, path_of(case, step), {})
        except Missing:
            return self._front.unknown(request)
        if self._front.is_dead(seat):
            return RedirectResponse(seat.path, status_code=REDIRECTED)
        return seat

    async def _files(self, seat: Seat) -> set[str]:
        found = set(uploads_of(seat)) | {said.sha256 for said in await self._front.recorded(seat) if said.sha256}
        step = seat.question.step
        if step.kind is Kind.NOMINATION and step.decision is not None:
            people = [await self._cases.form(nominee.form) for nominee in step.decision.facts.nominees]
            found |= {person["cv_file"] for person in people if person.get("cv_file")}
        return found | {await self._front.shower.file(seat.question)}

    async def _page(self, seat: Seat, field: str, refusal: Refused | None = None, status: int = 200) -> Response:
        faults = self._front.faults(
            seat.language, [fault_of(refusal)] if refusal else [], lambda fault: Place("file", labels=("field.file",))
        )
        context = {**await self._front.heading(seat), "field": field, "faults": faults, "target": f"{seat.path}/upload"}
        return self._front.page(seat, "upload.html", context, status)


def takes(seat: Seat, field: str) -> bool:
    """Whether a question has a file input of that name and can still be answered."""
    step = seat.question.step
    return step.is_open and any(pattern.fullmatch(field) for pattern in files_of(step.kind, seat.question.subject))
