"""The inbox asked by a case before a step closes."""

from __future__ import annotations

from temporalio import activity

from activities import names
from models.orders import Answers, InTime
from store.inbox import Inbox


class InboxDesk:
    """Looks into the inbox for a case."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @activity.defn(name=names.IN_TIME)
    async def in_time(self, order: InTime) -> Answers:
        """The answers to a step received by its closing instant and not yet told to the case.

        For the one asked, when the case names them, also how many of their questions lapsed in a row before that instant.
        """
        answers = await self._inbox.in_time(order.case, order.step, order.closes)
        lapses = await self._inbox.lapses_in_a_row(order.asked, order.closes) if order.asked else 0
        return Answers(answers=tuple(answers), lapses=lapses)
