"""An institution's question behind its link: GET shows it and never acts, POST records an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from cases import Cases, Given
from evidence.links import Links
from models.errors import Fault, Invalid, Missing, Refused, Unreachable
from models.forms import FORMS
from models.words import LANGUAGES, OPTIONS, Channel
from store.inbox import InboxState
from web.pages import Pages, disposition, preferred
from web.respond.fields import FIELDS, Place, groups_of, inputs_of, place_of, read_back, rows_of, shown_again
from web.respond.question import Outcome, Question, Shower, question_of
from wording import Words

RESPONSE = re.compile(r"[0-9a-f]{32}")
STATUS = {"answered": 409, "superseded": 409, "conflict": 409, "closed": 410, "ended": 410, "unknown_step": 404}
STANDS = ("answered", "closed", "ended", "conflict")
REDIRECTED = 303


class Shown(NamedTuple):
    """What a page shows beside the question: an outcome, or the form with what was filled in and what is wrong with it."""

    outcome: Outcome | None = None
    inputs: Mapping[str, str] = {}
    faults: Sequence[Fault] = ()
    notice: str = ""
    response: str = ""
    done: str = ""


class Respond:
    """The routes of the answer page."""

    def __init__(self, cases: Cases, links: Links, words: Words, pages: Pages) -> None:
        self._cases = cases
        self._links = links
        self._words = words
        self._pages = pages
        self._shower = Shower(cases, words)
        self.router = APIRouter()
        self.router.add_api_route("/r/{token}", self.show, methods=["GET", "HEAD"], response_class=HTMLResponse)
        self.router.add_api_route("/r/{token}", self.record, methods=["POST"], response_class=HTMLResponse)
        self.router.add_api_route("/r/{token}/paper/{sha256}", self.paper, methods=["GET", "HEAD"])

    async def show(self, request: Request, token: str, lang: str = "", done: str = "") -> Response:
        """The question as it stands, or what became of the answer `done`."""
        question = await self._question(token)
        if question is None:
            return self._unknown(request)
        language = spoken(question, lang)
        outcome = await self._shower.outcome(question, language, done)
        if outcome is not None:
            return await self._page(request, question, language, Shown(outcome=outcome, done=done))
        row = await self._cases.earlier(done) if RESPONSE.fullmatch(done) else None
        if row is None or (row.case_id, row.answer.step) != (question.case.id, question.step.id):
            inputs = await self._shower.prefilled(question, language)
            return await self._page(request, question, language, Shown(inputs=inputs))
        if row.state is not InboxState.REFUSED:
            received = Shown(outcome=self._shower.received(language, done), done=done)
            return await self._page(request, question, language, received, status=202)
        name = FORMS[question.step.kind, row.answer.option].__name__
        inputs = {"option": row.answer.option, **inputs_of(FIELDS[name], name, await self._cases.form(row.answer.form))}
        fault = fault_of(Refused(row.outcome["code"], row.outcome["text"], **facts_in(row.outcome)))
        refused = Shown(inputs=inputs, faults=[fault], notice="refused", done=done)
        return await self._page(request, question, language, refused)

    async def record(self, request: Request, token: str, lang: str = "") -> Response:
        """Record an answer."""
        if is_from_elsewhere(request):
            return PlainTextResponse("cross-site", status_code=403)
        posted = {key: value for key, value in (await request.form()).multi_items() if isinstance(value, str)}
        try:
            question = await self._question(token)
            if question is None:
                return self._unknown(request)
            return await self._take(request, question, spoken(question, lang), posted, lang)
        except Unreachable:
            return self._not_recorded(request, posted, lang)

    async def paper(self, request: Request, token: str, sha256: str) -> Response:
        """A paper the question is about, as a file."""
        question = await self._question(token)
        paper = next((paper for paper in question.papers if paper.sha256 == sha256), None) if question else None
        if question is None or paper is None:
            return self._unknown(request)
        name = f"{question.case.id}-{paper.kind}-{paper.language}.pdf"
        media = await self._cases.media(sha256)
        return Response(await self._cases.content(sha256), media_type=media, headers=disposition(name))

    async def _question(self, token: str) -> Question | None:
        try:
            return await question_of(self._cases, self._links.read(token, self._cases.clock()))
        except (Refused, Missing):
            return None

    async def _take(self, request: Request, question: Question, language: str, posted: dict[str, str], lang: str) -> Response:
        """Hand an answer in; the page that follows says what became of it, or shows it again with what is wrong."""
        option, response = posted.get("option", ""), await self._response(posted)
        inputs = shown_again(question.step.kind, option, posted)
        try:
            if not option and len(OPTIONS[question.step.kind]) > 1:
                raise Invalid([Fault(field="option", code="required", text="an option is needed")])
            given = Given(
                case=question.case.id,
                step=question.step.id,
                option=option,
                form=read_back(question.step.kind, option, posted),
                by=question.link.party,
                channel=Channel.PAGE,
                paper=posted.get("paper", ""),
                response=response,
            )
            await self._cases.answer(given)
        except Invalid as invalid:
            shown = Shown(inputs=inputs, faults=invalid.faults, response=response)
            return await self._page(request, question, language, shown, status=422)
        except Refused as refusal:
            return await self._refused(request, question, language, inputs, refusal, response)
        except Unreachable:
            return await self._page(
                request, question, language, Shown(inputs=inputs, notice="not_recorded", response=response), status=503
            )
        return RedirectResponse(f"{request.url.path}?{query(done=response, lang=lang)}", status_code=REDIRECTED)

    async def _response(self, posted: Mapping[str, str]) -> str:
        """The response this page was made with; a new one when the case has refused that one."""
        response = posted.get("response", "")
        if not RESPONSE.fullmatch(response):
            return uuid4().hex
        row = await self._cases.earlier(response)
        return uuid4().hex if row is not None and row.state is InboxState.REFUSED else response

    async def _refused(
        self, request: Request, question: Question, language: str, inputs: Mapping[str, str], refusal: Refused, response: str
    ) -> Response:
        status = STATUS.get(refusal.code, 422)
        fresh = await question_of(self._cases, question.link)
        outcome = await self._shower.outcome(fresh, language) if refusal.code in STANDS else None
        if outcome is None and refusal.code == "conflict":
            outcome = self._shower.received(language, response)
        if outcome is not None:
            return await self._page(request, fresh, language, Shown(outcome=outcome), status=status)
        superseded = refusal.code == "superseded"
        shown = Shown(inputs=inputs, faults=[] if superseded else [fault_of(refusal)], notice="superseded" if superseded else "")
        return await self._page(request, fresh, language, shown, status=status)

    async def _page(self, request: Request, question: Question, language: str, shown: Shown, status: int = 200) -> Response:
        kind, options = question.step.kind, list(OPTIONS[question.step.kind])
        chosen = shown.inputs.get("option", "") or (options[0] if len(options) == 1 else "")
        faults: dict[str, dict[str, str]] = {}
        for fault in shown.faults:
            place = place_of(kind, chosen, fault.field)
            faults.setdefault(place.name, {"label": self._label(language, place), "text": self._fault(language, fault, place)})
        context: dict[str, Any] = {
            **await self._shower.facts(question, language),
            "groups": groups_of(kind, question.subject),
            "rows_of": rows_of,
            "options": options,
            "kind": kind.value,
            "chosen": chosen,
            "inputs": shown.inputs,
            "faults": faults,
            "outcome": shown.outcome,
            "notice": shown.notice,
            "done": shown.done,
            "response": shown.response or uuid4().hex,
            "paper": question.step.paper,
            "path": request.url.path,
            "query": query,
        }
        return self._pages.page("respond/question.html", language, context, status)

    def _label(self, language: str, place: Place) -> str:
        """The label of the field that a fault is about, with its row."""
        known = [label for label in place.labels if isinstance(label, int) or self._words.has(language, label)]
        return " ".join(str(label) if isinstance(label, int) else self._words.say(language, label) for label in known)

    def _fault(self, language: str, fault: Fault, place: Place) -> str:
        """A fault in the reader's language; one without words of its own asks to check the value."""
        key = f"fault.{fault.code}"
        bounds = {"low": str(place.field.low), "high": str(place.field.high)} if place.field else {}
        facts = {"limit": "", "low": "", "high": "", "value": "", "threshold": "", "first": "", **fault.facts, **bounds}
        return self._words.say(language, key if self._words.has(language, key) else "fault.invalid", **facts)

    def _unknown(self, request: Request) -> Response:
        return self._pages.page("respond/unknown.html", preferred(request), {}, 404)

    def _not_recorded(self, request: Request, posted: Mapping[str, str], lang: str) -> Response:
        """Nothing can be read or kept now: what was filled in stays on the page, to be sent again."""
        context = {"posted": posted, "target": f"{request.url.path}?{query(lang=lang)}"}
        return self._pages.page("respond/again.html", preferred(request), context, 503)


def spoken(question: Question, lang: str) -> str:
    """The language of a page: the one chosen, or the receiver's."""
    return lang if lang in LANGUAGES else question.party.language


def is_from_elsewhere(request: Request) -> bool:
    """Whether another site sent a form here; our pages send no referrer, so a browser may name their origin "null"."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.headers.get("host")


def query(**parts: str) -> str:
    """A query of the parts that are not empty."""
    return urlencode({name: value for name, value in parts.items() if value})


def fault_of(refusal: Refused) -> Fault:
    """A refusal as a fault of the field it names, else of the answer itself."""
    return Fault(field=refusal.facts.get("field", "option"), code=refusal.code, text=refusal.text, facts=dict(refusal.facts))


def facts_in(outcome: Mapping[str, str]) -> dict[str, str]:
    """The facts of a refusal as the inbox keeps it."""
    return {name: value for name, value in outcome.items() if name not in ("code", "text")}
