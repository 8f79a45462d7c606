"""A golden case as an installation holds it once it has ended: published, its runs archived, with a paper, a mail, a receipt."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, cast

from fastapi import FastAPI
from temporalio.client import Client

from activities.histories import Found
from audit.moments import Moment
from audit.recorder import Kept
from audit.replay import NotReplayed, Recording, moments_of, runs_of
from audit.timemachine import Replayed, TimeMachine
from evidence.entries import document_entry, mail_entry
from models.case import Case
from models.words import Role
from rehearsal.stage import NOTARY, VAULT
from store.archive import Archive
from store.database import Database
from store.mails import QueuedMail
from tests.audit.kept import CASE, kept, replayed_here
from tests.auditor.situations import PASSWORD, cheap
from tests.web.situations import ROOT, Clock, Counter
from web.app import build
from workplace import Workplace, load_programmes

PAPER = b"%PDF-1.7 a decision letter"
REASON = b"Decided by telephone on the same day."
AT = datetime(2031, 1, 20, tzinfo=UTC)


class Here(TimeMachine):
    """A time machine that replays in this process; says how often."""

    times = 0

    async def of(self, case_id: str, histories: Sequence[tuple[str, bytes, int]]) -> Replayed:
        """Every moment of a case."""
        self.times += 1
        runs = runs_of(case_id, histories)
        moments: list[Moment] = []
        async with Recording() as recording:
            for run in runs:
                states: list[Kept] = []
                if fault := await recording.replay(case_id, run.events, states.append):
                    raise NotReplayed(fault)
                moments += moments_of(run, states)
        return Replayed(case_id, runs, moments)


class Shelved(Counter):
    """Cases that Temporal has forgotten: what there is of them stands in the archive."""

    async def in_temporal(self, case_id: str) -> Found:
        """Nothing."""
        return Found([], forgotten=case_id)


class Held(NamedTuple):
    """An installation with the case, its pages, and the sha256 of the paper and the mail."""

    app: FastAPI
    workplace: Workplace
    cases: Shelved
    machine: Here
    clock: Clock
    paper: str
    mail: str


def digest(data: bytes) -> str:
    """The sha256 of bytes."""
    return sha256(data).hexdigest()


def a_mail() -> bytes:
    """A mail as it is archived, with what a page must not run and not show."""
    message = EmailMessage()
    message["To"], message["Subject"] = "focal.point@mint.example", f"[{CASE}] Consultation <b>"
    message.set_content("Please answer.\n<script>alert(1)</script>\nWrite to focal.point@mint.example.\n")
    return message.as_bytes()


async def held(seeded: Path, folder: Path, name: str = "answered-on-behalf") -> Held:
    """An installation of its own that holds a golden case."""
    shutil.copy(seeded, folder / "passerelle.db")
    clock = Clock()
    place = Workplace(
        Database.open(f"sqlite+aiosqlite:///{folder / 'passerelle.db'}", durable=False, vault=VAULT),
        load_programmes(ROOT / "programmes"),
        public_url="http://pages.example",
        task_queue="none",
        link_key=b"k" * 32,
        notary=NOTARY,
        clock=clock,
    )
    parts = place.reference, place.parties, place.facts, place.programmes, place.issuing
    cases = Shelved(cast(Client, None), place.database, *parts, task_queue="none", clock=clock)
    place.users.passwords = cheap()
    await place.users.add("audit-office", Role.AUDITOR, PASSWORD)
    eml = a_mail()
    await filled(place, name, eml)

    async def ready() -> dict[str, bool]:
        return {}

    machine = Here()
    return Held(build(cases, place, ready=ready, machine=machine), place, cases, machine, clock, digest(PAPER), digest(eml))


async def filled(place: Workplace, name: str, eml: bytes) -> None:
    """Write the case as publishing, archiving, mailing and logging it would have."""
    runs = kept(name)
    moments = (await replayed_here(name)).moments
    ends = [Case.model_validate_json(state) for state in {moment.run: moment.state for moment in moments}.values()]
    ends[-1] = with_ours(ends[-1])
    await place.readmodel.rebuild(ends, runs[-1][2])
    archive = Archive(place.database)
    for number, (run_id, history, events) in enumerate(runs, start=1):
        await archive.keep(CASE, number, run_id, events, history, AT)
    await place.contents.put(PAPER, "application/pdf")
    await place.contents.put(REASON, "text/plain; charset=utf-8")
    mail = QueuedMail(
        message_id="<1@exchanges.example>",
        case_id=CASE,
        number=1,
        letter="ask_consultation",
        to="focal.point@mint.example",
        language="fr",
        queued=AT,
        eml=eml,
        party="FR-MINT",
        link_facts={"party": "FR-MINT"},
    )
    await place.readmodel.publish(ends[-1], [mail])
    step = next(step for step in ends[-1].steps if step.decision and step.decision.response)
    async with place.log.transaction() as connection:
        paper = ends[-1].papers[0]
        entry = document_entry(CASE, paper.kind, paper.language, paper.sha256, paper.about, AT)
        await place.log.append(connection, [entry, mail_entry(CASE, mail.message_id, mail.letter, "", digest(eml), AT)])
        assert step.decision is not None
        await place.issuing.issue(connection, ends[-1], step.id, step.decision.response)


def with_ours(case: Case) -> Case:
    """The case with the sha256 of bytes that are there in the places of one paper and one reason."""
    papers = [paper.model_copy(update={"sha256": digest(PAPER)}) if n == 0 else paper for n, paper in enumerate(case.papers)]
    waivers = [waiver.model_copy(update={"reason": digest(REASON)}) for waiver in case.waivers]
    return case.model_copy(update={"papers": papers, "waivers": waivers})
