"""A case as its installation has it, played through the real procedure once a session; copies of it are tampered with."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
from temporalio.client import Client, RPCError, WorkflowHistory
from temporalio.service import RPCStatusCode

from activities.histories import Exported
from audit.moments import Moment
from audit.recorder import Kept
from audit.replay import NotReplayed, Recording, moments_of, runs_of
from audit.sweep import Sweep
from audit.timemachine import Replayed, TimeMachine
from audit.verifying import Verifier
from evidence.notary import Notary
from rehearsal.player import SENDER, Player
from rehearsal.scenario import load_scenario
from rehearsal.stage import NOTARY, PUBLIC_URL, VAULT, Collected, stage
from store.archive import Archive
from store.database import Database
from tests.procedure.scenarios import PROGRAMMES, SCENARIOS
from workplace import Workplace

PLAYED = "nomination-recalled"
PLAYED_ONCE = pytest.mark.xdist_group("played-for-verifying")
"""Tests of the one played case stay together in one process."""


@dataclass(frozen=True)
class Installed:
    """What a played case left: its number, its database, what Temporal holds, the mails as they were sent, when it ended."""

    case: str
    database: Path
    runs: list[Exported]
    sent: list[EmailMessage]
    ended: datetime


async def played(template: Path, folder: Path) -> Installed:
    """Play a case to its end, export its last run, publish the state of the log, and keep the database."""
    scenario, request = load_scenario(SCENARIOS / f"{PLAYED}.toml")
    collected = Collected()
    async with stage(template, PROGRAMMES) as on:
        place = on.workplace
        await place.log.announce()
        player = Player(on, scenario, place.postman(collected, SENDER).deliver, None)
        case = await player.play(request)
        runs = place.run_archive(on.environment.client)
        await Sweep(player.cases, Archive(place.database), runs, place.issuing).closed()
        await place.log.checkpoint()
        database = folder / "played.db"
        async with place.database.read() as connection:
            file = (await connection.exec_driver_sql("PRAGMA database_list")).mappings().all()[0]["file"]
        with sqlite3.connect(file) as connection_apart:
            connection_apart.execute("VACUUM INTO ?", [str(database)])
        connection_apart.close()
        histories = await player.cases.histories(case, source="temporal")
        ended = (await player.cases.case(case)).ended
    assert ended is not None
    return Installed(case, database, histories, collected.messages, ended)


class Holding:
    """Temporal as a client sees it, holding some runs; `status` is what it says of one that is `refused`."""

    def __init__(self, case: str, runs: Sequence[Exported]) -> None:
        self.case = case
        self.runs = {run_id: history for run_id, history, _ in runs}
        self.refused = dict[str, RPCStatusCode]()
        self.healthy = True

    @property
    def service_client(self) -> Any:
        """Says whether it answers."""

        async def check_health(timeout: timedelta) -> bool:
            return self.healthy

        return SimpleNamespace(check_health=check_health)

    def get_workflow_handle(self, case_id: str, run_id: str = "") -> Any:
        """A handle of a run, or of the newest."""

        async def describe(rpc_timeout: timedelta) -> Any:
            if not self.runs or case_id != self.case:
                raise RPCError("not there", self.refused.get("", RPCStatusCode.NOT_FOUND), b"")
            return SimpleNamespace(run_id=list(self.runs)[-1])

        async def fetch_history(rpc_timeout: timedelta | None = None) -> WorkflowHistory:
            if run_id not in self.runs or run_id in self.refused:
                raise RPCError("not given", self.refused.get(run_id, RPCStatusCode.NOT_FOUND), b"")
            return WorkflowHistory.from_json(case_id, self.runs[run_id].decode())

        return SimpleNamespace(describe=describe, fetch_history=fetch_history)


class Inline:
    """Replays in this process, the same histories once."""

    known: dict[tuple[bytes, ...], Replayed] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def of(self, case_id: str, histories: Sequence[Exported]) -> Replayed:
        """Every moment of a case."""
        key = tuple(history for _, history, _ in histories)
        if key not in self.known:
            runs, moments = runs_of(case_id, histories), list[Moment]()
            async with Recording() as recording:
                for run in runs:
                    states: list[Kept] = []
                    if fault := await recording.replay(case_id, run.events, states.append):
                        raise NotReplayed(fault)
                    moments += moments_of(run, states)
            self.known[key] = Replayed(case_id, runs, moments)
        return self.known[key]


class Tampered:
    """A copy of an installation that a test tampers with, and what verifying it finds."""

    def __init__(self, base: Installed, folder: Path) -> None:
        self.base = base
        self.case = base.case
        self.path = folder / "tampered.db"
        self.path.write_bytes(base.database.read_bytes())
        self.temporal = Holding(base.case, base.runs)
        self.notary: Notary = NOTARY
        self.now = base.ended + timedelta(days=2)

    def sql(self, *statements: str, **values: Any) -> None:
        """Change the database past everything."""
        with sqlite3.connect(self.path) as connection:
            for statement in statements:
                assert connection.execute(statement, values).rowcount > 0, statement
        connection.close()

    def ask(self, query: str, **values: Any) -> list[Any]:
        """What a query gives."""
        connection = sqlite3.connect(self.path)
        rows = connection.execute(query, values).fetchall()
        connection.close()
        return rows

    def workplace(self) -> Workplace:
        """The installation as it is now."""
        return Workplace(
            Database.open(f"sqlite+aiosqlite:///{self.path}", durable=False, vault=VAULT),
            PROGRAMMES,
            public_url=PUBLIC_URL,
            task_queue="verifying",
            link_key=b"k" * 32,
            notary=self.notary,
            clock=lambda: self.now,
        )

    def verifier(self, place: Workplace) -> Verifier:
        """Who verifies it."""

        async def at_once(seconds: float) -> None:
            """Wait for nothing."""

        cases = place.cases(cast(Client, self.temporal))
        return Verifier(place, cases, cast(TimeMachine, Inline()), at_once)
