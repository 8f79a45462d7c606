"""Questions put to institutions, and the counter behind which their answers are taken down without a workflow."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import rfc8785

from activities.letters import SALT
from cases import Cases, Given, Outcome, Party
from evidence.links import MAC_BYTES, Link, Links
from intake import person_behind
from models import rules
from models.acts import Act, Acted, Doing, may_act
from models.case import Answer, Case, Decision, Nomination, Paper, Recorded, Step, Transition
from models.consequences import Happened, carry_out
from models.errors import Refused, Unreachable
from models.request import Asked, Period
from models.schedule import Do, Schedule, Tick
from models.words import PROCEDURE, Channel, DecisionKind, Format, Kind, Standing, State
from store.inbox import InboxRow
from store.persons import Person
from workplace import Workplace

ROOT = Path(__file__).parents[2]
CASE = "AMEDIP-2027-0001"
NOW = datetime(2027, 1, 11, 10, tzinfo=UTC)
DUE = datetime(2027, 1, 25, 17, tzinfo=UTC)
CLOSES = DUE + timedelta(days=7)
TITLE = "Visite d'étude : transferts d'argent"
REQUEST = {
    "reference": "SN-POSTE/2027/1",
    "title": TITLE,
    "expertise_sought": "Service de transfert d'argent",
    "objectives": ["Comprendre l'organisation", "Comparer les tarifs"],
    "expected_results": ["Une note"],
}
ASKED = {
    **dict.fromkeys((Kind.COMPLETENESS, Kind.DECISION, Kind.REPORT_REVIEW), "OFFICE"),
    Kind.CONSULTATION: "CH-SDC",
    Kind.CLEARANCE: "SN-MAESE",
    **dict.fromkeys((Kind.TRAVEL, Kind.REPORT), "N1"),
    **dict.fromkeys(
        (Kind.HOST_OFFER, Kind.HOST_AGREEMENT, Kind.ACCEPTANCE, Kind.AGENDA, Kind.ATTENDANCE, Kind.EVALUATION), "MA-POSTE"
    ),
}
"""Who is asked; the institutions of Senegal where nobody else is named."""

GRID = {"relevance": "4", "impact": "4", "feasibility": "4", "cost": "4"}
PERSON = {"person": "Participant 4", "function": "Head of unit", "email": "participant.4@poste-sn.example", "gender": "f"}
ACTION = {"action": "Briefing of colleagues", "channel": "Meeting", "owner": "Training unit", "due": "2027-08-02"}
FORMS: dict[tuple[Kind, str], dict[str, Any]] = {
    (Kind.COMPLETENESS, "complete"): {"remarks": "Two\nlines"},
    (Kind.COMPLETENESS, "return"): {"remarks": "The results are missing."},
    (Kind.CORRECTION, "submit"): {"title": "Title", "expertise": "Sought", "objectives": ["One", "Two"], "results": ["Three"]},
    (Kind.CORRECTION, "withdraw"): {"remarks": "No longer needed."},
    (Kind.CONSULTATION, "no_objection"): {"opinion": "Useful."},
    (Kind.CONSULTATION, "object"): {"opinion": "Too early."},
    (Kind.DECISION, "approve"): {"scores": GRID, "reasons": "Useful."},
    (Kind.DECISION, "reject"): {"reasons": "Outside the theme."},
    (Kind.DECISION, "defer"): {"reasons": "After the budget."},
    (Kind.HOST_OFFER, "offer"): {"start": "2027-05-10", "contact": "Protocol office"},
    (Kind.HOST_OFFER, "refuse"): {"remarks": "No capacity."},
    (Kind.HOST_AGREEMENT, "agree"): {"outline": "Four days"},
    (Kind.HOST_AGREEMENT, "refuse"): {},
    (Kind.NOMINATION, "nominate"): {"nominees": [PERSON, PERSON | {"person": "Participant 5", "substitute": True}]},
    (Kind.NOMINATION, "decline"): {"remarks": "Nobody is free."},
    (Kind.CLEARANCE, "clear"): {"refused": ["N2"], "remarks": "On mission."},
    (Kind.CLEARANCE, "refuse"): {},
    (Kind.ACCEPTANCE, "accept"): {"refused": ["N1", "N2"]},
    (Kind.ACCEPTANCE, "refuse"): {"remarks": "Not the profile."},
    (Kind.TRAVEL, "ready"): {"visa": "granted", "insurance": "valid", "ticket": "issued"},
    (Kind.TRAVEL, "visa_refused"): {"visa": "refused"},
    (Kind.TRAVEL, "unavailable"): {"remarks": "Transferred"},
    (Kind.AGENDA, "provide"): {"lines": [{"day": "2027-05-10", "time": "09:00", "activity": "Welcome", "place": "Head office"}]},
    (Kind.CASCADING_PLAN, "submit"): {"channels": "Briefing", "audience": "Tellers"},
    (Kind.ATTENDANCE, "confirm"): {"attendance": {"N1": "attended", "N2": "no_show"}, "actual_start": "2026-05-11"},
    (Kind.EVALUATION, "submit"): {"score_content": "5", "score_organisation": "4", "score_usefulness": "3"},
    (Kind.REPORT, "submit"): {"text": "What was seen.", "summary": "In short."},
    (Kind.REPORT_REVIEW, "accept"): {},
    (Kind.REPORT_REVIEW, "return"): {"remarks": "Say what comes next."},
    (Kind.TRANSFER_PLAN, "submit"): {"actions": [ACTION, ACTION | {"action": "Guide"}]},
    (Kind.FOLLOW_UP, "submit"): {"actions": [{"action": "Briefing", "done": True, "evidence": "Minutes"}], "practice": "Coaching"},
}
"""A filled form of each kind and option, its values as a page sends them."""


class Clock:
    """What time it is."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """That time."""
        return self.now


class Counter(Cases):
    """Cases whose answers are taken down in the read model at once, or not at all while a part is away."""

    temporal_is_away = False
    database_is_away = False

    async def deliver(self, case_id: str, answer: Answer) -> Recorded | None:
        """Take an answer down by the rules."""
        if self.temporal_is_away:
            return None
        case = await self._readmodel.case(case_id)
        programme = self.programmes[case.programme]
        try:
            rules.may_answer(case, answer, programme)
        except Refused as refusal:
            await self._inbox.refused(answer.response, refusal.code, refusal.text, refusal.facts)
            raise
        step = rules.repeated(case, answer) or rules.note(case, answer, self.clock())
        case.seq += 1
        await self._readmodel.publish(case)
        await self._taken_down(case_id, answer)
        return rules.recorded_of(step)

    async def _tell_act(self, case_id: str, act: Act) -> Acted:
        """Carry an act out by the rules."""
        if self.temporal_is_away:
            raise Unreachable("the case cannot be told now")
        case = await self._readmodel.case(case_id)
        programme = self.programmes[case.programme]
        may_act(case, act, programme)
        if act.act not in case.acted:
            happened = carry_out(case, act, self.clock(), programme)
            case.acted.append(act.act)
            case.said = [a_transition(case.seq + n, one, self.clock()) for n, one in enumerate(happened, start=1)]
            case.seq += len(happened) + 1
            await self._readmodel.publish(case)
        noted = act.do is Doing.MORE_TIME and any(step.asked_days for step in case.steps)
        return Acted(act=act.act, do=act.do, at=self.clock(), noted=noted)

    async def case(self, case_id: str) -> Case:
        """The state of a case, unless the database is away."""
        if self.database_is_away:
            raise Unreachable("the database cannot be reached")
        return await super().case(case_id)

    async def answer(self, given: Given) -> Outcome:
        """Take an answer in, unless the database is away."""
        if self.database_is_away:
            raise Unreachable("the database cannot be reached")
        return await super().answer(given)

    async def party(self, case: Case, code: str) -> Party:
        """Who is meant, unless the database is away."""
        if self.database_is_away:
            raise Unreachable("the database cannot be reached")
        return await super().party(case, code)

    async def taken_in(self) -> list[InboxRow]:
        """The answers that wait in the inbox."""
        return await self._inbox.waiting(100)


class Page(HTMLParser):
    """A page as a reader's browser knows it: its elements with their attributes, its text, what its form would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.form: dict[str, str] = {}
        self.filling = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag in ("textarea", "select"):
            self.filling = found["name"]
            self.form[self.filling] = ""
        elif tag == "option" and (self.elements[-2][0] == "select" or "selected" in found):
            self.form[self.filling] = found["value"]
        elif tag == "input" and found["type"] != "file" and (found["type"] not in ("checkbox", "radio") or "checked" in found):
            self.form[found["name"]] = found.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        """A text area or choice ends."""
        if tag in ("textarea", "select"):
            self.filling = ""

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.text += data
        if self.filling and self.elements[-1][0] == "textarea":
            self.form[self.filling] += data.removeprefix("\n")

    def all(self, *tags: str) -> list[dict[str, str]]:
        """The attributes of the elements with one of these tags."""
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def words(self) -> str:
        """The text with its white space made one; a space that does not break stays."""
        return re.sub(r"[ \n\t]+", " ", self.text)

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden inputs by name."""
        return {a["name"]: a["value"] for a in self.all("input") if a["type"] == "hidden"}


class Desk:
    """The counter with a browser before it and one case on it."""

    def __init__(self, cases: Counter, workplace: Workplace, browser: httpx.AsyncClient, clock: Clock) -> None:
        self.cases = cases
        self.workplace = workplace
        self.links: Links = workplace.links
        self.browser = browser
        self.clock = clock
        self.mails = workplace.mails

    async def ask(
        self, kind: Kind, *, party: str = "", names: tuple[str, ...] = ("Participant 1", "Participant 2"), **step: Any
    ) -> str:
        """Put a question; gives the address of its link."""
        request = await self.keep(REQUEST)
        case = a_case(request, kind, **step)
        people = [
            Person(
                id=f"p-{n}", name=name, function="Head of unit", email=f"participant.{n}@poste-sn.example", institution="SN-POSTE"
            )
            for n, name in enumerate(names, start=1)
        ]
        await self.workplace.persons.add(CASE, people)
        case.nominations = [a_nomination(n) for n in range(1, len(names) + 1)]
        await self.publish(case)
        return self.link(case.steps[-1].id, party or case.steps[-1].asked)

    def want_code(self, kind: Kind) -> None:
        """From now on the programme asks for a code before questions of a kind."""
        amedip = self.cases.programmes["amedip"]
        rule = amedip.step(kind).model_copy(update={"code": True})
        changed = amedip.model_copy(update={"steps": {**amedip.steps, kind: rule}})
        self.cases.programmes = {**self.cases.programmes, "amedip": changed}

    def link(self, step: str, party: str, epoch: int = 0, days: int = 900) -> str:
        """The address of a link."""
        link = Link(case=CASE, step=step, party=party, epoch=epoch)
        return "/r/" + self.links.token(link, NOW + timedelta(days=days))

    async def publish(self, case: Case) -> None:
        """Change what is known of the case, whatever was known before."""
        if await self.workplace.readmodel.exists(case.id):
            case.seq = max(case.seq, (await self.workplace.readmodel.case(case.id)).seq)
        case.seq += 1
        await self.workplace.readmodel.publish(case)

    async def keep(self, form: Mapping[str, Any]) -> str:
        """Keep a form; gives its sha256."""
        return await self.workplace.contents.put(rfc8785.dumps(dict(form)), "application/json")

    async def open(self, path: str, **query: str) -> tuple[httpx.Response, Page]:
        """Open a page, by its link or its clean address."""
        answer = await self.browser.get(path, params=query or None, follow_redirects=True)
        return answer, Page(answer.text)

    async def send(self, path: str, fields: Mapping[str, str], **query: str) -> tuple[httpx.Response, Page]:
        """Open a page, fill it, go on, confirm, and follow where it leads; what stops before that is given."""
        opened, page = await self.open(path, **query)
        at = opened.url.path
        answer, page = await self.press(at, page.form | dict(fields) | {"do": "review"}, **query)
        if answer.status_code != 200 or "token" not in page.form:
            return answer, page
        return await self.press(at, page.form | {"do": "record"}, **query)

    async def press(self, path: str, fields: Mapping[str, str], **query: str) -> tuple[httpx.Response, Page]:
        """Press a button of a filled page, the one that records where no other is named, and follow where it leads."""
        filled = {"do": "record", **fields}
        answer = await self.browser.post(clean(path), data=filled, params=query, follow_redirects=True)
        return answer, Page(answer.text)

    async def step(self) -> Step:
        """The question as it stands now."""
        return (await self.workplace.readmodel.case(CASE)).steps[-1]

    async def form(self) -> Any:
        """The form that was recorded; salted where it is about one person, and nowhere else."""
        step, case = await self.step(), await self.workplace.readmodel.case(CASE)
        assert step.decision is not None
        form = json.loads(await self.workplace.contents.get(step.decision.form))
        assert bool(form.pop(SALT, "")) == bool(person_behind(case, step))
        return form


def clean(path: str) -> str:
    """The clean address of a link, or the address itself."""
    token = path.removeprefix("/r/")
    if "/" in token:
        return path
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    _, case, step, *_ = json.loads(raw[2 + MAC_BYTES :])
    return f"/r/{case}/{step}"


def a_transition(seq: int, happened: Happened, at: datetime) -> Transition:
    """One thing that happened, as the timeline has it."""
    step = happened.step
    return Transition(
        seq=seq, run=1, at=at, event=seq, verb=happened.verb, step=step.id if step else "", kind=step.kind if step else None
    )


def done(answer: httpx.Response) -> str:
    """The response that a page's address names."""
    return parse_qs(urlsplit(str(answer.url)).query)["done"][0]


def a_case(request: str, kind: Kind, **changes: Any) -> Case:
    """A study visit of SN-POSTE at MA-POSTE, its one open question of this kind."""
    asked = Asked(
        request=request,
        format=Format.STUDY_VISIT,
        requesting="SN-POSTE",
        language="fr",
        theme="remittances.formal",
        level="bilateral",
        places=3,
        duration_days=4,
        periods=(Period(earliest=date(2027, 5, 10), latest=date(2027, 6, 11)),),
    )
    schedule = Schedule(due=DUE, zone="Africa/Dakar", ticks=(Tick(at=CLOSES, do=Do.CLOSE),))
    who = changes.pop("asked", ASKED.get(kind, "SN-POSTE"))
    country = {"OFFICE": "FR", "N1": "SN"}.get(who, who[:2])
    step = Step(id=f"{kind}-1", kind=kind, asked=who, country=country, opened=NOW, state=State.OPEN, schedule=schedule)
    step = step.model_copy(update={"about": ("N1", "N2"), **changes})
    case = Case(id=CASE, programme="amedip", asked=asked, opened=NOW, clock=NOW, steps=[step], procedure=PROCEDURE)
    if kind not in (Kind.COMPLETENESS, Kind.CORRECTION, Kind.CONSULTATION, Kind.DECISION, Kind.HOST_OFFER):
        first = date(2026, 5, 11) if kind is Kind.ATTENDANCE else date(2027, 5, 10)  # who attended is asked after the visit
        case.partner, case.visit_start, case.visit_end = "MA-POSTE", first, first + timedelta(days=3)
    return case


def a_nomination(number: int) -> Nomination:
    """Somebody of SN-POSTE."""
    return Nomination(
        id=f"N{number}", person=f"p-{number}", institution="SN-POSTE", country="SN", rank=number, standing=Standing.PROPOSED
    )


def a_paper(sha256: str, language: str = "fr") -> Paper:
    """Terms of reference that were issued."""
    return Paper(kind="terms_of_reference", language=language, sha256=sha256, at=NOW)


def decided(option: str, *, by: str = "MA-POSTE", late: bool = False, behalf: str = "", form: str = "") -> dict[str, Any]:
    """What an answered step holds."""
    kind = DecisionKind.ON_BEHALF if behalf else DecisionKind.EXPLICIT
    decision = Decision(
        option=option,
        kind=kind,
        by=by,
        on_behalf_of=behalf,
        channel=Channel.PAGE,
        received=NOW,
        recorded=NOW,
        response="e" * 32,
        late=late,
        form=form,
    )
    return {"state": State.ANSWERED, "closed": NOW, "decision": decision}
