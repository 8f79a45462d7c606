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
        """The answers to a step received by its closing instant and not yet told to the case."""
        return Answers(answers=tuple(await self._inbox.in_time(order.case, order.step, order.closes)))
