"""A whole case, asked for by an institution of each language, with everything its letters speak of."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import rfc8785

from activities.letters import CODE
from activities.mail import MAIL_FAILED, Composer
from activities.postman import Handed, NotSent
from models.case import Answer, Case, Hold, Paper, Step
from models.forms import NominationForm, nominees_of, read_form
from models.orders import Letter, Publication
from models.programme import Programme, load_programme
from models.request import Request, asked_of, visit_end
from models.rules import nominate, note
from models.schedule import Wanted, compute
from models.words import OPTIONS, DecisionKind, Ending, Kind, State
from rehearsal.plausible import first_fitting, plausible
from store.mails import QueuedMail
from store.persons import Person
from workplace import Workplace

ROOT = Path(__file__).parents[2]
OPENED = datetime(2026, 11, 9, 10, tzinfo=UTC)
REQUESTS = {
    "en": "04-gh-mint-study-visit",
    "fr": "01-sn-poste-study-visit",
    "ar": "02-eg-mom-expert-assignment",
    "pt": "03-cv-mdc-study-visit",
}
OFFICE = (Kind.COMPLETENESS, Kind.DECISION, Kind.REPORT_REVIEW)
EACH = (Kind.TRAVEL, Kind.EVALUATION, Kind.REPORT)
ABOUT_ALL = (Kind.CLEARANCE, Kind.ACCEPTANCE, Kind.ATTENDANCE)
OTHER_DECISIONS = ("ask_budget", "ask_postpone")
INTERVENTIONS = """reassigned called_off recalled time_asked held hold_review rescheduled converted host_withdrew replaced
handed_over declined override"""
FAILURE = {
    "letter_name": "Reminder",
    "receivers": ["Focal point – refused: 550"],
    "letter_reference": "AMEDIP-2026-0001.0006.reminder",
}
OUTSIDE: dict[str, dict[str, Any]] = {MAIL_FAILED: FAILURE, "code": {"code": CODE}}
"""The letters that no procedure orders, with the facts that only whoever orders them knows."""

PDF = b"%PDF-1.7 a paper of the case\n"
LETTERS = sorted(path.name for path in (ROOT / "templates" / "letters").glob("*/"))


@cache
def amedip() -> Programme:
    """The rules of the programme in the tree."""
    return load_programme(ROOT / "programmes" / "amedip.toml")


def a_request(language: str, **changed: Any) -> Request:
    """The request in that language, with some fields changed."""
    data = tomllib.loads((ROOT / "data" / "requests" / f"{REQUESTS[language]}.toml").read_text(encoding="utf-8"))
    return Request.model_validate(data | changed)


def a_case(request: Request, sha256: str) -> Case:
    """A case just opened for a request."""
    return Case(id="AMEDIP-2026-0001", programme="amedip", asked=asked_of(request, sha256), opened=OPENED, clock=OPENED)


class CaseFile:
    """A case of a language with every kind of step open or answered, and its letters."""

    def __init__(self, workplace: Workplace, language: str) -> None:
        self.workplace = workplace
        self.composer = Composer(workplace.facts, workplace.parties, workplace.contents, workplace.words)
        self.language = language
        self.paper = ""
        self.case = a_case(a_request(language), "0" * 64)

    async def open(self, **changed: Any) -> CaseFile:
        """File the request, nominate, open every step."""
        request = a_request(self.language, **changed)
        sha256 = await self._keep(request.model_dump(mode="json"))
        self.case = a_case(request, sha256)
        case = self.case
        case.partner = case.asked.preferred[0]
        case.visit_start = first_fitting(amedip(), case)
        case.visit_end = visit_end(case.asked, case.visit_start)
        self.paper = await self.workplace.contents.put(PDF, "application/pdf")
        case.papers.append(Paper(kind="terms_of_reference", language=self.language, sha256=self.paper, at=OPENED))
        for kind in Kind:
            await self._ask(kind)
        return self

    async def _keep(self, form: dict[str, Any]) -> str:
        return await self.workplace.contents.put(rfc8785.dumps(form), "application/json")

    def asked(self, kind: Kind) -> str:
        """Who is asked: a participant, else the institution whose language it is (the office's own letters are tried on it)."""
        return "N1" if kind in EACH else self.case.asked.requesting

    async def _ask(self, kind: Kind) -> Step:
        case = self.case
        about = tuple(n.id for n in case.nominations) if kind in ABOUT_ALL else ("N1",) if kind is Kind.REPORT_REVIEW else ()
        paper = self.paper if kind is Kind.HOST_AGREEMENT else ""
        country = case.asked.requesting[:2]
        order = Wanted(
            step=f"{kind}-1",
            rule=amedip().step(kind),
            country=country,
            opened=OPENED,
            closing_time=amedip().closing_time,
            reminder_time=amedip().reminder_time,
            visit_start=case.visit_start,
            visit_end=case.visit_end,
        )
        schedule = compute(order, await self.workplace.deadlines.calendar(country, OPENED.date()))
        step = Step(
            id=f"{kind}-1",
            kind=kind,
            asked=self.asked(kind),
            country=country,
            about=about,
            paper=paper,
            opened=OPENED,
            schedule=schedule,
            state=State.OPEN,
        )
        case.steps.append(step)
        option = "return" if kind in (Kind.COMPLETENESS, Kind.REPORT_REVIEW) else next(iter(OPTIONS[kind]))
        await self._answer(step, option)
        return step

    async def _answer(self, step: Step, option: str) -> None:
        """Answer as usual; the schedule stays, so that a letter that asks can be written of the step all the same."""
        form = read_form(step.kind, option, plausible(amedip(), self.case, step, option, self.language))
        facts, filled = form.facts(), form.model_dump(mode="json")
        if isinstance(form, NominationForm):
            people = [
                Person(
                    id=f"p-{self.language}-{n}",
                    name=nominee.person,
                    function=nominee.function,
                    language=self.language,
                    email=nominee.email,
                    institution=self.case.sending,
                )
                for n, nominee in enumerate(form.nominees, start=1)
            ]
            await self.workplace.persons.add(self.case.id, people)
            facts, filled = nominees_of(form, [p.id for p in people], [""] * len(people), self.case.sending), {}
        answer = Answer(
            response="R-0000-0001",
            step=step.id,
            option=option,
            by=step.asked,
            received=OPENED + timedelta(hours=1),
            form=await self._keep(filled),
            paper=step.paper,
            facts=facts,
        )
        note(self.case, answer, OPENED + timedelta(hours=1))
        if step.kind is Kind.NOMINATION:
            nominate(self.case, facts.nominees, self.case.asked.places, 3)
        if step.kind is Kind.CONSULTATION and step.decision is not None:
            step.decision = step.decision.model_copy(update={"kind": DecisionKind.TACIT})

    def _decide_on(self, subject: str) -> str:
        """Ask for a decision on something else than the request; gives the step's id."""
        decision = next(step for step in self.case.steps if step.kind is Kind.DECISION)
        changed = {"id": f"decision-{subject}", "about": (subject,), "state": State.OPEN, "decision": None}
        self.case.steps.append(decision.model_copy(update=changed))
        return f"decision-{subject}"

    async def letter(self, name: str, **said: Any) -> Letter:
        """The order for a letter of that name to whoever gets it, in the case's language."""
        requesting = self.case.asked.requesting
        facts: dict[str, Any] = {"letter": name, "to": requesting, "at": OPENED, "number": 7}
        if name in OTHER_DECISIONS:
            facts["step"] = self._decide_on(name.removeprefix("ask_"))
        elif name.startswith("ask_"):
            kind = Kind(name.removeprefix("ask_"))
            facts |= {"to": self.asked(kind), "step": f"{kind}-1"}
        match name:
            case "ask_host_agreement":
                facts["papers"] = (self.paper,)
            case "reminder" | "recorded" | "must_choose" | "extended":
                facts["step"] = "host_offer-1"
            case "overdue":
                facts |= {"step": "nomination-1", "alternate": True}
            case "lapsed":
                facts |= {"step": "nomination-1", "consequence": "forfeit"}
            case "escalation":
                facts |= {"step": "clearance-1", "passed": OPENED - timedelta(days=3)}
            case "decision":
                facts["consequence"] = "approved"
            case "invitation" | "certificate" | "certificate_held" | "reserved":
                facts["to"] = "N1"
            case "reassigned" | "called_off" | "delegation_ended" | "declined" | "dormant":
                facts |= {"step": "nomination-1", "count": 3}
            case "delegated":
                facts |= {"step": "nomination-1", "about": self.case.partner}
            case "time_asked":
                facts |= {"step": "agenda-1", "count": 3}
            case "recalled" | "override":
                facts["step"] = "host_offer-1"
            case "nominees_outcome":
                facts["step"] = "clearance-1"
            case "host_withdrew":
                facts["about"] = self.case.partner
            case "replaced":
                self.case.nominations[-1].replaces = "N1"
                facts["about"] = self.case.nominations[-1].id
            case "code":
                facts["step"] = "host_offer-1"
            case "mail_failed":
                facts["about"] = "<AMEDIP-2026-0001.0006.reminder@amedip.example>"
            case "held" | "hold_review":
                self.case.hold = Hold(since=OPENED, reason="")
        if name in ("extended", "cancelled"):
            facts["reason"] = self.case.reason = await self.workplace.contents.put(b"Ministry closed.", "text/plain")
        if name in INTERVENTIONS.split():
            facts["reason"] = await self.workplace.contents.put(b"Ministry closed.", "text/plain")
        if name == "certificate_held":
            facts["reason"] = "no_report"
        if name in ("cancelled", "closure"):
            self.case.ending = Ending.CANCELLED if name == "cancelled" else Ending.CLOSED
        return Letter.model_validate(facts | said)

    async def mail(self, name: str, **said: Any) -> QueuedMail:
        """The composed message of a letter."""
        letter = await self.letter(name, **said)
        if name in OUTSIDE:
            return await self.composer.message(amedip(), self.case, letter, **OUTSIDE[name])
        (mail,) = await self.composer.compose(Publication(programme=amedip(), case=self.case, letters=(letter,)))
        return mail


class Sent:
    """A transport that hands over into a list, or says no as often as it was told to."""

    def __init__(self, *noes: NotSent) -> None:
        self.noes = list(noes)
        self.messages: list[bytes] = []
        self.receivers: list[list[str]] = []

    async def send(self, message: Any, sender: str, receivers: list[str]) -> Handed:
        """Take one message."""
        if self.noes:
            raise self.noes.pop(0)
        self.messages.append(message.as_bytes())
        self.receivers.append(receivers)
        return Handed("250 taken")


def a_chase() -> tuple[Case, Letter]:
    """A case and a letter that copies the alternate, where only their headers matter."""
    return a_case(a_request("fr"), "0" * 64), Letter(letter="overdue", to="N1", at=OPENED, alternate=True, number=7)
