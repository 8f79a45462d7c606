"""Cases, answers and mails as they come to the store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from models.case import Answer, Case, Decision, Step, Transition
from models.request import Asked, Period
from models.schedule import Do, Schedule, Tick
from models.words import Channel, Format, Kind, State, Verb
from store.mails import QueuedMail

MONDAY = datetime(2027, 1, 4, 9, tzinfo=UTC)
CASE = "AMEDIP-2027-0001"


def days(count: float) -> timedelta:
    """So many days."""
    return timedelta(days=count)


def an_open_step(step_id: str, asked: str, *, opened: datetime = MONDAY) -> Step:
    """A host asked for an offer, reminded after five days, closed after ten."""
    ticks = (Tick(at=opened + days(5), do=Do.REMIND), Tick(at=opened + days(10), do=Do.CLOSE))
    schedule = Schedule(due=opened + days(8), zone="Africa/Casablanca", ticks=ticks)
    return Step(
        id=step_id, kind=Kind.HOST_OFFER, asked=asked, country=asked[:2], opened=opened, schedule=schedule, state=State.OPEN
    )


def answered(step: Step, option: str = "offer") -> Step:
    """The step with an answer a day after it opened."""
    at = step.opened + days(1)
    decision = Decision(option=option, by=step.asked, channel=Channel.PAGE, received=at, recorded=at, response=f"R-{step.id}")
    return step.model_copy(update={"state": State.ANSWERED, "closed": at, "decision": decision})


def a_case(*steps: Step, seq: int, run: int = 1, case_id: str = CASE) -> Case:
    """A study visit with these steps, after `seq` things happened."""
    asked = Asked(
        request="0" * 64,
        format=Format.STUDY_VISIT,
        requesting="SN-POSTE",
        language="fr",
        theme="remittances.formal",
        level="bilateral",
        places=3,
        duration_days=4,
        periods=(Period(earliest=date(2027, 4, 5), latest=date(2027, 4, 30)),),
    )
    said = [a_transition(number, run) for number in range(1, seq + 1)]
    return Case(
        id=case_id, programme="amedip", asked=asked, opened=MONDAY, clock=MONDAY, steps=list(steps), run=run, seq=seq, said=said
    )


def a_transition(seq: int, run: int = 1) -> Transition:
    """An offer made, as the seq-th thing that happened."""
    return Transition(
        seq=seq, run=run, at=MONDAY + timedelta(hours=seq), event=seq * 10, verb=Verb.OFFERED, step="S1", kind=Kind.HOST_OFFER
    )


def an_answer(response: str, *, option: str = "offer", received: datetime = MONDAY, step: str = "S1") -> Answer:
    """The host's answer to the call."""
    return Answer(response=response, step=step, option=option, by="MA-POSTE", channel=Channel.PAGE, received=received)


def a_mail(
    number: int, *, queued: datetime = MONDAY, person: str = "", to: str = "services.financiers@poste-ma.example"
) -> QueuedMail:
    """The number-th mail of the case, to a host and its alternate."""
    return QueuedMail(
        message_id=f"<{CASE}.{number:04d}@amedip.example>",
        case_id=CASE,
        step="S1",
        letter="ask_host_offer",
        person=person,
        to=to,
        name="Financial services focal point",
        cc=("alternate@poste-ma.example",),
        language="fr",
        link_facts={"step": "S1"},
        queued=queued,
        eml=f"Subject: mail {number}\r\n\r\nA letter.\r\n".encode(),
    )
