"""Accounts and sessions: who comes in, who does not, and when a session ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert, select

from models.errors import Invalid, Missing, Refused
from models.words import Role
from store.database import Database
from store.passwords import LONGEST, MOST_WAITING, THREADS, Passwords, nobody_s
from store.sessions import IDLE, LIFE, Sessions
from store.tables import sessions as session_rows
from store.tables import users as user_rows
from store.users import SHUT_FOR, TRIES, Users

WORD = "a long enough word"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """What time it is."""

    now = datetime(2027, 1, 11, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        """That time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock in the test's hands."""
    return Clock()


@pytest.fixture
def users(database: Database, clock: Clock) -> Users:
    """No account yet; hashes are cheap."""
    users = Users(database, clock)
    users.passwords = Passwords(CHEAP)
    return users


@pytest.fixture
def sessions(database: Database, clock: Clock) -> Sessions:
    """No session yet."""
    return Sessions(database, clock)


async def refused(users: Users, name: str, password: str) -> str:
    """Why somebody was not let in."""
    with pytest.raises(Refused) as refusal:
        await users.admitted(name, password)
    return refusal.value.code


async def test_who_has_the_password_comes_in_and_the_hash_alone_is_kept(users: Users, database: Database) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    user = await users.admitted("audit-office", WORD)
    assert (user.name, user.role) == ("audit-office", "auditor")
    async with database.read() as connection:
        row = (await connection.execute(select(user_rows))).one()
    assert row.hash.startswith("$argon2id$")
    assert WORD not in str(row)
    assert "hash" not in user.model_dump()


async def test_wrong_unknown_disabled_and_shut_are_refused_alike_and_cost_the_same(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open-office", "disabled-office", "shut-office"):
        await users.add(name, Role.AUDITOR, WORD)
    await users.disable("disabled-office")
    for _ in range(TRIES):
        await refused(users, "shut-office", "wrong wrong wrong")
    looked_at: list[str] = []
    verify = users.passwords._verified

    def looked(hashed: str, given: str) -> bool:
        looked_at.append(hashed)
        return verify(hashed, given)

    monkeypatch.setattr(users.passwords, "_verified", looked)
    said = [await refused(users, name, WORD) for name in ("nobody", "disabled-office", "shut-office")]
    said.append(await refused(users, "open-office", "wrong wrong wrong"))
    assert said == ["sign_in"] * 4
    assert len({(hashed.rpartition("$")[0].rpartition("$")[0], len(hashed)) for hashed in looked_at}) == 1
    assert len(looked_at) == 4


async def test_five_wrong_passwords_shut_an_account_for_a_quarter_of_an_hour(users: Users, clock: Clock) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    for _ in range(TRIES - 1):
        await refused(users, "audit-office", "wrong wrong wrong")
    await users.admitted("audit-office", WORD)
    for _ in range(TRIES):
        await refused(users, "audit-office", "wrong wrong wrong")
    assert await refused(users, "audit-office", WORD) == "sign_in"
    clock.now += SHUT_FOR - timedelta(seconds=1)
    assert await refused(users, "audit-office", WORD) == "sign_in"
    clock.now += timedelta(seconds=1)
    await refused(users, "audit-office", "wrong wrong wrong")
    assert (await users.admitted("audit-office", WORD)).locked_until is None


async def test_many_tries_at_once_are_no_more_than_five(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    hashed = [row async for row in hashes(users)]
    looked_at: list[str] = []

    def looked(against: str, given: str) -> bool:
        looked_at.append(against)
        return False

    monkeypatch.setattr(users.passwords, "_verified", looked)
    await asyncio.gather(*(refused(users, "audit-office", f"guess number {n:04d}") for n in range(TRIES + 5)))
    assert sum(against in hashed for against in looked_at) == TRIES


async def hashes(users: Users) -> Any:
    """Every hash that is kept."""
    async with users._db.read() as connection:
        for row in await connection.scalars(select(user_rows.c.hash)):
            yield row


async def test_enabling_opens_an_account_that_was_shut(users: Users) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    for _ in range(TRIES):
        await refused(users, "audit-office", "wrong wrong wrong")
    assert (await users.of("audit-office")).locked_until is not None
    await users.enable("audit-office")
    assert (await users.admitted("audit-office", WORD)).name == "audit-office"


async def test_a_crowd_is_turned_away_before_it_costs_anything(users: Users) -> None:
    users.passwords._waiting = THREADS + MOST_WAITING
    assert await refused(users, "audit-office", WORD) == "busy"


@pytest.mark.parametrize(
    ("name", "password", "codes"),
    [
        ("audit-office", "x" * 11, ["too_short"]),
        ("audit-office", "x" * (LONGEST + 1), ["too_long"]),
        ("audit-office", "AUDIT-office", ["same"]),
        ("audit-office", "two\nlines of text", ["invalid"]),
        ("audit-office", "half a \ud800 character", ["invalid"]),
        ("Audit Office", WORD, ["invalid"]),
        ("a\0b", WORD, ["invalid"]),
        ("", "", ["invalid", "too_short", "same"]),
    ],
)
async def test_names_and_passwords_that_break_rules(users: Users, name: str, password: str, codes: list[str]) -> None:
    with pytest.raises(Invalid) as wrong:
        await users.add(name, Role.AUDITOR, password)
    assert [fault.code for fault in wrong.value.faults] == codes
    assert password not in str(wrong.value) or not password
    assert await users.listing() == []


async def test_a_password_is_the_same_however_it_was_composed(users: Users) -> None:
    await users.add("audit-office", Role.AUDITOR, "cafe\u0301 \u00a0 and cream")
    assert await users.admitted("audit-office", "caf\u00e9   and cream")


async def test_a_name_is_given_once_and_nobody_is_not_changed(users: Users) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    with pytest.raises(Refused, match="there is an account"):
        await users.add("audit-office", Role.COORDINATOR, WORD)
    for change in (users.disable, users.enable, users.of):
        with pytest.raises(Missing):
            await change("nobody")
    with pytest.raises(Missing):
        await users.change_password("nobody", WORD)


async def test_a_hash_of_other_parameters_is_made_anew(users: Users) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    before = [row async for row in hashes(users)]
    users.passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    await users.admitted("audit-office", WORD)
    after = [row async for row in hashes(users)]
    assert ("t=1" in before[0], "t=2" in after[0]) == (True, True)
    assert await users.admitted("audit-office", WORD)


async def test_a_damaged_hash_lets_nobody_in(users: Users, database: Database, clock: Clock) -> None:
    async with database.begin() as connection:
        row = {"name": "audit-office", "role": "auditor", "hash": "x", "created": clock.now}
        await connection.execute(insert(user_rows), row)
    assert await refused(users, "audit-office", "x") == "sign_in"


def test_the_hash_of_nobody_is_one_that_could_be_somebody_s() -> None:
    made = CHEAP.hash("x")
    assert [len(part) for part in nobody_s(CHEAP).split("$")] == [len(part) for part in made.split("$")]
    assert not CHEAP.check_needs_rehash(nobody_s(CHEAP))


async def test_a_session_is_known_by_its_token_which_is_kept_nowhere(users: Users, sessions: Sessions, database: Database) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    token, other = await sessions.begin("audit-office"), await sessions.begin("audit-office")
    session = await sessions.of(token)
    assert session is not None
    assert (session.user, session.role, len(token), token != other) == ("audit-office", "auditor", 43, True)
    assert await sessions.of(token[:-1]) is None
    async with database.read() as connection:
        assert token not in str((await connection.execute(select(session_rows))).all())


async def test_a_session_ends_after_an_hour_unused_and_after_half_a_day_in_any_case(
    users: Users, sessions: Sessions, clock: Clock
) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    token, began = await sessions.begin("audit-office"), clock.now
    unused = await sessions.begin("audit-office")
    while clock.now - began < LIFE - IDLE:
        clock.now += IDLE - timedelta(minutes=2)
        assert await sessions.of(token) is not None
    assert await sessions.of(unused) is None
    clock.now = began + LIFE - timedelta(seconds=1)
    assert await sessions.of(token) is not None
    clock.now += timedelta(seconds=1)
    assert await sessions.of(token) is None


async def test_a_session_unused_for_exactly_an_hour_is_over(users: Users, sessions: Sessions, clock: Clock) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    token = await sessions.begin("audit-office")
    clock.now += IDLE
    assert await sessions.of(token) is None


@pytest.mark.parametrize("way", ["end", "end_all", "disable", "password"])
async def test_a_session_is_ended(users: Users, sessions: Sessions, way: str) -> None:
    for name in ("audit-office", "other-office"):
        await users.add(name, Role.AUDITOR, WORD)
    token, other = await sessions.begin("audit-office"), await sessions.begin("other-office")
    if way == "end":
        await sessions.end(token)
    elif way == "end_all":
        assert await sessions.end_all("audit-office") == 1
        assert await sessions.end_all("audit-office") == 0
    elif way == "disable":
        await users.disable("audit-office")
        await users.enable("audit-office")
    else:
        await users.change_password("audit-office", "another word, long")
    assert await sessions.of(token) is None
    assert await sessions.of(other) is not None


async def test_an_account_disabled_behind_our_back_opens_nothing(users: Users, sessions: Sessions, database: Database) -> None:
    await users.add("audit-office", Role.AUDITOR, WORD)
    token = await sessions.begin("audit-office")
    async with database.begin() as connection:
        await connection.execute(user_rows.update().values(disabled=datetime(2027, 1, 11, tzinfo=UTC)))
    assert await sessions.of(token) is None
