"""What a system of an institution can ask and say: the same inbox and the same rules as on the page."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import rfc8785
import structlog
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from cases import Cases, Given, Intervention
from models.acts import Doing
from models.case import Case, Step
from models.errors import Missing
from models.words import Channel
from store.tokens import Token
from web.api.files import without_files
from web.api.said import AnswerSaid, AskedList, AskedWhole, DeclineSaid, Done, Taken, TimeSaid
from web.api.shown import Shower, href, is_put_to, may_read
from web.api.strict import StrictRoute
from web.pages import disposition, preferred
from wording import Words

CASE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
STEP = re.compile(r"[a-z_]{1,30}-[0-9]{1,4}")
SHA256 = re.compile(r"[0-9a-f]{64}")
KEY = "^[!-~]{1,200}$"
MOST = 100

log = structlog.get_logger("api")


def token_of(request: Request) -> Token:
    """The key a request came with, as the gate found it."""
    token: Token = request.state.token
    return token


Bearer = HTTPBearer(auto_error=False, description="A key of the institution, issued by `passerelle keys issue`.")
Holder = Annotated[Token, Depends(token_of)]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=KEY,
        description="Chosen by you, new for each answer or wish; sending the same again under the same key does nothing twice.",
    ),
]
CaseId = Annotated[str, Path(description="The case, AMEDIP-2027-0001.", examples=["AMEDIP-2027-0001"])]
StepId = Annotated[str, Path(description="The step, host_offer-1.", examples=["host_offer-1"])]


def named(route: APIRoute) -> str:
    """What an operation is called in the description."""
    return route.name


class Found(NamedTuple):
    """A step that is put to the holder of a key, and its case."""

    case: Case
    step: Step


class Routes:
    """The routes of the API."""

    def __init__(self, cases: Cases, words: Words) -> None:
        self._cases = cases
        self._shower = Shower(cases, words)
        self.router = APIRouter(
            prefix="/v1", route_class=StrictRoute, dependencies=[Depends(Bearer)], generate_unique_id_function=named
        )
        add, step = self.router.add_api_route, "/cases/{case}/steps/{step}"
        reading: dict[str, Any] = {"methods": ["GET"], "tags": ["What is asked"]}
        saying: dict[str, Any] = {"methods": ["POST"], "tags": ["Answering"]}
        file: dict[str, Any] = {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
        add("/steps", self.steps, summary="What is asked of your institution", **reading)
        add(step, self.step, summary="One step, with the forms of its options", **reading)
        add(
            "/cases/{case}/papers/{sha256}",
            self.paper,
            summary="A paper of a case",
            response_class=Response,
            responses={200: {"description": "The paper", **file}},
            **reading,
        )
        add(
            f"{step}/answers",
            self.answer,
            summary="Answer a step",
            status_code=201,
            response_description="Recorded",
            responses={
                200: {"description": "Recorded before: the same answer was sent again", "model": Taken},
                202: {"description": "Received, with the time of its receipt, and being recorded", "model": Taken},
            },
            **saying,
        )
        wishes: dict[int | str, dict[str, Any]] = {202: {"description": "Noted: the coordinator will decide", "model": Done}}
        add(f"{step}/more-time", self.more_time, summary="Ask for more time", responses=wishes, **saying)
        add(f"{step}/decline", self.decline, summary="Pass a step on unanswered", responses=wishes, **saying)

    async def steps(
        self,
        request: Request,
        holder: Holder,
        after: Annotated[str, Query(max_length=40, description="`next` of the list before.")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST, description="How many cases are looked through.")] = MOST,
    ) -> AskedList:
        """The open steps your institution was asked, holds a mandate for, or that moved up to it, in the order of their cases."""
        numbers = await self._cases.put_to(holder.institution, after if CASE.fullmatch(after) else "", limit)
        found = []
        for number in numbers:
            case = await self._cases.case(number)
            found += await self._shower.open_steps(holder.institution, case, preferred(request))
        return AskedList(steps=found, next=numbers[-1] if len(numbers) == limit else "")

    async def step(self, request: Request, holder: Holder, case: CaseId, step: StepId) -> AskedWhole:
        """What is asked, by when and about whom; the JSON schema of each option's form; what stands once it is decided."""
        found = await self._found(holder, case, step)
        return await self._shower.whole(holder.institution, *found, preferred(request))

    async def paper(
        self, holder: Holder, case: CaseId, sha256: Annotated[str, Path(description="The sha256 of the paper.")]
    ) -> Response:
        """A paper that was issued to your institution, or that a step put to it is about."""
        whole = await self._cases.case(known(CASE, case))
        paper = next((p for p in whole.papers if p.sha256 == known(SHA256, sha256)), None)
        if paper is None or not may_read(holder.institution, whole, paper):
            raise Missing(f"no paper {sha256}")
        name = f"{whole.id}-{paper.kind}-{paper.language}.pdf"
        return Response(await self._cases.content(sha256), media_type=await self._cases.media(sha256), headers=disposition(name))

    async def answer(self, response: Response, holder: Holder, key: Key, case: CaseId, step: StepId, said: AnswerSaid) -> Taken:
        """Answer with one of the options and its form.

        The first valid answer stands. The same again under the same key is told what was recorded; another under the same key,
        or another answer to an answered step, is refused with what stands. An answer that was refused is sent again, corrected,
        under a new key; one whose form had faults was not kept, and its key can be used again.
        """
        found = await self._found(holder, case, step)
        without_files(said.form)
        reference = reference_of(holder.institution, key)
        before = await self._cases.earlier(reference)
        given = Given(
            case=found.case.id,
            step=found.step.id,
            option=said.option,
            form=said.form,
            by=holder.institution,
            channel=Channel.API,
            paper=said.paper,
            response=reference,
        )
        outcome = await self._cases.answer(given)
        recorded = outcome.recorded
        response.status_code = 202 if recorded is None else 200 if before is not None else 201
        response.headers["Location"] = href(found.case.id, found.step.id)
        log.info("answered", case=case, step=step, key=holder.id, state=outcome.state)
        return Taken(
            state=outcome.state,
            reference=outcome.response,
            case=found.case.id,
            step=found.step.id,
            option=said.option,
            at=recorded.at if recorded else None,
            late=recorded.late if recorded else False,
        )

    async def more_time(self, response: Response, holder: Holder, key: Key, case: CaseId, step: StepId, said: TimeSaid) -> Done:
        """Some working days are given at once, as the programme's rules have it; beyond that the coordinator decides."""
        days, reason = said.working_days, said.reason
        wish = {"do": Doing.MORE_TIME, "working_days": days, "reason": reason}
        return await self._act(response, holder, key, await self._found(holder, case, step), wish)

    async def decline(self, response: Response, holder: Holder, key: Key, case: CaseId, step: StepId, said: DeclineSaid) -> Done:
        """What follows when nobody answers follows now, and the coordinator is told why."""
        wish = {"do": Doing.DECLINE, "reason": said.reason}
        return await self._act(response, holder, key, await self._found(holder, case, step), wish)

    async def _act(self, response: Response, holder: Token, key: str, found: Found, wish: dict[str, Any]) -> Done:
        """Have a wish carried out; its id holds all that was said, so that another wish under the same key is not taken for it."""
        said = rfc8785.dumps([found.case.id, found.step.id, wish]).decode()
        act = Intervention(**wish, by=holder.institution, step=found.step.id, act=reference_of(holder.institution, key, said))
        acted = await self._cases.act(found.case.id, act)
        response.status_code = 202 if acted.noted else 200
        log.info("acted", case=found.case.id, step=found.step.id, key=holder.id, do=acted.do)
        return Done(reference=acted.act, done=acted.do, at=acted.at, noted=acted.noted)

    async def _found(self, holder: Token, case: str, step: str) -> Found:
        """A step that is put to the holder of a key; every other is said not to be there, and the log says why.

        Raises:
            Missing: there is no such case or step, or it is another's.
        """
        whole = await self._cases.case(known(CASE, case))
        found = whole.step(known(STEP, step))
        if found is None:
            raise Missing(f"case {case} has no step {step}")
        if not is_put_to(holder.institution, found):
            log.info("foreign", case=case, step=step, key=holder.id, institution=holder.institution)
            raise Missing(f"case {case} has no step {step}")
        return Found(whole, found)


def known(shape: re.Pattern[str], name: str) -> str:
    """A name that can be one.

    Raises:
        Missing: nothing is ever named so.
    """
    if not shape.fullmatch(name):
        raise Missing("nothing is named so")
    return name


def reference_of(institution: str, key: str, said: str = "") -> str:
    """The id of an answer or act: the same for the same key of an institution, and nobody else's."""
    return sha256("\n".join((institution, key, said)).encode()).hexdigest()[:32]
