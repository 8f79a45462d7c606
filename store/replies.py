"""What came back to the mails of a case: replies of people, answers of machines, reports of mail servers, each filed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from models.message import Instant, Message
from store.contents import Content, keep
from store.database import Database
from store.deliveries import Said, note, remark
from store.tables import mails, replies
from store.upsert import insert_new

MEDIA = "message/rfc822"


class ReplyKind(StrEnum):
    """Who wrote it: somebody, or a mail server that reports on a delivery."""

    REPLY = "reply"
    REPORT = "report"


class Reply(Message):
    """A message that came back to a case; `content` is the sha256 it is kept under.

    `message_id` names the mail it answers, empty when it names the case alone. Who it is from is not taken from it: anybody can
    write anything there. `auto` says that no person wrote it, such as a notice of absence; no reply ever counts as an answer.
    """

    content: str
    case_id: str
    step: str = ""
    message_id: str = ""
    kind: ReplyKind = ReplyKind.REPLY
    auto: bool = False
    received: Instant


class Original(Message):
    """A mail of ours to which something came back."""

    message_id: str
    case_id: str
    step: str
    person: str


class Replies:
    """The replies of every case."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def original(self, message_ids: Sequence[str]) -> Original | None:
        """The first of these messages that is one of ours; None when none is."""
        query = select(mails.c.message_id, mails.c.case_id, mails.c.step, mails.c.person)
        async with self._db.read() as connection:
            rows = await connection.execute(query.where(mails.c.message_id.in_(message_ids)))
            found = {row.message_id: Original.model_validate(row._asdict()) for row in rows}
        return next((found[message_id] for message_id in message_ids if message_id in found), None)

    async def file(
        self, data: bytes, reply: Reply, *, person: str, at: datetime, said: Mapping[int, Said], remarks: Mapping[int, str]
    ) -> bool:
        """File what came back, once, with what it says of deliveries by rank; False when it is there already.

        `person` is the id of the person whose mail it answers.
        """
        async with self._db.begin() as connection:
            await keep(self._db, connection, [Content(data, MEDIA, person, reply.case_id)])
            insert = insert_new(connection, replies).returning(replies.c.content)
            if await connection.scalar(insert, reply.model_dump()) is None:
                return False
            if said:
                await note(connection, reply.message_id, at, said)
            for rank, text in remarks.items():
                await remark(connection, reply.message_id, rank, text)
        return True

    async def of_case(self, case_id: str) -> list[Reply]:
        """What came back to a case, in the order it was received."""
        query = select(replies).where(replies.c.case_id == case_id).order_by(replies.c.received, replies.c.content)
        async with self._db.read() as connection:
            return [Reply.model_validate(row._asdict()) for row in await connection.execute(query)]
