"""One question as its page shows it: who is asked what by when, on which papers, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from cases import Cases, Party, Texts
from evidence.links import Link
from models.case import Case, Paper, Step
from models.errors import Refused
from models.words import Kind, State
from wording import Words

EXPLAINED = (Kind.CONSULTATION, Kind.HOST_OFFER, Kind.COMPLETENESS, Kind.DECISION, Kind.CORRECTION)


class Question(NamedTuple):
    """A step of a case, and the party its link was made for."""

    case: Case
    step: Step
    party: Party
    link: Link


async def question_of(cases: Cases, link: Link) -> Question:
    """What a link opens.

    Raises:
        Refused: unknown_link, when the case has no such step.
        Missing: there is no such case.
    """
    case = await cases.case(link.case)
    step = case.step(link.step)
    if step is None:
        raise Refused("unknown_link", "this link does not lead to a question")
    return Question(case, step, await cases.party(case, link.party), link)


class Shower:
    """Collects what a page says of a question in a language."""

    def __init__(self, cases: Cases, words: Words) -> None:
        self._cases = cases
        self._words = words

    async def facts(self, question: Question, language: str) -> dict[str, Any]:
        """The facts of the page, in order: label and text."""
        case, step, party, _ = question
        texts = await self._cases.texts(case)
        programme = self._cases.programmes[case.programme]
        details = [
            ("answer.case", case.id),
            ("answer.requester", await self.name(case, case.asked.requesting)),
            ("answer.host", await self.name(case, case.host)),
            ("answer.visit", self.visit(question, language)),
        ]
        return {
            "programme": programme.name[language],
            "case_id": case.id,
            "title": texts.title,
            "step_name": self._words.say(language, f"step.{step.kind}"),
            "asked": party.name if party.is_person or not party.role else f"{party.institution}",
            "due": self.moment(question, language, step.schedule.due) if step.schedule else "",
            "details": [(self._words.say(language, key), text) for key, text in details if text],
            "texts": self.long_texts(question, texts, language),
            "papers": [(paper, self._words.say(language, f"document.{paper.kind}")) for paper in papers_of(question)],
            "people": await self.people(question),
        }

    def long_texts(self, question: Question, texts: Texts, language: str) -> list[tuple[str, list[str]]]:
        """The request's texts where the one asked needs them to answer."""
        if question.step.kind not in EXPLAINED:
            return []
        say, country = self._words.say, question.party.country
        periods = question.case.asked.periods
        spans = [
            f"{self._words.day(language, country, p.earliest)} – {self._words.day(language, country, p.latest)}" for p in periods
        ]
        return [
            (say(language, "field.expertise"), [texts.expertise]),
            (say(language, "field.objectives"), list(texts.objectives)),
            (say(language, "field.results"), list(texts.results)),
            (say(language, "field.periods"), spans),
        ]

    async def people(self, question: Question) -> list[tuple[str, str]]:
        """The nominations a step is about, with the people's names."""
        persons = await self._cases.persons(question.case)
        return [(about, persons[about].name) for about in question.step.about if about in persons]

    async def name(self, case: Case, code: str) -> str:
        """A party's name; empty while there is none."""
        return (await self._cases.party(case, code)).name if code else ""

    def visit(self, question: Question, language: str) -> str:
        """The days of the visit; empty while they are not known."""
        case = question.case
        if case.visit_start is None or case.visit_end is None:
            return ""
        days = (self._words.day(language, question.party.country, day) for day in (case.visit_start, case.visit_end))
        return " – ".join(days)

    def moment(self, question: Question, language: str, instant: datetime) -> str:
        """An instant where the one asked is."""
        return self._words.moment(language, question.party.country, question.party.zone, instant)

    async def outcome(self, question: Question, language: str, response: str) -> dict[str, str]:
        """What stands of a question that is no longer open: state, heading and text; empty while it is open."""
        case, step = question.case, question.step
        say, decision = self._words.say, step.decision
        if step.state is State.ANSWERED and decision is not None:
            by = await self.name(case, decision.by) if decision.by else ""
            facts = {
                "answer": say(language, f"option.{step.kind}.{decision.option}"),
                "by": by,
                "when": self.moment(question, language, decision.received or decision.recorded),
                "reference": decision.response,
            }
            behalf = await self.name(case, decision.on_behalf_of) if decision.on_behalf_of else ""
            key = "recorded" if response == decision.response else "already"
            return {
                "state": key,
                "heading": say(language, f"answer.{key}"),
                "text": say(language, f"answer.{key}_text", **facts),
                "behalf": say(language, "answer.on_behalf", name=behalf) if behalf else "",
                "late": say(language, "answer.late") if decision.late else "",
            }
        if not step.is_open or (step.schedule and step.state is State.OPEN and self._cases.clock() > step.schedule.closes):
            closed = step.closed or (step.schedule.closes if step.schedule else case.clock)
            text = say(language, "answer.closed_text", when=self.moment(question, language, closed))
            return {"state": "closed", "heading": say(language, "answer.closed"), "text": text, "behalf": "", "late": ""}
        return {}


def papers_of(question: Question) -> list[Paper]:
    """The papers a question is about."""
    return [paper for paper in question.case.papers if paper.sha256 == question.step.paper]
