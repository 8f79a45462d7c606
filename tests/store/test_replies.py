"""What comes back to a mail is filed once, and what it says of a delivery counts once, on either database."""

from __future__ import annotations

from hashlib import sha256

from store.contents import Contents
from store.database import Database
from store.deliveries import DeliveryState, Said
from store.mails import Mails, MailState, queue
from store.replies import Replies, Reply, ReplyKind
from tests.store.situations import CASE, MONDAY, a_mail, days

BOUNCE = b"a report\r\n"
CAME_BACK = {0: Said(state=DeliveryState.BOUNCED, reply="5.1.1 unknown")}


async def test_a_report_is_filed_and_counts_once(database: Database, mails: Mails, contents: Contents) -> None:
    async with database.begin() as connection:
        await queue(database, connection, [a_mail(1)])
    taken = Said(state=DeliveryState.ACCEPTED, reply="250 taken")
    await mails.noted(a_mail(1).message_id, MONDAY, {0: taken, 1: taken})
    replies = Replies(database)
    original = await replies.original(["<unknown@amedip.example>", a_mail(1).message_id])
    assert original is not None
    reply = Reply(
        content=sha256(BOUNCE).hexdigest(),
        case_id=original.case_id,
        step=original.step,
        message_id=original.message_id,
        kind=ReplyKind.REPORT,
        auto=True,
        received=MONDAY + days(1),
    )
    for first in (True, False):
        filed = await replies.file(BOUNCE, reply, person="", at=MONDAY + days(1), said=CAME_BACK, remarks={1: "4.4.1 delayed"})
        assert filed is first
        await mails.noted(a_mail(1).message_id, MONDAY, {0: taken})
    assert await replies.of_case(CASE) == [reply]
    assert await contents.get(reply.content) == BOUNCE
    found = [(each.state, each.reply) for each in await mails.deliveries.of_case(CASE)]
    assert found == [(DeliveryState.BOUNCED, "5.1.1 unknown"), (DeliveryState.ACCEPTED, "4.4.1 delayed")]
    (row,) = await mails.of_case(CASE)
    assert (row.state, row.error, row.accepted) == (MailState.FAILED, "came back: 5.1.1 unknown", MONDAY)
