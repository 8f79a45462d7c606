"""An institution's question behind its link: GET shows it and never acts, POST records an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cases import Cases, Given
from evidence.links import Links
from models.errors import Fault, Invalid, Missing, Refused, Unreachable
from models.forms import FORMS
from models.words import LANGUAGES, OPTIONS, Channel, Kind
from store.inbox import InboxState
from web.pages import Pages
from web.respond.fields import groups_of, input_of, inputs_of, read_back
from web.respond.question import Question, Shower, papers_of, question_of
from wording import Words

RESPONSE = re.compile(r"[0-9a-f]{32}")
FROM_ELSEWHERE = ("cross-site", "same-site")
STATUS = {
    "answered": 409,
    "superseded": 409,
    "conflict": 409,
    "closed": 410,
    "ended": 410,
    "unknown_link": 404,
    "unknown_step": 404,
}
SHOWN_AS_OUTCOME = ("answered", "closed", "ended", "conflict")


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
        self.router.add_api_route("/r/{token}/paper/{sha256}", self.paper, methods=["GET"])

    async def show(self, request: Request, token: str, lang: str = "", done: str = "") -> Response:
        """The question as it stands, or what became of the answer `done`."""
        try:
            question = await question_of(self._cases, self._links.read(token, self._cases.clock()))
        except (Refused, Missing):
            return self._unknown(request, lang)
        language = lang if lang in LANGUAGES else question.party.language
        outcome = await self._shower.outcome(question, language, done)
        if not outcome and RESPONSE.fullmatch(done):
            outcome = await self._waiting(question, language, done)
        if outcome:
            return await self._page(
                request, question, language, outcome=outcome, status=202 if outcome["state"] == "received" else 200
            )
        return await self._page(request, question, language, inputs=await self._prefilled(question))

    async def record(self, request: Request, token: str, lang: str = "") -> Response:
        """Record an answer."""
        if request.headers.get("sec-fetch-site", "same-origin") in FROM_ELSEWHERE:
            return Response("cross-site", status_code=403, media_type="text/plain")
        try:
            link = self._links.read(token, self._cases.clock())
            question = await question_of(self._cases, link)
        except (Refused, Missing):
            return self._unknown(request, lang)
        language = lang if lang in LANGUAGES else question.party.language
        posted = {key: value for key, value in (await request.form()).multi_items() if isinstance(value, str)}
        option, response = posted.get("option", ""), posted.get("response", "")
        form = read_back(question.step.kind, option, posted)
        try:
            given = Given(
                case=question.case.id,
                step=question.step.id,
                option=option,
                form=form,
                by=link.party,
                channel=Channel.PAGE,
                paper=posted.get("paper", ""),
                response=response if RESPONSE.fullmatch(response) else uuid4().hex,
            )
            await self._cases.answer(given)
        except Invalid as invalid:
            return await self._page(request, question, language, posted=posted, faults=list(invalid.faults), status=422)
        except Refused as refusal:
            return await self._refused(request, question, language, posted, refusal)
        except Unreachable:
            return await self._page(request, question, language, posted=posted, status=503)
        return RedirectResponse(f"/r/{token}?done={given.response}" + (f"&lang={lang}" if lang else ""), status_code=303)

    async def paper(self, token: str, sha256: str) -> Response:
        """A paper the question is about, as a file."""
        try:
            question = await question_of(self._cases, self._links.read(token, self._cases.clock()))
            paper = next(paper for paper in papers_of(question) if paper.sha256 == sha256)
        except (Refused, Missing, StopIteration):
            return Response("not found", status_code=404, media_type="text/plain")
        name = f"{question.case.id}-{paper.kind}-{paper.language}.pdf"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(await self._cases.content(sha256), media_type="application/pdf", headers=headers)

    async def _refused(
        self, request: Request, question: Question, language: str, posted: Mapping[str, str], refusal: Refused
    ) -> Response:
        status = STATUS.get(refusal.code, 422)
        fresh = await question_of(self._cases, question.link)
        if refusal.code in SHOWN_AS_OUTCOME:
            outcome = await self._shower.outcome(fresh, language, "")
            if outcome:
                return await self._page(request, fresh, language, outcome=outcome, status=status)
        if refusal.code == "superseded":
            return await self._page(request, fresh, language, posted=posted, notice="superseded", status=status)
        fault = Fault(field=refusal.facts.get("field", "option"), code=refusal.code, text=refusal.text, facts=dict(refusal.facts))
        return await self._page(request, fresh, language, posted=posted, faults=[fault], status=status)

    async def _waiting(self, question: Question, language: str, response: str) -> dict[str, str]:
        """What is said of an answer that was received and is not yet recorded; empty when it never came in or was refused."""
        row = await self._cases.earlier(response)
        if row is None or row.case_id != question.case.id or row.state is InboxState.REFUSED:
            return {}
        text = self._words.say(language, "answer.received_text", reference=response)
        return {
            "state": "received",
            "heading": self._words.say(language, "answer.received"),
            "text": text,
            "behalf": "",
            "late": "",
        }

    async def _prefilled(self, question: Question) -> dict[str, str]:
        """What a form already holds when it is first shown: a follow-up's actions come from the plan."""
        if question.step.kind is not Kind.FOLLOW_UP:
            return {}
        plans = [
            step.decision.form
            for step in question.case.steps
            if step.kind is Kind.TRANSFER_PLAN and step.asked == question.step.asked and step.decision
        ]
        plan = await self._cases.form(plans[-1]) if plans else {}
        return inputs_of("FollowUp", {"actions": [{"action": action["action"]} for action in plan.get("actions", [])]})

    async def _page(
        self,
        request: Request,
        question: Question,
        language: str,
        *,
        inputs: Mapping[str, str] | None = None,
        posted: Mapping[str, str] | None = None,
        faults: list[Fault] | None = None,
        outcome: Mapping[str, str] | None = None,
        notice: str = "",
        status: int = 200,
    ) -> Response:
        step = question.step
        kept = posted or inputs or {}
        chosen = kept.get("option", next(iter(OPTIONS[step.kind])) if len(OPTIONS[step.kind]) == 1 else "")
        form = FORMS.get((step.kind, chosen))
        shown = {input_of(form.__name__, f) if form else f.field: self.fault(language, f) for f in faults or []}
        context: dict[str, Any] = {
            **await self._shower.facts(question, language),
            "groups": groups_of(step.kind),
            "options": list(OPTIONS[step.kind]),
            "kind": step.kind.value,
            "chosen": chosen,
            "inputs": kept,
            "faults": shown,
            "outcome": outcome or {},
            "notice": notice,
            "not_recorded": status == 503,
            "response": kept.get("response") or uuid4().hex,
            "paper": step.paper,
            "path": request.url.path,
        }
        return self._pages.page("respond/question.html", language, context, status)

    def fault(self, language: str, fault: Fault) -> str:
        """A fault in the reader's language; one without words of its own asks to check the value."""
        key = f"fault.{fault.code}"
        known = self._words.has(language, key)
        facts = {"limit": "", "low": "", "high": "", "value": "", "threshold": "", "first": "", **fault.facts}
        return self._words.say(language, key if known else "fault.invalid", **facts)

    def _unknown(self, request: Request, lang: str) -> Response:
        language = lang if lang in LANGUAGES else preferred(request.headers.get("accept-language", ""))
        return self._pages.page("respond/unknown.html", language, {"path": request.url.path}, 404)


def preferred(accepted: str) -> str:
    """The first of our languages that a browser accepts; English when it accepts none."""
    for part in accepted.split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
