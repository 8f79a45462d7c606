"""Ways to tamper with what an installation keeps, each with the codes of the faults that must be found, and no others."""

from __future__ import annotations

import json
import sqlite3
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from temporalio.service import RPCStatusCode

from evidence import merkle
from evidence.checkpoint import Checkpoint, signed_note
from evidence.entries import digest
from evidence.findings import Code
from evidence.notary import new_key, notary_of
from evidence.receipts import Receipt, signed_receipt
from rehearsal.stage import NOTARY
from tests.audit.installed import Tampered

Tamper = Callable[[Tampered], object]
TAMPERINGS: dict[str, tuple[Tamper, frozenset[Code]]] = {}
FOREIGN = notary_of(new_key(), NOTARY.name)


def found_as(*codes: Code) -> Callable[[Tamper], Tamper]:
    """A tampering, and what must be found of it."""

    def kept(tamper: Tamper) -> Tamper:
        TAMPERINGS[tamper.__name__.lstrip("_")] = (tamper, frozenset(codes))
        return tamper

    return kept


# The read model


@found_as(Code.ROW_DIFFERS)
def _a_step_was_answered_otherwise(of: Tampered) -> None:
    of.sql("UPDATE steps SET option = 'decline' WHERE id = 'host_offer-1'")


@found_as(Code.ROW_MISSING)
def _a_step_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM steps WHERE id = 'completeness-1'")


@found_as(Code.ROW_DIFFERS)
def _the_state_was_changed(of: Tampered) -> None:
    of.sql('UPDATE cases SET doc = replace(doc, \'"reason":"\', \'"reason":"x\')')


@found_as(Code.ROW_DIFFERS)
def _the_ending_was_changed(of: Tampered) -> None:
    of.sql("UPDATE cases SET ending = 'closed'")


@found_as(Code.ROW_MISSING)
def _a_transition_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM transitions WHERE seq = 9")


@found_as(Code.ROW_UNKNOWN)
def _a_transition_was_put_in(of: Tampered) -> None:
    columns = "case_id, run, at, event, verb, step, kind, round, 'OFFICE', on_behalf_of, decision, about, reason"
    of.sql(
        "INSERT INTO transitions (seq, case_id, run, at, event, verb, step, kind, round, by, on_behalf_of, decision, about, reason)"
        f" SELECT 9000, {columns} FROM transitions WHERE seq = 9"
    )


@found_as(Code.ROW_DIFFERS)
def _a_transition_names_another(of: Tampered) -> None:
    of.sql("UPDATE transitions SET by = 'SOMEBODY' WHERE seq = 9")


@found_as(Code.ROW_MISSING)
def _the_case_was_taken_out_of_the_lists(of: Tampered) -> None:
    of.sql("DELETE FROM steps", "DELETE FROM transitions", "DELETE FROM cases")


# Contents


def a_paper(of: Tampered) -> str:
    """The sha256 of a paper of the case."""
    state = json.loads(of.ask("SELECT doc FROM cases")[0][0])
    return str(state["papers"][0]["sha256"])


@found_as(Code.CONTENT_DAMAGED)
def _a_paper_was_changed(of: Tampered) -> None:
    of.sql("UPDATE contents SET data = CAST(data || '.' AS BLOB) WHERE sha256 = :sha", sha=a_paper(of))


@found_as(Code.CONTENT_MISSING)
def _a_paper_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM contents WHERE sha256 = :sha", sha=a_paper(of))


@found_as(Code.CONTENT_MISSING)
def _a_paper_was_exchanged_under_a_sha256_of_its_own(of: Tampered) -> None:
    other = b"another paper"
    of.sql("UPDATE contents SET data = :data, sha256 = :new WHERE sha256 = :sha", data=other, new=digest(other), sha=a_paper(of))


@found_as(Code.CONTENT_DAMAGED)
def _a_form_was_changed(of: Tampered) -> None:
    form = of.ask("SELECT answer FROM inbox WHERE step = 'host_offer-1'")[0][0]
    of.sql("UPDATE contents SET data = replace(data, '\"', '''') WHERE sha256 = :sha", sha=json.loads(form)["form"])


@found_as(Code.ERASURE_UNKNOWN, Code.CONTENT_MISSING)
def _a_paper_was_marked_as_erased(of: Tampered) -> None:
    of.sql("UPDATE contents SET erased = '2032-01-01 00:00:00', data = x'' WHERE sha256 = :sha", sha=a_paper(of))


@found_as(Code.ERASURE_UNKNOWN, Code.CONTENT_MISSING)
def _an_erasure_was_made_up_for_it(of: Tampered) -> None:
    _a_paper_was_marked_as_erased(of)
    of.sql(
        "INSERT INTO erasures (person, case_id, by, reason, at, contents)"
        " VALUES ('nobody', :case, 'OFFICE', '', '2032-01-01 00:00:00', :contents)",
        case=of.case,
        contents=json.dumps([a_paper(of)]),
    )


# Mails


@found_as(Code.MAIL_MISSING, Code.ENTRY_UNMATCHED)
def _a_mail_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM deliveries WHERE message_id LIKE '%.0004.%'", "DELETE FROM mails WHERE number = 4")


@found_as(Code.ENTRY_DIFFERS)
def _a_mail_names_another_letter(of: Tampered) -> None:
    of.sql("UPDATE mails SET step = 'decision-1' WHERE number = 4")


@found_as(Code.MAIL_UNKNOWN, Code.ENTRY_DIFFERS)
def _a_mail_was_exchanged_for_another(of: Tampered) -> None:
    of.sql("UPDATE mails SET content = (SELECT content FROM mails WHERE number = 5) WHERE number = 4")


@found_as(Code.CONTENT_DAMAGED)
def _a_mail_as_archived_was_changed(of: Tampered) -> None:
    of.sql("UPDATE contents SET data = CAST(data || '.' AS BLOB) WHERE sha256 = (SELECT content FROM mails WHERE number = 4)")


@found_as(Code.MEDIA_DIFFERS)
def _a_mail_is_said_to_be_no_mail(of: Tampered) -> None:
    of.sql("UPDATE contents SET media = 'text/html' WHERE sha256 = (SELECT content FROM mails WHERE number = 4)")


@found_as(Code.ENTRY_DIFFERS, Code.LINK_KEPT)
def _a_mail_was_archived_with_its_link(of: Tampered) -> None:
    eml = bytes(of.ask("SELECT data FROM contents WHERE sha256 = (SELECT content FROM mails WHERE number = 4)")[0][0])
    with_link = eml.replace(b"/r/REDACTED", b"/r/AgEBAQEB_secret")
    assert with_link != eml
    of.sql(
        "INSERT INTO contents (sha256, media, person, data) VALUES (:sha, 'message/rfc822', '', :data)",
        sha=digest(with_link),
        data=with_link,
    )
    of.sql("UPDATE mails SET content = :sha WHERE number = 4", sha=digest(with_link))


@found_as(Code.MAIL_UNKNOWN)
def _a_mail_was_put_in(of: Tampered) -> None:
    known = [row[1] for row in of.ask("PRAGMA table_info(mails)")]
    meant = {"message_id": f"'<{of.case}.0999.abcdef.closure@amedip.example>'", "number": "999", "state": "'queued'"}
    chosen = ", ".join(meant.get(name, f'"{name}"') for name in known)
    of.sql(f"INSERT INTO mails SELECT {chosen} FROM mails WHERE number = 4")
    of.sql("UPDATE mails SET letter = 'closure', content = (SELECT content FROM mails WHERE number = 4) WHERE number = 999")


# Receipts and answers


def receipt_of(of: Tampered, step: str) -> tuple[str, Receipt]:
    """A receipt as it is kept, and the response it is for."""
    response, body, signature = of.ask("SELECT response, body, signature FROM receipts WHERE step = :step", step=step)[0]
    return response, Receipt(body.encode(), signature)


@found_as(Code.RECEIPT_UNREADABLE, Code.RECEIPT_MISSING, Code.ENTRY_UNMATCHED)
def _a_receipt_says_something_else(of: Tampered) -> None:
    of.sql('UPDATE receipts SET body = replace(body, \'"option":"offer"\', \'"option":"decline"\') WHERE step = \'host_offer-1\'')


@found_as(Code.RECEIPT_UNREADABLE, Code.RECEIPT_MISSING, Code.ENTRY_UNMATCHED)
def _a_receipt_was_signed_with_another_key(of: Tampered) -> None:
    response, receipt = receipt_of(of, "host_offer-1")
    other = signed_receipt(receipt.claims, receipt.index, FOREIGN)
    of.sql(
        "UPDATE receipts SET body = :body, signature = :signature WHERE response = :response",
        body=other.body.decode(),
        signature=other.signature,
        response=response,
    )


@found_as(Code.RECEIPT_UNREADABLE, Code.RECEIPT_MISSING, Code.ENTRY_UNMATCHED)
def _a_signature_of_a_receipt_was_changed(of: Tampered) -> None:
    _, receipt = receipt_of(of, "host_offer-1")
    signature = bytes([receipt.signature[0] ^ 1]) + receipt.signature[1:]
    of.sql("UPDATE receipts SET signature = :signature WHERE step = 'host_offer-1'", signature=signature)


@found_as(Code.RECEIPT_DIFFERS, Code.ENTRY_DIFFERS)
def _a_receipt_was_signed_anew_for_another_decision(of: Tampered) -> None:
    _, receipt = receipt_of(of, "host_offer-1")
    other = signed_receipt({**receipt.claims, "option": "decline"}, receipt.index, NOTARY)
    values = {"body": other.body.decode(), "signature": other.signature}
    of.sql("UPDATE receipts SET body = :body, signature = :signature WHERE step = 'host_offer-1'", **values)


@found_as(Code.RECEIPT_MISSING, Code.ENTRY_UNMATCHED)
def _a_receipt_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM receipts WHERE step = 'host_offer-1'")


@found_as(Code.RECEIPT_DIFFERS)
def _a_receipt_is_filed_under_another_step(of: Tampered) -> None:
    of.sql("UPDATE receipts SET step = 'decision-1' WHERE step = 'host_offer-1'")


@found_as(Code.ANSWER_DIFFERS)
def _an_answer_as_it_came_in_was_changed(of: Tampered) -> None:
    of.sql('UPDATE inbox SET answer = replace(answer, \'"option":"offer"\', \'"option":"decline"\') WHERE step = \'host_offer-1\'')


@found_as(Code.ANSWER_DIFFERS)
def _an_answer_came_in_at_another_instant(of: Tampered) -> None:
    of.sql("UPDATE inbox SET received = '2031-01-18 08:00:00.000000' WHERE step = 'host_offer-1'")


@found_as(Code.ANSWER_DIFFERS)
def _an_answer_that_was_taken_is_noted_as_refused(of: Tampered) -> None:
    of.sql("UPDATE inbox SET state = 'refused' WHERE step = 'host_offer-1'")


@found_as(Code.ANSWER_MISSING)
def _an_answer_was_taken_out(of: Tampered) -> None:
    of.sql("DELETE FROM inbox WHERE step = 'host_offer-1'")


@found_as(Code.ANSWER_DIFFERS, Code.RECEIPT_MISSING)
def _an_answer_was_put_in(of: Tampered) -> None:
    of.sql(
        "INSERT INTO inbox (response, case_id, step, received, state, answer, outcome) SELECT 'f00d', case_id, step, received,"
        " 'recorded', replace(answer, response, 'f00d'), outcome FROM inbox WHERE step = 'host_offer-1'"
    )


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


def answered_otherwise(document: dict[str, Any]) -> dict[str, Any]:
    """A history in which a form of an answer is another: the procedure goes on as it did."""
    for event in document["events"]:
        request = event.get("workflowExecutionUpdateAcceptedEventAttributes", {}).get("acceptedRequest", {})
        for payload in request.get("input", {}).get("args", {}).get("payloads", ()):
            data = b64decode(payload["data"])
            packed = b64decode(payload["metadata"]["encoding"]) == b"json/zlib"
            said = json.loads(zlib.decompress(data) if packed else data)
            if said.get("form"):
                said["form"] = digest(b"another form")
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
