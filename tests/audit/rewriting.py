"""Ways to tamper with histories, in the archive and in Temporal, and with the log, each with the codes that must be found."""

from __future__ import annotations

import json
import sqlite3
import zlib
from base64 import b64decode, b64encode
from typing import Any

from temporalio.service import RPCStatusCode

from evidence import merkle
from evidence.checkpoint import Checkpoint, signed_note
from evidence.entries import digest
from evidence.findings import Code
from rehearsal.stage import NOTARY
from tests.audit.installed import Tampered
from tests.audit.tamperings import FOREIGN, TAMPERINGS, found_as

__all__ = ["TAMPERINGS"]

# The archive and its histories


def history(of: Tampered, run: int) -> dict[str, Any]:
    """The archived history of a run."""
    read: dict[str, Any] = json.loads(of.base.runs[run - 1][1])
    return read


def archived(of: Tampered, run: int, document: dict[str, Any]) -> bytes:
    """Put another history in the place of the one archived, under its own sha256."""
    data = json.dumps(document).encode()
    of.sql(
        "INSERT INTO contents (sha256, media, person, data) VALUES (:sha, 'application/json', '', :data)",
        sha=digest(data),
        data=data,
    )
    of.sql("UPDATE archive SET sha256 = :sha WHERE run = :run", sha=digest(data), run=run)
    return data


def answered_otherwise(document: dict[str, Any], field: str = "form", value: str = digest(b"another form")) -> dict[str, Any]:
    """A history in which the last answer has another form: the procedure goes on as it did; or another option: it does not."""
    for event in reversed(document["events"]):
        request = event.get("workflowExecutionUpdateAcceptedEventAttributes", {}).get("acceptedRequest", {})
        for payload in request.get("input", {}).get("args", {}).get("payloads", ()):
            data = b64decode(payload["data"])
            packed = b64decode(payload["metadata"]["encoding"]) == b"json/zlib"
            said = json.loads(zlib.decompress(data) if packed else data)
            if said.get("form"):
                said[field] = value
                changed = json.dumps(said).encode()
                payload["data"] = b64encode(zlib.compress(changed) if packed else changed).decode()
                return document
    raise AssertionError("no answer with a form")


@found_as(Code.CHAIN_BROKEN, Code.STATE_DIFFERS, Code.TEMPORAL_DIFFERS, Code.ENTRY_DIFFERS)
def _a_history_is_archived_as_another_file(of: Tampered) -> None:
    document = history(of, 1)
    document["events"][3]["eventTime"] = "2031-01-13T09:00:07Z"
    archived(of, 1, document)


@found_as(Code.CONTENT_DAMAGED)
def _a_history_was_changed_in_its_place(of: Tampered) -> None:
    of.sql("UPDATE contents SET data = CAST(data || ' ' AS BLOB) WHERE sha256 = (SELECT sha256 FROM archive WHERE run = 1)")


@found_as(Code.ROW_DIFFERS, Code.RECEIPT_DIFFERS, Code.ANSWER_DIFFERS, Code.CONTENT_MISSING, Code.ENTRY_DIFFERS)
def _an_answer_was_changed_in_temporal_and_the_archive(of: Tampered) -> None:
    run_id, _, count = of.base.runs[-1]
    data = archived(of, 3, answered_otherwise(history(of, 3)))
    of.temporal.runs[run_id] = data
    assert len(json.loads(data)["events"]) == count


@found_as(Code.NOT_ARCHIVED)
def _a_run_was_taken_out_of_the_archive(of: Tampered) -> None:
    of.sql("DELETE FROM archive WHERE run = 2")


@found_as(Code.ARCHIVE_DIFFERS)
def _a_run_is_archived_under_another_number(of: Tampered) -> None:
    of.sql("UPDATE archive SET run = 7 WHERE run = 3")


@found_as(Code.ARCHIVE_DIFFERS)
def _a_run_is_archived_with_another_length(of: Tampered) -> None:
    of.sql("UPDATE archive SET events = events - 1 WHERE run = 1")


@found_as(Code.CONTENT_MISSING)
def _an_archived_history_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM contents WHERE sha256 = (SELECT sha256 FROM archive WHERE run = 2)")


@found_as(Code.HISTORY_MISSING)
def _nobody_holds_the_first_run(of: Tampered) -> None:
    of.sql("DELETE FROM archive WHERE run = 1")
    del of.temporal.runs[of.base.runs[0][0]]


# Temporal


@found_as(Code.TEMPORAL_DIFFERS)
def _temporal_holds_another_answer(of: Tampered) -> None:
    run_id, _, _ = of.base.runs[-1]
    of.temporal.runs[run_id] = json.dumps(answered_otherwise(history(of, 3))).encode()


@found_as(Code.TEMPORAL_DIFFERS)
def _temporal_holds_fewer_events(of: Tampered) -> None:
    run_id, _, _ = of.base.runs[-1]
    document = history(of, 3)
    document["events"].pop()
    of.temporal.runs[run_id] = json.dumps(document).encode()


@found_as(Code.TEMPORAL_REFUSES)
def _temporal_does_not_give_a_run(of: Tampered) -> None:
    of.temporal.refused[of.base.runs[1][0]] = RPCStatusCode.DATA_LOSS


@found_as(Code.UNKNOWN_TO_TEMPORAL, Code.HISTORY_MISSING)
def _temporal_lost_an_open_case(of: Tampered) -> None:
    of.sql("DELETE FROM archive WHERE run = 3")
    of.sql("UPDATE cases SET ended = NULL, ending = '', doc = replace(doc, '\"ended\":\"', '\"was\":\"')")
    of.temporal.runs.clear()


# The log


def leaves(of: Tampered) -> list[bytes]:
    """The leaves of the log."""
    return [row[0].encode() for row in of.ask('SELECT leaf FROM log_entries ORDER BY "index"')]


def hash_anew(of: Tampered) -> None:
    """Write the whole tree anew over the leaves."""
    level, height = [merkle.leaf_hash(leaf) for leaf in leaves(of)], 0
    with sqlite3.connect(of.path) as connection:
        connection.execute("DELETE FROM log_nodes")
        while level:
            connection.executemany("INSERT INTO log_nodes VALUES (?, ?, ?)", [(height, at, one) for at, one in enumerate(level)])
            level = [merkle.node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
            height += 1
    connection.close()


def place(of: Tampered) -> int:
    """The index of an entry of the case that is followed by others."""
    return int(of.ask("SELECT \"index\" FROM log_entries WHERE kind = 'mail' AND ref LIKE '%.0004.%'")[0][0])


@found_as(Code.LEAF_DIFFERS, Code.CHECKPOINT_DIFFERS, Code.NOT_IN_LOG, Code.ENTRY_MISSING)
def _a_leaf_was_changed(of: Tampered) -> None:
    of.sql("UPDATE log_entries SET leaf = replace(leaf, 'consultation-1', 'consultation-2') WHERE \"index\" = :at", at=place(of))


@found_as(Code.NODE_DIFFERS, Code.CHECKPOINT_DIFFERS, Code.NOT_IN_LOG, Code.ENTRY_MISSING)
def _a_leaf_was_changed_with_its_hash(of: Tampered) -> None:
    at = place(of)
    of.sql("UPDATE log_entries SET leaf = replace(leaf, 'consultation-1', 'consultation-2') WHERE \"index\" = :at", at=at)
    hashed = merkle.leaf_hash(leaves(of)[at])
    of.sql('UPDATE log_nodes SET hash = :hashed WHERE level = 0 AND "index" = :at', hashed=hashed, at=at)


@found_as(Code.CHECKPOINT_DIFFERS, Code.ENTRY_DIFFERS)
def _the_log_was_written_anew(of: Tampered) -> None:
    of.sql("UPDATE log_entries SET leaf = replace(leaf, 'consultation-1', 'consultation-2') WHERE \"index\" = :at", at=place(of))
    hash_anew(of)


@found_as(Code.LEAF_DIFFERS, Code.ENTRY_MISSING)
def _an_entry_is_filed_under_another_case(of: Tampered) -> None:
    of.sql("UPDATE log_entries SET case_id = 'AMEDIP-2031-0009' WHERE \"index\" = :at", at=place(of))


@found_as(Code.LEAF_MISSING, Code.ENTRY_MISSING)
def _an_entry_was_taken_out(of: Tampered) -> None:
    of.sql('DELETE FROM log_entries WHERE "index" = :at', at=place(of))


@found_as(Code.LOG_SHORTER, Code.ENTRY_MISSING)
def _the_last_entry_was_taken_out(of: Tampered) -> None:
    of.sql('DELETE FROM log_entries WHERE "index" = (SELECT max("index") FROM log_entries)')


@found_as(Code.NODE_DIFFERS, Code.NOT_IN_LOG, Code.ENTRY_MISSING, Code.RECEIPT_DIFFERS)
def _a_hash_of_the_tree_was_changed(of: Tampered) -> None:
    of.sql('UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 3 AND "index" = 1')


@found_as(Code.NODE_DIFFERS, Code.NOT_IN_LOG, Code.ENTRY_MISSING, Code.RECEIPT_DIFFERS)
def _a_hash_of_the_tree_was_taken_out(of: Tampered) -> None:
    of.sql('DELETE FROM log_nodes WHERE level = 3 AND "index" = 1')


@found_as(Code.CHECKPOINT_NOT_SIGNED)
def _a_checkpoint_was_forged(of: Tampered) -> None:
    root = b64encode(digest(b"another root").encode()[:32]).decode()
    size, note = of.ask("SELECT size, note FROM log_checkpoints ORDER BY size LIMIT 1")[0]
    lines = note.split("\n")
    of.sql("UPDATE log_checkpoints SET note = :note WHERE size = :size", note="\n".join([*lines[:2], root, *lines[3:]]), size=size)


@found_as(Code.CHECKPOINT_DIFFERS)
def _a_checkpoint_was_signed_over_another_tree(of: Tampered) -> None:
    size = of.ask("SELECT max(size) FROM log_checkpoints")[0][0]
    note = signed_note(Checkpoint(NOTARY.name, size, bytes(32)), NOTARY)
    of.sql("UPDATE log_checkpoints SET note = :note WHERE size = :size", note=note, size=size)


@found_as(Code.CHECKPOINT_DIFFERS)
def _a_checkpoint_is_kept_under_another_size(of: Tampered) -> None:
    of.sql("UPDATE log_checkpoints SET size = size - 1 WHERE size = (SELECT max(size) FROM log_checkpoints)")


@found_as(Code.KEY_UNKNOWN, Code.CHECKPOINT_NOT_SIGNED, Code.RECEIPT_UNREADABLE, Code.RECEIPT_MISSING, Code.ENTRY_UNMATCHED)
def _the_key_was_replaced(of: Tampered) -> None:
    of.notary = FOREIGN


@found_as(Code.ARCHIVE_DIFFERS)
def _a_run_was_put_into_the_archive(of: Tampered) -> None:
    of.sql("INSERT INTO archive SELECT case_id, 'another', 9, events, sha256, at FROM archive WHERE run = 3")


@found_as(Code.HISTORY_MISSING)
def _everything_of_a_case_was_taken_away(of: Tampered) -> None:
    of.sql("DELETE FROM archive")
    of.temporal.runs.clear()


@found_as(Code.NOT_REPLAYED, Code.ANSWER_DIFFERS, Code.STATE_DIFFERS, Code.ENTRY_DIFFERS)
def _an_answer_with_another_option_was_put_into_the_histories(of: Tampered) -> None:
    run_id, _, _ = of.base.runs[-1]
    of.temporal.runs[run_id] = archived(of, 3, answered_otherwise(history(of, 3), "option", "decline"))


@found_as(Code.HISTORY_UNREADABLE, Code.ARCHIVE_DIFFERS, Code.TEMPORAL_DIFFERS, Code.NOT_REPLAYED, Code.ANSWER_DIFFERS)
def _what_is_archived_is_no_history(of: Tampered) -> None:
    archived(of, 2, {"events": "none"})
