"""Finding cases: the list, narrowed by a filter, and random samples of it whose seed is recorded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from models.errors import Missing
from reading import Reading
from store.contents import Corrupt
from store.finding import Finding, Found
from store.samples import MEDIA, Samples
from web.auditor.frame import Frame
from web.auditor.gate import HOME, SEE_OTHER, Gate, Signed
from web.auditor.narrowing import Choices, Narrowed, choices, in_words, narrowed, written
from web.pages import disposition

ON_A_PAGE = 50
SAMPLES = f"{HOME}/samples"
SEED = re.compile(r"[A-Za-z0-9._-]{1,64}")
SIZE = re.compile(r"[0-9]{1,4}")
LARGEST_SAMPLE = 1000
SAMPLE = re.compile(r"S-[0-9a-f]{16}")
PAGE = re.compile(r"[0-9]{1,6}")
WRONG = 422

log = structlog.get_logger("auditor")


class FindingPages:
    """The routes of the list and of samples."""

    def __init__(self, frame: Frame, gate: Gate, cases: Reading, finding: Finding, samples: Samples) -> None:
        self._frame = frame
        self._cases = cases
        self._finding = finding
        self._samples = samples
        self.router = APIRouter()
        gate.shows(self.router, HOME, self.listing)
        gate.shows(self.router, SAMPLES, self.samples)
        gate.takes(self.router, SAMPLES, self.draw)
        gate.shows(self.router, SAMPLES + "/{sample}", self.sample)
        gate.shows(self.router, SAMPLES + "/{sample}/cases.txt", self.numbers)

    async def listing(self, request: Request, signed: Signed) -> Response:
        """Cases that a filter lets through, the last opened first."""
        known = await self._choices(request)
        wanted = narrowed(request.query_params, known)
        return await self._listing(request, signed, wanted, known, {}, WRONG if wanted.wrong else 200)

    async def samples(self, request: Request, signed: Signed) -> Response:
        """The samples drawn so far, by whomever."""
        page = page_in(request)
        found = await self._samples.page(ON_A_PAGE + 1, (page - 1) * ON_A_PAGE)
        context = {"samples": found[:ON_A_PAGE], "page": page, "more": len(found) > ON_A_PAGE, "section": "samples"}
        return self._frame.page(request, signed, "samples.html", {**context, "to": lambda number: f"{SAMPLES}?page={number}"})

    async def draw(self, request: Request, signed: Signed, posted: dict[str, str]) -> Response:
        """Draw a sample from what the filter lets through, and record it."""
        known = await self._choices(request)
        wanted = narrowed(posted, known)
        seed, size = posted.get("seed", "").strip(), posted.get("size", "").strip()
        wrong = [] if SIZE.fullmatch(size) and 1 <= int(size) <= LARGEST_SAMPLE else ["size"]
        wrong += [] if not seed or SEED.fullmatch(seed) else ["seed"]
        numbers = [] if wrong or wanted.wrong else await self._finding.numbers(wanted.filter)
        if not numbers:
            asked = {"size": size, "seed": seed, "wrong": wrong}
            return await self._listing(request, signed, wanted, known, asked, WRONG)
        sample = await self._samples.draw(signed.session.user, wanted.filter, numbers, seed or token_hex(16), int(size))
        log.info("sample_drawn", user=signed.session.user, sample=sample.id, population=sample.population)
        return RedirectResponse(f"{SAMPLES}/{sample.id}", status_code=SEE_OTHER)

    async def sample(self, request: Request, signed: Signed) -> Response:
        """One sample, and how to draw it again."""
        try:
            sample = await self._samples.of(sample_in(request))
        except Missing:
            return self.missing(request, signed)
        known = await self._choices(request)
        context = {"sample": sample, "narrowed": in_words(sample.filter, known), "query": written(sample.filter)}
        return self._frame.page(request, signed, "sample.html", {**context, "section": "samples"})

    async def numbers(self, request: Request, signed: Signed) -> Response:
        """The case numbers that a sample was drawn from, as a file."""
        try:
            sample = await self._samples.of(sample_in(request))
            numbers = await self._samples.numbers(sample)
        except (Missing, Corrupt):
            return self.missing(request, signed)
        return Response(numbers, media_type=MEDIA, headers=disposition(f"{sample.id}.txt"))

    def missing(self, request: Request, signed: Signed) -> Response:
        """There is no such thing."""
        return self._frame.page(request, signed, "missing.html", {}, 404)

    async def _listing(
        self,
        request: Request,
        signed: Signed,
        wanted: Narrowed,
        known: Choices,
        asked: Mapping[str, Any],
        status: int,
    ) -> Response:
        page = page_in(request)
        count = 0
        found: list[Found] = []
        if not wanted.wrong:
            count, found = await asyncio.gather(
                self._finding.count(wanted.filter), self._finding.page(wanted.filter, ON_A_PAGE, (page - 1) * ON_A_PAGE)
            )
        context = {
            "found": found,
            "count": count,
            "page": page,
            "more": count > page * ON_A_PAGE,
            "to": lambda number: f"{HOME}?{wanted.query}{'&' if wanted.query else ''}page={number}",
            "typed": wanted.typed,
            "wrong": wanted.wrong,
            "choices": known._asdict(),
            "institutions": known.institution,
            "asked": {"size": "25", "seed": "", "wrong": (), **asked},
            "section": "cases",
        }
        return self._frame.page(request, signed, "find.html", context, status)

    async def _choices(self, request: Request) -> Choices:
        language = self._frame.language(request)
        return await choices(self._cases, lambda family, value: self._frame.named(language, family, value), language)


def page_in(request: Request) -> int:
    """The page that is asked for, counted from 1."""
    said = request.query_params.get("page", "")
    return max(1, int(said)) if PAGE.fullmatch(said) else 1


def sample_in(request: Request) -> str:
    """The sample that an address names.

    Raises:
        Missing: it names none.
    """
    said = str(request.path_params["sample"])
    if not SAMPLE.fullmatch(said):
        raise Missing("no such sample")
    return said
