"""A new link or a code on request, to the address of the one asked and nobody else: a reminder once more, or the code's letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

import structlog

from activities.letters import CODE, CODE_FACTS
from activities.mail import Composer
from models.case import Case, Step
from models.errors import Missing
from models.orders import Letter
from models.programme import Programme
from models.rules import closes_for_good
from store.cases import ReadModel
from store.database import Database
from store.mails import queue
from store.visits import BETWEEN_CODES, may_send_link

log = structlog.get_logger("resending")


class Resending:
    """Queues reminders that somebody asked for; what it is told by strangers is neither believed nor answered."""

    def __init__(
        self,
        database: Database,
        readmodel: ReadModel,
        composer: Composer,
        programmes: Mapping[str, Programme],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._readmodel = readmodel
        self._composer = composer
        self._programmes = programmes
        self._clock = clock

    async def send_code(self, case: Case, step: Step, party: str, session: str, nonce: str) -> bool:
        """Queue the letter with the code that belongs to a nonce, to the mailbox that the link went to.

        False, and nothing is sent, when a code went out to them within the minute.
        """
        programme, now = self._programmes[case.programme], self._clock()
        letter = Letter(letter="code", to=party, at=now, step=step.id, number=int(sha256(nonce.encode()).hexdigest()[:12], 16))
        facts = dict(zip(CODE_FACTS, (session, case.id, step.id, party), strict=True)) | {"nonce": nonce}
        mail = await self._composer.message(programme, case, letter, code=CODE)
        mail = mail.model_copy(update={"link_facts": facts})
        async with self._database.begin() as connection:
            if not await may_send_link(connection, case.id, f"{step.id} code", party, now, BETWEEN_CODES):
                return False
            await queue(self._database, connection, [mail])
        log.info("code_sent", case=case.id, step=step.id)
        return True

    async def send(self, case_id: str, step_id: str, party: str = "") -> bool:
        """Queue a reminder with a new link to a party that is asked, by default whoever is to answer now.

        False, and nothing is sent, when nothing is asked of them any more or a link went out within the hour.
        """
        try:
            case = await self._readmodel.case(case_id)
        except Missing:
            return False
        programme, step, now = self._programmes[case.programme], case.step(step_id), self._clock()
        if step is None or not is_asked(case, step, to := party or step.answering, programme, now):
            return False
        number = int.from_bytes(sha256(f"{step.id} {to} {now.isoformat()}".encode()).digest()[:6])
        letter = Letter(letter="reminder", to=to, at=now, step=step.id, number=number)
        mail = await self._composer.message(programme, case, letter)
        async with self._database.begin() as connection:
            if not await may_send_link(connection, case.id, step.id, to, now):
                return False
            await queue(self._database, connection, [mail])
        log.info("link_sent", case=case.id, step=step.id)
        return True


def is_asked(case: Case, step: Step, party: str, programme: Programme, now: datetime) -> bool:
    """Whether a question with a date is still put to a party."""
    closes = closes_for_good(step, programme)
    over = case.ended is not None or not step.is_open or step.schedule is None or (closes is not None and now > closes)
    return not over and party in (step.answering, step.escalated_to)
