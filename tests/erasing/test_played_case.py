"""A person of a whole case is erased: nothing of theirs is left anywhere, and the case can still be proved."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio

from activities.told import Told
from audit.replay import states
from dev import caught
from evidence.entries import entry_of
from models.case import Case
from models.errors import Erased
from models.words import LANGUAGES, Ending
from rehearsal.played import leave
from rehearsal.player import Player, stage, template_database
from rehearsal.scenario import load_scenario
from rehearsal.stage import DATA_KEY, NOTARY, PUBLIC_URL, VAULT, Collected
from store.contents import Contents
from store.database import Database
from store.erasure import Erasure, Erasures
from store.mails import MailRow, Mails
from store.mentions import Mentions
from store.sealing import Vault
from tests.command_line.conftest import Passerelle, environment, passerelle
from workplace import Workplace, load_programmes

ROOT = Path(__file__).parents[2]
PROGRAMMES = load_programmes(ROOT / "programmes")
CANARY = (b"Participant Canary", b"canary@people.example", b"Canary")


__all__ = ["environment", "passerelle"]

pytestmark = pytest.mark.xdist_group("erasing")  # one worker plays the case, once


@dataclass(frozen=True)
class Stored:
    """A played case as it was left in its database, with its exported histories."""

    file: Path
    case: Case
    histories: list[tuple[str, bytes, int]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """The case of `canary.toml`, played once."""
    file = tmp_path_factory.mktemp("played") / "played.db"

    async def played() -> Stored:
        scenario, request = load_scenario(Path(__file__).parent / "canary.toml")
        async with template_database() as template, stage(template, PROGRAMMES) as on:
            collected = Collected()
            player = Player(on, scenario, on.workplace.postman(collected, "coordination@amedip.example").deliver, None)
            left = await leave(player.cases, await player.play(request), collected.messages)
            async with on.workplace.database.begin() as connection:
                place = await connection.exec_driver_sql("PRAGMA database_list")
                source = str(place.mappings().all()[0]["file"])
            with sqlite3.connect(source) as copied, sqlite3.connect(file) as kept:
                copied.backup(kept)
        return Stored(file, left.case, left.histories)

    return asyncio.run(played())


@pytest_asyncio.fixture
async def database(stored: Stored, tmp_path: Path) -> AsyncIterator[Database]:
    """A copy of the database, in a folder of its own."""
    shutil.copy(stored.file, tmp_path / "passerelle.db")
    db = Database.open(f"sqlite+aiosqlite:///{tmp_path}/passerelle.db", durable=False, vault=VAULT)
    yield db
    await db.close()


async def erased(database: Database, case: Case) -> Erasure:
    """The first participant is erased."""
    at = case.clock + timedelta(days=1)
    return await Erasures(database).erase(case, "N1", by="data protection office", reason="Asked by letter.", at=at)


def bytes_in(folder: Path) -> bytes:
    """Every byte of every file of a folder."""
    return b"\0".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def texts_kept(database: Database, case: Case) -> list[str]:
    """The sha256 of every content that can be read and names the person."""
    somebody = Mentions(["Participant Canary", "Canary"], ["canary@people.example"])
    async with database.read() as connection:
        digests = [row[0] for row in await connection.exec_driver_sql("SELECT sha256 FROM contents")]
    found, contents = [], Contents(database)
    for digest in digests:
        try:
            data, media = await contents.get(digest), await contents.media(digest)
        except Erased:
            continue
        if somebody.in_content(data, media):
            found.append(digest)
    return found


async def test_the_case_is_one_in_which_they_are_named_in_many_places(stored: Stored, database: Database, tmp_path: Path) -> None:
    assert stored.case.ending is Ending.CLOSED
    assert [sign for sign in CANARY if sign not in bytes_in(tmp_path)] == []
    assert len(await texts_kept(database, stored.case)) > 20


async def test_nothing_of_an_erased_person_is_left_in_any_file_or_content(
    stored: Stored, database: Database, tmp_path: Path
) -> None:
    erasure = await erased(database, stored.case)
    assert await texts_kept(database, stored.case) == []
    assert [sign for sign in CANARY if sign in bytes_in(tmp_path)] == []
    assert [digest for _, data, _ in stored.histories for digest in CANARY if digest in data] == []
    assert set(erasure.contents) >= {paper.sha256 for paper in stored.case.papers if paper.about == "N1"}
    assert {paper.sha256 for paper in stored.case.papers if paper.kind == "closure_note"} <= set(erasure.contents)


async def test_what_does_not_concern_them_can_still_be_read(stored: Stored, database: Database) -> None:
    erasure = await erased(database, stored.case)
    contents = Contents(database)
    assert stored.case.asked.request not in erasure.contents
    kept = [paper for paper in stored.case.papers if paper.about in ("N2", "N3") or paper.kind == "terms_of_reference"]
    assert [(await contents.get(paper.sha256))[:5] for paper in kept] == [b"%PDF-"] * len(kept)
    mails = await Mails(database).of_case(stored.case.id)
    assert 0 < len([mail for mail in mails if mail.content not in erasure.contents]) < len(mails)
    theirs = {mail.person for mail in mails if mail.content in erasure.contents and mail.person}
    assert "" not in {mail.name for mail in mails if not mail.person}
    assert stored.case.nomination("N1").person in theirs


async def test_the_histories_replay_to_the_state_that_stands(stored: Stored, database: Database) -> None:
    await erased(database, stored.case)
    ends = await states(stored.case.id, stored.histories)
    assert ends[-1].model_dump_json(exclude={"said"}) == stored.case.model_dump_json(exclude={"said"})


@pytest.mark.parametrize("language", LANGUAGES)
async def test_whoever_reads_the_case_finds_a_word_in_the_place_of_the_name(
    language: str, stored: Stored, database: Database
) -> None:
    await erased(database, stored.case)
    place = Workplace(database, PROGRAMMES, public_url=PUBLIC_URL, task_queue="none", link_key=b"k" * 32, notary=NOTARY)
    programme, case = PROGRAMMES[stored.case.programme], stored.case
    party = await place.parties.party(programme, case, "N1")
    assert (party.erased, party.name, party.mailbox, party.is_person) == (True, "", "", True)
    told = Told(place.parties, place.contents, place.words)
    assert await told.name(programme, case, "N1", language) == place.words.say(language, "person.erased")
    facts = [await place.facts.of_kind(programme, case, step, language) for step in case.steps]
    assert any(place.words.say(language, "person.erased") in str(one) for one in facts)
    assert {mail.name for mail in await Mails(database).of_case(case.id) if named(mail, case)} == {""}


def named(mail: MailRow, case: Case) -> bool:
    """Whether a mail was for the first participant."""
    return mail.person == case.nomination("N1").person


@pytest.fixture
def house(stored: Stored, tmp_path: Path, passerelle: Passerelle) -> Passerelle:
    """Commands on an installation that holds the case and a mail of it that `dev` caught; Temporal is not asked."""
    folder = tmp_path / "var"
    (folder / "mails").mkdir(parents=True)
    shutil.copy(stored.file, folder / "passerelle.db")
    (folder / "data.key").write_bytes(DATA_KEY)
    return passerelle


def test_the_command_erases_and_deletes_what_dev_caught(stored: Stored, tmp_path: Path, house: Passerelle) -> None:
    with sqlite3.connect(stored.file) as connection:
        mails = [row[0] for row in connection.execute("SELECT message_id FROM mails")]
    for message_id in mails:
        caught(tmp_path / "var" / "mails", message_id).write_bytes(b"Canary")
    office = ("--by", "Data protection office", "--reason", "Asked for by letter.")
    said = house("case", "erase", stored.case.id, "N1", *office, "--json")
    erasure = json.loads(said.stdout)
    assert (said.exit_code, erasure["person"]) == (0, stored.case.nomination("N1").person)
    left = {file.name for file in (tmp_path / "var" / "mails").iterdir()}
    assert 0 < len(erasure["messages"]) == len(mails) - len(left)
    with sqlite3.connect(tmp_path / "var" / "passerelle.db") as connection:
        [leaf] = connection.execute("SELECT leaf FROM log_entries WHERE kind = 'erasure'").fetchone()
    entry = entry_of(leaf.encode())
    assert (entry.case, entry.ref) == (stored.case.id, erasure["person"])
    assert entry.facts == {"by": "Data protection office", "contents": len(erasure["contents"])}
    again = house("case", "erase", stored.case.id, "N1", *office)
    assert again.exit_code == 1
    assert "was erased on" in again.stderr


def test_after_a_rotation_by_command_everything_opens_with_the_new_key_alone(tmp_path: Path, house: Passerelle) -> None:
    file = tmp_path / "var" / "data.key"
    assert "Key 1 wraps the keys of all persons now, 4 of them anew" in house("keys", "rotate", "--data-key").stdout
    newest, former = file.read_bytes().splitlines()
    assert former == b"0 " + DATA_KEY.hex().encode()
    vault = Vault(newest + b"\n")

    async def sealed_contents() -> int:
        database = Database.open(f"sqlite+aiosqlite:///{tmp_path}/var/passerelle.db", vault=vault)
        async with database.read() as connection:
            digests = [row[0] for row in await connection.exec_driver_sql("SELECT sha256 FROM contents WHERE sealed")]
        count = len([await Contents(database).get(digest) for digest in digests])
        await database.close()
        return count

    assert asyncio.run(sealed_contents()) > 20


def test_what_was_kept_unsealed_is_sealed_by_command(tmp_path: Path, house: Passerelle) -> None:
    with sqlite3.connect(tmp_path / "var" / "passerelle.db") as connection:
        row = (sha256(b"before").hexdigest(), "text/plain", "P-before", b"before")
        connection.execute("INSERT INTO contents (sha256, media, person, data) VALUES (?, ?, ?, ?)", row)
    assert house("db", "seal").stdout == "1 contents sealed\n"
    assert json.loads(house("db", "seal", "--json").stdout) == {"sealed": 0}
