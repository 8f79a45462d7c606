"""A bundle changed by whoever has the key, and signed anew: the log, which others hold too, tells of each change."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence import merkle
from evidence.bag import BAGIT, INFO
from evidence.bundle import CHECKPOINT, DOCUMENTS, EVENTS, LOG, MAILS, PROGRAMME, RECEIPTS, STATE, Mail
from evidence.checkpoint import Checkpoint, Proof, signed_note
from evidence.entries import (
    EntryKind,
    act_entry,
    bundle_entry,
    digest,
    document_entry,
    entry_of,
    erasure_entry,
    key_entry,
    restore_entry,
    run_entry,
    written,
)
from evidence.events import events_of, root_of_run
from evidence.excerpt import proof_file
from evidence.notary import new_key, notary_of
from evidence.receipts import Receipt, claims_of, signed_receipt
from evidence.told import acts_in
from models.acts import Act
from models.case import Case
from tests.evidence.golden import EXPORTED, NAME, NOTARY, Known, elsewhere, golden, mail_entry, rewrite
from tests.evidence.tampering import Files, checked, faults, relisted, remarks, resigned, signed, statement_in, unzipped

DECIDED = "completeness-1"
Change = Callable[[list[Any]], list[Any]]
COMPLETE, RETURN = b'"option":"complete"', b'"option":"return"'


def index_of(known: Known, kind: EntryKind, at: int = 0) -> int:
    """The index of one of the case's entries of a kind."""
    return [index for index in known.indexes if entry_of(known.log.leaves[index]).kind is kind][at]


def step_of(known: Known, step: str) -> dict[str, Any]:
    """A step in the state."""
    return next(one for one in known.state["steps"] if one["id"] == step)


def retold(known: Known, old: bytes = b"", new: bytes = b"", events: Mapping[int, Change] | None = None) -> None:
    """Change what the runs say, or the events of some, and what the runs after them and the state know of their digests."""
    digests = dict[str, str]()
    for number, (run_id, history) in enumerate(known.histories, start=1):
        read = json.loads(history)
        read["events"] = (events or {}).get(number, list)(read["events"])
        rewrite(read, lambda said: renewed(said.replace(old, new) if old else said, digests))
        changed = json.dumps(read, separators=(",", ":"), ensure_ascii=False).encode()
        digests[digest(history)] = digest(changed)
        known.histories[number - 1] = run_id, changed
    known.state = json.loads(renewed(json.dumps(known.state).encode(), digests))
    for number, run in enumerate(known.state["runs"]):
        run["events"] = len(events_of(known.histories[number][1]))


def renewed(said: bytes, digests: dict[str, str]) -> bytes:
    """What is said, with the digests of the runs as they are now."""
    for old, new in digests.items():
        said = said.replace(old.encode(), new.encode())
    return said


def test_a_bundle_as_it_was_put_together_is_sound(known: Known, bundle: bytes) -> None:
    report = checked(bundle)
    assert report.sound
    assert remarks(bundle) == ["log not_sent"]
    said = (report.case, report.key, report.log, report.size, report.runs, report.exported)
    assert said == (known.case, NOTARY.key_id, NAME, len(known.log.leaves), 3, written(EXPORTED))
    counted = (report.receipts, report.documents, report.mails, report.entries, report.events)
    expected = (len(known.receipts), len(known.documents), 3, len(known.indexes) - 1)
    assert counted == (*expected, sum(len(events_of(history)) for _, history in known.histories))
    assert signed(known) == bundle


# Decisions and receipts


def test_a_decision_changed_in_the_state_is_found(known: Known) -> None:
    step_of(known, DECIDED)["decision"]["option"] = "return"
    assert faults(signed(known)) == {"state state_differs", "receipts receipt_differs"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("by", "CH-SDC"), ("form", "0" * 64), ("paper", "0" * 64), ("proof", "0" * 64), ("received", "2031-01-14T09:00:01Z")),
        *(
            ("recorded", "2031-01-14T09:00:01Z"),
            ("late", True),
            ("on_behalf_of", "CH-SDC"),
            ("channel", "paper"),
            ("kind", "delegated"),
        ),
        *(("facts", {"planned": 3}), ("response", "0" * 32)),
    ],
)
def test_whatever_is_changed_of_a_decision_is_not_what_was_acknowledged(field: str, value: object, known: Known) -> None:
    step_of(known, DECIDED)["decision"][field] = value
    found = faults(signed(known))
    assert "receipts receipt_differs" in found
    assert ("state state_differs" in found) == (field in ("by", "form", "paper", "proof", "received", "response"))


def test_a_decision_made_out_to_be_an_override_is_found(known: Known) -> None:
    step_of(known, DECIDED)["decision"]["kind"] = "overridden"
    assert "receipts receipt_differs" in faults(signed(known))


def test_a_receipt_written_anew_for_another_decision_is_not_the_one_in_the_log(known: Known) -> None:
    step_of(known, DECIDED)["decision"]["option"] = "return"
    step = Case.model_validate(known.state).step(DECIDED)
    assert step is not None
    known.receipts[0] = signed_receipt(claims_of(known.case, step), known.receipts[0].index, NOTARY)
    assert faults(signed(known)) == {"state state_differs", "log entry_differs"}


def test_a_decision_changed_throughout_is_found_by_the_log_alone(known: Known) -> None:
    retold(known, COMPLETE, RETURN)
    step_of(known, DECIDED)["decision"]["option"] = "return"
    step = Case.model_validate(known.state).step(DECIDED)
    assert step is not None
    known.receipts[0] = signed_receipt(claims_of(known.case, step), known.receipts[0].index, NOTARY)
    report = checked(signed(known))
    assert {finding.layer for finding in report.findings if finding.means} == {"log"}
    assert {finding.where for finding in report.findings if finding.means} >= {"run 1", f"receipt of {DECIDED}"}


def test_a_receipt_kept_back_is_found_with_its_entry_or_without(known: Known) -> None:
    known.receipts.pop(0)
    assert faults(signed(known)) == {"receipts receipt_missing", "log entry_unmatched"}
    known.indexes.remove(index_of(known, EntryKind.RECEIPT))
    assert faults(signed(known)) == {"receipts receipt_missing"}


def test_a_receipt_without_its_entry_is_found(known: Known) -> None:
    known.indexes.remove(index_of(known, EntryKind.RECEIPT))
    assert faults(signed(known)) == {"receipts receipt_differs"}


def test_a_receipt_shown_twice_is_found(known: Known) -> None:
    known.receipts.append(known.receipts[0])
    assert faults(signed(known)) == {"receipts receipt_differs"}


def test_a_receipt_that_names_another_place_in_the_log_is_found(known: Known) -> None:
    claims = known.receipts[0].claims
    known.receipts[0] = signed_receipt(claims, known.receipts[0].index + 1, NOTARY)
    assert faults(signed(known)) == {"receipts receipt_differs"}
    other = notary_of(new_key(), "other.example/log")
    elsewhere_issued = signed_receipt(claims, index_of(known, EntryKind.RECEIPT), other)
    known.receipts[0] = elsewhere_issued
    assert "receipts receipt_unreadable" in faults(signed(known))


def test_a_receipt_of_another_log_of_the_same_key_is_found(known: Known) -> None:
    renamed = json.loads(known.receipts[0].body)
    renamed["log"]["name"] = "other.example/log"
    body = json.dumps(renamed, separators=(",", ":"), sort_keys=True).encode()
    known.receipts[0] = Receipt(body, NOTARY.sign(body))
    assert faults(signed(known)) == {"receipts receipt_differs"}


def test_a_receipt_for_a_decision_that_was_never_taken_is_found(known: Known) -> None:
    claims = {**known.receipts[0].claims, "step": "decision-9", "response": "f" * 32}
    known.receipts.append(signed_receipt(claims, known.receipts[0].index, NOTARY))
    assert faults(signed(known)) == {"receipts receipt_differs"}


def test_a_decision_without_its_step_is_found(known: Known) -> None:
    step_of(known, DECIDED)["decision"] = None
    assert faults(signed(known)) == {"receipts receipt_differs"}


@pytest.mark.parametrize(
    "row", [{}, {"receipt": "e30=", "signature": 1}, {"receipt": "!", "signature": "AA=="}, {"receipt": "e30="}]
)
def test_a_line_that_is_no_receipt_is_found(row: dict[str, Any], files: Files) -> None:
    files[RECEIPTS] += (json.dumps(row, separators=(",", ":")) + "\n").encode()
    assert faults(resigned(files)) == {"receipts receipt_unreadable"}
    files[RECEIPTS] = b"\xff\n"
    assert "receipts receipt_unreadable" in faults(resigned(files))


def test_a_statement_that_names_other_receipts_is_found(files: Files) -> None:
    def one_less(said: dict[str, Any]) -> None:
        said["receipts"].pop()

    assert faults(resigned(files, one_less)) == {"signature statement_differs"}


# Events and runs


def without(number: int) -> Change:
    """Take an event out and number the others anew."""

    def change(events: list[Any]) -> list[Any]:
        left = [event for event in events if event["eventId"] != str(number)]
        for at, event in enumerate(left, start=1):
            event["eventId"] = str(at)
        return left

    return change


@pytest.mark.parametrize("run", [1, 2, 3])
def test_an_event_taken_out_of_a_run_is_found(run: int, known: Known) -> None:
    retold(known, events={run: without(8)})
    assert "log entry_differs" in faults(signed(known))


def test_events_in_another_order_or_with_a_hole_are_found(known: Known) -> None:
    retold(known, events={3: lambda events: [*events[:4], events[5], events[4], *events[6:]]})
    assert faults(signed(known)) == {"chain chain_broken", "log entry_differs"}


def test_a_run_cut_short_is_found(known: Known) -> None:
    retold(known, events={3: lambda events: events[:-1]})
    assert faults(signed(known)) == {"state state_differs", "log entry_differs", "log entry_unmatched"}


def test_a_run_that_goes_on_after_its_end_is_found(known: Known) -> None:
    retold(known, events={3: lambda events: [*events, {**events[-2], "eventId": str(len(events) + 1)}]})
    assert "chain chain_broken" in faults(signed(known))


def test_a_run_rewritten_with_all_that_follows_is_found_by_the_log(known: Known) -> None:
    retold(known, b'"by":"OFFICE"', b'"by":"0FFICE"')
    assert "log entry_differs" in faults(signed(known))


def test_a_run_left_out_exchanged_or_put_elsewhere_is_found(known: Known) -> None:
    runs = list(known.histories)
    for histories in (runs[1:], runs[:2], [runs[0], runs[2]], [runs[1], runs[0], runs[2]], [*runs, runs[2]]):
        known.histories = list(histories)
        assert "chain chain_broken" in faults(signed(known)) or "state state_differs" in faults(signed(known))
    known.histories = golden("declined").histories
    assert {"state state_differs", "log entry_unmatched"} <= faults(signed(known))


def test_a_run_without_its_entry_is_found(known: Known) -> None:
    for at in (0, 1):
        known.indexes.remove(index_of(known, EntryKind.RUN, at))
    assert faults(signed(known)) == {"log entry_missing"}


def test_an_open_run_needs_no_entry(known: Known) -> None:
    retold(known, events={3: lambda events: events[:-1]})
    known.state["ended"] = known.state["ending"] = None
    known.indexes.remove(index_of(known, EntryKind.RUN, 2))
    assert faults(signed(known)) == set()


def test_a_run_that_has_only_begun_knows_the_one_before_by_its_place(known: Known) -> None:
    known.histories.pop()
    known.histories[1] = known.histories[1][0], known.histories[1][1]
    assert {"state state_differs"} <= faults(signed(known))


@pytest.mark.parametrize(
    ("run", "event", "attributes", "field"),
    [
        (2, 0, "workflowExecutionStartedEventAttributes", "continuedExecutionRunId"),
        (3, 0, "workflowExecutionStartedEventAttributes", "firstExecutionRunId"),
        (3, 0, "workflowExecutionStartedEventAttributes", "originalExecutionRunId"),
        (1, -1, "workflowExecutionContinuedAsNewEventAttributes", "newExecutionRunId"),
    ],
)
def test_a_run_that_names_another_neighbour_is_found(run: int, event: int, attributes: str, field: str, known: Known) -> None:
    def change(events: list[Any]) -> list[Any]:
        events[event][attributes][field] = "00000000-0000-0000-0000-000000000000"
        return events

    retold(known, events={run: change})
    assert faults(signed(known)) == {"chain chain_broken", "log entry_differs"}


@pytest.mark.parametrize(("old", "new"), [(b'"id":"AMEDIP-2031-0001"', b'"id":"AMEDIP-2031-0002"'), (b'"run":2', b'"run":3')])
def test_a_run_of_another_case_or_number_is_found(old: bytes, new: bytes, known: Known) -> None:
    retold(known, old, new)
    assert "chain chain_broken" in faults(signed(known))


@pytest.mark.parametrize("run", [1, 2])
def test_a_run_that_names_another_digest_of_a_closed_one_is_found(run: int, known: Known) -> None:
    old, new = digest(known.histories[run - 1][1]), "0" * 64
    for number in range(run, 3):
        run_id, history = known.histories[number]
        read = json.loads(history)
        rewrite(read, lambda said: said.replace(old.encode(), new.encode()))
        known.histories[number] = run_id, json.dumps(read).encode()
    assert "chain chain_broken" in faults(signed(known))


def test_lines_of_events_that_are_not_those_of_the_histories_are_found(files: Files) -> None:
    files[EVENTS] += b"{}\n"
    assert faults(resigned(files)) == {"events events_differ"}


@pytest.mark.parametrize(("field", "value"), [("events", 1), ("root", "0" * 64), ("sha256", "0" * 64), ("run", 7)])
def test_a_statement_that_says_other_things_of_a_run_is_found(field: str, value: object, files: Files) -> None:
    def change(said: dict[str, Any]) -> None:
        said["runs"][1][field] = value

    assert ("signature statement_differs" if field == "run" else "events events_differ") in faults(resigned(files, change))


@pytest.mark.parametrize("history", [b"", b"{}", b'{"events":[]}', b'{"events":[{"eventId":"1"}]}', b"[" * 100_000])
def test_a_history_that_cannot_be_read_is_found(history: bytes, files: Files) -> None:
    files[min(name for name in files if name.startswith("data/history/"))] = history
    assert faults(resigned(files)) == {"events history_unreadable"}


# State, programme


def test_a_state_of_another_run_procedure_or_case_is_found(known: Known) -> None:
    for field, value in (("run", 2), ("id", "AMEDIP-2031-0002"), ("runs", known.state["runs"][:1][::-1] * 3), ("runs", [])):
        state = known.state
        known.state = {**state, field: value}
        assert "state state_differs" in faults(signed(known))
        known.state = state


def test_a_state_that_does_not_end_with_its_last_run_is_found(known: Known) -> None:
    retold(known, events={3: lambda events: events[:-1]})
    assert "state state_differs" in faults(signed(known))


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b'{"id":1}', b"\xff", b'{"a":1,"a":1}'])
def test_a_state_that_cannot_be_read_is_found(state: bytes, files: Files) -> None:
    files[STATE] = state
    assert "state state_unreadable" in faults(resigned(files))


def test_a_statement_that_names_another_procedure_or_state_is_found(files: Files) -> None:
    def procedure(said: dict[str, Any]) -> None:
        said["procedure"] = 77

    def state(said: dict[str, Any]) -> None:
        said["state"] = "0" * 64

    assert faults(resigned(files, procedure)) == {"state state_differs"}
    assert faults(resigned(files, state)) == {"signature statement_differs"}


@pytest.mark.parametrize("rules", [b"", b"= 1", b"\xff", b"a = " + b"[" * 5000])
def test_another_programme_is_found(rules: bytes, files: Files) -> None:
    files[PROGRAMME] = rules
    assert faults(resigned(files)) == {"state programme_differs"}


def test_a_programme_changed_in_every_run_is_found_by_the_log(known: Known) -> None:
    retold(known, b'"threshold":60', b'"threshold":10')
    assert faults(signed(known)) == {"log entry_differs"}


def test_runs_with_different_programmes_are_found(known: Known) -> None:
    def change(events: list[Any]) -> list[Any]:
        rewrite({"events": events}, lambda said: said.replace(b'"threshold":60', b'"threshold":10'))
        return events

    retold(known, events={2: change})
    assert "chain chain_broken" in faults(signed(known))


# Papers, mails, contents


def test_a_paper_exchanged_throughout_is_found(known: Known) -> None:
    old = known.state["papers"][0]["sha256"]
    data = b"another paper"
    retold(known, old.encode(), digest(data).encode())
    known.state = json.loads(json.dumps(known.state).replace(old, digest(data)))
    known.documents = {sha: doc for sha, doc in known.documents.items() if sha != old} | {digest(data): (data, "pdf")}
    report = checked(signed(known))
    assert ("log", f"paper {digest(data)}") in {(one.layer, one.where) for one in report.findings if one.code == "entry_missing"}
    assert remarks(signed(known)).count("log entry_unmatched") == 1


@pytest.mark.parametrize("field", ["kind", "language", "about"])
def test_a_paper_made_out_to_be_another_is_found(field: str, known: Known) -> None:
    known.state["papers"][0][field] = "ar"
    assert faults(signed(known)) == {"log entry_differs"}


def test_a_paper_set_for_a_task_that_came_to_nothing_is_remarked(known: Known) -> None:
    known.entered(document_entry(known.case, "agenda", "fr", "0" * 64, "", EXPORTED))
    assert faults(signed(known)) == set()
    assert sorted(remarks(signed(known))) == ["log entry_unmatched", "log not_sent"]


def exchanged(mail: Mail, **said: str) -> Mail:
    """A mail of which other things are said."""
    return replace(mail, said=mail.said.model_copy(update=said))


def test_a_mail_changed_left_out_or_put_in_is_found(known: Known) -> None:
    mails = list(known.mails)
    eml = b"Message-ID: <AMEDIP-2031-0001.1@exchanges.example>\r\n\r\nDead colleague\r\n"
    known.mails = [replace(exchanged(mails[0], sha256=digest(eml)), eml=eml), *mails[1:]]
    assert faults(signed(known)) == {"log entry_differs"}
    known.mails = mails[1:]
    assert faults(signed(known)) == {"log entry_unmatched"}
    known.mails = [*mails, exchanged(mails[0], message_id="<AMEDIP-2031-0001.9@exchanges.example>")]
    assert faults(signed(known)) == {"log entry_missing"}


@pytest.mark.parametrize("field", ["letter", "step"])
def test_a_mail_made_out_to_be_another_is_found(field: str, known: Known) -> None:
    known.mails[0] = exchanged(known.mails[0], **{field: "decision"})
    assert faults(signed(known)) == {"log entry_differs"}


@pytest.mark.parametrize(
    ("state", "found"), [("queued", 0), ("deferred", 0), ("failed", 0), ("accepted", 1), ("bounced", 1), ("", 1)]
)
def test_a_mail_that_was_not_sent_has_no_entry_and_any_other_must(state: str, found: int, known: Known) -> None:
    known.mails[2] = exchanged(known.mails[2], state=state)
    assert len(faults(signed(known))) == found
    assert remarks(signed(known)).count("log not_sent") == 1 - found


def test_a_statement_that_names_other_mails_or_documents_is_found(files: Files) -> None:
    def mail(said: dict[str, Any]) -> None:
        said["mails"][0]["sha256"] = "0" * 64

    def document(said: dict[str, Any]) -> None:
        said["documents"][0]["sha256"] = "0" * 64

    def case(said: dict[str, Any]) -> None:
        said["case"] = "AMEDIP-2031-0002"

    def exported(said: dict[str, Any]) -> None:
        said["exported"] = "2030-01-01T00:00:00Z"

    for change in (mail, document, case, exported):
        assert faults(resigned(files, change)) == {"signature statement_differs"}


def test_a_mail_whose_bytes_are_not_those_it_is_named_by_is_found(files: Files) -> None:
    files[min(name for name in files if name.startswith(MAILS))] += b"more"
    assert faults(resigned(files)) == {"signature statement_differs"}


def test_a_document_under_a_name_that_is_not_its_own_is_found(files: Files) -> None:
    name = min(name for name in files if name.startswith(DOCUMENTS))
    assert faults(resigned({**files, name: b"another"})) == {"signature statement_differs"}
    renamed = f"{DOCUMENTS}{'0' * 64}.pdf"
    moved = {renamed if one == name else one: data for one, data in files.items()}
    assert faults(resigned(moved, lambda said: said["documents"][0].update(file=renamed))) == {"signature statement_differs"}


def test_a_content_that_is_not_there_is_found(known: Known) -> None:
    sha256 = known.state["asked"]["request"]
    del known.documents[sha256]
    assert faults(signed(known)) == {"contents content_missing"}
    known.missing = [sha256]
    assert faults(signed(known)) == {"contents content_missing"}


def test_a_mail_that_is_not_there_is_found(known: Known) -> None:
    known.mails[0] = replace(known.mails[0], eml=None)
    known.missing = [known.mails[0].said.sha256]
    assert faults(signed(known)) == {"contents content_missing"}


def test_the_reason_of_an_act_is_a_content_too(known: Known) -> None:
    act = next(act for _, history in known.histories for act in acts_in(1, events_of(history)))
    del known.documents[act.said["reason"]]
    assert faults(signed(known)) == {"contents content_missing"}


def test_what_was_erased_is_remarked_when_the_log_tells_of_it_and_a_fault_when_not(known: Known) -> None:
    form = step_of(known, DECIDED)["decision"]["form"]
    del known.documents[form]
    known.erased = [form]
    assert faults(signed(known)) == {"contents content_missing"}
    known.entered(erasure_entry(known.case, "P1", "OFFICE", 1, EXPORTED))
    assert faults(signed(known)) == set()
    assert remarks(signed(known)) == ["log not_sent", "contents content_erased"]
    known.mails[0] = replace(known.mails[0], eml=None)
    known.erased.append(known.mails[0].said.sha256)
    assert faults(signed(known)) == {"contents content_missing"}
    known.entered(erasure_entry(known.case, "P2", "OFFICE", 1, EXPORTED))
    assert faults(signed(known)) == set()


def test_an_erasure_that_does_not_say_of_how_many_contents_allows_none(known: Known) -> None:
    form = step_of(known, DECIDED)["decision"]["form"]
    del known.documents[form]
    known.erased = [form]
    entry = erasure_entry(known.case, "P1", "OFFICE", 1, EXPORTED)
    known.entered(entry.model_copy(update={"facts": {"by": "OFFICE", "contents": "all"}}))
    assert faults(signed(known)) == {"contents content_missing"}


def test_an_old_bundle_holds_after_an_erasure(bundle: bytes, known: Known) -> None:
    known.entered(erasure_entry(known.case, "P1", "OFFICE", 1, EXPORTED))
    assert checked(bundle).sound


def test_a_document_that_nothing_refers_to_is_found(known: Known) -> None:
    known.documents[digest(b"slipped in")] = b"slipped in", "pdf"
    assert faults(signed(known)) == {"contents content_unreferenced"}


# Acts


def test_an_act_taken_out_of_the_history_or_out_of_the_log_is_found(known: Known) -> None:
    place = index_of(known, EntryKind.INTERVENTION)
    known.indexes.remove(place)
    assert faults(signed(known)) == {"log entry_missing"}
    known.indexes.append(place)
    retold(known, b'"do":"recall"', b'"do":"revoke"')
    assert "log entry_differs" in faults(signed(known))


def test_an_entry_of_an_act_that_the_case_was_never_told_is_found(known: Known) -> None:
    act = Act.model_validate({"act": "f" * 32, "do": "hold", "by": "OFFICE", "received": EXPORTED})
    known.entered(act_entry(known.case, act))
    assert faults(signed(known)) == {"log entry_unmatched"}


# The log


def test_an_entry_of_another_case_is_found_but_for_the_log_s_first(known: Known) -> None:
    known.indexes += known.log.append(elsewhere(5, EXPORTED))
    assert faults(signed(known)) == {"log entry_unmatched"}


def test_entries_that_stand_alone_are_taken_as_they_are(known: Known) -> None:
    known.entered(bundle_entry(known.case, "0" * 64, 12, EXPORTED), erasure_entry(known.case, "P1", "OFFICE", 0, EXPORTED))
    assert faults(signed(known)) == set()


def test_an_entry_that_stands_in_the_log_twice_is_found(known: Known) -> None:
    known.entered(mail_entry(known.case, known.mails[0].said))
    assert faults(signed(known)) == {"log entry_unmatched"}


def test_an_excerpt_that_is_changed_is_not_in_the_log(files: Files) -> None:
    rows = [json.loads(line) for line in files[LOG].splitlines()]
    for field, value in (("index", rows[1]["index"] + 1), ("leaf", rows[2]["leaf"]), ("leaf", "e30=")):
        changed = [*rows[:1], {**rows[1], field: value}, *rows[2:]]
        altered = b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in changed)
        assert faults(resigned({**files, LOG: altered})) & {"log not_in_log", "log log_unreadable"}


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b'{"index":true,"leaf":""}\n', b'{"index":"1","leaf":""}\n', b"{", b'{"index":999999,"leaf":1}\n']
)
def test_a_line_that_is_no_entry_is_found(line: bytes, files: Files) -> None:
    files[LOG] += line
    assert faults(resigned(files)) == {"log log_unreadable"}


def test_proofs_that_are_exchanged_or_left_out_are_found(files: Files, known: Known) -> None:
    one, other = proof_file(known.indexes[1]), proof_file(known.indexes[2])
    assert faults(resigned({**files, one: files[other], other: files[one]})) == {"log not_in_log"} | UNANCHORED
    assert faults(resigned({name: data for name, data in files.items() if name != one})) == {"log not_in_log"}
    assert "log not_in_log" in faults(resigned({**files, one: b"\xff"}))
    hashes = files[one].splitlines(keepends=True)
    turned = b"".join([*hashes[:2], hashes[3], hashes[2], *hashes[4:]])
    assert "log not_in_log" in faults(resigned({**files, one: turned}))


UNANCHORED = {"log entry_missing"}


def test_a_checkpoint_of_another_size_root_or_key_is_found(files: Files, known: Known) -> None:
    smaller = [merkle.leaf_hash(leaf) for leaf in known.log.leaves[:-1]]
    for checkpoint in (Checkpoint(NAME, len(smaller), merkle.root_of(smaller)), Checkpoint(NAME, len(smaller) + 1, b"0" * 32)):
        files[CHECKPOINT] = signed_note(checkpoint, NOTARY).encode()
        assert "log not_in_log" in faults(resigned(files))
    for notary in (notary_of(new_key(), NAME), notary_of(new_key(), "other.example/log")):
        files[CHECKPOINT] = signed_note(Checkpoint(notary.name, 3, b"0" * 32), notary).encode()
        assert faults(resigned(files)) == {"log log_unreadable"}
    files[CHECKPOINT] = b"\xff"
    assert faults(resigned(files)) == {"log log_unreadable"}
    assert checked(resigned(files)).entries == 0


def test_a_statement_that_names_another_log_is_found(files: Files) -> None:
    def name(said: dict[str, Any]) -> None:
        said["log"]["name"] = "other.example/log"

    def size(said: dict[str, Any]) -> None:
        said["log"]["size"] += 1

    assert faults(resigned(files, name)) == {"log log_unreadable", "receipts receipt_differs"}
    assert faults(resigned(files, size)) == {"log log_unreadable"}


def test_an_empty_log_attests_nothing(known: Known) -> None:
    known.log.leaves, known.indexes, known.receipts = [], [], []
    assert "log entry_missing" in faults(signed(known))


def test_a_proof_written_by_the_key_holder_is_none(files: Files, known: Known) -> None:
    made_up = key_entry("0" * 16, "", EXPORTED)
    rows = files[LOG] + json.dumps({"index": 999, "leaf": "e30="}, separators=(",", ":")).encode() + b"\n"
    note = files[CHECKPOINT].decode()
    files[LOG], files[proof_file(999)] = rows, Proof(999, (), note).text.encode()
    assert made_up.leaf
    assert faults(resigned(files)) == {"log not_in_log"}


def test_what_is_older_than_the_log_is_remarked_and_only_that(known: Known) -> None:
    begun = datetime.fromisoformat(known.state["opened"]) + timedelta(days=3)
    known.log.leaves[0] = key_entry(NOTARY.key_id, NOTARY.trusted.pem, begun).leaf
    for kind in (EntryKind.RECEIPT, EntryKind.DOCUMENT, EntryKind.MAIL, EntryKind.RUN, EntryKind.INTERVENTION):
        while any(entry_of(known.log.leaves[index]).kind is kind for index in known.indexes):
            known.indexes.remove(index_of(known, kind))
    known.receipts = []
    report = checked(signed(known))
    older = {one.where for one in report.findings if one.code == "older_than_log"}
    missing = {one.where for one in report.findings if one.code in ("entry_missing", "receipt_missing")}
    assert {f"step {DECIDED}", f"paper {known.state['papers'][0]['sha256']}", f"mail {known.mails[0].said.sha256}"} <= older
    assert {"run 2", "run 3"} <= missing
    known.log.leaves[0] = key_entry(NOTARY.key_id, NOTARY.trusted.pem, EXPORTED).leaf
    assert faults(signed(known)) == set()
    known.indexes.remove(0)
    assert "log entry_missing" in faults(signed(known))
    assert "receipts receipt_missing" in faults(signed(known))


def test_what_happened_as_the_log_began_is_not_older(known: Known) -> None:
    paper = known.state["papers"][0]
    for at, kind, fault in (
        (step_of(known, DECIDED)["decision"]["recorded"], EntryKind.RECEIPT, "receipts receipt_missing"),
        (paper["at"], EntryKind.DOCUMENT, "log entry_missing"),
    ):
        known.log.leaves[0] = key_entry(NOTARY.key_id, NOTARY.trusted.pem, datetime.fromisoformat(at)).leaf
        known.indexes.remove(index_of(known, kind))
        known.receipts = known.receipts[1:]
        assert fault in faults(signed(known))


@pytest.mark.parametrize("name", [BAGIT, INFO])
def test_a_bag_that_says_other_things_of_itself_is_found(name: str, files: Files) -> None:
    changed = files[name].replace(b"1", b"2", 1)
    assert changed != files[name]
    found = resigned(files, lambda said: said["tags"].update({name: digest(changed)}))
    assert faults(relisted({**unzipped(found), name: changed})) == {"signature statement_differs"}


def test_a_restored_read_model_is_told_of_in_the_log(known: Known) -> None:
    known.entered(restore_entry("r1", 1, "OFFICE", EXPORTED))
    assert faults(signed(known)) == {"log entry_unmatched"}


def test_the_statement_names_every_run_with_its_root(files: Files, known: Known) -> None:
    runs = statement_in(files)["predicate"]["runs"]
    assert [(run["root"], run["events"]) for run in runs] == [root_of_run(history) for _, history in known.histories]
    assert run_entry(known.case, 1, runs[0]["run_id"], runs[0]["events"], runs[0]["sha256"], runs[0]["root"], EXPORTED).leaf
    assert b64decode(json.loads(files["statement.dsse.json"])["payload"])
