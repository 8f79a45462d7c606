"""What letters say of an intervention: who takes whose place, since when a case is on hold, what is missing, what it costs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.numbers import format_currency

from activities.parties import SUPERVISOR, Parties, Party, name_of
from models.case import Case, Step
from models.errors import Erased
from models.orders import Letter
from models.programme import Programme
from models.request import Asked
from models.rules import BUDGET
from models.words import Format, Kind, Standing, Verb
from store.contents import Contents
from wording import ARABIC_DIGITS, Words, locale_of

HELD = ("held", "hold_review")
"""The letters that speak of a hold, and give its reason."""

ANSWERED = ("ask_", "reminder", "overdue", "extended")
"""The letters to whoever is to answer."""


class Told:
    """Collects what a letter says beyond its case and step, in one language."""

    def __init__(self, parties: Parties, contents: Contents, words: Words) -> None:
        self._parties = parties
        self._contents = contents
        self._words = words

    async def of(self, programme: Programme, case: Case, letter: Letter, party: Party) -> dict[str, Any]:
        """The facts of a letter about an intervention; of a step that lapsed, what follows; nothing of any other letter."""
        language, words = party.language, self._words
        step = case.step(letter.step) if letter.step else None
        match letter.letter:
            case "held" | "hold_review":
                return {"held_words": words.moment(language, party.country, party.zone, held_since(case))}
            case "host_withdrew":
                former = (await self._parties.institution(letter.about or case.released[-1])).name
                return {"former_host_name": former, "kept": case.asked.format is Format.STUDY_VISIT}
            case "replaced":
                new, old = letter.about, case.nomination(letter.about).replaces
                names = [await self.name(programme, case, code, language) for code in (new, old)]
                return dict(zip(("nominee_name", "replaced_name"), names, strict=True))
            case "handed_over":
                return {"open_steps": await self._open_steps(programme, case, party)}
            case "widened":
                called = [s.asked for s in case.steps if s.kind is Kind.HOST_OFFER and s.is_open]
                return {"candidates": [await self.name(programme, case, code, language) for code in called]}
            case "certificate_held":
                return {"missing": words.say(language, f"missing.{letter.reason}")}
            case "dormant":
                asked = letter.about or (step.asked if step else "")
                return {"asked_name": await self.name(programme, case, asked, language), "count": str(letter.count)}
        return await self._of_step(programme, case, letter, step, language) if step is not None else {}

    async def _of_step(self, programme: Programme, case: Case, letter: Letter, step: Step, language: str) -> dict[str, Any]:
        say = self._words.say
        match letter.letter:
            case "recalled" | "override":
                return {"answer_name": say(language, f"option.{step.kind}.{step.option}")}
            case "delegated":
                delegate = letter.about or step.delegate or last_delegate(case, step)
                return {"delegate_name": await self.name(programme, case, delegate, language)}
            case "time_asked":
                return {"working_days": self._words.count(language, "answer.working_days", letter.count)}
            case "lapsed" | "declined":
                return {"consequence": say(language, f"consequence.{letter.consequence}") if letter.consequence else ""}
            case "nominees_outcome":
                return {"outcomes": await self._standings(programme, case, step.about, language)}
        return {}

    async def of_question(self, programme: Programme, case: Case, step: Step, language: str) -> dict[str, Any]:
        """What a decision is about, other than the request: a cost with its ceiling, or the nominees who cannot travel."""
        if step.about[0] != BUDGET:
            nominations = [n.id for n in case.nominations if n.standing is not Standing.REPLACED]
            return {"nominees": await self._standings(programme, case, tuple(nominations), language)}
        offer = offer_before(case, step)
        assert offer.decision is not None
        currency = await self._currency(case)
        return {
            "host_name": await self.name(programme, case, offer.asked, language),
            "cost_words": money(language, step.country, offer.decision.facts.cost, currency),
            "ceiling_words": money(language, step.country, case.asked.ceiling, currency),
        }

    async def _currency(self, case: Case) -> str:
        """The currency of the request; none where the request was erased with the data of a person it named."""
        try:
            request = json.loads(await self._contents.get(case.asked.request))
        except Erased:
            request = {}
        return str(budget_of(request, case.asked)["currency"])

    def on_behalf(self, letter: Letter, step: Step, party: Party, asked_name: str) -> str:
        """The sentence that tells a delegate or a post for whom they answer; empty to the one asked, or above them."""
        if not letter.letter.startswith(ANSWERED) or letter.to in (step.asked, step.escalated_to):
            return ""
        if letter.to != step.delegate and not letter.to.startswith(f"{step.asked}/"):
            return ""
        return self._words.say(party.language, "answer.you_on_behalf", name=asked_name)

    async def name(self, programme: Programme, case: Case, code: str, language: str) -> str:
        """Who somebody is, in the reader's language: a person or institution by name, a post with its office."""
        office = programme.office.name[language]
        if code == programme.office.code:
            return office
        party = await self._parties.party(programme, case, code)
        if party.is_person or "/" not in code:
            return name_of(party, self._words, language)
        comma = "،" if language == "ar" else ","
        return f"{self.role(language, party.role)}{comma} {office if code.endswith(SUPERVISOR) else party.institution}"

    def role(self, language: str, role: str) -> str:
        """The name of an office in a language; as entered where the vocabulary does not know it."""
        slug = re.sub(r"[^a-z0-9]+", "_", role.lower()).strip("_") or "coordinator"
        return self._words.say(language, f"role.{slug}") if self._words.has(language, f"role.{slug}") else role

    def step_name(self, language: str, step: Step) -> str:
        """What a step asks, as a label; a decision on something else than the request by what it is about."""
        about = step.kind is Kind.DECISION and step.about
        return self._words.say(language, f"step.{step.about[0] if about else step.kind}")

    async def _open_steps(self, programme: Programme, case: Case, party: Party) -> list[str]:
        """Each open step as a line: what, who, by when."""
        lines = []
        for step in case.steps:
            if step.is_open:
                parts = [self.step_name(party.language, step), await self.name(programme, case, step.answering, party.language)]
                if step.schedule is not None:
                    parts.append(self._words.moment(party.language, party.country, party.zone, step.schedule.due))
                lines.append(" – ".join(parts))
        return lines

    async def _standings(self, programme: Programme, case: Case, nominations: tuple[str, ...], language: str) -> list[str]:
        """Each nomination as a line: who, and where it stands."""
        lines = []
        for code in nominations:
            standing = self._words.say(language, f"nomination.{case.nomination(code).standing}")
            lines.append(f"{await self.name(programme, case, code, language)} – {standing}")
        return lines


def held_since(case: Case) -> datetime:
    """Since when a case is on hold; when it has gone on while its letter was being written, since when it was."""
    return case.hold.since if case.hold is not None else max(said.at for said in case.said if said.verb is Verb.HELD)


def last_delegate(case: Case, step: Step) -> str:
    """To whom a step was delegated last, when that was taken back while the letter about it was being written."""
    return [said.about for said in case.said if said.verb is Verb.DELEGATED and said.step == step.id][-1]


def offer_before(case: Case, step: Step) -> Step:
    """The offer whose cost is decided on in a step: that of the institution it names, else the last one made before it."""
    offers = [s for s in case.steps[: case.steps.index(step)] if s.kind is Kind.HOST_OFFER and s.option == "offer"]
    return ([s for s in offers if s.asked in step.about] or offers)[-1]


def budget_of(request: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
    """The budget of a request as filed; of one that was erased, the ceiling that the case knows, in whole units."""
    found: Mapping[str, Any] = request.get("budget") or {"ceiling": asked.ceiling, "currency": ""}
    return found


def money(language: str, country: str, amount: int, currency: str) -> str:
    """An amount in whole units of a currency, in words, as the reader's country writes it."""
    locale = locale_of(language, country)
    written = format_currency(
        amount, currency, locale=locale, format_type="name", currency_digits=False, numbering_system="default"
    )
    return written.translate(ARABIC_DIGITS) if locale.default_numbering_system == "arab" else written
