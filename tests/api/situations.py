"""A case with its questions, and the systems of institutions that answer them by API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import httpx
import rfc8785

from cases import Cases
from models import acts
from models.acts import Act, Acted
from models.case import Case, Step
from models.words import Kind
from store.inbox import InboxRow
from store.persons import Person
from store.tokens import Token
from tests.web.situations import CASE, REQUEST, Clock, Counter, a_case, a_nomination
from workplace import Workplace

JSON = "application/json"
PROBLEM = "application/problem+json"
ASKED = f"/api/v1/cases/{CASE}/steps/"
STEPS = "/api/v1/steps"


class Hall(Counter):
    """A counter that hears what institutions wish, by the rules, and does nothing about it."""

    noted = False
    heard: list[Act]

    async def _tell_act(self, case_id: str, act: Act) -> Acted:
        case = await self.case(case_id)
        acts.may_act(case, act, self.programmes[case.programme])
        self.heard = [*getattr(self, "heard", []), act]
        return Acted(act=act.act, do=act.do, at=act.received, noted=self.noted)


class Desk:
    """The hall with one case on its desk, and systems that come with the keys of their institutions."""

    def __init__(self, hall: Hall, workplace: Workplace, line: httpx.AsyncClient, clock: Clock) -> None:
        self.hall = hall
        self.cases: Cases = hall
        self.workplace = workplace
        self.line = line
        self.clock = clock
        self._numbers = count(1)
        self._seq = 0

    async def system(self, institution: str, days: int = 365) -> System:
        """A system of an institution, with a key of its own."""
        token, secret = await self.cases.tokens.issue(institution, "A system", days)
        return System(self.line, token, secret, self._numbers)

    async def ask(self, kind: Kind, **step: Any) -> Step:
        """Put a question about two people."""
        people = [
            Person(id=f"p-{n}", name=f"Participant {n}", function="Head of unit", email=f"p.{n}@sn.example", institution="SN-POSTE")
            for n in (1, 2)
        ]
        case = a_case(await self.keep(REQUEST), kind, **step)
        await self.workplace.persons.add(CASE, people)
        case.nominations = [a_nomination(n) for n in (1, 2)]
        await self.publish(case)
        return case.steps[-1]

    async def publish(self, case: Case) -> None:
        """Change what is known of the case."""
        case.seq = max(case.seq, self._seq) + 1
        self._seq = case.seq + 1  # an answer taken meanwhile counts one
        await self.workplace.readmodel.publish(case)

    async def keep(self, form: Mapping[str, Any]) -> str:
        """Keep a form; gives its sha256."""
        return await self.workplace.contents.put(rfc8785.dumps(dict(form)), JSON)

    async def case(self) -> Case:
        """The case as it is known now."""
        return await self.workplace.readmodel.case(CASE)

    async def step(self) -> Step:
        """The question as it stands now."""
        return (await self.case()).steps[-1]

    async def waiting(self) -> list[InboxRow]:
        """The answers that wait in the inbox."""
        return await self.hall.taken_in()


class System:
    """A system of an institution: a line, a key, and a new idempotency key for each thing it says."""

    def __init__(self, line: httpx.AsyncClient, token: Token, secret: str, numbers: count[int]) -> None:
        self.line = line
        self.token = token
        self.secret = secret
        self._numbers = numbers

    @property
    def bearer(self) -> dict[str, str]:
        """The header that brings the key."""
        return {"Authorization": f"Bearer {self.secret}"}

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Read something."""
        return await self.line.get(path, headers=self.bearer | headers)

    async def say(self, path: str, said: Any, key: str = "", **headers: str) -> httpx.Response:
        """Say something below the step's address, under a new key or the one given."""
        key = key or f"k-{next(self._numbers)}"
        return await self.line.post(ASKED + path, json=said, headers=self.bearer | {"Idempotency-Key": key} | headers)

    async def answer(self, step: Step, option: str, form: Any = None, key: str = "", **said: Any) -> httpx.Response:
        """Answer a step."""
        return await self.say(f"{step.id}/answers", {"option": option, "form": form or {}} | said, key)


def fields(response: httpx.Response) -> dict[str, str]:
    """The faults of a problem, their codes by field."""
    return {fault["field"]: fault["code"] for fault in response.json()["faults"]}


def encoded(headers: Mapping[str, str]) -> Sequence[tuple[bytes, bytes]]:
    """Headers as bytes, whatever is in them."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]
