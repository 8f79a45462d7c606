"""Contents kept once under their sha256: forms, papers, mails as sent, documents, histories. Those of a person are sealed.

The sha256 is that of the plain bytes, sealed or not: histories, receipts and bundles name the same whether or not the bytes can
still be read. What was erased keeps its row without its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Erased, Missing, PasserelleError
from store.database import Database
from store.person_keys import keys_for
from store.sealing import Unopened, sealed, unsealed
from store.tables import contents, erasures, person_keys
from store.upsert import insert_new

SEALED_AT_ONCE = 100
OF_A_CONTENT = (
    contents.c.sha256,
    contents.c.media,
    contents.c.person.label("owner"),
    contents.c.data,
    contents.c.sealed,
    contents.c.erased,
    person_keys.c.wrapped,
    erasures.c.at.label("person_erased"),
)


class Corrupt(PasserelleError):
    """Stored bytes that no longer have the sha256 they are kept under, or do not open."""


class Content(NamedTuple):
    """Bytes to keep; `person` is the id of the one whose data they are, `case` the number of the case they came up in."""

    data: bytes
    media: str
    person: str = ""
    case: str = ""

    @property
    def sha256(self) -> str:
        """What they are kept under, in hex."""
        return sha256(self.data).hexdigest()


class Contents:
    """What is named by its sha256."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(
        self, data: bytes, media: str, *, person: str = "", case: str = "", connection: AsyncConnection | None = None
    ) -> str:
        """Keep bytes and return their sha256 in hex; what is there stays as it is, with its media type and person.

        `person` is the id of the one whose data they are, `case` the case they came up in; `connection` a transaction to do it in.
        """
        content = Content(data, media, person, case)
        async with self._db.within(connection) as own:
            await keep(self._db, own, [content])
        return content.sha256

    async def belongs(self, sha256: str, person: str, *, connection: AsyncConnection) -> None:
        """A content that was kept as nobody's is this person's data, and sealed from now on."""
        nobodys = (contents.c.sha256 == sha256) & (contents.c.person == "") & contents.c.erased.is_(None)
        row = (await connection.execute(select(contents).where(nobodys))).first()
        if row is not None:
            await connection.execute(update(contents).where(nobodys), await self._owned(connection, row, person))

    async def seal(self) -> int:
        """Seal what was kept of persons before contents were sealed, some at a time; gives how many that were."""
        count = 0
        unsealed_yet = (contents.c.person != "") & ~contents.c.sealed & contents.c.erased.is_(None)
        while True:
            async with self._db.begin() as connection:
                rows = (await connection.execute(select(contents).where(unsealed_yet).limit(SEALED_AT_ONCE))).all()
                for row in rows:
                    own = await self._owned(connection, row, row.person)
                    await connection.execute(update(contents).where(contents.c.sha256 == row.sha256), own)
            if not rows:
                return count
            count += len(rows)

    async def _owned(self, connection: AsyncConnection, row: Row[Any], person: str) -> dict[str, Any]:
        """What a content's row becomes when a person owns it."""
        keys = await keys_for(connection, self._db.vault, [person])
        content = Content(checked(row.data, row.sha256), row.media, person)
        return {name: value for name, value in _row(content, keys).items() if name in ("person", "data", "sealed", "erased")}

    async def get(self, sha256: str) -> bytes:
        """The bytes kept under a sha256.

        Raises:
            Missing: nothing is.
            Erased: they were, and have been erased.
            Corrupt: what is kept has another sha256, or does not open.
        """
        async with self._db.read() as connection:
            row = (await connection.execute(of_contents().where(contents.c.sha256 == sha256))).first()
        if row is None:
            raise Missing(f"no content {sha256}")
        return opened(self._db, row)

    async def media(self, sha256: str) -> str:
        """The media type of a content.

        Raises:
            Missing: there is none of that sha256.
        """
        async with self._db.read() as connection:
            media = await connection.scalar(select(contents.c.media).where(contents.c.sha256 == sha256))
        if media is None:
            raise Missing(f"no content {sha256}")
        return str(media)

    def salt(self, about: str) -> str:
        """What keeps the sha256 of a text about persons from being guessed: the same each time, known to nobody outside."""
        return self._db.vault.salt(about)


async def keep(db: Database, connection: AsyncConnection, wanted: Sequence[Content]) -> None:
    """Keep contents that are not there yet, those of a person sealed; of one who was erased no bytes are kept."""
    people = {content.person for content in wanted if content.person}
    keys = await keys_for(connection, db.vault, people) if people else {}
    await connection.execute(insert_new(connection, contents), [_row(content, keys) for content in wanted])


def _row(content: Content, keys: Mapping[str, bytes]) -> dict[str, Any]:
    """The row of a content; `keys` are those of the persons who have one."""
    digest, person = content.sha256, content.person
    row = {"sha256": digest, "media": content.media, "person": person, "case_id": content.case, "erased": None}
    if not person:
        return {**row, "data": content.data, "sealed": False}
    if person not in keys:
        return {**row, "data": b"", "sealed": False, "erased": datetime.now(UTC)}
    return {**row, "data": sealed(keys[person], person, digest, content.data), "sealed": True}


def of_contents() -> Select[Any]:
    """A query for contents with what `opened` needs of each."""
    return with_keys(select(*OF_A_CONTENT).select_from(contents))


def with_keys(query: Select[Any]) -> Select[Any]:
    """A query of contents with the keys of the persons they belong to."""
    keyed = query.outerjoin(person_keys, person_keys.c.person == contents.c.person)
    return keyed.outerjoin(erasures, erasures.c.person == contents.c.person)


def opened(db: Database, row: Row[Any]) -> bytes:
    """The plain bytes of a content's row, as `OF_A_CONTENT` selects it.

    Raises:
        Erased: they have been erased, or their person's key has.
        Corrupt: they have another sha256, do not open, or the key they were sealed with is lost.
    """
    digest = str(row.sha256)
    if row.erased is not None:
        raise Erased(f"content {digest} was erased on {row.erased:%Y-%m-%d}")
    if not row.sealed:
        return checked(row.data, digest)
    if row.wrapped is None:
        if row.person_erased is not None:
            raise Erased(f"content {digest} was erased on {row.person_erased:%Y-%m-%d}")
        raise Corrupt(f"content {digest} cannot be read: the key of {row.owner} is lost")
    try:
        return checked(unsealed(db.vault.unwrapped(row.owner, row.wrapped), row.owner, digest, row.data), digest)
    except Unopened as error:
        raise Corrupt(str(error)) from error


def checked(data: bytes, digest: str) -> bytes:
    """The bytes, if they have the sha256 they are kept under.

    Raises:
        Corrupt: they have not.
    """
    found = sha256(data).hexdigest()
    if found != digest:
        raise Corrupt(f"content {digest} is damaged: its bytes have the sha256 {found}")
    return data
