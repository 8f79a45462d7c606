"""The read model of a case, written with the letters that go out with it in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import activity

from activities import names
from activities.mail import Composer
from models.orders import Publication
from store.cases import ReadModel


class Publisher:
    """Copies a case to the read model and queues its letters; `posted` is told when there is mail to send."""

    def __init__(self, readmodel: ReadModel, composer: Composer, posted: Callable[[], None]) -> None:
        self._readmodel = readmodel
        self._composer = composer
        self._posted = posted

    @activity.defn(name=names.PUBLISH)
    async def publish(self, publication: Publication) -> None:
        """Write the case as it stands; doing it again changes nothing."""
        mails = await self._composer.compose(publication)
        await self._readmodel.publish(publication.case, mails, publication.reached)
        if mails:
            self._posted()
