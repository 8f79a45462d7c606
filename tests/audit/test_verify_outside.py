"""What others have kept of the log, what was erased, what is young or forgotten; and the command that verifies."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCStatusCode

from audit.attested import Attested, attested_in, notes_in
from audit.wholelog import MOST
from evidence import merkle
from evidence.checkpoint import Checkpoint, signed_note
from evidence.entries import erasure_entry
from evidence.findings import Code, Severity
from models.errors import Unreachable
from rehearsal.stage import NOTARY
from tests.audit.installed import PLAYED_ONCE, Inline, Installed, Tampered
from tests.audit.rewriting import hash_anew, leaves
from tests.audit.tamperings import FOREIGN, a_paper
from tests.command_line.conftest import Passerelle, environment, passerelle

__all__ = ["environment", "passerelle"]
pytestmark = PLAYED_ONCE


def confirmation(base: Installed) -> bytes:
    """The last confirmation, as the one who answered has it."""
    return [mail.as_bytes() for mail in base.sent if ".recorded@" in str(mail["Message-ID"])][-1]


async def faults(tampered: Tampered, attested: Sequence[Attested] = (), *, remarks: bool = False) -> set[Code]:
    """The codes of what verifying the log, and the case, finds."""
    place = tampered.workplace()
    verifier = tampered.verifier(place)
    try:
        found = [*(await verifier.log(attested)).findings, *(await verifier.case(tampered.case)).findings]
    finally:
        await place.close()
    return {one.code for one in found if (one.severity is Severity.REMARK) is remarks}


# Checkpoints


def signed_anew(of: Tampered) -> None:
    """Sign every checkpoint that was published anew, over the tree as it now is: the holder of the key can."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves(of)]
    for (size,) in of.ask("SELECT size FROM log_checkpoints"):
        note = signed_note(Checkpoint(NOTARY.name, size, merkle.root_of(hashes[:size])), NOTARY)
        of.sql("UPDATE log_checkpoints SET note = :note WHERE size = :size", note=note, size=size)


def rewritten(of: Tampered) -> None:
    """Rewrite the log from its first entries on, with all that is signed of it."""
    of.sql(
        "UPDATE log_entries SET leaf = replace(leaf, '2031-01-13', '2031-01-12'), at = replace(at, '-13', '-12')"
        ' WHERE "index" = 2'
    )
    hash_anew(of)
    signed_anew(of)


def cut_short(of: Tampered) -> None:
    """Put the log back to what it was thirty entries ago, as from a copy."""
    size = of.ask('SELECT max("index") - 29 FROM log_entries')[0][0]
    of.sql('DELETE FROM log_entries WHERE "index" >= :size', "DELETE FROM log_checkpoints WHERE size > :size", size=size)
    hash_anew(of)


async def test_a_rewritten_log_is_found_by_a_confirmation_that_somebody_has_kept(tampered: Tampered) -> None:
    attested = attested_in("confirmation.eml", confirmation(tampered.base))
    assert len(attested) == 1
    assert await faults(tampered, attested) == set()
    rewritten(tampered)
    assert await faults(tampered) == set()
    assert await faults(tampered, attested) == {Code.CHECKPOINT_DIFFERS}


async def test_a_log_put_back_is_found_by_a_confirmation_that_somebody_has_kept(tampered: Tampered) -> None:
    attested = attested_in("confirmation.eml", confirmation(tampered.base))
    cut_short(tampered)
    assert Code.LOG_SHORTER not in await faults(tampered)
    assert Code.LOG_SHORTER in await faults(tampered, attested)


async def test_a_checkpoint_of_somebody_else_attests_nothing(tampered: Tampered) -> None:
    note = signed_note(Checkpoint(FOREIGN.name, 3, bytes(32)), FOREIGN)
    assert await faults(tampered, [Attested("file", note)]) == {Code.CHECKPOINT_NOT_SIGNED}


def test_a_checkpoint_is_read_out_of_whatever_holds_it() -> None:
    note = signed_note(Checkpoint(NOTARY.name, 3, bytes(32)), NOTARY)
    lines = note.split("\n")
    quoted = "Dear colleague,\r\n" + "".join(f"> {line}\r\n" for line in lines) + "Yours"
    page = f"<p>{'<br>'.join(lines)}</p>".encode()
    mail = b"MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + b64encode(page)
    for held in (note.encode(), quoted.encode(), f"log:\n\n{note}".encode(), mail):
        assert [one.note for one in attested_in("held", held)] == [note]
    assert notes_in(note.replace(lines[2], lines[2][:-2])) == []
    assert attested_in("nothing", b"\xff\x00 nothing") == []


# Erased, young, forgotten


async def erased(tampered: Tampered) -> None:
    """Erase a person one of whose contents is a paper of the case, as the installation does it."""
    paper = a_paper(tampered)
    tampered.sql("UPDATE contents SET erased = '2032-01-01 00:00:00', data = x'' WHERE sha256 = :sha", sha=paper)
    tampered.sql(
        "INSERT INTO erasures (person, case_id, by, reason, at, contents)"
        " VALUES ('p-1', :case, 'OFFICE', 'asked for', '2032-01-01 00:00:00', :contents)",
        case=tampered.case,
        contents=json.dumps([paper]),
    )
    place = tampered.workplace()
    async with place.log.transaction() as connection:
        await place.log.append(connection, [erasure_entry(tampered.case, "p-1", "OFFICE", 1, tampered.now)])
    await place.close()


async def test_what_was_erased_is_a_remark_as_long_as_table_log_and_bytes_agree(tampered: Tampered) -> None:
    await erased(tampered)
    assert await faults(tampered) == set()
    assert await faults(tampered, remarks=True) == {Code.CONTENT_ERASED}
    tampered.sql("UPDATE erasures SET by = 'SOMEBODY'")
    assert await faults(tampered) == {Code.ERASURE_DIFFERS}


async def test_a_case_is_sound_after_a_person_was_erased_as_the_office_does_it(tampered: Tampered) -> None:
    place = tampered.workplace()
    case = await place.readmodel.case(tampered.case)
    said: dict[str, Any] = {"by": "OFFICE", "reason": "Asked by letter.", "at": tampered.now}
    gone = await place.erasures.erase(case, "N1", **said, then=place.log_erasure)
    await place.close()
    assert len(gone.contents) > 1
    assert await faults(tampered) == set()
    assert await faults(tampered, remarks=True) == {Code.CONTENT_ERASED}
    tampered.sql("DELETE FROM erasures")
    assert {Code.ERASURE_UNKNOWN, Code.ERASURE_DIFFERS} <= await faults(tampered)


async def test_an_erasure_that_was_taken_out_is_found(tampered: Tampered) -> None:
    await erased(tampered)
    tampered.sql("DELETE FROM erasures")
    assert await faults(tampered) == {Code.ERASURE_UNKNOWN, Code.ERASURE_DIFFERS}


async def test_a_run_that_has_just_closed_and_a_receipt_just_owed_are_remarks(tampered: Tampered) -> None:
    tampered.sql("DELETE FROM archive WHERE run = 3")
    step, said = tampered.ask('SELECT step, body FROM receipts ORDER BY "index" DESC LIMIT 1')[0]
    tampered.sql("DELETE FROM receipts WHERE step = :step", step=step)
    tampered.now = datetime.fromisoformat(json.loads(said)["recorded"]) + timedelta(minutes=1)
    assert await faults(tampered) == {Code.ENTRY_UNMATCHED}
    assert await faults(tampered, remarks=True) == {Code.NOT_ARCHIVED, Code.RECEIPT_OWED}


async def test_a_closed_case_that_temporal_forgot_is_sound(tampered: Tampered) -> None:
    tampered.temporal.runs.clear()
    assert await faults(tampered) == set()
    assert await faults(tampered, remarks=True) == {Code.FORGOTTEN}


async def test_a_run_that_temporal_forgot_is_a_remark(tampered: Tampered) -> None:
    del tampered.temporal.runs[tampered.base.runs[0][0]]
    assert await faults(tampered) == set()
    assert await faults(tampered, remarks=True) == {Code.FORGOTTEN}


@pytest.mark.parametrize("height", [1, 2, 3])
async def test_the_tree_is_whole_above_and_below_the_edge_of_a_batch(
    tampered: Tampered, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.wholelog.HEIGHT", height)
    monkeypatch.setattr("audit.wholelog.BATCH", 1 << height)
    told = list[tuple[int, int]]()
    place = tampered.workplace()
    log = await tampered.verifier(place).log(tell=lambda done, whole: told.append((done, whole)))
    assert (log.findings, told[-1]) == ((), (log.size, log.size))
    assert [done for done, _ in told[:2]] == [1 << height, 2 << height]
    for level in range(1, 6):
        tampered.sql('UPDATE log_nodes SET hash = zeroblob(32) WHERE level = :level AND "index" = 0', level=level)
        found = (await tampered.verifier(place).log()).findings
        assert f"node {level}/0" in {one.where for one in found if one.code is Code.NODE_DIFFERS}
        hash_anew(tampered)
    await place.close()


async def test_of_many_findings_of_a_kind_some_are_told_and_the_others_counted(tampered: Tampered) -> None:
    tampered.sql("UPDATE log_entries SET case_id = 'AMEDIP-2031-0009' WHERE case_id != ''")
    place = tampered.workplace()
    log = await tampered.verifier(place).log()
    await place.close()
    assert len(log.findings) == MOST + 1
    assert log.findings[-1].text == f"{log.size - 1 - MOST} more of the kind {Code.LEAF_DIFFERS}"


async def test_temporal_that_is_away_is_no_finding(tampered: Tampered) -> None:
    tampered.temporal.refused[tampered.base.runs[0][0]] = RPCStatusCode.UNAVAILABLE
    tampered.temporal.healthy = False
    with pytest.raises(Unreachable):
        await faults(tampered)


# The command


@pytest.fixture
def verifying(passerelle: Passerelle, tampered: Tampered, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Commands that find the played case installed."""

    @asynccontextmanager
    async def opened(data: Path | None) -> AsyncIterator[Any]:
        place = tampered.workplace()
        yield place, place.cases(cast(Client, tampered.temporal))
        await place.close()

    monkeypatch.setattr("cli.verify.opened", opened)
    monkeypatch.setattr("cli.verify.TimeMachine", Inline)
    return lambda *said: passerelle("audit", "verify", *said)


def test_the_command_says_that_a_case_is_sound(verifying: Callable[..., Any], tampered: Tampered, tmp_path: Path) -> None:
    kept = tmp_path / "confirmation.eml"
    kept.write_bytes(confirmation(tampered.base))
    told = verifying(tampered.case, "--checkpoint", kept)
    assert (told.exit_code, told.stderr) == (0, "")
    assert f"{tampered.case}: sound; 3 runs" in told.stdout
    assert "from outside" in told.stdout
    read = json.loads(verifying(tampered.case, "--json").stdout)
    assert (read["sound"], read["log"]["sound"], [one["case"] for one in read["cases"]]) == (True, True, [tampered.case])


def test_the_command_goes_on_past_the_trouble_of_one_case(verifying: Callable[..., Any], tampered: Tampered) -> None:
    tampered.sql("INSERT INTO archive SELECT 'AMEDIP-2031-0000', run_id, run, events, sha256, at FROM archive WHERE run = 2")
    told = verifying("--all", "--json")
    read = json.loads(told.stdout)
    assert told.exit_code == 1
    assert told.stderr.strip() == "not sound: AMEDIP-2031-0000"
    assert [(one["case"], one["sound"]) for one in read["cases"]] == [("AMEDIP-2031-0000", False), (tampered.case, True)]
    assert {finding["code"] for finding in read["cases"][0]["findings"]} >= {Code.HISTORY_MISSING, Code.UNKNOWN_TO_TEMPORAL}
    assert all(finding["means"] for finding in read["cases"][0]["findings"] if finding["severity"] == "fault")


def test_the_command_ends_as_its_help_says(verifying: Callable[..., Any], tampered: Tampered, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.txt"
    nothing.write_text("nothing", encoding="utf-8")
    assert verifying().exit_code == verifying(tampered.case, "--all").exit_code == 2
    assert verifying(tampered.case, "--checkpoint", tmp_path / "away").exit_code == 2
    told = verifying(tampered.case, "--checkpoint", nothing)
    assert (told.exit_code, "there is no checkpoint in it" in told.stderr) == (2, True)
    told = verifying("AMEDIP-1999-0001")
    assert (told.exit_code, told.stderr.strip()) == (1, "there is no case AMEDIP-1999-0001")
    tampered.temporal.refused[tampered.base.runs[0][0]] = RPCStatusCode.UNAVAILABLE
    tampered.temporal.healthy = False
    assert verifying(tampered.case).exit_code == 3


def test_a_database_that_holds_garbage_is_a_finding(verifying: Callable[..., Any], tampered: Tampered) -> None:
    with sqlite3.connect(tampered.path) as connection:
        connection.execute("UPDATE mails SET cc = 'garbage' WHERE number = 4")
    connection.close()
    told = verifying(tampered.case)
    assert (told.exit_code, "row_unreadable" in told.stdout) == (1, True)
