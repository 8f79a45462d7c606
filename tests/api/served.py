"""The API behind a real web server on this machine: every question is open, and the case takes nothing down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import rfc8785
import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount

from models import rules
from models.case import Answer, Case, Recorded
from models.errors import Refused
from models.words import Kind
from store.contents import Contents
from tests.api.conftest import app_of, workplace_on
from tests.api.situations import Hall
from tests.web.situations import CASE, REQUEST, Clock, a_case, a_nomination
from web.api.gate import Gate, Pace

INSTITUTION = "SN-POSTE"


class Deaf(Hall):
    """A hall that judges every answer by the rules and takes none down, so that every question stays open."""

    async def deliver(self, case_id: str, answer: Answer) -> Recorded | None:
        """Refuse an answer or leave it waiting."""
        case = await self._readmodel.case(case_id)
        try:
            rules.may_answer(case, answer, self.programmes[case.programme])
        except Refused as refusal:
            await self._inbox.refused(answer.response, refusal.code, refusal.text, refusal.facts)
            raise
        return None


class Served(NamedTuple):
    """Where the API is, the key of an institution, and the steps it is asked."""

    address: str
    secret: str
    steps: tuple[str, ...]


class Server(threading.Thread):
    """A web server in a thread and a loop of its own."""

    def __init__(self, file: Path) -> None:
        super().__init__(name="served", daemon=True)
        self.file = file
        self.ready = threading.Event()
        self.served: Served | None = None
        self.case: Case | None = None
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        """Serve until told to stop."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        place = workplace_on(self.file, Clock())
        hall = Deaf(
            None,  # type: ignore[arg-type]
            place.database,
            place.reference,
            place.parties,
            place.facts,
            place.programmes,
            place.issuing,
            task_queue="none",
            clock=place.clock,
        )
        case = await every_question(place.contents)
        await place.readmodel.publish(case)
        _, secret = await hall.tokens.issue(INSTITUTION, "A hostile system", 30)
        app = app_of(place, hall)
        unhurried(app, hall)
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
        serving = asyncio.create_task(self._server._serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        host, port = self._server.servers[0].sockets[0].getsockname()
        self.served = Served(f"http://{host}:{port}", secret, tuple(step.id for step in case.steps))
        self.ready.set()
        await serving
        self.case = await place.readmodel.case(CASE)
        await place.close()

    def stop(self) -> None:
        """Stop serving."""
        assert self._server is not None
        self._server.should_exit = True
        self.join(20)


async def every_question(contents: Contents) -> Case:
    """A case with a question of every kind, all put to one institution."""
    request = await contents.put(_request(), "application/json")
    case = a_case(request, Kind.HOST_AGREEMENT, asked=INSTITUTION)
    case.steps = [a_case(request, kind, asked=INSTITUTION).steps[0] for kind in Kind]
    case.nominations = [a_nomination(n) for n in (1, 2)]
    return case


def _request() -> bytes:
    return rfc8785.dumps(REQUEST)


def unhurried(app: FastAPI, hall: Hall) -> None:
    """Let keys come as often as they like."""
    api = next(route.app for route in app.routes if isinstance(route, Mount) and route.path == "/api")
    assert isinstance(api, FastAPI)
    api.state.gate = Gate(hall.tokens, Pace(burst=1e12))


@contextmanager
def serving(file: Path) -> Iterator[Server]:
    """The API, served."""
    server = Server(file)
    server.start()
    assert server.ready.wait(30)
    yield server
    server.stop()
