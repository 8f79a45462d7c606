"""Contents kept once under their sha256: forms, papers, mails as sent, documents, histories."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Missing, PasserelleError
from store.database import Database
from store.tables import contents
from store.upsert import insert_new


class Corrupt(PasserelleError):
    """Stored bytes that no longer have the sha256 they are kept under."""


class Contents:
    """What is named by its sha256."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, data: bytes, media: str, *, person: str = "", connection: AsyncConnection | None = None) -> str:
        """Keep bytes and return their sha256 in hex; what is there stays as it is, with its media type and person.

        `person` is the id of the one whose data they are; `connection` a transaction to do it in.
        """
        row = row_of(data, media, person)
        async with self._db.within(connection) as own:
            await own.execute(insert_new(own, contents), row)
        return str(row["sha256"])

    async def belongs(self, sha256: str, person: str, *, connection: AsyncConnection) -> None:
        """A content that was kept as nobody's is this person's data."""
        nobodys = (contents.c.sha256 == sha256) & (contents.c.person == "")
        await connection.execute(update(contents).where(nobodys).values(person=person))

    async def get(self, sha256: str) -> bytes:
        """The bytes kept under a sha256.

        Raises:
            Missing: nothing is.
            Corrupt: what is kept has another sha256.
        """
        async with self._db.read() as connection:
            data = await connection.scalar(select(contents.c.data).where(contents.c.sha256 == sha256))
        if data is None:
            raise Missing(f"no content {sha256}")
        return checked(data, sha256)

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


def row_of(data: bytes, media: str, person: str = "") -> Mapping[str, Any]:
    """The row that keeps these bytes."""
    return {"sha256": sha256(data).hexdigest(), "media": media, "person": person, "data": data}


def checked(data: bytes, digest: str) -> bytes:
    """The bytes, if they have the sha256 they are kept under.

    Raises:
        Corrupt: they have not.
    """
    found = sha256(data).hexdigest()
    if found != digest:
        raise Corrupt(f"content {digest} is damaged: its bytes have the sha256 {found}")
    return data
