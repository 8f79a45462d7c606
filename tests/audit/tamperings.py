"""Ways to tamper with what an installation keeps, each with the codes of the faults that must be found, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable

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


@found_as(Code.ANSWER_DIFFERS)
def _an_answer_as_it_came_in_cannot_be_read(of: Tampered) -> None:
    of.sql("UPDATE inbox SET answer = '{' WHERE step = 'host_offer-1'")


@found_as(Code.MAIL_UNKNOWN, Code.ENTRY_DIFFERS)
def _a_mail_is_filed_as_another_letter(of: Tampered) -> None:
    of.sql("UPDATE mails SET letter = 'reminder' WHERE number = 4")
