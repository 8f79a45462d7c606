"""Mails that did not reach whom they are for: the coordinator is told, and has them sent anew when the mailbox is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import structlog

from activities.mail import MAIL_FAILED, RIGHT_TO_LEFT, Composer
from activities.parties import SUPERVISOR, Parties
from activities.told import Told
from models.case import Case
from models.errors import Missing, Unreachable
from models.orders import Letter
from models.programme import Programme
from models.words import Ending, Kind
from store.cases import ReadModel
from store.deliveries import UNDELIVERED, Delivery
from store.mails import Mails
from wording import Words

LEFT_TO_RIGHT, ISOLATED = "\u2066", "\u2069"
"""What a mail server says runs from left to right and is kept apart from the Arabic around it."""

log = structlog.get_logger("undelivered")


class Undelivered:
    """What follows when a mail was refused for good or came back."""

    def __init__(
        self,
        mails: Mails,
        readmodel: ReadModel,
        composer: Composer,
        parties: Parties,
        told: Told,
        words: Words,
        programmes: Mapping[str, Programme],
        clock: Callable[[], datetime],
    ) -> None:
        self._mails = mails
        self._readmodel = readmodel
        self._composer = composer
        self._parties = parties
        self._told = told
        self._words = words
        self._programmes = programmes
        self._clock = clock

    async def tell(self) -> int:
        """Tell the coordinators, once for each message, whom it did not reach and why; gives how many letters were queued.

        A letter that tells so and fails itself is told to nobody: the log and the doctor name it. What cannot be told is
        logged, and holds up no other.
        """
        untold = await self._mails.deliveries.untold(MAIL_FAILED)
        count = 0
        for message_id, _ in groupby(untold, lambda delivery: delivery.message_id):
            try:
                count += await self._tell_of(message_id)
            except Unreachable:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of this one case: the others are told all the same
                log.error("coordinator_not_told", message_id=message_id, error=f"{type(error).__name__}: {error}")
                await self._mails.deliveries.pass_over(message_id, self._clock())
        return count

    async def _tell_of(self, message_id: str) -> bool:
        missed = [each for each in await self._mails.deliveries.of_message(message_id) if each.state in UNDELIVERED]
        missed = [each for each in missed if each.told is None]
        if not missed:
            return False
        now = self._clock()
        case = await self._readmodel.case(missed[0].case_id)
        programme = self._programmes[case.programme]
        office = programme.office.code
        to = f"{office}{SUPERVISOR}" if any(each.party == office for each in missed) else office
        step = missed[0].step if case.step(missed[0].step) else ""
        earlier = await self._mails.deliveries.letters_about(message_id, MAIL_FAILED)
        letter = Letter(letter=MAIL_FAILED, to=to, at=now, step=step, about=message_id, count=earlier)
        said = await self._said(programme, case, missed, letter)
        queued = await self._composer.message(programme, case, letter, **said)
        await self._mails.tell(queued, message_id, [each.rank for each in missed], now)
        return True

    async def _said(self, programme: Programme, case: Case, missed: list[Delivery], letter: Letter) -> dict[str, Any]:
        language = (await self._parties.party(programme, case, letter.to, letter.at)).language
        return {
            "letter_name": self.name_of(programme, case, missed[0], language),
            "receivers": [await self._receiver(programme, case, each, language) for each in missed],
            "letter_reference": missed[0].message_id.strip("<>"),
        }

    def name_of(self, programme: Programme, case: Case, delivery: Delivery, language: str) -> str:
        """What a letter is called in a language: its subject."""
        say, step = self._words.say, case.step(delivery.step)
        facts = {
            "case_id": case.id,
            "step_name": self._told.step_name(language, step) if step else "",
            "round": step.round if step else 1,
            "months": programme.follow_up.months[step.round - 1] if step and step.kind is Kind.FOLLOW_UP else 0,
            "answer_name": say(language, f"option.{step.kind}.{step.option}") if step and step.option else "",
            "paper_name": say(language, "document.terms_of_reference"),
            "outcome_name": say(language, f"outcome.{'rejected' if case.ending is Ending.REJECTED else 'approved'}"),
            "ending_name": say(language, f"ending.{case.ending}") if case.ending else "",
            "letter_name": "",
        }
        return self._composer.subject(delivery.letter, language, facts)

    async def _receiver(self, programme: Programme, case: Case, delivery: Delivery, language: str) -> str:
        """Who it is, as an office or a person, with what was said; never an address."""
        name = await self._told.name(programme, case, delivery.party, language) if delivery.party else case.id
        if delivery.rank:
            name = self._words.say(language, "delivery.copy", name=name)
        said = f"{LEFT_TO_RIGHT}{delivery.reply}{ISOLATED}" if language in RIGHT_TO_LEFT else delivery.reply
        return self._words.say(language, f"delivery.{delivery.state}", name=name, said=said)

    async def requeue(self, message_id: str) -> list[int]:
        """Have a mail sent anew, under its Message-ID, to those it did not reach, at the mailboxes they have now.

        Gives their ranks.

        Raises:
            Missing: there is no such message.
            Refused: "not_failed", it reached everybody or is still on its way.
        """
        found = await self._mails.deliveries.of_message(message_id)
        if not found:
            raise Missing(f"no message {message_id}")
        missed = [each for each in found if each.state in UNDELIVERED]
        boxes = {each.rank: await self._mailbox(each) for each in missed}
        ranks = await self._mails.requeue(message_id, self._clock(), boxes)
        log.info("requeued", case=found[0].case_id, letter=found[0].letter, message_id=message_id, ranks=ranks)
        return ranks

    async def _mailbox(self, delivery: Delivery) -> str:
        """The mailbox of a receiver as it is now; empty where that is not known."""
        if not delivery.party:
            return ""
        case = await self._readmodel.case(delivery.case_id)
        party = await self._parties.party(self._programmes[case.programme], case, delivery.party, self._clock())
        return party.alternate if delivery.rank else party.mailbox
