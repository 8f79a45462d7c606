"""Who is meant by a party's code: an institution, a post or colleague of it, the programme's office, or a nominated person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from models.case import Case
from models.errors import Missing
from models.message import Message
from models.programme import Programme
from store.appointments import PERSON, in_office
from store.persons import Person, Persons
from store.reference import Reference
from wording import Words

SUPERVISOR = "/supervisor"


def now() -> datetime:
    """The clock of the machine, in UTC."""
    return datetime.now(UTC)


class Party(Message):
    """Somebody who is asked or told: how to address them, in which language, where their clock stands.

    A person whose data was `erased` has neither name nor mailbox; the words have a name for them in each language.
    """

    code: str
    name: str
    role: str = ""
    language: str
    languages: tuple[str, ...] = ()
    country: str
    zone: str
    mailbox: str
    alternate: str = ""
    institution: str = ""
    person: str = ""
    erased: bool = False

    @property
    def is_person(self) -> bool:
        """Whether the party is a person: a nominee, or a colleague somebody delegated to."""
        return bool(self.person)


def name_of(party: Party, words: Words, language: str) -> str:
    """A party's name; of a person whose data was erased what they are called in a language."""
    return words.say(language, "person.erased") if party.erased else party.name


class Parties:
    """Finds parties by their codes; who holds an office depends on the day."""

    def __init__(self, reference: Reference, persons: Persons, clock: Callable[[], datetime] = now) -> None:
        self._reference = reference
        self._persons = persons
        self._clock = clock

    async def party(self, programme: Programme, case: Case, code: str, at: datetime | None = None) -> Party:
        """The party of that code in a case, as it stands at an instant; without one, when something last happened in the case.

        Raises:
            Missing: nobody has it.
        """
        at = at or case.clock
        if code.removesuffix(SUPERVISOR) == programme.office.code:
            return await self._office(programme, case, code, at)
        if any(nomination.id == code for nomination in case.nominations):
            nomination = case.nomination(code)
            return await self._person(code, nomination.institution, nomination.person, at)
        institution, _, post = code.partition("/")
        if post.startswith(PERSON):
            return await self._colleague(code, institution, post, at)
        if post:
            return await self._post(code, at)
        return await self._institution(code, at)

    async def institution(self, code: str, on: date | None = None) -> Party:
        """An institution as a party: the mailbox of whoever is in office on a day, today where none is given.

        Raises:
            Missing: it is not known.
        """
        institution = await self._reference.institution(code)
        country = await self._reference.country(institution.country)
        day = on or self._clock().astimezone(ZoneInfo(country.zone)).date()
        first, *others = in_office(institution.contacts, day)
        return Party(
            code=code,
            name=institution.name,
            role=first.role,
            language=first.language,
            languages=tuple(dict.fromkeys((first.language, *institution.languages))),
            country=institution.country,
            zone=country.zone,
            mailbox=first.email,
            alternate=others[0].email if others else "",
            institution=institution.name,
        )

    async def _institution(self, code: str, at: datetime) -> Party:
        country = await self._reference.country((await self._reference.institution(code)).country)
        return await self.institution(code, at.astimezone(ZoneInfo(country.zone)).date())

    async def _office(self, programme: Programme, case: Case, code: str, at: datetime) -> Party:
        """The office; its mailbox is that of the coordinator who looks after the case, as long as they do."""
        office, supervisor = programme.office, code.endswith(SUPERVISOR)
        role, mailbox, language = "coordinator", office.mailbox, office.language
        if supervisor:
            role, mailbox = "supervisor", office.supervisor_mailbox
        elif case.coordinator:
            desk = await self._reference.coordinator(case.coordinator)
            if desk.serves(at.astimezone(ZoneInfo(office.zone)).date()):
                role, mailbox, language = desk.role, desk.email, desk.language
        return Party(
            code=code,
            name=office.name[language],
            role=role,
            language=language,
            languages=tuple(dict.fromkeys((language, office.language))),
            country=office.country,
            zone=office.zone,
            mailbox=mailbox,
            institution=office.name[language],
        )

    async def _post(self, code: str, at: datetime) -> Party:
        """An appointment, whether or not it is in office."""
        post = await self._reference.appointment(code)
        home = await self._institution(post.institution, at)
        return _of(home, code, post.language, role=post.role, mailbox=post.email)

    async def _colleague(self, code: str, institution: str, person: str, at: datetime) -> Party:
        found = await self._persons.of([person])
        if person in found and found[person].institution != institution:
            raise Missing(f"{code} is not of {institution}")
        return await self._person(code, institution, person, at)

    async def _person(self, code: str, institution: str, person_id: str, at: datetime) -> Party:
        home = await self._institution(institution, at)
        found: dict[str, Person] = await self._persons.of([person_id])
        person = found.get(person_id)
        if person is None and await self._persons.is_erased(person_id):
            return _of(home, code, home.language, name="", role="", mailbox="", person=person_id, erased=True)
        if person is None:
            raise Missing(f"nobody is known as {code}")
        own = {"name": person.name, "role": person.function, "mailbox": person.email, "person": person.id}
        return _of(home, code, person.language or home.language, **own)


def _of(home: Party, code: str, language: str, **own: str | bool) -> Party:
    """Somebody of an institution, written to in their own language and without its alternate."""
    languages = tuple(dict.fromkeys((language, *home.languages)))
    return home.model_copy(update={"code": code, "language": language, "languages": languages, "alternate": "", **own})
