"""Who is meant by a party's code: an institution, the programme's office, its supervisor, or a nominated person."""

from __future__ import annotations

from models.case import Case
from models.errors import Missing
from models.message import Message
from models.programme import Programme
from store.persons import Person, Persons
from store.reference import Reference

SUPERVISOR = "/supervisor"


class Party(Message):
    """Somebody who is asked or told: how to address them, in which language, where their clock stands."""

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

    @property
    def is_person(self) -> bool:
        """Whether the party is a nominated person."""
        return bool(self.person)


class Parties:
    """Finds parties by their codes."""

    def __init__(self, reference: Reference, persons: Persons) -> None:
        self._reference = reference
        self._persons = persons

    async def party(self, programme: Programme, case: Case, code: str) -> Party:
        """The party of that code in a case.

        Raises:
            Missing: nobody has it.
        """
        office = programme.office
        if code.removesuffix(SUPERVISOR) == office.code:
            return self._office(programme, code)
        if any(nomination.id == code for nomination in case.nominations):
            return await self._person(case, code)
        return await self.institution(code)

    def _office(self, programme: Programme, code: str) -> Party:
        office = programme.office
        return Party(
            code=code,
            name=office.name[office.language],
            role="supervisor" if code.endswith(SUPERVISOR) else "coordinator",
            language=office.language,
            languages=(office.language,),
            country=office.country,
            zone=office.zone,
            mailbox=office.supervisor_mailbox if code.endswith(SUPERVISOR) else office.mailbox,
            institution=office.name[office.language],
        )

    async def institution(self, code: str) -> Party:
        """An institution as a party."""
        institution = await self._reference.institution(code)
        country = await self._reference.country(institution.country)
        first, *others = sorted(institution.contacts, key=lambda contact: contact.rank)
        return Party(
            code=code,
            name=institution.name,
            role=first.role,
            language=institution.language,
            languages=institution.languages,
            country=institution.country,
            zone=country.zone,
            mailbox=first.email,
            alternate=others[0].email if others else "",
            institution=institution.name,
        )

    async def _person(self, case: Case, code: str) -> Party:
        nomination = case.nomination(code)
        home = await self.institution(nomination.institution)
        found: dict[str, Person] = await self._persons.of([nomination.person])
        person = found.get(nomination.person)
        if person is None:
            raise Missing(f"nobody is known as {code} in {case.id}")
        language = person.language or home.language
        return home.model_copy(
            update={
                "code": code,
                "name": person.name,
                "role": person.function,
                "language": language,
                "languages": tuple(dict.fromkeys((language, *home.languages))),
                "mailbox": person.email,
                "alternate": "",
                "person": person.id,
            }
        )
