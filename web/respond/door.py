"""The door of the pages: a link is traded for a cookie and a clean address, and each request shows what it may open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

import structlog
from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from cases import Cases
from evidence.links import Link, Links, Opened
from models.errors import Missing, PasserelleError, Refused
from models.words import LANGUAGES
from store.visits import IDLE, NOTED_AFTER, Visit, Visits, named, new_session
from web.posted import is_marked, mark_of
from web.respond.question import Question, question_of

PREFETCHING = ("sec-purpose", "purpose", "x-purpose", "x-moz")
AHEAD = ("prefetch", "prerender", "preview")
REDIRECTED = 303

log = structlog.get_logger("door")


class Shut(PasserelleError):
    """A request without a visit that is still open: its cookie is missing or has expired."""


class Unproved(Shut):
    """A visit to a question that asks for a code, before it was entered; `seat` is whose it is."""

    def __init__(self, seat: Seat) -> None:
        super().__init__("no code")
        self.seat = seat


class Seat(NamedTuple):
    """Who sits before a question: the visit, the session's id, the language spoken, whether the cookie is to be given again."""

    question: Question
    visit: Visit
    session: str
    language: str
    renewed: bool = False

    def is_dead(self, now: datetime) -> bool:
        """Whether the link that led here no longer answers: it has expired, or the step's links were closed after it was made."""
        return self.visit.epoch < self.question.step.epoch or self.visit.link_expires < now

    @property
    def path(self) -> str:
        """The clean address of the question; it holds no secret."""
        return path_of(self.question.case.id, self.question.step.id)

    def token(self) -> str:
        """What a form must bring back to be ours."""
        return mark_of(self.session, *self._about)

    def is_ours(self, posted: Mapping[str, str]) -> bool:
        """Whether a form was made for this session, question and party."""
        return is_marked(posted, self.session, *self._about)

    @property
    def _about(self) -> tuple[str, str, str]:
        return self.visit.case_id, self.visit.step, self.visit.party


class Door:
    """Trades links and knows visits; over plain http, on one machine only, the cookie goes without `Secure` and its prefix."""

    def __init__(self, cases: Cases, links: Links, visits: Visits, *, secure: bool) -> None:
        self._cases = cases
        self._links = links
        self.visits = visits
        self._secure = secure
        self.cookie = "__Host-answer" if secure else "answer"

    async def trade(self, request: Request, token: str, lang: str) -> Response:
        """The way to the clean address of what a link opens; only a reader's own GET begins a visit.

        Raises:
            Missing: it opens nothing; why is told to the log alone.
        """
        opened = self.opened(token)
        if opened is None:
            raise Missing("no such link")
        link, expires = opened
        try:
            question = await question_of(self._cases, link.case, link.step, link.party)
        except Missing:
            log.info("link_refused", why="foreign")
            raise
        if link.epoch < question.step.epoch:
            log.info("link_refused", why="epoch")
            raise Missing("no such link")
        query = f"?lang={lang}" if lang in LANGUAGES else ""
        answer = RedirectResponse(path_of(link.case, link.step) + query, status_code=REDIRECTED)
        if request.method == "GET":
            session = await self._session(request)
            now = self._cases.clock()
            await self.visits.begin(visit_of(session, link, expires, question.party.language, now))
            self._give(answer, session)
        return answer

    def opened(self, token: str) -> Opened | None:
        """What a token was made to open, whatever has become of it since; None for one that is not ours, which the log explains."""
        try:
            return self._links.opened(token)
        except Refused as refusal:
            log.info("link_refused", why=refusal.code)
            return None

    async def seat(self, request: Request, case_id: str, step_id: str, lang: str = "") -> Seat:
        """What a request to a clean address comes with.

        Raises:
            Shut: its visit has ended, or never began.
            Unproved: the question asks for a code, which was not entered yet.
            Missing: the question is no longer there.
        """
        now, session = self._cases.clock(), request.cookies.get(self.cookie, "")
        visit = await self.visits.of(session, case_id, step_id, now) if session else None
        if visit is None:
            raise Shut("no visit")
        question = await question_of(self._cases, case_id, step_id, visit.party)
        renewed = False
        if request.method != "HEAD" and not is_ahead(request):
            renewed = now - visit.seen >= NOTED_AFTER
            await self.visits.noted(visit, now)
            if lang in LANGUAGES and lang != visit.language:
                await self.visits.keep(visit, language=lang)
        seat = Seat(question, visit, session, lang if lang in LANGUAGES else visit.language, renewed)
        rule = self._cases.programmes[question.case.programme].step(question.step.kind)
        if rule.code and visit.proved is None:
            raise Unproved(seat)
        return seat

    async def again(self, seat: Seat) -> Seat:
        """The same seat before the question as it stands now."""
        case_id, step_id = seat.visit.case_id, seat.visit.step
        return seat._replace(question=await question_of(self._cases, case_id, step_id, seat.visit.party))

    def kept(self, answer: Response, seat: Seat) -> Response:
        """An answer that prolongs the cookie where the visit was prolonged."""
        if seat.renewed:
            self._give(answer, seat.session)
        return answer

    async def _session(self, request: Request) -> str:
        known = request.cookies.get(self.cookie, "")
        return known if known and await self.visits.is_known(known, self._cases.clock()) else new_session()

    def _give(self, answer: Response, session: str) -> None:
        age = int(IDLE.total_seconds())
        answer.set_cookie(self.cookie, session, max_age=age, path="/", secure=self._secure, httponly=True, samesite="lax")


def visit_of(session: str, link: Link, expires: datetime, language: str, now: datetime) -> Visit:
    """The visit that a link begins."""
    return Visit(
        session=named(session),
        case_id=link.case,
        step=link.step,
        party=link.party,
        epoch=link.epoch,
        link_expires=expires,
        language=language,
        draft={},
        created=now,
        seen=now,
        expires=now + IDLE,
    )


def path_of(case_id: str, step_id: str) -> str:
    """The clean address of a question."""
    return f"/r/{quote(case_id, safe='')}/{quote(step_id, safe='')}"


def is_ahead(request: Request) -> bool:
    """Whether a program fetches the page before anybody wants to see it."""
    said = " ".join(request.headers.get(name, "").lower() for name in PREFETCHING)
    return any(word in said for word in AHEAD)
