"""Reading cases: the read model, contents and people, in the words of whoever asks; nothing here asks Temporal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from activities.letters import Facts, Texts
from activities.parties import Parties, Party
from models.case import Case, Step, Transition
from models.programme import Programme
from models.request import Request
from store.cases import CaseRow, Launches, ReadModel, StepRow
from store.contents import Contents
from store.database import Database
from store.deliveries import Deliveries, Delivery
from store.mails import MailRow
from store.persons import Person, Persons
from store.reference import Reference
from store.replies import Replies, Reply
from store.tokens import Tokens


class Reading:
    """The cases of an installation as they were last published."""

    def __init__(
        self,
        database: Database,
        reference: Reference,
        parties: Parties,
        facts: Facts,
        programmes: Mapping[str, Programme],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.reference = reference
        self.programmes = programmes
        self.clock = clock
        self._parties = parties
        self._facts = facts
        self._launches = Launches(database)
        self._readmodel = ReadModel(database)
        self._contents = Contents(database)
        self._persons = Persons(database)
        self._deliveries = Deliveries(database)
        self._replies = Replies(database)
        self.tokens = Tokens(database, clock)

    async def case(self, case_id: str) -> Case:
        """The state of a case as last published.

        Raises:
            Missing: there is no such case.
        """
        return await self._readmodel.case(case_id)

    async def listing(self, *, ending: str | None = None, limit: int = 50, offset: int = 0) -> list[CaseRow]:
        """Cases, the last opened first; the open ones with `ending=""`."""
        return await self._readmodel.cases(ending=ending, limit=limit, offset=offset)

    async def put_to(self, institution: str, after: str = "", limit: int = 100) -> list[str]:
        """The numbers of the cases with an open step that an institution may be the one to answer, in order, behind `after`."""
        return await self._readmodel.put_to(institution, after, limit)

    async def numbers(self) -> list[str]:
        """The number of every case whose workflow was started, in order."""
        return await self._launches.numbers()

    async def open_numbers(self) -> list[str]:
        """The numbers of the cases that have not ended, of those published."""
        return await self._readmodel.open_cases()

    async def steps(self, case_id: str) -> list[StepRow]:
        """The steps of a case in the order in which they were opened."""
        return await self._readmodel.steps(case_id)

    async def timeline(self, case_id: str) -> list[Transition]:
        """What happened in a case, in order."""
        return await self._readmodel.timeline(case_id)

    async def mails(self, case_id: str) -> list[MailRow]:
        """The mails of a case and how far each got."""
        return await self._readmodel.mails(case_id)

    async def deliveries(self, case_id: str) -> list[Delivery]:
        """How far each mail of a case got with each of its receivers."""
        return await self._deliveries.of_case(case_id)

    async def undelivered(self, case_id: str = "") -> list[Delivery]:
        """The deliveries that failed or came back, of a case or of all."""
        return await self._deliveries.undelivered(case_id)

    async def replies(self, case_id: str) -> list[Reply]:
        """What came back to the mails of a case; none of it is an answer."""
        return await self._replies.of_case(case_id)

    async def request(self, case: Case) -> Request:
        """The request as filed."""
        return Request.model_validate_json(await self._contents.get(case.asked.request))

    async def texts(self, case: Case) -> Texts:
        """The texts of the request with every correction applied."""
        return await self._facts.texts(case)

    async def background(self, case: Case, step: Step, language: str) -> Mapping[str, Any]:
        """What the one asked needs to know to answer a step, as its letter says it: remarks, opinions, people, actions."""
        return await self._facts.of_kind(self.programmes[case.programme], case, step, language)

    async def days_left(self, step: Step) -> int:
        """The working days until a scheduled step is due, in the calendar of the one asked."""
        return await self._facts.days_left(step, self.clock())

    async def form(self, sha256: str) -> Mapping[str, Any]:
        """A stored form; empty when there is none."""
        return await self._facts.form(sha256)

    async def party(self, case: Case, code: str) -> Party:
        """Who is meant by a party's code in a case.

        Raises:
            Missing: nobody is.
        """
        return await self._parties.party(self.programmes[case.programme], case, code)

    async def content(self, sha256: str) -> bytes:
        """The bytes of a content.

        Raises:
            Missing: there is none.
        """
        return await self._contents.get(sha256)

    async def media(self, sha256: str) -> str:
        """The media type of a content."""
        return await self._contents.media(sha256)

    async def keep(self, data: bytes, media: str, *, case: str = "", person: str = "") -> str:
        """Keep a proof or file that came up in a case as a content, of the person it is about; gives its sha256."""
        return await self._contents.put(data, media, case=case, person=person)

    async def persons(self, case: Case) -> dict[str, Person]:
        """The persons behind a case's nominations, by nomination."""
        found = await self._persons.of([nomination.person for nomination in case.nominations])
        return {n.id: found[n.person] for n in case.nominations if n.person in found}
