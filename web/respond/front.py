"""The pages shown to whoever sits before a question: the question itself, what stands of it, and why a link no longer answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import Request
from fastapi.responses import Response

from cases import Cases
from models.errors import Fault, Refused
from models.words import OPTIONS, Verb
from resending import Resending, is_asked
from web.pages import Pages, preferred
from web.respond.deeds import offered
from web.respond.diary import has_dates
from web.respond.door import Door, Seat, Shut, Unproved
from web.respond.fields import Place, files_of, groups_of, place_of, rows_of
from web.respond.question import Outcome, Shower
from web.respond.summary import Said, Summary, entries
from wording import Words

DIED_OF = {
    Verb.EXTENDED: "extended",
    **dict.fromkeys((Verb.REASSIGNED, Verb.DELEGATED, Verb.DELEGATION_ENDED, Verb.SUCCEEDED, Verb.PASSED_ON), "passed"),
}
"""Why the links of a question cease to answer, by what happened to it last."""

GONE = 410
NO_VISIT = 403
UPLOAD = "upload."
"""Before the sha256 of a file that came in, in a draft; what is kept there is the name it is shown under."""


ACTED = "acted."
"""Before the name of an act done during a visit, in its draft; what is kept there is which one it was."""

BESIDE = (UPLOAD, ACTED)
"""What a draft holds beside the inputs of the form."""


class Shown(NamedTuple):
    """What a page shows beside the question: an outcome, or the form with what was filled in and what is wrong with it."""

    outcome: Outcome | None = None
    inputs: Mapping[str, str] = {}
    faults: Sequence[Fault] = ()
    notice: str = ""
    response: str = ""
    done: str = ""
    acted: str = ""


class Front:
    """Makes the pages."""

    def __init__(self, cases: Cases, words: Words, pages: Pages, door: Door, resending: Resending) -> None:
        self.cases = cases
        self.words = words
        self.door = door
        self.shower = Shower(cases, words)
        self._pages = pages
        self._resending = resending

    def is_dead(self, seat: Seat) -> bool:
        """Whether the link that led here no longer answers."""
        return seat.is_dead(self.cases.clock())

    def page(self, seat: Seat, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        """A page for whoever sits before a question."""
        base = {
            "path": seat.path,
            "token": seat.token(),
            "here": seat.path,
            "query": query,
            "switching": True,
            "done": "",
            "faults": {},
        }
        return self.door.kept(self._pages.page(f"respond/{template}", seat.language, {**base, **context}, status), seat)

    async def question(self, seat: Seat, shown: Shown, status: int = 200) -> Response:
        """The question with its form, or what stands of it."""
        question, language = seat.question, seat.language
        kind, options = question.step.kind, list(OPTIONS[question.step.kind])
        chosen = shown.inputs.get("option", "") or (options[0] if len(options) == 1 else "")
        dead, rules = self.is_dead(seat), self.cases.programmes[question.case.programme]
        facts = await self.shower.facts(question, language)
        context = {
            **facts,
            "papers": [] if dead else facts["papers"],
            "way": [] if dead else facts["way"],
            "groups": groups_of(kind, question.subject),
            "rows_of": rows_of,
            "options": options,
            "kind": kind.value,
            "chosen": chosen,
            "inputs": shown.inputs,
            "uploads": uploads_of(seat),
            "faults": self.faults(language, shown.faults, lambda fault: place_of(kind, chosen, fault.field)),
            "outcome": shown.outcome,
            "recorded": await self.recorded(seat) if shown.outcome and not dead else [],
            "notice": shown.notice,
            "acted": shown.acted,
            "done": shown.done,
            "response": shown.response or uuid4().hex,
            "paper": question.step.paper,
            "deeds": [] if dead else offered(question.case, question.step, question.party.code, rules, self.cases.clock()),
            "diary": not dead and has_dates(question.case, question.step),
        }
        return self.page(seat, "question.html", context, status)

    async def confirm(self, seat: Seat, option: str, form: Mapping[str, Any], posted: Mapping[str, str]) -> Response:
        """The choice and what was filled in once more, with the button that records it."""
        kind, language = seat.question.step.kind, seat.language
        context = {
            **await self.heading(seat),
            "choice": self.words.say(language, f"option.{kind}.{option}"),
            "said": (await self.summary(seat)).of(kind, option, form),
            "uploads": uploads_of(seat),
            "posted": kept_on(posted),
            "target": seat.path,
            "record": self.words.say(language, "answer.send"),
            "here": f"{seat.path}/confirm",
        }
        return self.page(seat, "confirm.html", context)

    async def heading(self, seat: Seat) -> dict[str, str]:
        """What every page about a question says at its top."""
        question, say = seat.question, self.words.say
        return {
            "programme": self.cases.programmes[question.case.programme].name[seat.language],
            "case_id": question.case.id,
            "step_name": say(seat.language, f"step.{question.subject or question.step.kind}"),
            "title": (await self.cases.texts(question.case)).title,
        }

    async def summary(self, seat: Seat) -> Summary:
        """What puts forms into words, with the names that stand on the page."""
        people = {person.id: person.name for person in await self.shower.people(seat.question, seat.language)}
        institutions = dict(await self.shower.institutions(seat.question, seat.language))
        return Summary(self.words, seat.language, people, institutions)

    async def recorded(self, seat: Seat) -> list[Said]:
        """What was recorded on a question, for those who answered it or were asked."""
        step, party = seat.question.step, seat.question.party.code
        decision = step.decision
        if decision is None or not decision.form or party not in (decision.by, decision.on_behalf_of, step.asked):
            return []
        form = await self.cases.form(decision.form)
        if decision.facts.nominees:
            form = await entries(form, [nominee.form for nominee in decision.facts.nominees], self.cases.form)
        return (await self.summary(seat)).of(step.kind, decision.option, form)

    async def dead(self, seat: Seat, status: int = GONE) -> Response:
        """Why the link that led here no longer answers, with the offer of a new one where the question is still put."""
        case, step, party = seat.question
        rules, now = self.cases.programmes[case.programme], self.cases.clock()
        why = "expired" if seat.visit.link_expires < now else await self._died_of(seat)
        asked = is_asked(case, step, party.code, rules, now)
        context = {**await self.heading(seat), "why": why, "asked": asked, "switching": False}
        return self.page(seat, "dead.html", context, status)

    async def _died_of(self, seat: Seat) -> str:
        happened = [said.verb for said in await self.cases.timeline(seat.question.case.id) if said.step == seat.question.step.id]
        return next((DIED_OF[verb] for verb in reversed(happened) if verb in DIED_OF), "replaced")

    async def shut(self, shut: Shut, request: Request, path: str, posted: Mapping[str, str]) -> Response:
        """The code is to be entered, or the link opened again: then what was filled in stays on the page, and it does not say
        whether there is such a case."""
        if isinstance(shut, Unproved):
            return await self.code(shut.seat)
        context = {"path": path, "posted": kept_on(posted), "target": request.url.path}
        return self._pages.page("respond/shut.html", preferred(request), context, NO_VISIT)

    async def code(self, seat: Seat, wrong: str = "", status: int = 200) -> Response:
        """The code that this question asks for is sent and entered here."""
        box = seat.question.party.mailbox
        context = {
            **await self.heading(seat),
            "sent": seat.visit.code_sent is not None,
            "wrong": wrong,
            "mailbox": f"{box[:1]}…@{box.partition('@')[2]}",
        }
        return self.page(seat, "code.html", context, status)

    def unknown(self, request: Request, *, offers: bool = False) -> Response:
        """There is no such question; a link that opens nothing, whatever the reason, is offered anew."""
        return self._pages.page("respond/unknown.html", preferred(request), {"offers": offers}, 404)

    def not_recorded(self, request: Request, path: str, posted: Mapping[str, str], lang: str) -> Response:
        """Nothing can be read or kept now: what was filled in stays on the page, to be sent again."""
        context = {"posted": posted, "target": f"{path}?{query(lang=lang)}"}
        return self._pages.page("respond/again.html", preferred(request), context, 503)

    async def link_asked(self, request: Request, case_id: str, step_id: str, party: str, path: str) -> Response:
        """A new link goes out to whoever is asked; the page says the same whether or not one did."""
        await self._resending.send(case_id, step_id, party)
        return self._pages.page("respond/sent.html", preferred(request), {"path": path})

    def faults(self, language: str, faults: Sequence[Fault], place_at: Any) -> dict[str, dict[str, str]]:
        """Faults by the name of their input: its label and what is wrong, in the reader's language."""
        found: dict[str, dict[str, str]] = {}
        for fault in faults:
            place: Place = place_at(fault)
            found.setdefault(place.name, {"label": self._label(language, place), "text": self._fault(language, fault, place)})
        return found

    def _label(self, language: str, place: Place) -> str:
        """The label of the field that a fault is about, with its row."""
        known = [label for label in place.labels if isinstance(label, int) or self.words.has(language, label)]
        return " ".join(str(label) if isinstance(label, int) else self.words.say(language, label) for label in known)

    def _fault(self, language: str, fault: Fault, place: Place) -> str:
        """A fault in the reader's language; one without words of its own asks to check the value."""
        key = f"fault.{fault.code}"
        bounds = {"low": str(place.field.low), "high": str(place.field.high)} if place.field and place.field.high else {}
        facts = {"limit": "", "low": "", "high": "", "value": "", "threshold": "", "first": "", **fault.facts, **bounds}
        return self.words.say(language, key if self.words.has(language, key) else "fault.invalid", **facts)


def kept_on(posted: Mapping[str, str]) -> dict[str, str]:
    """What goes on with a page: everything that was filled in, without the button pressed and the former page's token."""
    return {name: value for name, value in posted.items() if name not in ("do", "token")}


def uploads_of(seat: Seat) -> dict[str, str]:
    """The files that came in during a visit: the name shown by sha256."""
    return {name.removeprefix(UPLOAD): value for name, value in seat.visit.draft.items() if name.startswith(UPLOAD)}


def strange_files(seat: Seat, posted: Mapping[str, str]) -> list[str]:
    """The file inputs that name a file which did not come in during this visit."""
    patterns, known = files_of(seat.question.step.kind, seat.question.subject), uploads_of(seat)
    named = (name for name, value in posted.items() if value and value not in known)
    return [name for name in named if any(pattern.fullmatch(name) for pattern in patterns)]


def query(**parts: str) -> str:
    """A query of the parts that are not empty."""
    return urlencode({name: value for name, value in parts.items() if value})


def fault_of(refusal: Refused) -> Fault:
    """A refusal as a fault of the field it names, else of the answer itself."""
    return Fault(field=refusal.facts.get("field", "option"), code=refusal.code, text=refusal.text, facts=dict(refusal.facts))
