"""Samples of cases that were drawn: by whom, from which cases, with which seed, and which were chosen. None is ever changed.

The numbers a sample was drawn from are kept as a content, one a line, so that it can be drawn again when more cases have come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from secrets import token_hex

from sqlalchemy import insert, select

from models.errors import Missing
from models.message import Instant, Message
from models.sampling import drawn
from store.contents import Contents
from store.database import Database
from store.finding import Filter
from store.tables import samples

MEDIA = "text/plain; charset=utf-8"


class Sample(Message):
    """A sample: `population` is how many cases the filter let through, `listing` the sha256 of their numbers, `cases` which."""

    id: str
    user: str
    at: Instant
    seed: str
    size: int
    filter: Filter
    population: int
    listing: str
    cases: tuple[str, ...]


class Samples:
    """Draws samples and keeps them."""

    def __init__(self, db: Database, contents: Contents, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._contents = contents
        self._clock = clock

    async def draw(self, user: str, narrowed: Filter, numbers: Sequence[str], seed: str, size: int) -> Sample:
        """Draw from the numbers that a filter let through, and keep what came of it."""
        listing = await self._contents.put(listed(numbers), MEDIA)
        sample = Sample(
            id=f"S-{token_hex(8)}",
            user=user,
            at=self._clock(),
            seed=seed,
            size=size,
            filter=narrowed,
            population=len(numbers),
            listing=listing,
            cases=tuple(drawn(numbers, seed, size)),
        )
        row = sample.model_dump() | {"filter": narrowed.model_dump(mode="json", exclude_defaults=True), "cases": list(sample.cases)}
        async with self._db.begin() as connection:
            await connection.execute(insert(samples), row)
        return sample

    async def of(self, sample_id: str) -> Sample:
        """One sample.

        Raises:
            Missing: there is none of that id.
        """
        async with self._db.read() as connection:
            row = (await connection.execute(select(samples).where(samples.c.id == sample_id))).first()
        if row is None:
            raise Missing(f"no sample {sample_id}")
        return Sample.model_validate(row._asdict())

    async def numbers(self, sample: Sample) -> bytes:
        """The case numbers a sample was drawn from, one a line.

        Raises:
            Missing: they are not there.
            Corrupt: they are not what they were.
        """
        return await self._contents.get(sample.listing)

    async def page(self, limit: int, offset: int = 0) -> list[Sample]:
        """The samples of everybody, the last drawn first."""
        query = select(samples).order_by(samples.c.at.desc(), samples.c.id.desc()).limit(limit).offset(offset)
        async with self._db.read() as connection:
            return [Sample.model_validate(row._asdict()) for row in await connection.execute(query)]


def listed(numbers: Sequence[str]) -> bytes:
    """Case numbers as a file, one a line."""
    return "".join(f"{number}\n" for number in numbers).encode()
