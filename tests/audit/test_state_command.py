"""`passerelle audit state`: what a case was at any event or instant, and what differs from the moment before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from activities.histories import Exported
from audit.differences import Change, differences
from audit.timemachine import Replayed
from cases import Cases
from store.mails import MailRow
from tests.audit.kept import CASE, kept, replayed_here
from tests.command_line.conftest import Passerelle, environment, installed, passerelle
from tests.command_line.test_refusals import request_file, started
from wording import Words
from workplace import LOCALE

__all__ = ["environment", "installed", "passerelle", "request_file", "started"]


@pytest.fixture(scope="module")
def standard() -> Replayed:
    """The standard case, replayed once."""
    return asyncio.run(replayed_here("standard"))


@pytest.fixture
def replaying(passerelle: Passerelle, standard: Replayed, monkeypatch: pytest.MonkeyPatch) -> Passerelle:
    """Commands that find the standard case replayed, whatever is installed."""

    class Mailless:
        async def mails(self, case_id: str) -> list[MailRow]:
            return []

    @asynccontextmanager
    async def opened(data: Path | None) -> AsyncIterator[tuple[Any, Mailless]]:
        yield SimpleNamespace(words=Words(LOCALE)), Mailless()

    async def replayed(cases: Cases, case_id: str) -> Replayed:
        return standard

    monkeypatch.setattr("cli.auditing.opened", opened)
    monkeypatch.setattr("cli.auditing.replayed", replayed)
    return passerelle


def document(replaying: Passerelle, *said: str) -> dict[str, Any]:
    """What the command says as JSON."""
    told = replaying("audit", "state", CASE, *said, "--json")
    assert told.exit_code == 0, told.stderr
    read: dict[str, Any] = json.loads(told.stdout)
    return read


def test_the_state_at_an_event_or_instant_is_that_of_the_task_before_it(replaying: Passerelle, standard: Replayed) -> None:
    at_event = document(replaying, "--at", "18", "--run", "1")
    moment = next(moment for moment in standard.moments if (moment.run, moment.event) == (1, 16))
    assert at_event == {
        "run": 1,
        "run_id": moment.run_id,
        "event": 16,
        "until": 22,
        "at": moment.at.isoformat(),
        "state": json.loads(moment.state),
    }
    assert document(replaying, "--at", moment.at.isoformat()) == at_event
    assert document(replaying, "--at", moment.at.isoformat().removesuffix("+00:00")) == at_event
    last = standard.moments[-1]
    assert document(replaying)["state"] == document(replaying, "--at", str(last.until))["state"] == json.loads(last.state)
    assert document(replaying, "--run", "2")["event"] == max(moment.event for moment in standard.moments if moment.run == 2)


def test_with_diff_the_fields_that_differ_are_named_with_their_values(replaying: Passerelle) -> None:
    changes = {change["path"]: change for change in document(replaying, "--at", "23", "--run", "1", "--diff")["changes"]}
    answered = changes["steps[consultation-1].state"]
    assert (answered["before"], answered["after"]) == ("open", "answered")
    assert changes["steps[consultation-1].decision"]["before"] is None
    said = replaying("audit", "state", CASE, "--at", "23", "--run", "1", "--diff")
    assert said.stdout.startswith("run 1, event 23 to 28, 2031-01-")
    assert ["steps[consultation-1].state", "open", "answered"] in [line.split() for line in said.stdout.splitlines()]


def test_the_first_state_differs_from_nothing(replaying: Passerelle, standard: Replayed) -> None:
    changes = document(replaying, "--at", "3", "--run", "1", "--diff")["changes"]
    assert {change["path"] for change in changes} == set(json.loads(standard.moments[0].state))
    assert {change["before"] for change in changes} == {None}


def test_the_timeline_is_printed_with_the_events_below_each_line(replaying: Passerelle, standard: Replayed) -> None:
    told = replaying("audit", "history", CASE)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("2031-01-13 09:00  Case opened\n")
    assert "2031-01-14 09:00  Request found complete – Completeness check (completeness-1)\n    By OFFICE\n" in told.stdout
    assert "    Run 1, events 15 to 21\n" in told.stdout
    assert "Document: Acknowledgement of receipt (fr), b38b0e81" in told.stdout
    french = replaying("audit", "history", CASE, "--language", "fr").stdout
    assert "    Exécution 1, événements 15 à 21\n" in french
    lines = json.loads(replaying("audit", "history", CASE, "--json").stdout)
    assert (lines[0]["verb"], lines[0]["says"], lines[0]["first"]) == ("launched", "Case opened", 1)
    assert "By OFFICE" in lines[3]["details"]
    assert replaying("audit", "history", CASE, "--language", "es").exit_code == 2


def test_raw_events_are_printed_as_they_stand(replaying: Passerelle, standard: Replayed) -> None:
    events = json.loads(replaying("audit", "history", CASE, "--raw", "--json").stdout)
    assert [(event["run"], event["event"]) for event in events] == [
        (run.number, event.event_id) for run in standard.runs for event in run.events
    ]
    said = replaying("audit", "history", CASE, "--raw").stdout
    assert said.startswith("run 1, event 1, 2031-01-13T09:00:00")
    assert '"id":"AMEDIP-2031-0001"' in said


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (("--at", "soon"), "neither the number of an event nor an instant"),
        (("--at", "2031-13-01"), "neither the number of an event nor an instant"),
        (("--at", "-1"), "neither the number of an event nor an instant"),
        (("--at", "2031-01-20", "--run", "1"), "--run goes with the number of an event"),
        (("--at", "5000"), "the last event is"),
        (("--at", "3", "--run", "9"), "there is no state in run 9"),
        (("--at", "2001-01-01"), "the first is of 2031-01-13"),
        (("--run", "0"), "should be greater than or equal to 1"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_a_wrong_use(replaying: Passerelle, said: tuple[str, ...], says: str) -> None:
    told = replaying("audit", "state", CASE, *said)
    assert (told.exit_code, told.stdout) == (2, "")
    assert says in " ".join(told.stderr.replace("│", " ").split())


def test_a_case_that_is_not_there_is_told_and_so_is_temporal_that_is_away(installed: Passerelle, started: str) -> None:
    assert installed("audit", "state", "AMEDIP-1999-0001").exit_code == 1
    told = installed("audit", "state", started)
    assert (told.exit_code, told.stdout) == (3, "")
    assert f"the history of {started} cannot be fetched now" in told.stderr


def test_the_histories_are_replayed_in_a_process_apart(installed: Passerelle, monkeypatch: pytest.MonkeyPatch) -> None:
    async def histories(cases: Cases, case_id: str) -> list[Exported]:
        return list(kept("cancelled"))

    monkeypatch.setattr(Cases, "histories", histories)
    monkeypatch.setattr("audit.timemachine.STALL_SECONDS", 60.0)
    told = installed("audit", "state", CASE, "--json")
    assert (told.exit_code, json.loads(told.stdout)["state"]["ending"]) == (0, "cancelled")


def test_differences_name_every_field_once_by_its_path() -> None:
    before = {"a": 1, "gone": {"x": 1}, "steps": [{"id": "s-1", "state": "open"}], "cc": ["p", "q"], "mixed": [{"id": 1}, {}]}
    after = {"a": 1, "steps": [{"id": "s-0"}, {"id": "s-1", "state": "answered"}], "cc": ["p", "r", "s"], "mixed": [{}], "new": 0}
    assert differences(json.dumps(before), json.dumps(after)) == [
        Change(path="gone", before={"x": 1}),
        Change(path="steps[s-1].state", before="open", after="answered"),
        Change(path="steps[s-0]", after={"id": "s-0"}),
        Change(path="cc[1]", before="q", after="r"),
        Change(path="cc[2]", after="s"),
        Change(path="mixed[0].id", before=1),
        Change(path="mixed[1]", before={}),
        Change(path="new", after=0),
    ]
    assert differences("{}", "{}") == []
    assert differences('{"a": 1}', '{"a": true}') == [Change(path="a", before=1, after=True)]
