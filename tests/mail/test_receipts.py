"""A confirmation takes the receipt, its proof and the log's checkpoint along, over real SMTP; none leaves without."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

import pytest

from activities.enclosing import PROOF, RECEIPT, SIGNATURE
from activities.letters import CHECKPOINT
from activities.postman import Smtp, SmtpTransport
from evidence.checkpoint import check_proof, checkpoint_of
from evidence.entries import EntryKind, entry_of
from evidence.merkle import leaf_hash
from evidence.receipts import Receipt, checked
from rehearsal.stage import NOTARY
from store.mails import MailState
from tests.mail.conftest import Clock, Filing
from tests.mail.server import NAME, Postbox, listening
from tests.mail.situations import CaseFile
from tests.mail.test_conversation import OFFICE, post, put, read, row
from workplace import Workplace


async def with_receipt(file: CaseFile) -> None:
    """The answer of the host is known to be recorded, with its receipt."""
    issuing = file.workplace.issuing
    async with issuing.log.transaction() as connection:
        await issuing.issue(connection, file.case, "host_offer-1", "R-0000-0001")


def attached(message: EmailMessage) -> dict[str, bytes]:
    """The files that came with a message, by name."""
    return {str(part.get_filename()): part.get_content() for part in message.iter_attachments()}


@pytest.mark.parametrize("language", ["en", "fr", "ar", "pt"])
async def test_a_confirmation_brings_a_receipt_that_anybody_can_check(filing: Filing, workplace: Workplace, language: str) -> None:
    file = await filing(language)
    await put(file, "recorded")
    await with_receipt(file)
    box = Postbox()
    async with listening(box) as port:
        assert (await post(workplace, port)).state is MailState.ACCEPTED
    message = read(box.taken[0].content)
    files = attached(message)
    receipt = Receipt(files[RECEIPT], files[SIGNATURE])
    said = checked(receipt, NOTARY.trusted)
    assert (said["step"], said["response"]) == ("host_offer-1", "R-0000-0001")
    [entry] = await workplace.log.leaves.of_kind(EntryKind.RECEIPT)
    _, checkpoint = check_proof(leaf_hash(entry.leaf.encode()), files[PROOF].decode(), NOTARY.trusted)
    assert checkpoint.size == 1
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content()
        assert CHECKPOINT not in text
        assert all(line in text for line in checkpoint.text.splitlines())
    plain = message.get_body(("plain",))
    assert plain is not None
    lines = plain.get_content().splitlines()
    at = lines.index(checkpoint.name)
    assert checkpoint_of("\n".join(lines[at : at + 5]) + "\n", NOTARY.trusted) == checkpoint


async def test_a_confirmation_waits_for_its_receipt_and_leaves_a_moment_later(
    filing: Filing, workplace: Workplace, clock: Clock
) -> None:
    file = await filing("fr")
    await put(file, "recorded")
    box = Postbox()
    async with listening(box) as port:
        waiting = await post(workplace, port)
        assert (waiting.state, box.taken) == (MailState.DEFERRED, [])
        assert waiting.next_try is not None
        assert waiting.next_try - clock.now <= timedelta(seconds=5)
        await with_receipt(file)
        clock.now = waiting.next_try
        assert (await post(workplace, port)).state is MailState.ACCEPTED
    assert len(box.taken) == 1


async def test_a_mail_that_was_taken_stands_in_the_log_with_what_is_archived(filing: Filing, workplace: Workplace) -> None:
    mail = await put(await filing("fr"), "overdue")
    async with listening(Postbox()) as port:
        await post(workplace, port)
    [entry] = [entry_of(row.leaf.encode()) for row in await workplace.log.entries_of("AMEDIP-2026-0001")]
    assert (entry.kind, entry.ref, entry.facts["sha256"]) == (EntryKind.MAIL, mail.message_id, mail.content)
    assert entry.facts["letter"] == "overdue"


async def test_a_mail_that_nobody_took_stands_in_no_log(filing: Filing, workplace: Workplace) -> None:
    await put(await filing("fr"), "overdue")
    await workplace.postman(SmtpTransport(Smtp(host=NAME, port=1, timeout=2.0)), OFFICE).deliver()
    assert (await row(workplace)).state is MailState.DEFERRED
    assert await workplace.log.leaves.size() == 0
