"""One question as its page shows it: who is asked what by when, on which papers, and what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cases import Cases, Party, Texts, name_of
from models.case import Case, Paper, Step
from models.errors import Missing
from models.rules import closes_for_good, subject_of
from models.words import Kind, Lapse, Verb
from web.respond.fields import FIELDS, inputs_of
from wording import Words

STATIONS = (
    *(Verb.LAUNCHED, Verb.FOUND_COMPLETE, Verb.RETURNED, Verb.CORRECTED, Verb.APPROVED, Verb.DEFERRED, Verb.WIDENED, Verb.AGREED),
    *(Verb.NOMINATED, Verb.CLEARED, Verb.ACCEPTED, Verb.PROVIDED, Verb.RESCHEDULED, Verb.CONVERTED, Verb.HOST_WITHDREW),
    *(Verb.HELD, Verb.ATTENDED, Verb.CERTIFIED, Verb.ENDED),
)
"""What everybody who is asked on a case may know of it."""

OWN = (
    *(Verb.OPENED, Verb.REMINDED, Verb.CHASED, Verb.ESCALATED, Verb.EXTENDED, Verb.PAUSED, Verb.RESUMED, Verb.ASKED_FOR_TIME),
    *(Verb.REASSIGNED, Verb.DELEGATED, Verb.DELEGATION_ENDED, Verb.SUCCEEDED, Verb.PASSED_ON, Verb.RECALLED, Verb.OFFERED),
)
"""What those who are asked may know of their own question besides."""

CONFIDENTIAL = (Kind.CONSULTATION, Kind.HOST_OFFER, Kind.REPORT_REVIEW)
"""Kinds of step whose outcome is told to nobody by the way of the case."""

WAY_LINES = 10
EXPLAINED = (Kind.CONSULTATION, Kind.HOST_OFFER, Kind.COMPLETENESS, Kind.DECISION, Kind.CORRECTION)


class Question(NamedTuple):
    """A step of a case, and the party its link was made for."""

    case: Case
    step: Step
    party: Party

    @property
    def subject(self) -> str:
        """What a decision is about, other than the request; empty for every other question."""
        return subject_of(self.step)

    @property
    def papers(self) -> list[Paper]:
        """The issued papers the question is about."""
        return [paper for paper in self.case.papers if paper.sha256 == self.step.paper]


class Section(NamedTuple):
    """A stretch of text on the page: its heading and its lines."""

    heading: str
    lines: list[str]


class Outcome(NamedTuple):
    """What is said of a question that takes no answer, or of an answer that came in: its state, a heading, sentences."""

    state: str
    heading: str
    lines: list[str]


class Person(NamedTuple):
    """Somebody a step is about: the nomination, the name, what else is known."""

    id: str
    name: str
    more: str


async def question_of(cases: Cases, case_id: str, step_id: str, party: str) -> Question:
    """The question that a step of a case puts to a party.

    Raises:
        Missing: there is no such case, step or party.
    """
    case = await cases.case(case_id)
    step = case.step(step_id)
    if step is None:
        raise Missing(f"case {case_id} has no step {step_id}")
    return Question(case, step, await cases.party(case, party))


class Shower:
    """Collects what a page says of a question in a language."""

    def __init__(self, cases: Cases, words: Words) -> None:
        self._cases = cases
        self._words = words

    async def facts(self, question: Question, language: str) -> dict[str, Any]:
        """What the page says of an open or closed question."""
        case, step, party = question
        programme = self._cases.programmes[case.programme]
        texts, asked = await self._cases.texts(case), await self.name(case, party.code, language)
        return {
            "programme": programme.name[language],
            "case_id": case.id,
            "title": texts.title,
            "step_name": self._words.say(language, f"step.{question.subject or step.kind}"),
            "ask": self._words.say(language, f"ask.{question.subject or step.kind}"),
            "asked": f"{asked}, {party.institution}" if party.is_person else asked,
            "due": await self.due(question, language),
            "consequence": self.consequence(question, language),
            "details": [detail async for detail in self.details(question, language)],
            "sections": [*self.texts(question, texts, language), *await self.background(question, language)],
            "way": await self.way(question, language),
            "papers": [(paper, self._words.say(language, f"document.{paper.kind}")) for paper in question.papers],
            "file": await self.file(question),
            "people": await self.people(question, language),
            "institutions": await self.institutions(question, language),
            "criteria": list(programme.decision.weights),
        }

    async def due(self, question: Question, language: str) -> str:
        """By when an answer is wanted, with the working days left; empty while the step is being opened."""
        if question.step.schedule is None:
            return ""
        left = self._words.count(language, "answer.working_days", await self._cases.days_left(question.step))
        return f"{self.moment(question, language, question.step.schedule.due)} ({left})"

    def consequence(self, question: Question, language: str) -> str:
        """What follows when nobody answers; nothing is said of an escalation that has taken place."""
        rule = self._cases.programmes[question.case.programme].step(question.step.kind).lapse
        if rule is Lapse.ESCALATE and question.step.escalated_to:
            return ""
        return self._words.say(language, f"consequence.{rule}")

    async def details(self, question: Question, language: str) -> AsyncIterator[tuple[str, str]]:
        """The short facts, in order: label and text."""
        case, step, say = question.case, question.step, self._words.say
        yield say(language, "answer.case"), f"{case.id} · {say(language, f'format.{case.asked.format}')}"
        yield say(language, "answer.requester"), await self.name(case, case.asked.requesting, language)
        if case.host:
            yield say(language, "answer.host"), await self.name(case, case.host, language)
        if case.visit_start and case.visit_end:
            yield say(language, "answer.visit"), self.span(question, language, case.visit_start, case.visit_end)
        if question.step.asked != (office := self._cases.programmes[case.programme].office).code:
            yield say(language, "answer.office"), f"{office.name[language]} · {office.mailbox}"
        if step.escalated_to and step.asked != question.party.code:
            yield say(language, "state.escalated"), await self.name(case, step.asked, language)

    def texts(self, question: Question, texts: Texts, language: str) -> Iterator[Section]:
        """The request's texts where the one asked needs them to answer."""
        if question.step.kind not in EXPLAINED:
            return
        say = self._words.say
        yield Section(say(language, "field.expertise"), [texts.expertise])
        yield Section(say(language, "field.objectives"), list(texts.objectives))
        yield Section(say(language, "field.results"), list(texts.results))
        spans = [self.span(question, language, p.earliest, p.latest) for p in question.case.asked.periods]
        yield Section(say(language, "field.periods"), spans)

    async def way(self, question: Question, language: str) -> list[tuple[str, str]]:
        """What has happened so far, the day and what: the stations of the case, and what became of this question."""
        step, say = question.step, self._words.say
        lines = []
        for said in await self._cases.timeline(question.case.id):
            own = said.step == step.id
            told = said.verb in STATIONS and (own or not said.step or said.kind not in CONFIDENTIAL)
            if told or (own and said.verb in OWN):
                day = self._words.day(language, question.party.country, said.at.astimezone(ZoneInfo(question.party.zone)).date())
                lines.append((day, say(language, f"verb.{said.verb}")))
        return list(dict.fromkeys(lines))[-WAY_LINES:]

    async def background(self, question: Question, language: str) -> list[Section]:
        """What was said before and matters now: remarks, opinions, the report under review."""
        case, step, say = question.case, question.step, self._words.say
        known = await self._cases.background(case, step, language)
        sections = [
            Section(say(language, "answer.remarks"), [known["remarks"]] if known.get("remarks") else []),
            Section(say(language, "step.consultation"), list(known.get("opinions", []))),
        ]
        if step.kind is Kind.REPORT_REVIEW:
            report = await self._cases.form(step.paper)
            sections.append(Section(say(language, "field.person"), [known["participant_name"]]))
            sections += [
                Section(say(language, f"field.{part}"), [report[part]]) for part in ("summary", "text") if report.get(part)
            ]
        return [section for section in sections if section.lines]

    async def file(self, question: Question) -> str:
        """The sha256 of the file that came with a report under review, if one did."""
        if question.step.kind is not Kind.REPORT_REVIEW or not question.step.paper:
            return ""
        return str((await self._cases.form(question.step.paper)).get("file", ""))

    async def people(self, question: Question, language: str) -> list[Person]:
        """The people a step is about, with function and institution."""
        persons = await self._cases.persons(question.case)
        found = [(about, persons[about]) for about in question.step.about if about in persons]
        return [
            Person(
                about,
                person.name,
                ", ".join(filter(None, (person.function, await self.name(question.case, person.institution, language)))),
            )
            for about, person in found
        ]

    async def institutions(self, question: Question, language: str) -> list[tuple[str, str]]:
        """The institutions whose people can be nominated, by code: first the one asked, left unsaid, then others of its country."""
        if question.step.kind is not Kind.NOMINATION:
            return []
        asked, country = question.step.asked, question.step.country
        found = [i for i in await self._cases.reference.institutions() if i.country == country and i.code != asked]
        return [("", await self.name(question.case, asked, language)), *((i.code, i.name) for i in found)]

    async def prefilled(self, question: Question, language: str) -> dict[str, str]:
        """What a form already holds when it is first shown: the planned actions, the texts to be corrected."""
        match question.step.kind:
            case Kind.FOLLOW_UP:
                known = await self._cases.background(question.case, question.step, language)
                actions = [{"action": action} for action in known["actions"]]
                return inputs_of(FIELDS["FollowUp"], "FollowUp", {"actions": actions})
            case Kind.CORRECTION:
                texts = await self._cases.texts(question.case)
                return inputs_of(FIELDS["Correction"], "Correction", texts.model_dump())
            case _:
                return {}

    async def name(self, case: Case, code: str, language: str) -> str:
        """A party's name, the office's in the reader's language."""
        office = self._cases.programmes[case.programme].office
        if code.partition("/")[0] == office.code:
            return office.name[language]
        party = await self._cases.party(case, code)
        return f"{party.role}, {party.name}" if "/" in code and not party.is_person else name_of(party, self._words, language)

    def span(self, question: Question, language: str, first: date, last: date) -> str:
        """A stretch of days in words."""
        days = (self._words.day(language, question.party.country, day) for day in (first, last))
        return " – ".join(days)

    def moment(self, question: Question, language: str, instant: datetime) -> str:
        """An instant where the one asked is."""
        return self._words.moment(language, question.party.country, question.party.zone, instant)

    async def outcome(self, question: Question, language: str, response: str = "") -> Outcome | None:
        """What stands of a question that takes no answer any more; None while it is open."""
        case, step = question.case, question.step
        moved = await self._moved(question, language)
        if moved is not None:
            return moved
        if step.decision is not None and step.decision.by:
            return await self._answered(question, language, response)
        closes = closes_for_good(step, self._cases.programmes[case.programme])
        over = closes is not None and self._cases.clock() > closes
        if step.is_open and case.ended is None and not over:
            return None
        closed = step.closed or case.ended or (step.schedule.closes if step.schedule else case.clock)
        when = self.moment(question, language, closed)
        lines = [self._words.say(language, "answer.closed_text", when=when)]
        if step.decision is not None:
            answer = self._words.say(language, f"option.{step.kind}.{step.decision.option}")
            lines = [self._words.say(language, "answer.tacit_text", answer=answer, when=when)]
        return Outcome("closed", self._words.say(language, "answer.closed"), lines)

    async def _moved(self, question: Question, language: str) -> Outcome | None:
        """What is said to whom the question is no longer put: it was set aside, or somebody else answers it now."""
        step, party = question.step, question.party.code
        if step.voided is not None:
            key = "recalled" if step.decision is not None else "set_aside"
            return self._told(key, language, when=self.moment(question, language, step.voided))
        if party == step.escalated_to or not step.is_open:
            return None
        if party == step.asked and step.delegate:
            return self._told("delegated", language, name=await self.name(question.case, step.delegate, language))
        if party not in (step.answering, step.asked):
            return self._told("passed", language, name=await self.name(question.case, step.answering, language))
        return None

    def _told(self, key: str, language: str, **facts: str) -> Outcome:
        say = self._words.say
        return Outcome(key, say(language, f"answer.{key}"), [say(language, f"answer.{key}_text", **facts)])

    async def _answered(self, question: Question, language: str, response: str) -> Outcome:
        say, case, decision = self._words.say, question.case, question.step.decision
        assert decision is not None
        own = response == decision.response
        facts = {
            "answer": say(language, f"option.{question.step.kind}.{decision.option}"),
            "by": await self.name(case, decision.by, language),
            "when": self.moment(question, language, decision.received or decision.recorded),
        } | ({"reference": decision.response} if own else {})
        key = "recorded" if own else "already"
        lines = [say(language, f"answer.{key}_text", **facts)]
        if not own and question.party.code in (decision.by, decision.on_behalf_of):
            lines.append(say(language, "answer.reference", reference=decision.response))
        if decision.on_behalf_of:
            lines.append(say(language, "answer.on_behalf", name=await self.name(case, decision.on_behalf_of, language)))
        if decision.late:
            lines.append(say(language, "answer.late"))
        return Outcome(key, say(language, f"answer.{key}"), lines)

    def received(self, language: str, response: str) -> Outcome:
        """What is said of an answer that is kept and not yet recorded."""
        text = self._words.say(language, "answer.received_text", reference=response)
        return Outcome("received", self._words.say(language, "answer.received"), [text])
