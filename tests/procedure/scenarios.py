"""Scenarios played once and watched: what must hold after every turn, and the timeline as lines."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from audit.recorder import Kept, Recorder
from cases import Cases
from models.case import Case, Nomination, Transition
from models.words import State
from rehearsal.player import Played, play, text_of
from rehearsal.scenario import load_scenario
from store.mails import MailRow
from workplace import load_programmes

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "tests" / "scenarios"
EXPECTED = SCENARIOS / "expected"
PROGRAMMES = load_programmes(ROOT / "programmes")
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.toml"))


@dataclass(frozen=True)
class Watched:
    """A played scenario, and every fault found while it was played: one line each."""

    played: Played
    faults: tuple[str, ...]


async def watched(name: str, template: Path) -> Watched:
    """Play a scenario; after every turn the read model must be the workflow's own state and somebody or some instant awaited."""
    scenario, request = load_scenario(SCENARIOS / f"{name}.toml")
    kept: list[Kept] = []
    faults: list[str] = []

    async def look(cases: Cases, case_id: str) -> None:
        case = await cases.case(case_id)
        own = Case.model_validate_json(kept[-1].answer)
        if plain(own) != plain(case):
            faults.append(f"{text_of(case.clock)} the read model is not the case's own state")
        if not is_awaited(case):
            faults.append(f"{text_of(case.clock)} nobody and no instant is awaited")
        kept.clear()

    played = await play(scenario, request, template, PROGRAMMES, runner=Recorder("case", kept.append), watch=look)
    return Watched(played, tuple(faults))


def plain(case: Case) -> str:
    """A case's JSON without its timeline, which the read model keeps apart."""
    return case.model_dump_json(exclude={"said"})


def is_awaited(case: Case) -> bool:
    """Whether an open case has an instant at which it goes on, or says that it is on hold."""
    if case.ended is not None or case.hold is not None or case.resting_until is not None:
        return True
    return any(step.state is State.OPEN and step.next_tick is not None for step in case.steps)


def lines(played: Played) -> list[str]:
    """A played scenario as short lines: the timeline, the ending, the nominations, the letters."""
    told = [line_of(said) for said in played.timeline]
    people = [person_line(nomination) for nomination in played.case.nominations]
    late = [f"{step.id} late" for step in played.case.steps if step.decision and step.decision.late]
    letters = [letter_line(mail) for mail in played.mails]
    return [*told, "", f"{played.case.ending} {shortened(played.case.reason)}".rstrip(), *people, *late, "", *letters]


def person_line(nomination: Nomination) -> str:
    """One nomination: how it stands, whom it replaces, its certificate."""
    replaces = f" for {nomination.replaces}" if nomination.replaces else ""
    certificate = " certified" if nomination.certified else " held" if nomination.held else ""
    return f"{nomination.id} {nomination.standing}{replaces}{certificate}"


def letter_line(mail: MailRow) -> str:
    """One letter: when, which, to whom, with a copy to whom."""
    return f"{text_of(mail.queued)} {mail.letter} to {mail.to}{' copy ' + ' '.join(mail.cc) if mail.cc else ''}"


def line_of(said: Transition) -> str:
    """One transition: `at verb step by on_behalf decision about reason`, without what is empty."""
    by = f"by {said.by}" if said.by else ""
    behalf = f"for {said.on_behalf_of}" if said.on_behalf_of else ""
    how = said.decision if said.decision and said.decision != "explicit" else ""
    parts = (text_of(said.at), said.verb, said.step, by, behalf, how, shortened(said.about), shortened(said.reason))
    return " ".join(part for part in parts if part)


def body_of(message: EmailMessage) -> str:
    """The plain text of a letter."""
    body = message.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content())


def shortened(text: str) -> str:
    """Of a sha256 only that it is one: papers and reasons have their own tests."""
    return "" if len(text) == 64 else text
