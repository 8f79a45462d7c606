"""What could not be told is told again; what cannot be told at all holds up nobody else."""

from __future__ import annotations

from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from cases import Cases
from models.case import Answer, Recorded
from models.errors import Unreachable
from store.cases import Launches
from store.database import Database
from store.inbox import Inbox
from tests.store.situations import CASE, MONDAY, an_answer


class Counter(Cases):
    """Cases that can be told some answers only; `told` says which, in order, `broken` what happens with the others."""

    def __init__(self, database: Database) -> None:
        nothing = cast(Any, None)
        super().__init__(cast(Client, None), database, nothing, nothing, nothing, {}, nothing, task_queue="none")
        self.told: list[str] = []
        self.tried: list[str] = []
        self.broken: dict[str, Exception | None] = {}

    async def deliver(self, case_id: str, answer: Answer) -> Recorded | None:
        """Take an answer down, unless it is one that cannot be told."""
        self.tried.append(answer.response)
        if answer.response in self.broken:
            error = self.broken[answer.response]
            if error is not None:
                raise error
            return None
        self.told.append(answer.response)
        await self._inbox.recorded(answer.response)
        return Recorded(response=answer.response, step="S1", option="offer", at=MONDAY, late=False, reference="")


@pytest.fixture
def counter(database: Database) -> Counter:
    """Cases that take everything down."""
    return Counter(database)


async def test_answers_that_cannot_be_told_do_not_starve_the_others(inbox: Inbox, counter: Counter) -> None:
    for number in range(6):
        await inbox.receive(CASE, an_answer(f"R{number}"))
    counter.broken = dict.fromkeys(["R0", "R1", "R2"])
    assert await counter.redeliver(3) == 3
    assert await counter.redeliver(3) == 0
    assert counter.told == ["R3", "R4", "R5"]
    await counter.redeliver(3)
    assert counter.tried[-3:] == ["R0", "R1", "R2"]


async def test_an_answer_that_breaks_its_telling_is_logged_and_the_next_is_told(inbox: Inbox, counter: Counter) -> None:
    for response in ("R1", "R2"):
        await inbox.receive(CASE, an_answer(response))
    counter.broken = {"R1": ValueError("not to be read")}
    with capture_logs() as logs:
        assert await counter.redeliver() == 1
    assert counter.told == ["R2"]
    assert [(entry["event"], entry["log_level"], entry["error"]) for entry in logs] == [("not_told", "error", "ValueError")]
    assert await counter.waiting() == 1


async def test_a_launch_that_cannot_be_read_holds_up_no_answer(launches: Launches, inbox: Inbox, counter: Counter) -> None:
    await launches.reserve("key", "AMEDIP", MONDAY, b"{}", lambda case_id: b"{")
    await inbox.receive(CASE, an_answer("R1"))
    assert await counter.redeliver() == 1
    assert counter.told == ["R1"]


async def test_a_database_that_is_away_is_waited_for(inbox: Inbox, counter: Counter) -> None:
    await inbox.receive(CASE, an_answer("R1"))
    counter.broken = {"R1": Unreachable("the database cannot be reached")}
    with pytest.raises(Unreachable):
        await counter.redeliver()
