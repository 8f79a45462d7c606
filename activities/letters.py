"""The facts of each letter, in the words of the one who receives it: names, dates with local time and ISO date, papers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from activities.deadlines import Deadlines
from activities.parties import Parties, Party, name_of
from activities.told import HELD, Told
from models.case import Case, Step
from models.errors import Erased
from models.message import Message
from models.orders import Letter
from models.programme import Programme
from models.words import Kind
from store.contents import Contents
from store.reference import Reference
from wording import Words

REDACTED = "REDACTED"
SALT = "salt"
"""The field of a kept form that keeps its sha256 from being guessed; it was never filled in."""

CODE = "0000 0000"
CHECKPOINT = "[checkpoint]"
"""What stands in a letter in the place of its code until it is sent."""

CODE_FACTS = ("session", "case", "step", "party")
"""What a code is made for, in this order."""

COUNTING = ("ask_", "reminder")
"""The letters that say how many working days are left."""

UNREADABLE = "—"
"""What stands for a text of the request that was erased with the data of a person it named."""

TEXTS_KEPT = 256
REASON_TEXT = re.compile(r"[0-9a-f]{64}")


class Texts(Message):
    """The texts of a case: its request as filed, with the corrections that followed."""

    reference: str
    title: str
    expertise: str
    objectives: tuple[str, ...]
    results: tuple[str, ...]
    legal_basis: str = ""


class Facts:
    """Collects what a letter or a page says of a case, in one language."""

    def __init__(
        self,
        reference: Reference,
        deadlines: Deadlines,
        parties: Parties,
        contents: Contents,
        words: Words,
        public_url: str,
    ) -> None:
        self._reference = reference
        self._deadlines = deadlines
        self._parties = parties
        self._contents = contents
        self._words = words
        self._public_url = public_url.rstrip("/")
        self._told = Told(parties, contents, words)
        self._texts: dict[tuple[str, ...], Texts] = {}

    async def of(self, programme: Programme, case: Case, letter: Letter, party: Party) -> dict[str, Any]:
        """All facts a letter may name; the letter takes those it needs."""
        language = party.language
        texts = await self.texts(case)
        facts: dict[str, Any] = {
            "case_id": case.id,
            "title": texts.title,
            "recipient_name": name_of(party, self._words, language) if party.is_person else self._told.role(language, party.role),
            "institution_name": party.institution,
            "office_name": programme.office.name[language],
            "programme_name": programme.name[language],
            "reference": texts.reference,
            "requesting_name": (await self._parties.institution(case.asked.requesting)).name,
            "host_name": (await self._parties.institution(case.host)).name if case.host else "",
            "format_name": self._words.say(language, f"format.{case.asked.format}"),
            "theme_name": await self.theme(case.asked.theme, language),
            "visit_words": self.visit(case, party),
            "link": f"{self._public_url}/r/{REDACTED}",
            "places": str(case.asked.places),
            "duration_days": str(case.asked.duration_days),
            "expertise": texts.expertise,
            "periods": [self.span(party, period.earliest, period.latest) for period in case.asked.periods],
            "reason": await self.reason(reason_of(case, letter), language),
            "ending_name": self._words.say(language, f"ending.{case.ending}") if case.ending else "",
        }
        if letter.letter == "decision":
            facts |= await self._outcome(case, letter, language)
        step = case.step(letter.step) if letter.step else None
        if step is not None:
            facts |= await self._of_step(programme, case, step, letter, party)
            if behalf := self._told.on_behalf(letter, step, party, facts["asked_name"]):
                facts["institution_name"] += f"\n\n{behalf}"  # a paragraph of its own, below the address that opens each letter
        return facts | await self._told.of(programme, case, letter, party)

    async def _outcome(self, case: Case, letter: Letter, language: str) -> dict[str, Any]:
        reasons = (await self.form(case.form(Kind.DECISION))).get("reasons", "")
        reasons = reasons or await self.reason(case.reason or "veto", language)
        return {"outcome_name": self._words.say(language, f"outcome.{letter.consequence}"), "reasons": reasons}

    async def _of_step(self, programme: Programme, case: Case, step: Step, letter: Letter, party: Party) -> dict[str, Any]:
        language, words = party.language, self._words
        facts: dict[str, Any] = {
            "step_name": self._told.step_name(language, step),
            "round": step.round,
            "asked_name": await self._told.name(programme, case, step.asked, language),
            "months": programme.follow_up.months[step.round - 1] if step.kind is Kind.FOLLOW_UP else 0,
        }
        if step.schedule is not None:
            facts |= {
                "due_words": self.moment(party, step.schedule.due),
                "closes_words": self.moment(party, step.schedule.closes),
                "passed_words": self.moment(party, letter.passed) if letter.passed else "",
            }
            if letter.letter.startswith(COUNTING):
                facts["working_days"] = words.count(language, "answer.working_days", await self.days_left(step, letter.at))
        if step.decision is not None and letter.letter == "recorded":
            facts |= await self._recorded(programme, case, step, party)
        return facts | await self.of_kind(programme, case, step, language)

    async def _recorded(self, programme: Programme, case: Case, step: Step, party: Party) -> dict[str, Any]:
        decision = step.decision
        assert decision is not None
        language, behalf = party.language, decision.on_behalf_of
        return {
            "answer_name": self._words.say(language, f"option.{step.kind}.{decision.option}"),
            "answered_by": await self._told.name(programme, case, decision.by, language),
            "on_behalf_of": await self._told.name(programme, case, behalf, language) if behalf else "",
            "recorded_words": self.moment(party, decision.received or decision.recorded),
            "reference": decision.response,
            "late": decision.late,
            "checkpoint": CHECKPOINT,
        }

    async def of_kind(self, programme: Programme, case: Case, step: Step, language: str) -> dict[str, Any]:
        """What the one asked needs to know for this kind of step: remarks, opinions, the people or actions it is about."""
        match step.kind:
            case Kind.CORRECTION:
                return {"remarks": (await self.form(case.form(Kind.COMPLETENESS))).get("remarks", "")}
            case Kind.DECISION if step.about:
                return await self._told.of_question(programme, case, step, language)
            case Kind.DECISION:
                return {"opinions": await self.opinions(case, language)}
            case Kind.HOST_AGREEMENT:
                return {"paper_name": self._words.say(language, "document.terms_of_reference"), "paper_sha256": step.paper}
            case Kind.CLEARANCE | Kind.ACCEPTANCE | Kind.ATTENDANCE:
                people = [await self._told.name(programme, case, about, language) for about in step.about]
                return {"nominees": people, "participants": people}
            case Kind.REPORT:
                return {"remarks": await self.review_remarks(case, step)}
            case Kind.REPORT_REVIEW:
                return {"participant_name": await self._told.name(programme, case, step.about[0], language)}
            case Kind.FOLLOW_UP:
                plan = await self.form(plan_form(case, step.asked))
                return {"actions": [action["action"] for action in plan.get("actions", [])]}
            case _:
                return {}

    async def opinions(self, case: Case, language: str) -> list[str]:
        """Each consultee's opinion as a line: who, what, why; silence is named as consent."""
        lines = []
        for step in case.steps:
            if step.kind is Kind.CONSULTATION and step.decision is not None:
                name = (await self._parties.institution(step.asked)).name
                option = self._words.say(language, f"option.consultation.{step.decision.option}")
                how = self._words.say(language, f"decision.{step.decision.kind}").lower()
                text = (await self.form(step.decision.form)).get("opinion", "")
                colon = "\u00a0:" if language == "fr" else ":"
                lines.append(f"{name}{colon} {option} ({how})" + (f" – {text}" if text else ""))
        return lines

    async def review_remarks(self, case: Case, step: Step) -> str:
        """Why a participant's report was returned before this round; empty in the first."""
        for review in reversed(case.steps):
            if review.kind is Kind.REPORT_REVIEW and review.about == (step.asked,) and review.option == "return":
                return str((await self.form(review.decision.form if review.decision else "")).get("remarks", ""))
        return ""

    async def texts(self, case: Case) -> Texts:
        """The request's texts with every correction applied; kept in memory, for what a sha256 names never changes."""
        corrections = [
            step.decision.form
            for step in case.steps
            if step.kind is Kind.CORRECTION and step.option == "submit" and step.decision is not None
        ]
        named = (case.asked.request, *corrections)
        if named not in self._texts:
            read = await self._read_texts(*named)
            if len(self._texts) >= TEXTS_KEPT:
                self._texts.clear()
            self._texts[named] = read
        return self._texts[named]

    async def _read_texts(self, request: str, *corrections: str) -> Texts:
        filed = await self.form(request)
        texts = {
            "reference": filed.get("reference", UNREADABLE),
            "title": filed.get("title", UNREADABLE),
            "expertise": filed.get("expertise_sought", UNREADABLE),
            "objectives": filed.get("objectives", ()),
            "results": filed.get("expected_results", ()),
            "legal_basis": filed.get("legal_basis", ""),
        }
        for sha256 in corrections:
            correction = await self.form(sha256)
            texts |= {name: correction[name] for name in texts if correction.get(name)}
        return Texts.model_validate(texts)

    async def form(self, sha256: str) -> Mapping[str, Any]:
        """A stored form as it was filled in; empty when there is none, or it was erased with the data of a person."""
        if not sha256:
            return {}
        try:
            loaded: dict[str, Any] = json.loads(await self._contents.get(sha256))
        except Erased:
            return {}
        loaded.pop(SALT, None)
        return loaded

    async def reason(self, reason: str, language: str) -> str:
        """A reason in words: one of the vocabulary, or the text a coordinator gave, kept under its sha256."""
        if not reason:
            return ""
        if REASON_TEXT.fullmatch(reason):
            try:
                return (await self._contents.get(reason)).decode()
            except Erased:
                return self._words.say(language, "content.erased")
        code, _, kind = reason.partition(":")
        step = self._words.say(language, f"step.{kind}") if kind else ""
        return self._words.say(language, f"reason.{code}", step=step) if step else self._words.say(language, f"reason.{code}")

    async def theme(self, code: str, language: str) -> str:
        """The name of a theme."""
        return next(theme.names[language] for theme in await self._reference.themes() if theme.code == code)

    async def days_left(self, step: Step, at: datetime) -> int:
        """The working days from an instant to the due day of a step, in the calendar of the one asked."""
        assert step.schedule is not None
        calendar = await self._deadlines.calendar(step.country, at.date())
        return max(0, calendar.between(calendar.local_day(at), calendar.local_day(step.schedule.due)))

    def moment(self, party: Party, instant: datetime) -> str:
        """An instant where the party is, in words with the ISO date."""
        return self._words.moment(party.language, party.country, party.zone, instant)

    def span(self, party: Party, first: date, last: date) -> str:
        """A stretch of days in words."""
        day = self._words.day
        return f"{day(party.language, party.country, first)} – {day(party.language, party.country, last)}"

    def visit(self, case: Case, party: Party) -> str:
        """The days of the visit in words; empty while they are not known."""
        if case.visit_start is None or case.visit_end is None:
            return ""
        return self.span(party, case.visit_start, case.visit_end)


def reason_of(case: Case, letter: Letter) -> str:
    """Why a letter is written: its own reason, that of the hold it speaks of, or why the case ended."""
    held = case.hold.reason if case.hold is not None and letter.letter in HELD else ""
    return letter.reason or held or case.reason


def plan_form(case: Case, institution: str) -> str:
    """The sha256 of an institution's knowledge-transfer plan; empty when it gave none."""
    for step in case.steps:
        if step.kind is Kind.TRANSFER_PLAN and step.asked == institution and step.decision is not None:
            return step.decision.form
    return ""
