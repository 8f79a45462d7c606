"""Plausible forms for people who answer as usual: Participant 1, Expert A, dates that fit, actions that get done."""

from __future__ import annotations

from datetime import date, timedelta
from string import ascii_uppercase
from typing import Any

from models import rules
from models.case import Case, Step
from models.programme import Programme
from models.request import earliest_start, fits
from models.words import Format, Kind, country_of

TEXTS = {
    "en": ("Found useful and well prepared.", "Briefing of colleagues", "Guide for the front offices"),
    "fr": ("Utile et bien préparé.", "Restitution aux collègues", "Guide pour les guichets"),
    "ar": ("مفيد ومُعدّ إعدادا جيدا.", "إحاطة للزملاء", "دليل لمكاتب الاستقبال"),
    "pt": ("Útil e bem preparado.", "Apresentação aos colegas", "Guia para os balcões"),
}


def plausible(programme: Programme, case: Case, step: Step, option: str, language: str) -> dict[str, Any]:
    """The form that somebody who answers `option` as usual would fill in, in a language."""
    remark, first, second = TEXTS[language]
    match step.kind, option:
        case (Kind.COMPLETENESS, "return") | (Kind.REPORT_REVIEW, "return") | (Kind.ACCEPTANCE, "refuse"):
            return {"remarks": remark}
        case Kind.DECISION, "approve" if rules.POSTPONE in step.about:
            later = (case.visit_start or case.opened.date()) + timedelta(weeks=4)
            return {"reasons": remark, "start": later.isoformat()}
        case Kind.DECISION, _:
            score = 1 if option == "reject" else 4
            return {"scores": dict.fromkeys(programme.decision.weights, score), "reasons": remark}
        case Kind.HOST_OFFER, "offer":
            return {"start": first_fitting(programme, case).isoformat(), "contact": "Protocol office"}
        case Kind.HOST_AGREEMENT, "agree":
            return {"contact": "Protocol office", "outline": first}
        case Kind.NOMINATION, "nominate":
            return {"nominees": nominees(case)}
        case Kind.TRAVEL, "ready":
            return {"visa": "granted", "insurance": "valid", "ticket": "issued"}
        case Kind.AGENDA, _:
            return {"lines": agenda(case, first)}
        case Kind.CASCADING_PLAN, _:
            return {"channels": first, "audience": second}
        case Kind.ATTENDANCE, _:
            return {"attendance": dict.fromkeys(step.about, "attended")}
        case Kind.EVALUATION, _:
            return {"score_content": 5, "score_organisation": 4, "score_usefulness": 5, "comments": remark}
        case Kind.REPORT, _:
            return {"text": remark, "summary": TEXTS["fr" if language == "fr" else "en"][0]}
        case Kind.TRANSFER_PLAN, _:
            due = (case.visit_end or case.opened.date()) + timedelta(days=90)
            return {
                "actions": [
                    {"action": text, "channel": first, "due": due.isoformat(), "evidence": second} for text in (first, second)
                ]
            }
        case Kind.FOLLOW_UP, _:
            return {"actions": [{"action": first, "done": True, "evidence": second}, {"action": second, "done": step.round > 1}]}
        case _:
            return {}


def first_fitting(programme: Programme, case: Case) -> date:
    """The first day, not before the lead time, on which the visit fits one of the periods; a Monday where one fits."""
    first = earliest_start(programme, case.opened.date())
    days = [p.earliest + timedelta(days=n) for p in case.asked.periods for n in range((p.latest - p.earliest).days + 1)]
    fitting = [day for day in days if fits(case.asked, day, first)]
    return next((day for day in fitting if day.weekday() == 0), fitting[0])


def nominees(case: Case) -> list[dict[str, Any]]:
    """As many people as there are places, and a substitute."""
    experts = case.asked.format is Format.EXPERT_ASSIGNMENT
    domain = f"{case.sending.partition('-')[2].lower()}-{country_of(case.sending).lower()}.example"
    people = []
    for n in range(case.asked.places + 1):
        name = f"Expert {ascii_uppercase[n]}" if experts else f"Participant {n + 1}"
        people.append(
            {
                "person": name,
                "function": "Adviser",
                "gender": "fm"[n % 2],
                "email": f"{name.lower().replace(' ', '.')}@{domain}",
                "substitute": n == case.asked.places,
            }
        )
    return people


def agenda(case: Case, activity: str) -> list[dict[str, str]]:
    """One line a day of the visit."""
    assert case.visit_start is not None
    assert case.visit_end is not None
    days = [case.visit_start + timedelta(days=n) for n in range((case.visit_end - case.visit_start).days + 1)]
    return [{"day": day.isoformat(), "time": "09:30", "activity": activity, "place": case.host} for day in days]
