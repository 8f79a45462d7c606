"""The timeline says in the field's words who did what by which rule, and every event of every run stands below a line of it."""

from __future__ import annotations

import asyncio
import json
import zlib
from datetime import UTC, datetime
from functools import cache

import pytest

from audit.moments import Moment
from audit.plain import INFLATED, text_of
from audit.replay import runs_of
from audit.saying import details_of, heading_of
from audit.timeline import Line, raw_events, rules_of, timeline
from audit.timemachine import Replayed
from models.words import LANGUAGES, Channel, DecisionKind, Lapse, Verb
from store.mails import MailRow, MailState
from tests.audit.kept import CASE, kept, replayed_here
from wording import Words
from workplace import LOCALE

SWELLING = zlib.compress(b" " * (2 * INFLATED))
NAMES = ("standard", "tacit-consent", "consultee-overridden", "decision-escalates", "answered-on-behalf", "silent-host")


@cache
def replayed(name: str) -> Replayed:
    """A golden case, replayed once."""
    return asyncio.run(replayed_here(name))


def lines_of(name: str, *mails: MailRow) -> list[Line]:
    """The timeline of a golden case."""
    case = replayed(name)
    return timeline(case.runs, case.moments, mails, rules_of(case.runs))


def mail(number: int, letter: str, step: str = "", **more: object) -> MailRow:
    """A mail of the case."""
    given = {"link_facts": {"party": "FR-MINT"}, **more}
    return MailRow.model_validate(
        {
            "message_id": f"<{number}@exchanges.example>",
            "case_id": CASE,
            "number": number,
            "step": step,
            "letter": letter,
            "to": "focal-point@mint.example",
            "language": "fr",
            "queued": datetime(2031, 1, 13, tzinfo=UTC),
            "content": f"{number:064x}",
            "state": MailState.ACCEPTED,
            "tries": 1,
            **given,
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_the_procedure_wrote_down_stands_in_one_line_each_in_order(name: str) -> None:
    case = replayed(name)
    ends = {moment.run: moment.case for moment in case.moments}
    said = [(said.run, said.event, said.at, said.verb, said.step, said.by) for end in ends.values() for said in end.said]
    assert [(line.run, line.event, line.at, line.verb, line.step, line.by) for line in lines_of(name) if line.verb] == said


@pytest.mark.parametrize("name", NAMES)
def test_every_event_stands_below_a_line_and_the_task_below_its_own(name: str) -> None:
    lines = lines_of(name)
    for run in replayed(name).runs:
        ranges = sorted({(line.first, line.last) for line in lines if line.run == run.number})
        assert [first for first, _ in ranges] == [1, *(last + 1 for _, last in ranges[:-1])]
        assert ranges[-1][1] == len(run.events)
    assert [line for line in lines if not line.first <= line.event <= line.last] == []


def test_an_answer_stands_with_the_update_it_came_as() -> None:
    found = next(line for line in lines_of("standard") if line.verb is Verb.FOUND_COMPLETE)
    (answer,) = [raw for raw in raw_events(replayed("standard").runs[0], found.first, found.last) if "accepted" in raw.kind]
    assert json.loads(answer.texts[0])["option"] == found.option == "complete"
    assert (found.by, found.decision, found.channel, found.late) == ("OFFICE", DecisionKind.EXPLICIT, Channel.CLI, False)
    assert found.received is not None
    (limit,) = found.rules
    assert (limit.rule, limit.value, limit.unit, limit.anchor, limit.grace) == ("limit", 5, "working_days", "opening", 5)
    assert limit.due is not None
    assert limit.closes is not None
    assert limit.due < limit.closes


def test_silence_names_its_rule() -> None:
    tacit = [line for line in lines_of("tacit-consent") if line.decision is DecisionKind.TACIT]
    assert [line.verb for line in tacit] == [Verb.CONSENTED] * 2
    assert [(line.on_behalf_of, line.rules[1].lapse) for line in tacit] == [("FR-MINT", Lapse.TACIT), ("CH-SDC", Lapse.TACIT)]
    (escalated,) = [line for line in lines_of("decision-escalates") if line.verb is Verb.ESCALATED]
    assert [rule.rule for rule in escalated.rules] == ["limit", "silence"]
    assert escalated.rules[1].lapse is Lapse.ESCALATE
    lapsed = [line for line in lines_of("silent-host") if line.verb is Verb.LAPSED]
    assert {line.rules[1].lapse for line in lapsed} == {Lapse(line.reason) for line in lapsed} != set()


def test_what_was_set_aside_is_named_with_who_did_it() -> None:
    waived, overridden = (line for line in lines_of("consultee-overridden") if line.step == "consultation-2" and line.verb in DONE)
    assert (waived.verb, waived.rules[0].waived, waived.rules[0].by) == (Verb.WAIVED, "answer", waived.by)
    assert overridden.decision is DecisionKind.OVERRIDDEN
    assert [rule.rule for rule in overridden.rules] == ["limit", "waiver"]


DONE = (Verb.WAIVED, Verb.CONSENTED)


def test_on_whose_behalf_an_answer_was_entered_is_named_with_its_proof() -> None:
    (entered,) = [line for line in lines_of("answered-on-behalf") if line.decision is DecisionKind.ON_BEHALF]
    assert (entered.by, bool(entered.on_behalf_of), entered.channel, len(entered.proof)) == ("OFFICE", True, Channel.PAPER, 64)


def test_papers_stand_with_their_sha256_where_they_were_issued() -> None:
    issued = {paper.sha256: line for line in lines_of("standard") for paper in line.papers}
    last = replayed("standard").moments[-1].case
    assert set(issued) == {paper.sha256 for paper in last.papers}
    assert all(line.verb is Verb.ISSUED for line in issued.values())


def test_mails_stand_with_the_line_of_their_step_in_the_task_that_wrote_them() -> None:
    posted = [moment.case.posted for moment in replayed("standard").moments]
    asked = mail(posted[2], "ask_consultation", "consultation-1")
    other = mail(posted[2], "told", "nothing-1", person="p-1", link_facts={})
    bare = mail(posted[2], "told", "nothing-1", link_facts={})
    lines = lines_of("standard", asked, other, bare)
    placed = {sent.sha256: line for line in lines for sent in line.mails}
    with_step = [line for line in lines if line.mails and line.step == "consultation-1"]
    assert [(line.run, line.event, line.verb) for line in with_step] == [(1, 16, Verb.OPENED)]
    assert [(sent.letter, sent.to) for sent in with_step[0].mails] == [("ask_consultation", "FR-MINT")]
    assert placed[other.content].event == 16
    last = [line for line in lines if (line.run, line.event) == (1, 16)][-1]
    assert [sent.to for sent in last.mails] == ["p-1", "focal-point@mint.example"]


def test_a_task_that_only_wrote_letters_has_a_line_of_its_own() -> None:
    case = replayed("tacit-consent")
    silent = [with_nothing_said(moment, at=24) for moment in case.moments]
    lines = timeline(case.runs, silent, [mail(silent[3].case.posted, "extended")], rules_of(case.runs))
    (line,) = [line for line in lines if line.verb is None]
    assert (line.run, line.event, line.at, [sent.letter for sent in line.mails]) == (1, 24, silent[3].case.clock, ["extended"])


def with_nothing_said(moment: Moment, at: int) -> Moment:
    """A moment whose case said nothing in one task."""
    state = json.loads(moment.state)
    state["said"] = [said for said in state["said"] if said["event"] != at]
    return Moment.model_validate({**moment.model_dump(), "state": json.dumps(state)})


def test_a_run_that_nobody_has_worked_on_yet_has_a_bare_line() -> None:
    run = runs_of(CASE, kept("standard"))[0]
    begun = run._replace(events=run.events[:2])
    (line,) = timeline([begun], [], [], rules_of([begun]))
    assert (line.verb, line.event, line.first, line.last) == (None, 0, 1, 2)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_is_said_in_every_language(language: str) -> None:
    words = Words(LOCALE)
    said = [line for name in NAMES for line in lines_of(name)]
    letters = Line(run=1, event=3, first=1, last=5, at=said[0].at)
    headings = [heading_of(line, words, language) for line in [*said, letters, letters.model_copy(update={"event": 0})]]
    assert all(headings)
    assert len(set(headings)) > 30
    assert all(text for line in said for text in details_of(line, words, language))


def test_a_tacit_consent_reads_as_one() -> None:
    tacit = next(line for line in lines_of("tacit-consent") if line.decision is DecisionKind.TACIT)
    words = Words(LOCALE)
    assert heading_of(tacit, words, "en") == "No objection – Consultation (consultation-1)"
    assert details_of(tacit, words, "en") == [
        "On behalf of FR-MINT",
        "Decision: Tacit",
        "Limit in calendar days: 5, from the opening of the question. Due 2031-01-20 16:00 UTC, closes 2031-01-20 16:00 UTC",
        "Without an answer, silence is taken as consent and recorded as tacit.",
    ]


def test_a_payload_that_swells_is_inflated_no_further_than_temporal_takes() -> None:
    run = runs_of(CASE, kept("standard"))[0]
    opening = run.events[0].workflow_execution_started_event_attributes.input.payloads[0]
    assert json.loads(text_of(opening))["case"]["id"] == CASE
    bomb = type(opening)(metadata={"encoding": b"json/zlib"}, data=SWELLING)
    assert len(text_of(bomb)) == INFLATED
    broken = type(opening)(metadata={"encoding": b"json/zlib"}, data=b"no deflate")
    assert text_of(broken).startswith("cannot be inflated: ")
