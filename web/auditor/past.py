"""What a case was: its timeline with the raw events below, what departed from the usual way, and the state at any moment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from audit.differences import differences
from audit.exceptions import departures
from audit.moments import Moment, at_event, at_instant
from audit.saying import details_of, heading_of
from audit.timeline import Line, raw_events, rules_of, timeline
from audit.timemachine import Replayed
from models.errors import Missing, Refused
from reading import Reading
from store.finding import Facts
from store.mails import MailRow
from web.auditor.gate import Signed
from web.auditor.parts import Parts
from web.auditor.replays import Replays
from web.pages import disposition

NUMBER = re.compile(r"[0-9]{1,6}")
LONGEST_TEXT = 20_000
"""How many characters of a payload a page shows; the exported history has them all."""
LONGEST_VALUE = 400
LARGEST_PAGE = 400_000
"""How many characters of payloads one page of raw events shows in all."""
WRONG = 422


class PastPages:
    """The routes of what was."""

    def __init__(self, parts: Parts, cases: Reading, replays: Replays) -> None:
        self._parts = parts
        self._cases = cases
        self._replays = replays
        self.router = APIRouter()
        parts.shows(self.router, "/timeline", self.timeline)
        parts.shows(self.router, "/events", self.events)
        parts.shows(self.router, "/runs/{run}/history.json", self.history)
        parts.shows(self.router, "/exceptions", self.exceptions)
        parts.shows(self.router, "/at", self.at)

    async def timeline(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """What happened, in order."""
        found, mails = await self._replays.of(facts), await self._cases.mails(facts.id)
        language, words = self._parts.frame.language(request), self._parts.frame.words
        lines = timeline(found.runs, found.moments, mails, rules_of(found.runs))
        said = [
            {"line": line, "says": heading_of(line, words, language), "details": details_of(nameless(line), words, language)}
            for line in lines
        ]
        context = {"lines": said, "runs": [(run.number, len(run.events)) for run in found.runs]}
        return self._parts.page(request, signed, facts, "timeline", "timeline.html", context)

    async def events(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """The raw events below a line."""
        asked = [number_in(request.query_params.get(name, "")) for name in ("run", "first", "last")]
        found = await self._replays.of(facts)
        run = next((run for run in found.runs if run.number == asked[0]), None)
        if run is None or not 1 <= asked[1] <= asked[2] <= len(run.events):
            raise Missing("no such events")
        left, shown = LARGEST_PAGE, []
        for event in raw_events(run, asked[1], asked[2]):
            texts = []
            for text in event.texts:
                texts.append((spread(text)[: min(LONGEST_TEXT, left)], len(text) > min(LONGEST_TEXT, left)))
                left -= len(texts[-1][0])
            shown.append({"event": event, "texts": texts})
        context = {"events": shown, "run": run.number, "run_id": run.run_id, "first": asked[1], "last": asked[2]}
        return self._parts.page(request, signed, facts, "events", "events.html", context)

    async def history(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """A run's history as it was exported."""
        number = number_in(str(request.path_params["run"]))
        histories = await self._replays.histories(facts)
        if not 1 <= number <= len(histories):
            raise Missing("no such run")
        name = disposition(f"{facts.id}-run-{number}.json")
        return Response(histories[number - 1][1], media_type="application/json", headers=name)

    async def exceptions(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """Where the case left the usual way."""
        found = departures(await self._cases.timeline(facts.id), await self._cases.case(facts.id))
        ways = dict[str, int]()
        for one in found:
            ways[one.way] = ways.get(one.way, 0) + 1
        context = {"departures": found, "ways": ways}
        return self._parts.page(request, signed, facts, "exceptions", "exceptions.html", context)

    async def at(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """The state at a moment, and what differs from the moment before."""
        found, mails = await self._replays.of(facts), await self._cases.mails(facts.id)
        typed = {name: request.query_params.get(name, "").strip()[:40] for name in ("moment", "run", "event", "instant")}
        wrong, status = "", 200
        try:
            moment = asked_for(found, typed)
        except Refused as refusal:
            moment, wrong, status = found.moments[-1], refusal.code, WRONG
        context = {**seen(found, moment, mails), "typed": typed, "wrong": wrong}
        return self._parts.page(request, signed, facts, "at", "at.html", context, status)


def asked_for(found: Replayed, typed: Mapping[str, str]) -> Moment:
    """The moment that an address asks for: by its place, by run and event, or by instant; the last where it says nothing.

    Raises:
        Refused: there is no such moment, or what is asked for cannot be read.
    """
    moments = found.moments
    if typed["instant"]:
        try:
            read = datetime.fromisoformat(typed["instant"])
            instant = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Refused("no_such_instant", "this is no instant") from error
        return at_instant(moments, instant)
    if typed["event"] or typed["run"]:
        run = number_in(typed["run"]) if typed["run"] else moments[-1].run
        last = max((moment.until for moment in moments if moment.run == run), default=0)
        return at_event(moments, run, number_in(typed["event"]) if typed["event"] else last)
    if typed["moment"]:
        place = number_in(typed["moment"])
        if not 1 <= place <= len(moments):
            raise Refused("no_such_event", "there is no such moment")
        return moments[place - 1]
    return moments[-1]


def seen(found: Replayed, moment: Moment, mails: Sequence[MailRow]) -> dict[str, Any]:
    """What the page of a moment shows."""
    place = found.moments.index(moment)
    before = found.moments[place - 1].state if place else "{}"
    case = moment.case
    return {
        "moments": found.moments,
        "moment": moment,
        "place": place + 1,
        "state": case,
        "happened": [said for said in case.said if said.event == moment.event],
        "changes": [(change.path, short(change.before), short(change.after)) for change in differences(before, moment.state)],
        "raw": spread(moment.state),
        "mails": [mail for mail in mails if mail.number <= case.posted],
    }


def number_in(text: str) -> int:
    """A number as it was written; -1 where it is none."""
    return int(text) if text.isascii() and NUMBER.fullmatch(text) else -1


def spread(text: str) -> str:
    """JSON with a line for each field; any other text as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def short(value: Any) -> str:
    """A value of a state, cut where it is long."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"


def nameless(line: Line) -> Line:
    """A line whose mails name no mailbox: where only that is known, nobody is named."""
    return line.model_copy(update={"mails": tuple(mail.model_copy(update={"to": party_of(mail.to)}) for mail in line.mails)})


def party_of(to: str) -> str:
    """Whom a mail is for, unless that is a mailbox."""
    return "…" if "@" in to else to
