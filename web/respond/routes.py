"""An institution's question behind its link: GET shows it and never acts, the button of its second page records an answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from cases import Given
from evidence.links import Link
from models.case import Answer
from models.case import Facts as AnswerFacts
from models.errors import Fault, Invalid, Missing, Refused, Unreachable
from models.forms import FORMS, Form, NominationForm, nominees_of, read_form
from models.rules import may_answer
from models.words import OPTIONS, Channel
from store.inbox import InboxState
from web.posted import is_from_elsewhere, texts_of
from web.respond.door import REDIRECTED, Door, Seat, Shut, is_ahead, path_of
from web.respond.fields import FIELDS, inputs_of, read_back, shown_again
from web.respond.front import ACTED, BESIDE, Front, Shown, fault_of, kept_on, query, strange_files
from web.respond.question import Outcome

READ = ["GET", "HEAD"]
RESPONSE = re.compile(r"[0-9a-f]{32}")
STATUS = {"answered": 409, "superseded": 409, "conflict": 409, "closed": 410, "ended": 410, "unknown_step": 404}
STANDS = ("answered", "closed", "ended", "conflict")
OUTCOME_STATUS = {"closed": 410}
STALE = 409


class Respond:
    """The routes of the answer page."""

    def __init__(self, front: Front, door: Door) -> None:
        self._front = front
        self._cases = front.cases
        self._door = door
        self.router = APIRouter()
        self.router.add_api_route("/r/{token}", self.enter, methods=READ, response_class=HTMLResponse)
        self.router.add_api_route("/r/{token}", self.anew, methods=["POST"], response_class=HTMLResponse)
        self.router.add_api_route("/r/{case}/{step}", self.show, methods=READ, response_class=HTMLResponse)
        self.router.add_api_route("/r/{case}/{step}", self.send, methods=["POST"], response_class=HTMLResponse)
        self.router.add_api_route("/r/{case}/{step}/confirm", self.confirm, methods=READ, response_class=HTMLResponse)
        self.router.add_api_route("/r/{case}/{step}/link", self.link, methods=["POST"], response_class=HTMLResponse)

    async def enter(self, request: Request, token: str, lang: str = "") -> Response:
        """Trade a link for a visit; a program that only looks ahead is asked to come back when somebody wants to read."""
        if is_ahead(request):
            return PlainTextResponse("not ahead of time", status_code=503)
        try:
            return await self._door.trade(request, token, lang)
        except Missing:
            return self._front.unknown(request, offers=True)

    async def anew(self, request: Request, token: str) -> Response:
        """Send a new link to whom a link that no longer opens anything was made for; what is told is the same for every token."""
        if is_from_elsewhere(request):
            return PlainTextResponse("cross-site", status_code=403)
        opened = self._door.opened(token)
        link = opened.link if opened else Link(case="", step="", party="")
        return await self._front.link_asked(request, link.case, link.step, link.party, "")

    async def show(
        self, request: Request, case: str, step: str, lang: str = "", done: str = "", acted: str = "", saved: str = ""
    ) -> Response:
        """The question as it stands, or what became of the answer `done` or of the act `acted`."""
        try:
            seat = await self._door.seat(request, case, step, lang)
        except Shut as shut:
            return await self._front.shut(shut, request, path_of(case, step), {})
        except Missing:
            return self._front.unknown(request)
        outcome = await self._front.shower.outcome(seat.question, seat.language, done)
        deed = seat.visit.draft.get(f"{ACTED}{acted}", "") if acted else ""
        if outcome is not None:
            return await self._front.question(seat, Shown(outcome=outcome, done=done, acted=deed))
        if self._front.is_dead(seat):
            return await self._front.dead(seat)
        earlier = await self._earlier(seat, done)
        if earlier is not None:
            return earlier
        kept = "option" in seat.visit.draft
        inputs = dict(seat.visit.draft) if kept else await self._front.shower.prefilled(seat.question, seat.language)
        notice = "saved" if saved and kept else ""
        return await self._front.question(seat, Shown(inputs=inputs, notice=notice, acted=deed))

    async def send(self, request: Request, case: str, step: str, lang: str = "") -> Response:
        """What a button of the page asks for."""
        return await posting(self._front, request, case, step, lang, self._pressed)

    async def link(self, request: Request, case: str, step: str) -> Response:
        """Send a new link to the address of the one asked; whoever has no visit learns nothing of the case."""
        if is_from_elsewhere(request):
            return PlainTextResponse("cross-site", status_code=403)
        try:
            party = (await self._door.seat(request, case, step)).visit.party
        except (Shut, Missing):
            party = ""
        return await self._front.link_asked(request, case, step, party, path_of(case, step))

    async def _earlier(self, seat: Seat, done: str) -> Response | None:
        """What became of an answer that was handed in and is not recorded; None when there is none."""
        row = await self._cases.earlier(done) if RESPONSE.fullmatch(done) else None
        if row is None or (row.case_id, row.answer.step) != (seat.question.case.id, seat.question.step.id):
            return None
        if row.state is not InboxState.REFUSED:
            received = Shown(outcome=self._front.shower.received(seat.language, done), done=done)
            return await self._front.question(seat, received, status=202)
        name = FORMS[seat.question.step.kind, row.answer.option].__name__
        inputs = {"option": row.answer.option, **inputs_of(FIELDS[name], name, await self._cases.form(row.answer.form))}
        facts = {key: value for key, value in row.outcome.items() if key not in ("code", "text")}
        fault = fault_of(Refused(row.outcome["code"], row.outcome["text"], **facts))
        return await self._front.question(seat, Shown(inputs=inputs, faults=[fault], notice="refused", done=done))

    async def _pressed(self, request: Request, seat: Seat, posted: dict[str, str]) -> Response:
        """Do what the button says; whatever was filled in is kept before anything is said of it."""
        do = posted.get("do", "review")
        response = await self._response(posted)
        inputs = shown_again(seat.question.step.kind, posted.get("option", ""), kept_on(posted))
        if not seat.is_ours(posted):
            outcome = await self._front.shower.outcome(seat.question, seat.language, posted.get("response", ""))
            if outcome is not None:
                return await self._stands(seat, outcome)
            seat = await self._keep(seat, kept_on(posted))
            if self._front.is_dead(seat):
                return await self._front.dead(seat)
            return await self._front.question(seat, Shown(inputs=inputs, notice="stale", response=response), status=STALE)
        if do == "record":
            return await self._record(seat, posted, inputs, response)
        outcome = await self._front.shower.outcome(seat.question, seat.language, posted.get("response", ""))
        if outcome is not None:
            return await self._stands(seat, outcome)
        seat = await self._keep(seat, kept_on(posted))
        if self._front.is_dead(seat):
            return await self._front.dead(seat)
        if do == "save":
            return RedirectResponse(f"{seat.path}?saved=1", status_code=REDIRECTED)
        if do.startswith("attach:"):
            return RedirectResponse(f"{seat.path}/upload?{query(field=do.removeprefix('attach:'))}", status_code=REDIRECTED)
        if do == "change":
            return await self._front.question(seat, Shown(inputs=inputs, response=response))
        return await self._review(seat, posted, inputs)

    async def _stands(self, seat: Seat, outcome: Outcome) -> Response:
        status = OUTCOME_STATUS.get(outcome.state, 409)
        return await self._front.question(seat, Shown(outcome=outcome), status=status)

    async def _keep(self, seat: Seat, inputs: Mapping[str, str]) -> Seat:
        """The draft as it is filled in now, beside the files that came in."""
        draft = {name: value for name, value in inputs.items() if name != "response"}
        stays = {name: value for name, value in seat.visit.draft.items() if name.startswith(BESIDE)}
        draft = {**draft, "option": inputs.get("option", ""), **stays}
        await self._door.visits.draft(seat.visit, draft)
        return seat._replace(visit=seat.visit.model_copy(update={"draft": draft}))

    async def confirm(self, request: Request, case: str, step: str, lang: str = "") -> Response:
        """The second page, which repeats the draft as it would be recorded."""
        try:
            seat = await self._door.seat(request, case, step, lang)
        except Shut as shut:
            return await self._front.shut(shut, request, path_of(case, step), {})
        except Missing:
            return self._front.unknown(request)
        outcome = await self._front.shower.outcome(seat.question, seat.language)
        if outcome is not None:
            return await self._front.question(seat, Shown(outcome=outcome))
        if self._front.is_dead(seat):
            return await self._front.dead(seat)
        posted = {name: value for name, value in seat.visit.draft.items() if not name.startswith(BESIDE)}
        if "option" not in posted:
            return RedirectResponse(seat.path, status_code=REDIRECTED)
        inputs, option = shown_again(seat.question.step.kind, posted["option"], posted), self._option(seat, posted)
        wrong = await self._wrong(seat, posted, inputs)
        if wrong is not None:
            return wrong
        filled = read_back(seat.question.step.kind, option, posted)
        return await self._front.confirm(seat, option, filled, {**inputs, "option": option, "response": uuid4().hex})

    async def _review(self, seat: Seat, posted: dict[str, str], inputs: Mapping[str, str]) -> Response:
        """On to the second page; or the first again, with what is wrong."""
        wrong = await self._wrong(seat, posted, inputs)
        return wrong or RedirectResponse(f"{seat.path}/confirm", status_code=REDIRECTED)

    async def _wrong(self, seat: Seat, posted: Mapping[str, str], inputs: Mapping[str, str]) -> Response | None:
        """The first page with what is wrong in it; None when it could be recorded as it stands."""
        question, option = seat.question, self._option(seat, posted)
        try:
            form = self._form(seat, option, posted)
            asking = Answer(
                response=uuid4().hex,
                step=question.step.id,
                option=option,
                by=question.party.code,
                received=self._cases.clock(),
                paper=posted.get("paper", ""),
                facts=facts_of(form, question.step.asked),
            )
            may_answer(question.case, asking, self._cases.programmes[question.case.programme])
        except Invalid as invalid:
            return await self._front.question(seat, Shown(inputs=inputs, faults=invalid.faults), status=422)
        except Refused as refusal:
            return await self._refused(seat, inputs, refusal, "")
        return None

    def _option(self, seat: Seat, posted: Mapping[str, str]) -> str:
        options = list(OPTIONS[seat.question.step.kind])
        return posted.get("option", "") or (options[0] if len(options) == 1 else "")

    def _form(self, seat: Seat, option: str, posted: Mapping[str, str]) -> Form:
        if not option:
            raise Invalid([Fault(field="option", code="required", text="an option is needed")])
        if strange_files(seat, posted):
            raise Invalid([Fault(field="option", code="no_file", text="a file did not come in during this visit")])
        kind = seat.question.step.kind
        return read_form(kind, option, read_back(kind, option, posted))

    async def _record(self, seat: Seat, posted: dict[str, str], inputs: Mapping[str, str], response: str) -> Response:
        """Hand an answer in; the page that follows says what became of it, or shows it again with what is wrong."""
        option = self._option(seat, posted)
        try:
            self._form(seat, option, posted)
            given = Given(
                case=seat.question.case.id,
                step=seat.question.step.id,
                option=option,
                form=read_back(seat.question.step.kind, option, posted),
                by=seat.visit.party,
                channel=Channel.PAGE,
                paper=posted.get("paper", ""),
                response=response,
            )
            if not await self._repeated(seat, response) and self._front.is_dead(seat):
                outcome = await self._front.shower.outcome(seat.question, seat.language)
                return await (self._stands(seat, outcome) if outcome else self._front.dead(await self._keep(seat, kept_on(posted))))
            await self._cases.answer(given)
        except Invalid as invalid:
            shown = Shown(inputs=inputs, faults=invalid.faults, response=response)
            return await self._front.question(await self._keep(seat, kept_on(posted)), shown, status=422)
        except Refused as refusal:
            return await self._refused(await self._keep(seat, kept_on(posted)), inputs, refusal, response)
        except Unreachable:
            shown = Shown(inputs=inputs, notice="not_recorded", response=response)
            return await self._front.question(seat, shown, status=503)
        await self._door.visits.draft(seat.visit, {})
        return RedirectResponse(f"{seat.path}?{query(done=response)}", status_code=REDIRECTED)

    async def _repeated(self, seat: Seat, response: str) -> bool:
        """Whether this very answer came in before, when its link still answered."""
        row = await self._cases.earlier(response)
        return row is not None and (row.case_id, row.answer.step) == (seat.question.case.id, seat.question.step.id)

    async def _response(self, posted: Mapping[str, str]) -> str:
        """The response this page was made with; a new one when the case has refused that one."""
        response = posted.get("response", "")
        if not RESPONSE.fullmatch(response):
            return uuid4().hex
        row = await self._cases.earlier(response)
        return uuid4().hex if row is not None and row.state is InboxState.REFUSED else response

    async def _refused(self, seat: Seat, inputs: Mapping[str, str], refusal: Refused, response: str) -> Response:
        status = STATUS.get(refusal.code, 422)
        fresh = await self._door.again(seat)
        outcome = await self._front.shower.outcome(fresh.question, fresh.language) if refusal.code in STANDS else None
        if outcome is None and refusal.code == "conflict":
            outcome = self._front.shower.received(fresh.language, response)
        if outcome is not None:
            return await self._front.question(fresh, Shown(outcome=outcome), status=status)
        superseded = refusal.code == "superseded"
        faults = [] if superseded else [fault_of(refusal)]
        shown = Shown(inputs=inputs, faults=faults, notice="superseded" if superseded else "")
        return await self._front.question(fresh, shown, status=status)


def facts_of(form: Form, asked: str) -> AnswerFacts:
    """What the rules need of a form before anybody it names is kept."""
    if not isinstance(form, NominationForm):
        return form.facts()
    people = [f"p-{n}" for n in range(len(form.nominees))]
    return nominees_of(form, people, [""] * len(people), asked)


async def posting(
    front: Front,
    request: Request,
    case: str,
    step: str,
    lang: str,
    pressed: Callable[[Request, Seat, dict[str, str]], Awaitable[Response]],
) -> Response:
    """A form that was sent to a clean address: read, and handed on with whoever sits there; nothing that was filled in is lost."""
    if is_from_elsewhere(request):
        return PlainTextResponse("cross-site", status_code=403)
    posted = await texts_of(request)
    try:
        return await pressed(request, await front.door.seat(request, case, step, lang), posted)
    except Shut as shut:
        return await front.shut(shut, request, path_of(case, step), posted)
    except Missing:
        return front.unknown(request)
    except Unreachable:
        return front.not_recorded(request, request.url.path, posted, lang)
