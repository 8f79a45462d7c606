"""What comes in: answers and acts with their forms, kept before a case is told; people are known by id from here on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from secrets import token_hex
from typing import Annotated, Any
from uuid import uuid4

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from activities.letters import SALT, Facts
from models.acts import Act, Doing, Waivable
from models.case import Answer, Case, Nominee, Step
from models.case import Facts as AnswerFacts
from models.errors import Erased, Fault, Invalid, Missing, Refused, faults_of
from models.forms import MAILBOX, SHORT, Form, NominationForm, NomineeForm, nominees_of, read_form
from models.words import OPTIONS, Channel, country_of
from store.contents import Contents
from store.database import Database, Transaction
from store.inbox import Inbox, InboxRow
from store.persons import Person, Persons
from store.reference import Reference


class Given(BaseModel):
    """An answer as it comes in from a page, the API, the command line or paper; `response` makes it the same when sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    step: str
    option: str
    form: dict[str, Any] = {}
    by: str
    on_behalf_of: str = ""
    channel: Channel = Channel.PAGE
    paper: str = ""
    proof: str = ""
    response: str = Field(default_factory=lambda: uuid4().hex, min_length=8, max_length=64)


JSON = "application/json"
Coded = Annotated[str, Field(pattern=r"^[A-Za-z0-9_/.-]{0,60}$")]
"""A code of ours; no text, so that none reaches a history."""


class Colleague(Form):
    """Whom a question is passed on to, within the institution that was asked."""

    person: str = Field(min_length=1, max_length=SHORT)
    function: str = Field(default="", max_length=SHORT)
    language: str = Field(default="", pattern="^(en|fr|ar|pt)?$")
    email: str = Field(pattern=MAILBOX, max_length=254)


class Intervention(BaseModel):
    """An act as it comes in: what is done, by whom, why, what it is done with; `act` makes it the same when sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    do: Doing
    by: str = Field(min_length=1)
    reason: str = Field(default="", max_length=4000)
    coordinator: Coded = ""
    step: Coded = ""
    working_days: int = 0
    to: Coded = ""
    called: tuple[Coded, ...] = ()
    nomination: str = Field(default="", pattern=r"^(N[0-9]{1,3})?$")
    nominee: NomineeForm | None = None
    colleague: Colleague | None = None
    start: date | None = None
    days: int = 0
    places: int = 0
    rule: Coded = ""
    option: Coded = ""
    form: dict[str, Any] = {}
    proof: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    act: str = Field(default_factory=lambda: uuid4().hex, min_length=8, max_length=64)


def read_intervention(data: Mapping[str, Any]) -> Intervention:
    """The act in parsed data.

    Raises:
        Invalid: every fault, by field.
    """
    try:
        return Intervention.model_validate(data)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error


class Intake:
    """Keeps what comes in, and gives what the case is told of it."""

    def __init__(self, database: Database, reference: Reference, facts: Facts, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._database = database
        self._reference = reference
        self._facts = facts
        self._inbox = Inbox(database)
        self._contents = Contents(database)
        self._persons = Persons(database)

    # Answers

    async def receive(self, case: Case, step: Step, given: Given, form: Form) -> Answer:
        """Keep an answer in the inbox with its form and the people it names; the same response again is the same answer.

        Raises:
            Refused: conflict, when the response is there with another answer.
            Invalid: an institution of a nominee is not known.
        """
        known = await self.earlier(given.response)
        if known is not None:
            return await self._same(known, case.id, given, form)
        facts, people = form.facts(), list[Person]()
        if isinstance(form, NominationForm):
            people = await self._people(case, step, given.response, form)
        async with self._database.begin() as connection:
            await self._inbox.enter(connection)
            stored = await self._keep_form(case, step, form, connection)
            await self._owned(case, step, (given.proof, getattr(form, "file", "")), connection)
            if isinstance(form, NominationForm):
                await self._persons.add(case.id, people, connection=connection)
                pairs = zip([salted(nominee.model_dump(mode="json")) for nominee in form.nominees], people, strict=True)
                details = [
                    await self._contents.put(entry, JSON, person=person.id, case=case.id, connection=connection)
                    for entry, person in pairs
                ]
                for nominee, person in zip(form.nominees, people, strict=True):
                    if nominee.cv_file:
                        await self._contents.belongs(nominee.cv_file, person.id, connection=connection)
                facts = nominees_of(form, [person.id for person in people], details, step.asked)
            if not await self._inbox.receive(case.id, self._answer(given, stored, facts), connection=connection):
                await connection.rollback()  # the same came in meanwhile: its nominees' entries stand, these are let go
        return (await self._inbox.of(given.response)).answer

    async def _keep_form(self, case: Case, step: Step, form: Form, connection: Transaction) -> str:
        """Keep a form, nominees apart; what a person fills in about themselves, or others about them alone, is theirs."""
        person, filled = person_behind(case, step), form.model_dump(mode="json", exclude={"nominees"})
        entry = salted(filled) if person else rfc8785.dumps(filled)
        return await self._contents.put(entry, JSON, person=person, case=case.id, connection=connection)

    async def _owned(self, case: Case, step: Step, files: Iterable[str], connection: Transaction) -> None:
        """The files of an answer belong to whom its form belongs to."""
        person = person_behind(case, step)
        for sha256 in files:
            if sha256 and person:
                await self._contents.belongs(sha256, person, connection=connection)

    async def _same(self, known: InboxRow, case_id: str, given: Given, form: Form) -> Answer:
        """The answer that came in under the same response before; another answer is a conflict.

        What has been erased meanwhile cannot be compared any more, and counts as the same.
        """
        answer, filled = known.answer, form.model_dump(mode="json")
        nominees = filled.pop("nominees", [])
        same = (known.case_id, answer.step, answer.option) == (case_id, given.step, given.option)
        same = same and await self._is(answer.form, filled)
        if same and isinstance(form, NominationForm):
            before = [nominee.form for nominee in answer.facts.nominees]
            same = len(before) == len(nominees)
            same = same and all([await self._is(*pair) for pair in zip(before, nominees, strict=True)])
        if not same:
            text = f"response {given.response} is there with another answer; a new answer needs a new response"
            raise Refused("conflict", text, response=given.response, option=answer.option, state=known.state)
        return answer

    async def _is(self, sha256: str, filled: Mapping[str, Any]) -> bool:
        """Whether a form was kept under a sha256, whatever its salt; true of one that was erased."""
        try:
            kept: dict[str, Any] = json.loads(await self._contents.get(sha256))
        except Erased:
            return True
        kept.pop(SALT, None)
        return kept == filled

    def _answer(self, given: Given, form: str, facts: AnswerFacts) -> Answer:
        return Answer(
            response=given.response,
            step=given.step,
            option=given.option,
            by=given.by,
            on_behalf_of=given.on_behalf_of,
            channel=given.channel,
            received=self.clock(),
            form=form,
            paper=given.paper,
            proof=given.proof,
            facts=facts,
        )

    async def _people(self, case: Case, step: Step, response: str, form: NominationForm) -> list[Person]:
        known = (await self._reference.known()).institutions
        faults = [
            Fault(
                field=f"nominees.{n}.institution",
                code="unknown",
                text=f"unknown value {nominee.institution!r}",
                facts={"value": nominee.institution},
            )
            for n, nominee in enumerate(form.nominees)
            if nominee.institution and nominee.institution not in known
        ]
        if faults:
            raise Invalid(faults)
        return [
            person_of(case, f"p-{response[:12]}-{n}", nominee, nominee.institution or step.asked)
            for n, nominee in enumerate(form.nominees, start=1)
        ]

    async def earlier(self, response: str) -> InboxRow | None:
        """What became of a response; None when it never came in."""
        try:
            return await self._inbox.of(response)
        except Missing:
            return None

    # Acts

    async def act_of(self, case: Case, given: Intervention) -> Act:
        """An act as the case is told it, with its texts and people kept.

        Raises:
            Refused: somebody it names is not known.
            Invalid: faults of the form it brings, by field.
        """
        await self._known(case, given)
        form, facts = await self._form_of(case, given)
        nominee = await self._nominee(case, given.act, given.nominee) if given.nominee else None
        to = await self._colleague(case, given) if given.colleague else given.to
        return Act(
            act=given.act,
            do=given.do,
            by=given.by,
            received=self.clock(),
            step=given.step,
            working_days=given.working_days,
            reason=await self._kept(case, given.reason),
            coordinator=given.coordinator,
            to=to,
            called=given.called,
            nomination=given.nomination,
            nominee=nominee,
            start=given.start,
            days=given.days,
            places=given.places,
            rule=given.rule,
            option=given.option,
            form=form,
            facts=facts,
            proof=given.proof,
        )

    async def _kept(self, case: Case, text: str) -> str:
        return await self._contents.put(text.encode(), "text/plain; charset=utf-8", case=case.id) if text else ""

    async def _known(self, case: Case, given: Intervention) -> None:
        """Refuse an act that names an institution or coordinator nobody knows."""
        coordinators = {coordinator.code for coordinator in await self._reference.coordinators()}
        taking_over = (given.to,) if given.do is Doing.HAND_OVER else ()
        for code in (*taking_over, *((given.coordinator,) if given.coordinator else ())):
            if code not in coordinators:
                known = ", ".join(sorted(coordinators))
                raise Refused("unknown_coordinator", f"no coordinator {code!r}; known are {known}", value=code)
        institutions = (await self._reference.known()).institutions
        asked = (given.to,) if given.do is Doing.REASSIGN else ()
        for code in (*asked, *given.called):
            if code not in institutions and not (given.do is Doing.REASSIGN and code == given.by):
                raise Refused("unknown", f"no institution {code!r}", value=code)
            if code == case.asked.requesting and given.called:
                raise Refused("unknown", f"{code} asks for this exchange; it cannot host itself", value=code)
        if given.proof:
            await self._contents_known(given.proof)
        if given.do is Doing.DELEGATE and given.to:
            await self._colleague_known(case, given)

    async def _contents_known(self, sha256: str) -> None:
        try:
            await self._contents.media(sha256)
        except Missing as error:
            raise Refused("unknown", f"no content {sha256}; keep the proof first", value=sha256) from error

    async def _colleague_known(self, case: Case, given: Intervention) -> None:
        """Refuse a delegation to a post nobody holds, or to somebody who is not of this case and institution."""
        institution, _, post = given.to.partition("/")
        if post.startswith("p-"):
            found = (await self._persons.of([post])).get(post)
            if found is None or (found.case_id, found.institution) != (case.id, institution):
                raise Refused("unknown", f"nobody is known as {given.to!r} in {case.id}", value=given.to)
            return
        try:
            await self._reference.appointment(given.to)
        except Missing as error:
            raise Refused("unknown", f"nobody is appointed as {given.to!r}", value=given.to) from error

    async def _form_of(self, case: Case, given: Intervention) -> tuple[str, AnswerFacts]:
        """The form of an answer given in the place of the one asked."""
        step = case.step(given.step)
        if given.rule != Waivable.ANSWER or step is None or given.option not in OPTIONS[step.kind]:
            return "", AnswerFacts()
        form = read_form(step.kind, given.option, given.form)
        async with self._database.begin() as connection:
            await self._owned(case, step, (given.proof, getattr(form, "file", "")), connection)
            return await self._keep_form(case, step, form, connection), form.facts()

    async def _nominee(self, case: Case, act: str, form: NomineeForm) -> Nominee:
        institution = form.institution or case.sending
        if institution not in (await self._reference.known()).institutions:
            raise Refused("unknown", f"no institution {institution!r}", value=institution)
        person = person_of(case, f"p-{act[:12]}-1", form, institution)
        async with self._database.begin() as connection:
            await self._persons.add(case.id, [person], connection=connection)
            entry = salted(form.model_dump(mode="json"))
            stored = await self._contents.put(entry, JSON, person=person.id, case=case.id, connection=connection)
        return Nominee(person=person.id, institution=institution, country=country_of(institution), form=stored)

    async def _colleague(self, case: Case, given: Intervention) -> str:
        """Keep the colleague as a person of the case; gives the party's code."""
        step, colleague = case.step(given.step), given.colleague
        if step is None or colleague is None:
            raise Refused("unknown_step", f"case {case.id} has no step {given.step}")
        entry = NomineeForm(**colleague.model_dump())
        person = person_of(case, f"p-{given.act[:12]}-1", entry, step.asked)
        async with self._database.begin() as connection:
            await self._persons.add(case.id, [person], connection=connection)
        return f"{step.asked}/{person.id}"


def person_of(case: Case, person_id: str, form: NomineeForm, institution: str) -> Person:
    """A person of a case as kept."""
    return Person(
        id=person_id,
        case_id=case.id,
        name=form.person,
        function=form.function,
        language=form.language,
        gender=form.gender,
        email=form.email,
        institution=institution,
    )


def person_behind(case: Case, step: Step) -> str:
    """The person whose data the answer to a step is: the one asked, or the only one it is about; empty when there is none."""
    codes = {step.asked} & step.people or step.people
    people = {nomination.person for nomination in case.nominations if nomination.id in codes}
    return people.pop() if len(people) == 1 else ""


def salted(filled: Mapping[str, Any]) -> bytes:
    """What was filled in about a person as it is kept, a content of theirs; the salt keeps its sha256 from being guessed."""
    return rfc8785.dumps({**filled, SALT: token_hex(16)})


def sha256_of(data: bytes) -> str:
    """The sha256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
