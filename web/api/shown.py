"""A step as a system of an institution is shown it, and who may see which."""

from __future__ import annotations

from typing import Any

from cases import Cases
from models.case import Case, Decision, Paper, Step
from models.forms import FORMS
from models.rules import closes_for_good, subject_of
from models.words import OPTIONS
from web.api.files import schema_without_files
from web.api.said import Asked, AskedWhole, PaperShown, PeriodShown, PersonShown, RequestShown, Stands
from web.respond.question import EXPLAINED
from wording import Words

V1 = "/api/v1"


def is_put_to(institution: str, step: Step) -> bool:
    """Whether an institution may see a step: it was asked, holds the mandate of the one asked, or the step moved up to it."""
    return institution in (step.asked, step.delegate, step.escalated_to)


def may_read(institution: str, case: Case, paper: Paper) -> bool:
    """Whether an institution may read a paper: it was issued to it, or a step put to it is about it."""
    steps = (step for step in case.steps if is_put_to(institution, step))
    return paper.to == institution or any(step.paper == paper.sha256 for step in steps)


class Shower:
    """Collects what is said of steps, in a language."""

    def __init__(self, cases: Cases, words: Words) -> None:
        self._cases = cases
        self._words = words

    async def open_steps(self, institution: str, case: Case, language: str) -> list[Asked]:
        """The steps of a case that an institution can answer now."""
        if case.ended is not None:
            return []
        steps = [step for step in case.steps if step.is_open and is_put_to(institution, step) and not self._is_over(case, step)]
        return [Asked(**await self._asked(case, step, language)) for step in steps]

    def _is_over(self, case: Case, step: Step) -> bool:
        closes = closes_for_good(step, self._cases.programmes[case.programme])
        return closes is not None and self._cases.clock() > closes

    async def whole(self, institution: str, case: Case, step: Step, language: str) -> AskedWhole:
        """A step with all that is needed to answer it."""
        return AskedWhole(
            **await self._asked(case, step, language),
            format=case.asked.format,
            host=case.host,
            visit_start=case.visit_start,
            visit_end=case.visit_end,
            forms={option: schema_without_files(FORMS[step.kind, option].model_json_schema()) for option in OPTIONS[step.kind]},
            request=await self._request(case) if step.kind in EXPLAINED else None,
            papers=[paper_of(case, paper) for paper in case.papers if paper.voided is None and may_read(institution, case, paper)],
            people=await self._people(case, step),
            background=dict(await self._cases.background(case, step, language)),
            stands=stands_of(institution, step.decision) if step.decision is not None and step.voided is None else None,
        )

    async def _asked(self, case: Case, step: Step, language: str) -> dict[str, Any]:
        schedule = step.schedule
        return {
            "case": case.id,
            "step": step.id,
            "kind": step.kind,
            "round": step.round,
            "title": (await self._cases.texts(case)).title,
            "ask": self._words.say(language, f"ask.{subject_of(step) or step.kind}"),
            "asked": step.asked,
            "answering": step.answering,
            "options": list(OPTIONS[step.kind]),
            "state": step.state,
            "opened": step.opened,
            "due": schedule.due if schedule else None,
            "closes": schedule.closes if schedule else None,
            "working_days": await self._cases.days_left(step) if schedule and step.is_open else None,
            "paper": step.paper,
            "epoch": step.epoch,
            "href": href(case.id, step.id),
        }

    async def _request(self, case: Case) -> RequestShown:
        texts = await self._cases.texts(case)
        return RequestShown(
            requesting=case.asked.requesting,
            reference=texts.reference,
            expertise=texts.expertise,
            objectives=list(texts.objectives),
            results=list(texts.results),
            periods=[PeriodShown(earliest=period.earliest, latest=period.latest) for period in case.asked.periods],
        )

    async def _people(self, case: Case, step: Step) -> list[PersonShown]:
        persons = await self._cases.persons(case)
        found = [(about, persons[about]) for about in step.about if about in persons]
        return [PersonShown(nomination=n, name=p.name, function=p.function, institution=p.institution) for n, p in found]


def href(case: str, step: str) -> str:
    """The address of a step."""
    return f"{V1}/cases/{case}/steps/{step}"


def paper_of(case: Case, paper: Paper) -> PaperShown:
    """A paper and where it is found."""
    address = f"{V1}/cases/{case.id}/papers/{paper.sha256}"
    return PaperShown(kind=paper.kind, language=paper.language, sha256=paper.sha256, href=address)


def stands_of(institution: str, decision: Decision) -> Stands:
    """What was decided; the reference is told to who gave the answer."""
    return Stands(
        option=decision.option,
        decision=decision.kind,
        by=decision.by,
        on_behalf_of=decision.on_behalf_of,
        received=decision.received,
        recorded=decision.recorded,
        late=decision.late,
        reference=decision.response if institution in (decision.by, decision.on_behalf_of) else "",
    )
