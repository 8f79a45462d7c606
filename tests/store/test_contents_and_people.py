"""Contents are named by their sha256; people stand in one table."""

from __future__ import annotations

from hashlib import sha256

import pytest
from sqlalchemy import update

from models.errors import Missing, Refused
from store import tables
from store.archive import Archive
from store.contents import Contents, Corrupt
from store.database import Database
from store.persons import Person, Persons
from tests.store.situations import CASE, MONDAY, days

EXPERT = Person(id="P1", name="Expert A", function="Adviser", language="ar", email="expert.a@people.example", institution="TN-OTE")


async def test_a_content_is_found_under_its_sha256_with_its_media_type(contents: Contents) -> None:
    digest = await contents.put(b"agenda", "text/plain")
    assert digest == sha256(b"agenda").hexdigest()
    assert await contents.get(digest) == b"agenda"
    assert await contents.media(digest) == "text/plain"


async def test_keeping_a_content_again_leaves_it_as_it_was(contents: Contents) -> None:
    first = await contents.put(b"agenda", "text/plain")
    assert await contents.put(b"agenda", "text/html") == first
    assert await contents.media(first) == "text/plain"


async def test_an_unknown_content_is_missing(contents: Contents) -> None:
    with pytest.raises(Missing, match="no content"):
        await contents.get("f" * 64)
    with pytest.raises(Missing, match="no content"):
        await contents.media("f" * 64)


async def test_a_content_changed_in_the_database_is_refused_loudly(contents: Contents, database: Database) -> None:
    digest = await contents.put(b"agenda", "text/plain")
    async with database.begin() as connection:
        await connection.execute(update(tables.contents).values(data=b"another agenda"))
    with pytest.raises(Corrupt, match=digest):
        await contents.get(digest)


async def test_people_are_found_under_the_ids_they_were_given(persons: Persons) -> None:
    await persons.add(CASE, [EXPERT])
    assert await persons.get("P1") == EXPERT.model_copy(update={"case_id": CASE})
    assert list(await persons.of(["P1", "P2"])) == ["P1"]
    with pytest.raises(Missing, match="P2"):
        await persons.get("P2")


async def test_entering_the_same_people_again_changes_nothing(persons: Persons) -> None:
    await persons.add(CASE, [EXPERT])
    await persons.add(CASE, [EXPERT])
    assert (await persons.get("P1")).name == "Expert A"


async def test_a_person_is_never_edited_into_another(persons: Persons) -> None:
    await persons.add(CASE, [EXPERT])
    newcomer = Person(id="P2", name="Expert B")
    with pytest.raises(Refused, match="P1") as refusal:
        await persons.add(CASE, [newcomer, EXPERT.model_copy(update={"name": "Expert C"})])
    assert refusal.value.code == "conflict"
    assert (await persons.get("P1")).name == "Expert A"
    assert await persons.of(["P2"]) == {}


async def test_what_a_transaction_did_is_undone_with_it(contents: Contents, persons: Persons, database: Database) -> None:
    digest = sha256(b"form").hexdigest()

    async def take_in_and_refuse() -> None:
        async with database.begin() as connection:
            await contents.put(b"form", "application/json", connection=connection)
            await persons.add(CASE, [EXPERT], connection=connection)
            raise Refused("closed", "too late")

    with pytest.raises(Refused, match="too late"):
        await take_in_and_refuse()
    with pytest.raises(Missing):
        await contents.get(digest)
    assert await persons.of(["P1"]) == {}


async def test_closed_runs_are_kept_in_order_with_their_histories(database: Database, contents: Contents) -> None:
    archive = Archive(database)
    second = await archive.keep(CASE, 2, "run-b", 80, b'{"events": 80}', MONDAY + days(30))
    first = await archive.keep(CASE, 1, "run-a", 120, b'{"events": 120}', MONDAY)
    assert await archive.keep(CASE, 1, "run-a", 120, b'{"events": 120}', MONDAY + days(1)) == first
    runs = await archive.runs(CASE)
    assert [(run.run, run.run_id, run.events, run.sha256) for run in runs] == [(1, "run-a", 120, first), (2, "run-b", 80, second)]
    assert runs[0].at == MONDAY
    assert await contents.get(first) == b'{"events": 120}'


async def test_another_history_of_the_same_run_is_refused(database: Database) -> None:
    archive = Archive(database)
    await archive.keep(CASE, 1, "run-a", 120, b"{}", MONDAY)
    with pytest.raises(Refused, match="another history") as refusal:
        await archive.keep(CASE, 1, "run-a", 120, b"[]", MONDAY)
    assert refusal.value.code == "conflict"
