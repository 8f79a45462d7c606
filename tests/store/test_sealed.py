"""What belongs to a person is sealed with a key of their own; everything else names it by the sha256 of its plain bytes."""

from __future__ import annotations

from hashlib import sha256

import pytest
from sqlalchemy import delete, insert, select, update

from models.errors import Erased, Missing, WrongSetting
from store import tables
from store.contents import Contents, Corrupt
from store.database import Database
from store.mails import Mails, MailState, queue
from store.person_keys import rewrap
from store.sealing import Unopened, Vault, sealed, unsealed
from tests.store.situations import CASE, MONDAY, a_mail

PLAIN = b'{"person": "Participant 1"}'
DIGEST = sha256(PLAIN).hexdigest()


async def kept(database: Database) -> tuple[bytes, bool]:
    """What the table holds of the content, and whether it says it is sealed."""
    async with database.read() as connection:
        row = (await connection.execute(select(tables.contents).where(tables.contents.c.sha256 == DIGEST))).one()
    return row.data, row.sealed


async def test_what_belongs_to_a_person_is_sealed_under_the_sha256_of_its_plain_bytes(
    contents: Contents, database: Database
) -> None:
    assert await contents.put(PLAIN, "application/json", person="P1") == DIGEST
    data, is_sealed = await kept(database)
    assert is_sealed
    assert b"Participant" not in data
    assert await contents.get(DIGEST) == PLAIN


async def test_what_belongs_to_nobody_stays_as_it_is(contents: Contents, database: Database) -> None:
    await contents.put(PLAIN, "application/json")
    assert await kept(database) == (PLAIN, False)


async def test_a_file_that_turns_out_to_be_somebody_s_is_sealed_then(contents: Contents, database: Database) -> None:
    await contents.put(PLAIN, "application/json")
    async with database.begin() as connection:
        await contents.belongs(DIGEST, "P1", connection=connection)
        await contents.belongs(DIGEST, "P2", connection=connection)
    data, is_sealed = await kept(database)
    assert is_sealed
    assert b"Participant" not in data
    assert await contents.get(DIGEST) == PLAIN


async def test_what_was_kept_before_contents_were_sealed_is_sealed_on_demand(contents: Contents, database: Database) -> None:
    row = {"sha256": DIGEST, "media": "application/json", "person": "P1", "data": PLAIN}
    async with database.begin() as connection:
        await connection.execute(insert(tables.contents), row)
    assert await contents.get(DIGEST) == PLAIN
    assert (await contents.seal(), await contents.seal()) == (1, 0)
    assert (await kept(database))[1]
    assert await contents.get(DIGEST) == PLAIN


async def test_one_key_serves_everything_of_a_person(contents: Contents, database: Database) -> None:
    for data in (PLAIN, b"{}"):
        await contents.put(data, "application/json", person="P1")
    await contents.put(b"[]", "application/json", person="P2")
    async with database.read() as connection:
        found = list(await connection.scalars(select(tables.person_keys.c.person).order_by(tables.person_keys.c.person)))
    assert found == ["P1", "P2"]


@pytest.mark.parametrize("change", [{"person": "P2"}, {"data": b"x" * 60}, {"data": b""}, {"sealed": False}])
async def test_a_sealed_content_that_was_changed_is_refused_loudly(
    change: dict[str, object], contents: Contents, database: Database
) -> None:
    await contents.put(PLAIN, "application/json", person="P1")
    await contents.put(b"{}", "application/json", person="P2")
    async with database.begin() as connection:
        await connection.execute(update(tables.contents).where(tables.contents.c.sha256 == DIGEST).values(change))
    with pytest.raises(Corrupt, match=DIGEST):
        await contents.get(DIGEST)


async def test_a_lost_key_is_damage_and_a_destroyed_one_an_erasure(contents: Contents, database: Database) -> None:
    await contents.put(PLAIN, "application/json", person="P1")
    async with database.begin() as connection:
        await connection.execute(delete(tables.person_keys))
    with pytest.raises(Corrupt, match="the key of P1 is lost"):
        await contents.get(DIGEST)
    erasure = {"person": "P1", "case_id": CASE, "by": "desk", "reason": "asked for it", "at": MONDAY, "contents": []}
    async with database.begin() as connection:
        await connection.execute(insert(tables.erasures), erasure)
    with pytest.raises(Erased, match="was erased on 2027-01-04") as gone:
        await contents.get(DIGEST)
    assert isinstance(gone.value, Missing)
    assert await contents.media(DIGEST) == "application/json"


async def test_nothing_more_is_kept_of_somebody_who_was_erased(contents: Contents, database: Database) -> None:
    erasure = {"person": "P1", "case_id": CASE, "by": "desk", "reason": "asked for it", "at": MONDAY, "contents": []}
    async with database.begin() as connection:
        await connection.execute(insert(tables.erasures), erasure)
    assert await contents.put(PLAIN, "application/json", person="P1") == DIGEST
    assert (await kept(database))[0] == b""
    with pytest.raises(Erased):
        await contents.get(DIGEST)


async def test_a_mail_to_a_person_waits_sealed_and_leaves_as_it_was_written(mails: Mails, database: Database) -> None:
    letter = a_mail(1).model_copy(update={"person": "P1"})
    async with database.begin() as connection:
        await queue(database, connection, [letter])
    async with database.read() as connection:
        assert letter.eml not in list(await connection.scalars(select(tables.contents.c.data)))
    [due] = await mails.due(MONDAY, 10, 60)
    assert due.eml == letter.eml


async def test_a_mail_whose_content_was_erased_is_given_up_and_never_sent(mails: Mails, database: Database) -> None:
    async with database.begin() as connection:
        await queue(database, connection, [a_mail(1), a_mail(2)])
        first = tables.contents.c.sha256 == a_mail(1).content
        await connection.execute(update(tables.contents).where(first).values(data=b"", erased=MONDAY))
    assert [mail.message_id for mail in await mails.due(MONDAY, 10, 60)] == [a_mail(2).message_id]
    [failed] = [mail for mail in await mails.of_case(CASE) if mail.state is MailState.FAILED]
    assert "was erased on 2027-01-04" in failed.error + failed.reply


async def test_without_the_data_key_nothing_of_a_person_is_kept_or_read(contents: Contents, sqlite_url: str) -> None:
    keyless = Database.open(sqlite_url, durable=False)
    with pytest.raises(WrongSetting, match="PASSERELLE_DATA_KEY_FILE"):
        await Contents(keyless).put(PLAIN, "application/json", person="P1")
    assert await Contents(keyless).put(b"agenda", "text/plain")
    await keyless.close()


async def test_after_a_rotation_every_key_is_wrapped_anew_and_the_former_data_key_can_go(sqlite_url: str) -> None:
    files = [b"0 " + b"a1" * 32 + b"\n"]
    database = Database.open(sqlite_url, durable=False, vault=Vault(files[0], lambda: files[-1]))
    await Contents(database).put(PLAIN, "application/json", person="P1")
    files.append(b"1 " + b"b2" * 32 + b"\n" + files[0])
    assert await Contents(database).get(DIGEST) == PLAIN
    assert (await rewrap(database), await rewrap(database)) == (1, 0)
    await Contents(database).put(b"{}", "application/json", person="P2")
    await database.close()
    later = Database.open(sqlite_url, durable=False, vault=Vault(files[1].partition(b"\n")[0] + b"\n"))
    assert await Contents(later).get(DIGEST) == PLAIN
    assert await Contents(later).get(sha256(b"{}").hexdigest()) == b"{}"
    await later.close()


def test_a_key_opens_for_its_person_and_its_data_key_alone() -> None:
    vault, other = Vault(b"k" * 32), Vault(b"o" * 32)
    key, wrapped = vault.new_key("P1")
    assert vault.unwrapped("P1", wrapped) == key
    for opener, person, tried in [
        (vault, "P2", wrapped),
        (other, "P1", wrapped),
        (vault, "P1", b""),
        (vault, "P1", b"\x07" + wrapped[1:]),
    ]:
        with pytest.raises(Unopened):
            opener.unwrapped(person, tried)


@pytest.mark.parametrize("place", [0, 12, -1])
def test_every_changed_byte_of_a_sealed_content_is_found(place: int) -> None:
    whole = bytearray(sealed(b"k" * 32, "P1", DIGEST, PLAIN))
    assert unsealed(b"k" * 32, "P1", DIGEST, bytes(whole)) == PLAIN
    whole[place] ^= 1
    with pytest.raises(Unopened):
        unsealed(b"k" * 32, "P1", DIGEST, bytes(whole))


@pytest.mark.parametrize(("person", "digest"), [("P2", DIGEST), ("P1", sha256(b"{}").hexdigest())])
def test_a_sealed_content_is_bound_to_its_person_and_its_sha256(person: str, digest: str) -> None:
    with pytest.raises(Unopened):
        unsealed(b"k" * 32, person, digest, sealed(b"k" * 32, "P1", DIGEST, PLAIN))


def test_a_salt_is_the_same_each_time_and_another_without_the_key() -> None:
    assert Vault(b"k" * 32).salt("<1@amedip.example>") == Vault(b"k" * 32).salt("<1@amedip.example>")
    assert Vault(b"k" * 32).salt("<1@amedip.example>") not in (
        Vault(b"k" * 32).salt("<2@x>"),
        Vault(b"o" * 32).salt("<1@amedip.example>"),
    )
