"""The demonstration: two whole cases on skipped time, mails over real SMTP; papers, histories and evidence in a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from activities.postman import Smtp, SmtpTransport
from audit.exporting import Exporter
from audit.plain import plain
from audit.rechecking import recheck
from audit.timemachine import TimeMachine
from cases import Cases
from evidence.findings import Report
from models.case import Case, Transition
from models.programme import Programme
from models.words import DecisionKind, Verb
from rehearsal.played import Played, text_of
from rehearsal.player import play
from rehearsal.scenario import load_scenario
from rehearsal.stage import Stage, free_port, template_database
from store.archive import Archive
from wording import Words
from workplace import LOCALE

FOLDER = Path(__file__).resolve().parent / "scenarios"
SCENARIOS = ("study-visit.toml", "expert-assignment.toml")
Tell = Callable[[str], None]


@dataclass
class Received:
    """A mail server that keeps what it accepts, in order."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        """Keep one mail."""
        self.messages.append(message_from_bytes(envelope.original_content or b"", EmailMessage, policy=SMTP))
        return "250 kept"


@dataclass
class Evidence:
    """The bundle of a played case, the public key it is checked with, and what the check found."""

    bundle: bytes = b""
    key: str = ""
    report: Report = field(default_factory=Report)

    async def gather(self, on: Stage, cases: Cases, case_id: str) -> None:
        """Put the bundle together, and check it as anybody would."""
        async with TimeMachine() as machine:
            exporter = Exporter(cases, on.workplace.issuing, Archive(on.workplace.database), machine)
            bundle, _ = await exporter.bundle(case_id)
            trusted = on.workplace.log.notary.trusted
            self.bundle, self.key, self.report = bundle.data, trusted.pem, await recheck(bundle.data, trusted, machine)

    @property
    def checks(self) -> dict[str, bool]:
        """What is checked of the evidence."""
        found = self.report
        holds = f"{found.receipts} receipts, {found.documents} documents, {found.mails} mails, {found.entries} entries of the log"
        return {f"the evidence holds: {holds}": bool(self.bundle) and not found.findings}


@dataclass(frozen=True)
class Shown:
    """One played case, the mails its receivers got, its evidence, and what was checked of it."""

    title: str
    played: Played
    received: list[EmailMessage]
    evidence: Evidence
    checks: dict[str, bool]


async def demonstrate(folder: Path, programmes: Mapping[str, Programme], title: Tell, tell: Tell) -> list[Shown]:
    """Play both cases, telling what happens as it happens, and leave everything in `folder`."""
    shown = []
    async with template_database() as template:
        for name in SCENARIOS:
            scenario, request = load_scenario(FOLDER / name)
            title(scenario.title)
            received = Received()
            server = Controller(received, hostname="127.0.0.1", port=free_port())
            server.start()
            teller, evidence = Teller(tell), Evidence()
            try:
                transport = SmtpTransport(Smtp(host="127.0.0.1", port=server.port))
                played = await play(
                    scenario, request, template, programmes, transport=transport, watch=teller.watch, at_end=evidence.gather
                )
            finally:
                server.stop()
            checked = checks(played, received.messages) | evidence.checks
            case = Shown(scenario.title, played, received.messages, evidence, checked)
            leave(folder, case)
            shown.append(case)
    return shown


class Teller:
    """Tells each new line of a case's timeline once, in words and with names."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._words = Words(LOCALE)
        self._told = 0

    async def watch(self, cases: Cases, case_id: str) -> None:
        """Tell what is new."""
        case = await cases.case(case_id)
        for said in [said for said in await cases.timeline(case_id) if said.seq > self._told]:
            self._told = said.seq
            self._tell(await self.line(cases, case, said))

    async def line(self, cases: Cases, case: Case, said: Transition) -> str:
        """One line: when, what happened, to which question, by whom and for whom, how."""
        say = partial(self._words.say, "en")
        parts = [say(f"verb.{said.verb}")]
        if said.decision not in (None, DecisionKind.EXPLICIT):
            parts[0] += f" ({say(f'decision.{said.decision}').lower()})"
        if said.kind:
            parts.append(say(f"step.{said.kind}") + (f", round {said.round}" if said.round > 1 else ""))
        if said.verb is Verb.ISSUED:
            parts.append(say(f"document.{said.reason}"))
        named = said.by or (self.asked(case, said.step) if said.verb is Verb.OPENED else "")
        if named:
            parts.append((await cases.party(case, named)).name)
        if said.on_behalf_of:
            parts.append(f"for {(await cases.party(case, said.on_behalf_of)).name}")
        if any(nomination.id == said.about for nomination in case.nominations):
            parts.append((await cases.party(case, said.about)).name)
        if said.verb is Verb.ENDED and case.ending:
            parts.append(say(f"ending.{case.ending}"))
        return f"{said.at:%Y-%m-%d %H:%M}  {' · '.join(parts)}"

    def asked(self, case: Case, step_id: str) -> str:
        """Who is asked on a step."""
        step = case.step(step_id)
        return step.asked if step else ""


def line_of(said: Transition) -> str:
    """A transition as a line: instant, what happened, to which step, by whom, how."""
    who = f" by {said.by}" if said.by else ""
    behalf = f" on behalf of {said.on_behalf_of}" if said.on_behalf_of else ""
    how = f" ({said.decision})" if said.decision and said.decision != "explicit" else ""
    about = f" {said.about[:12]}" if said.about else ""
    why = f" – {said.reason}" if said.reason and len(said.reason) < 40 else ""
    step = f" {said.step}" if said.step else ""
    return f"{text_of(said.at)}  {said.verb.value.replace('_', ' ')}{step}{about}{who}{behalf}{how}{why}"


def checks(played: Played, received: list[EmailMessage]) -> dict[str, bool]:
    """What is checked of a played case, each by name."""
    sent = {mail.message_id for mail in played.mails}
    papers = [paper.sha256 for paper in played.case.papers]
    histories = [plain(history) for _, history, _ in played.histories]
    return {
        f"{len(played.histories)} histories replay to the published state": played.verified,
        f"{len(sent)} mails queued, every one accepted by the mail server": {str(m["Message-ID"]) for m in received} == sent,
        f"{len(papers)} papers are PDF and have the sha256 the history names": all(
            played.contents[sha256].startswith(b"%PDF-") for sha256 in papers
        ),
        "every step has one outcome": all(step.decision or step.state in ("lapsed", "withdrawn") for step in played.case.steps),
        f"{len(played.personal)} names and mailboxes of people are in no history": not any(
            text in told for told in histories for text in played.personal
        ),
    }


def leave(folder: Path, shown: Shown) -> None:
    """Lay a case's mails, papers, timeline and histories into a folder of its own."""
    place = folder / shown.played.case.id.lower() / shown.played.case.asked.format.value
    if place.exists():
        shutil.rmtree(place)
    for name in ("mails", "papers", "histories"):
        (place / name).mkdir(parents=True)
    for number, message in enumerate(shown.received, start=1):
        letter = str(message["Message-ID"]).partition("@")[0].rpartition(".")[2]
        (place / "mails" / f"{number:03d}-{letter}.eml").write_bytes(message.as_bytes())
    for number, paper in enumerate(shown.played.case.papers, start=1):
        content = shown.played.contents[paper.sha256]
        (place / "papers" / f"{number:02d}-{paper.kind}-{paper.language}.pdf").write_bytes(content)
    for number, (run_id, history, _) in enumerate(shown.played.histories, start=1):
        (place / "histories" / f"{number:02d}-{run_id}.json").write_bytes(history)
    (place / f"{shown.played.case.id}-evidence.zip").write_bytes(shown.evidence.bundle)
    (place / "key.pem").write_text(shown.evidence.key, encoding="utf-8")
    lines = "".join(f"{line_of(said)}\n" for said in shown.played.timeline)
    (place / "timeline.txt").write_text(lines, encoding="utf-8")
    summary = json.dumps(shown.played.summary(), ensure_ascii=False, indent=2, default=str)
    (place / "summary.json").write_text(summary + "\n", encoding="utf-8")
