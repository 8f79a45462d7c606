"""The dates of a question for a diary: by when an answer is wanted, and the days of the visit."""

from __future__ import annotations

from datetime import datetime, timedelta

from icalendar import Calendar, Event

from models.case import Case, Step


def diary(case: Case, step: Step, step_name: str, title: str, host: str, now: datetime) -> bytes:
    """An iCalendar file (RFC 5545) with the due instant of an open question and the days of the visit, as far as they are known."""
    found = Calendar()
    found.add("prodid", "-//Passerelle//EN")
    found.add("version", "2.0")
    found.add("method", "PUBLISH")
    if step.is_open and step.schedule is not None:
        due = Event()
        due.add("uid", f"{case.id}-{step.id}-due@passerelle")
        due.add("dtstamp", now)
        due.add("dtstart", step.schedule.due)
        due.add("summary", f"{case.id} – {step_name}")
        due.add("description", title)
        found.add_component(due)
    if case.visit_start is not None and case.visit_end is not None:
        visit = Event()
        visit.add("uid", f"{case.id}-visit@passerelle")
        visit.add("dtstamp", now)
        visit.add("dtstart", case.visit_start)
        visit.add("dtend", case.visit_end + timedelta(days=1))
        visit.add("summary", f"{case.id} – {title}")
        visit.add("location", host)
        found.add_component(visit)
    return bytes(found.to_ical())


def has_dates(case: Case, step: Step) -> bool:
    """Whether there is anything to enter in a diary."""
    return (step.is_open and step.schedule is not None) or case.visit_start is not None
