"""The papers of a case: data drawn from the store by reference, set as PDF, stored under their sha256."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from temporalio import activity

from activities import names
from activities.letters import Facts
from activities.parties import Parties, Party
from activities.told import budget_of
from activities.typesetting import Typesetter
from evidence.entries import document_entry
from evidence.log import Log
from models.case import Case, Step
from models.orders import DocumentOrder, Draft, Issued, IssuedPaper
from models.programme import Programme
from models.rules import weighted_total
from models.words import Kind
from store.contents import Contents
from store.persons import Person, Persons
from store.reference import Reference
from wording import Words

Data = dict[str, Any]


class Drafting(NamedTuple):
    """One document being set: its order and draft, the programme, and the people it names by person id."""

    order: DocumentOrder
    draft: Draft
    programme: Programme
    people: Mapping[str, Person]


class Documents:
    """Sets and stores the papers of cases; typesetting runs in `executor`, away from the event loop."""

    def __init__(
        self,
        typesetter: Typesetter,
        facts: Facts,
        parties: Parties,
        persons: Persons,
        reference: Reference,
        contents: Contents,
        words: Words,
        programmes: Mapping[str, Programme],
        log: Log,
        executor: Executor,
    ) -> None:
        self._typesetter = typesetter
        self._facts = facts
        self._parties = parties
        self._persons = persons
        self._reference = reference
        self._contents = contents
        self._words = words
        self._programmes = programmes
        self._log = log
        self._executor = executor

    @activity.defn(name=names.ISSUE)
    async def issue(self, order: DocumentOrder) -> Issued:
        """Set documents and store them; the same order gives the same bytes."""
        people = await self._persons.of([person for draft in order.drafts for person in draft.people.values()])
        return Issued(papers=tuple([await self._issue(order, draft, people) for draft in order.drafts]))

    async def _issue(self, order: DocumentOrder, draft: Draft, people: Mapping[str, Person]) -> IssuedPaper:
        paper = Drafting(order, draft, self._programmes[order.programme], people)
        party = await self._receiver(paper)
        data = await self.data(paper, party)
        if draft.second:
            second = await self._parties.institution(draft.second)
            if second.language != party.language:
                data["second"] = {**await self.data(paper, second), "language": second.language}
        loop = asyncio.get_running_loop()
        setting = partial(self._typesetter.set, draft.kind, party.language, data, order.at.date())
        pdf = await loop.run_in_executor(self._executor, setting)
        person = draft.people.get(draft.about, "")
        async with self._log.transaction() as connection:
            sha256 = await self._contents.put(pdf, "application/pdf", person=person, case=order.case, connection=connection)
            entry = document_entry(order.case, draft.kind, party.language, sha256, draft.about, order.at)
            await self._log.append(connection, [entry])
        return IssuedPaper(kind=draft.kind, language=party.language, sha256=sha256, about=draft.about)

    async def _receiver(self, paper: Drafting) -> Party:
        person = paper.people.get(paper.draft.people.get(paper.draft.to, ""))
        if person is None:
            erased = paper.draft.to in paper.draft.people
            return await self._parties.institution(paper.order.sending if erased else paper.draft.to)
        home = await self._parties.institution(person.institution)
        return home.model_copy(update={"language": person.language or home.language})

    async def data(self, paper: Drafting, party: Party) -> Data:
        """Everything a document prints, in its language."""
        language, order, programme = party.language, paper.order, paper.programme
        case = as_case(order)
        texts = await self._facts.texts(case)
        base: Data = {
            "programme_name": programme.name[language],
            "office_name": programme.office.name[language],
            "case_id": order.case,
            "title": texts.title,
            "format_name": self._words.say(language, f"format.{order.asked.format}"),
            "theme_name": await self._facts.theme(order.asked.theme, language),
            "requesting": await self._institution(order.asked.requesting, language),
            "host": await self._institution(order.host, language),
            "sending": await self._institution(order.sending, language),
            "visit": self._span(party, order.visit_start, order.visit_end),
            "second": None,
        }
        more: Data = await getattr(self, f"_{paper.draft.kind}")(paper, party)
        return base | more

    async def _acknowledgement(self, paper: Drafting, party: Party) -> Data:
        texts = await self._facts.texts(as_case(paper.order))
        budget = budget_of(await self._facts.form(paper.order.asked.request), paper.order.asked)
        periods = [
            {"earliest": self._day(party, p.earliest), "latest": self._day(party, p.latest)} for p in paper.order.asked.periods
        ]
        return {
            "reference": texts.reference,
            "received": self._day(party, paper.order.at.date()),
            "objectives": list(texts.objectives),
            "expected_results": list(texts.results),
            "expertise": texts.expertise,
            "periods": periods,
            "places": paper.order.asked.places,
            "duration_days": paper.order.asked.duration_days,
            "budget": {"ceiling": str(budget["ceiling"]), "currency": budget["currency"]},
        }

    async def _decision_letter(self, paper: Drafting, party: Party) -> Data:
        language = party.language
        form = await self._facts.form(paper.draft.forms.get(Kind.DECISION, ""))
        scores: dict[str, int] = form.get("scores", {})
        weights = paper.programme.decision.weights if scores else {}
        criteria = [
            {"name": self._words.say(language, f"criterion.{name}"), "score": scores.get(name, 0), "weight": weight}
            for name, weight in weights.items()
        ]
        opinions = [
            {
                "name": (await self._parties.institution(code)).name,
                "text": str((await self._facts.form(sha256)).get("opinion", ""))
                or self._words.say(language, "option.consultation.no_objection"),
            }
            for code, sha256 in paper.draft.opinions.items()
        ]
        return {
            "outcome": self._words.say(language, f"outcome.{paper.draft.outcome}"),
            "outcome_code": paper.draft.outcome,
            "reasons": form.get("reasons") or await self._facts.reason(paper.draft.reason, language),
            "criteria": criteria,
            "total": str(weighted_total(scores, paper.programme)),
            "threshold": str(paper.programme.decision.threshold),
            "opinions": opinions,
        }

    async def _terms_of_reference(self, paper: Drafting, party: Party) -> Data:
        texts = await self._facts.texts(as_case(paper.order))
        offer = await self._facts.form(paper.draft.forms.get(Kind.HOST_OFFER, ""))
        agreement = await self._facts.form(paper.draft.forms.get(Kind.HOST_AGREEMENT, ""))
        return {
            "objectives": list(texts.objectives),
            "expected_results": list(texts.results),
            "expertise": texts.expertise,
            "places": paper.order.asked.places,
            "duration_days": paper.order.asked.duration_days,
            "contact": agreement.get("contact") or offer.get("contact", ""),
            "legal_basis": texts.legal_basis,
        }

    async def _hosting_agreement(self, paper: Drafting, party: Party) -> Data:
        host = await self._parties.institution(paper.order.host)
        return {
            **await self._terms_of_reference(paper, party),
            "tor_sha256": paper.draft.paper,
            "agreed": self._day(party, paper.order.at.date()),
            "agreed_by": host.name,
        }

    async def _invitation_letter(self, paper: Drafting, party: Party) -> Data:
        agreement = await self._facts.form(paper.draft.forms.get(Kind.HOST_AGREEMENT, ""))
        return {"participant": await self._participant(paper, party), "contact": agreement.get("contact", "")}

    async def _visa_support_letter(self, paper: Drafting, party: Party) -> Data:
        host = await self._institution(paper.order.host, party.language)
        return {"participant": await self._participant(paper, party), "destination_country": host["country"]}

    async def _agenda(self, paper: Drafting, party: Party) -> Data:
        form = await self._facts.form(paper.draft.forms.get(Kind.AGENDA, ""))
        lines = [{**line, "day": self._day(party, date.fromisoformat(line["day"]))} for line in form.get("lines", [])]
        return {"lines": lines}

    async def _certificate(self, paper: Drafting, party: Party) -> Data:
        actual = self._span(party, paper.order.actual_start, paper.order.actual_end)
        return {"participant": await self._participant(paper, party), "actual": actual}

    async def _transfer_plan(self, paper: Drafting, party: Party) -> Data:
        form = await self._facts.form(paper.draft.forms.get("form", ""))
        actions = [{**action, "due": self._day(party, date.fromisoformat(action["due"]))} for action in form.get("actions", [])]
        return {"institution": (await self._parties.institution(paper.draft.about)).name, "actions": actions}

    async def _closure_note(self, paper: Drafting, party: Party) -> Data:
        language = party.language
        request = await self._facts.form(paper.order.asked.request)
        participants = [
            {
                "name": paper.people[person].name if person in paper.people else self._words.say(language, "person.erased"),
                "institution": (await self._parties.institution(paper.people[person].institution)).name
                if person in paper.people
                else "",
                "status": self._words.say(language, f"nomination.{paper.draft.standings[nomination]}"),
            }
            for nomination, person in paper.draft.people.items()
        ]
        last = await self._facts.form(paper.draft.forms.get(Kind.FOLLOW_UP, ""))
        budget = budget_of(request, paper.order.asked)
        ceiling = f"{budget['ceiling']} {budget['currency']}".strip()
        return {
            "ending": self._words.say(language, f"ending.{paper.draft.outcome}"),
            "reason": await self._facts.reason(paper.draft.reason, language),
            "participants": participants,
            "follow_ups": [follow_up(line) for line in paper.draft.follow_ups],
            "costs": [{"label": self._words.say(language, "closure.ceiling"), "amount": ceiling}],
            "practice": last.get("practice", ""),
        }

    async def _participant(self, paper: Drafting, party: Party) -> Data:
        person = paper.people.get(paper.draft.people[paper.draft.about])
        if person is None:
            return {"name": self._words.say(party.language, "person.erased"), "function": "", "institution": ""}
        institution = await self._parties.institution(person.institution)
        return {"name": person.name, "function": person.function, "institution": institution.name}

    async def _institution(self, code: str, language: str) -> Data:
        if not code:
            return {"name": "", "country": ""}
        institution = await self._reference.institution(code)
        country = await self._reference.country(institution.country)
        return {"name": institution.name, "country": country.names[language]}

    def _day(self, party: Party, day: date) -> Data:
        return {"iso": day.isoformat(), "words": self._words.written(party.language, party.country, day)}

    def _span(self, party: Party, first: date | None, last: date | None) -> Data | None:
        if first is None or last is None:
            return None
        return {"start": self._day(party, first), "end": self._day(party, last)}


def follow_up(line: str) -> Data:
    """A follow-up as the closure note prints it, from `months:planned:done:evidence`."""
    months, planned, done, evidence = (int(part) for part in line.split(":"))
    return {"months": months, "planned": planned, "done": done, "evidence": bool(evidence)}


def as_case(order: DocumentOrder) -> Case:
    """As much of the case as its texts need: the request and its corrections."""
    at = order.at
    corrections = [
        Step.model_validate(
            {
                "id": f"correction-{n}",
                "kind": Kind.CORRECTION,
                "asked": order.asked.requesting,
                "country": "",
                "opened": at,
                "decision": {"option": "submit", "recorded": at, "form": sha256},
            }
        )
        for n, sha256 in enumerate(order.corrections, start=1)
    ]
    return Case(id=order.case, programme=order.programme, asked=order.asked, opened=at, clock=at, steps=corrections)
