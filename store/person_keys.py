"""The keys of persons: one each, made when something of theirs is first kept, wrapped, and destroyed when they are erased."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.sealing import Vault
from store.tables import erasures, person_keys
from store.upsert import insert_new


async def keys_for(connection: AsyncConnection, vault: Vault, people: Iterable[str]) -> dict[str, bytes]:
    """The key of each person, made where there is none yet; one who was erased has none and gets none.

    Raises:
        Unopened: a key cannot be unwrapped.
    """
    wanted = sorted(set(people))
    found = await _there(connection, wanted)
    missing = [person for person in wanted if person not in found]
    if missing:
        gone = set(await connection.scalars(select(erasures.c.person).where(erasures.c.person.in_(missing))))
        new = [person for person in missing if person not in gone]
        made = [{"person": person, "wrapped": vault.new_key(person)[1], "created": datetime.now(UTC)} for person in new]
        if made:
            await connection.execute(insert_new(connection, person_keys), made)
            found |= await _there(connection, new)  # another process may have made one at the same time: the first stands
    return {person: vault.unwrapped(person, wrapped) for person, wrapped in found.items()}


async def _there(connection: AsyncConnection, people: list[str]) -> dict[str, bytes]:
    query = select(person_keys.c.person, person_keys.c.wrapped).where(person_keys.c.person.in_(people))
    return {row.person: row.wrapped for row in await connection.execute(query)}


async def destroy(connection: AsyncConnection, person: str) -> None:
    """Let go of a person's key; what was sealed with it opens no more."""
    await connection.execute(delete(person_keys).where(person_keys.c.person == person))


async def rewrap(db: Database) -> int:
    """Wrap every key with the newest data key; gives how many were wrapped with a former one.

    Raises:
        Unopened: a key cannot be unwrapped; nothing is changed.
    """
    vault = db.vault
    async with db.begin() as connection:
        rows = (await connection.execute(select(person_keys.c.person, person_keys.c.wrapped).with_for_update())).all()
        former = [row for row in rows if row.wrapped[0] != vault.newest]
        for row in former:
            wrapped = vault.wrapped(row.person, vault.unwrapped(row.person, row.wrapped))
            await connection.execute(update(person_keys).where(person_keys.c.person == row.person).values(wrapped=wrapped))
    return len(former)
