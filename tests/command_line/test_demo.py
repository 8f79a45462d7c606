"""What the demonstration says it checked is checked: a history that names a person is found out."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from evidence.findings import Code, Finding, Layer, Report, Severity
from models.case import Case
from models.request import Asked
from models.words import Format
from rehearsal.demo import Evidence, checks
from rehearsal.player import Played

MONDAY = datetime(2031, 1, 13, 9, tzinfo=UTC)
ASKED = Asked(
    request="0" * 64,
    format=Format.STUDY_VISIT,
    requesting="SN-POSTE",
    language="fr",
    theme="remittances.formal",
    level="bilateral",
    places=3,
    duration_days=4,
    periods=(),
)
PLAYED = Played(
    case=Case(id="AMEDIP-2031-0001", programme="amedip", asked=ASKED, opened=MONDAY, clock=MONDAY),
    started=MONDAY,
    timeline=[],
    mails=[],
    messages=[],
    histories=[],
    contents={},
    personal=frozenset({"Participant 1", "participant.1@poste-sn.example"}),
    verified=True,
)


def history(said: bytes, encoding: bytes) -> bytes:
    """An exported history with one payload."""
    event = HistoryEvent(event_id=1)
    payload = Payload(metadata={"encoding": encoding}, data=zlib.compress(said) if encoding == b"json/zlib" else said)
    event.workflow_execution_started_event_attributes.input.payloads.append(payload)
    return WorkflowHistory("AMEDIP-2031-0001", [event]).to_json().encode()


@pytest.mark.parametrize("encoding", [b"json/plain", b"json/zlib"])
@pytest.mark.parametrize(
    ("said", "holds"), [(b'"N1"', True), (b'"Participant 1"', False), (b'"participant.1@poste-sn.example"', False)]
)
def test_a_person_named_in_a_history_is_found(said: bytes, holds: bool, encoding: bytes) -> None:
    played = replace(PLAYED, histories=[("run", history(said, encoding), 1)])
    found = {name: well for name, well in checks(played, []).items() if "in no history" in name}
    assert found == {"2 names and mailboxes of people are in no history": holds}


def test_evidence_in_which_anything_is_found_does_not_hold_nor_does_none() -> None:
    means = {"severity": Severity.REMARK, "layer": Layer.LOG, "where": "", "text": "", "means": ""}
    found = Finding.model_validate({"code": Code.NOT_SENT, **means})
    for evidence, holds in (
        (Evidence(), False),
        (Evidence(b"zip", "", Report(receipts=3)), True),
        (Evidence(b"zip", "", Report(receipts=3, findings=(found,))), False),
    ):
        [(name, said)] = evidence.checks.items()
        assert said is holds
        assert name.startswith("the evidence holds: ")
