"""The API as an application of its own below `/api`, described at `/api/openapi.json`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from cases import Cases
from evidence.log import Log
from web.api.gate import Gate, Pace
from web.api.problems import MEDIA, Problems
from web.api.proofs import Proofs
from web.api.routes import Routes
from web.api.said import Problem
from wording import Words

DESCRIPTION = """For institutions that answer from a system of their own. What is asked, by when and with which form is the same
as on the page behind the link of the letter, and so are the rules: an answer by API goes the same way as one given there.

Requests bring a key of the institution as bearer token. Times are UTC; a day is a day where the institution is."""

SCHEMAS = "#/components/schemas/"
PROBLEM: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Not done, and why", "content": {MEDIA: {"schema": {"$ref": f"{SCHEMAS}Problem"}}}},
    "5XX": {"description": "Not now", "content": {MEDIA: {"schema": {"$ref": f"{SCHEMAS}Problem"}}}},
}


class Interface(FastAPI):
    """The application; its description holds the shape of a problem."""

    def openapi(self) -> dict[str, Any]:
        """The description."""
        described = super().openapi()
        schema = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
        described["components"]["schemas"] |= {**schema.pop("$defs"), "Problem": schema}
        return described


def interface(cases: Cases, words: Words, log: Log, pace: Pace | None = None) -> FastAPI:
    """The API of an installation; `pace` is how often a key may come."""
    api = Interface(
        title="Passerelle: answering by API",
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        responses=PROBLEM,
    )
    api.state.gate = Gate(cases.tokens, pace or Pace())
    Problems(words).handle(api)
    api.include_router(Routes(cases, words).router)
    api.include_router(Proofs(log).router)
    return api
