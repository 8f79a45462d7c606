"""Why something was not done, as RFC 9457 has it, in the language of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from models.errors import PYDANTIC_CODES, Fault, Invalid, Missing, Refused, Unreachable
from web.api.said import FaultShown, Problem
from web.guard import TooLarge
from web.pages import preferred
from wording import Words

MEDIA = "application/problem+json"
NAMES = {
    400: "not_sound",
    401: "no_key",
    404: "not_found",
    405: "not_allowed",
    413: "too_large",
    415: "not_json",
    422: "invalid",
    429: "too_often",
    500: "fault",
    503: "away",
}
"""The reason's code where nothing says it more exactly; its title is the word `problem.` and that."""

CONFLICTS = ("answered", "superseded", "conflict", "delegated", "not_asked", "already_asked", "on_hold", "being_scheduled")
GONE = ("closed", "ended")
UNSAID = {"limit": "", "low": "", "high": "", "value": "", "threshold": "", "first": ""}
"""The facts that a fault's words may name."""

log = structlog.get_logger("api")


class Problems:
    """Turns errors into problems."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def handle(self, api: FastAPI) -> None:
        """Have every error of an application come out as a problem."""
        for error, handler in (
            (HTTPException, self.plain),
            (RequestValidationError, self.unread),
            (Invalid, self.invalid),
            (Refused, self.refused),
            (Missing, self.missing),
            (Unreachable, self.away),
            (TooLarge, self.large),
            (Exception, self.fault),
        ):
            api.add_exception_handler(error, handler)

    async def plain(self, request: Request, error: Exception) -> Response:
        """A refusal that HTTP has a number for."""
        assert isinstance(error, HTTPException)
        detail = error.detail if error.status_code in (400, 415) else ""
        return self._of(request, error.status_code, detail=detail, headers=error.headers)

    async def unread(self, request: Request, error: Exception) -> Response:
        """A body, parameter or header that is not as described."""
        assert isinstance(error, RequestValidationError)
        items = error.errors()
        status = 400 if any(item["loc"][0] == "header" for item in items) else 422
        return self._of(request, status, faults=[_fault_of(item) for item in items])

    async def invalid(self, request: Request, error: Exception) -> Response:
        """A form with faults."""
        assert isinstance(error, Invalid)
        faults = [fault if fault.field == "option" else _inside(fault) for fault in error.faults]
        return self._of(request, 422, faults=faults)

    async def refused(self, request: Request, error: Exception) -> Response:
        """What the case does not take; the facts say what stands."""
        assert isinstance(error, Refused)
        if error.code == "unknown_step":
            return self._of(request, 404)
        status = 409 if error.code in CONFLICTS else 410 if error.code in GONE else 422
        fault = Fault(field=error.facts.get("field", ""), code=error.code, text=error.text, facts=dict(error.facts))
        return self._of(
            request,
            status,
            code=error.code,
            detail=self._text(preferred(request), fault),
            faults=[_inside(fault)] if fault.field else [],
            facts={name: value for name, value in error.facts.items() if name != "field"},
        )

    async def missing(self, request: Request, error: Exception) -> Response:
        """What is not there, or not for whoever asks."""
        return self._of(request, 404)

    async def away(self, request: Request, error: Exception) -> Response:
        """A part of the system cannot be reached; nothing was lost."""
        return self._of(request, 503, headers={"Retry-After": "30"})

    async def large(self, request: Request, error: Exception) -> Response:
        """A body beyond the limit."""
        return self._of(request, 413, headers={"Connection": "close"})

    async def fault(self, request: Request, error: Exception) -> Response:
        """A mistake of ours: the log says which."""
        log.error("fault", path=request.url.path, error=type(error).__name__)
        return self._of(request, 500)

    def _of(
        self,
        request: Request,
        status: int,
        *,
        code: str = "",
        detail: str = "",
        faults: Sequence[Fault] = (),
        facts: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        language, name = preferred(request), NAMES.get(status, "refused")
        title = self._words.say(language, f"problem.{name}")
        problem = Problem(
            type=f"urn:passerelle:problem:{code or name}",
            title=title,
            status=status,
            detail=detail or title,
            code=code or name,
            faults=[FaultShown(field=f.field, code=f.code, text=self._text(language, f)) for f in faults],
            facts=dict(facts or {}),
        )
        said = {"Content-Language": "pt-PT" if language == "pt" else language, **(headers or {})}
        return JSONResponse(problem.model_dump(), status, said, MEDIA)

    def _text(self, language: str, fault: Fault) -> str:
        """A fault in the reader's language; as the rule says it in English where the vocabulary has no words for it."""
        for key in (f"problem.{fault.code}", f"fault.{fault.code}"):
            if self._words.has(language, key):
                return self._words.say(language, key, **{**UNSAID, **fault.facts})
        return fault.text


def _fault_of(item: Mapping[str, Any]) -> Fault:
    """One thing the reader of a request found wrong, by its place in the body or the parameter's name."""
    place, *path = (str(part) for part in item["loc"])
    context = item.get("ctx", {})
    limits = {"limit": ("max_length", "min_length"), "low": ("ge",), "high": ("le",)}
    facts = {name: str(context[key]) for name, keys in limits.items() for key in keys if key in context}
    if PYDANTIC_CODES.get(item["type"]) == "unknown":
        facts["value"] = str(item["input"])[:100]
    return Fault(field=".".join(path) or place, code=PYDANTIC_CODES.get(item["type"], "invalid"), text=item["msg"], facts=facts)


def _inside(fault: Fault) -> Fault:
    """A fault of the form, by its place in the body."""
    return fault.model_copy(update={"field": f"form.{fault.field}"})
