"""Cases are found, and samples kept, alike on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from models.errors import Missing
from store.contents import Contents
from store.database import Database
from store.finding import Filter, Finding
from store.reference import Reference
from store.samples import Samples
from store.tables import cases

NOW = datetime(2027, 1, 11, 10, tzinfo=UTC)


async def three(database: Database) -> Finding:
    """Three cases, the second of another country, the third ended."""
    row: dict[str, Any] = {"programme": "amedip", "format": "study_visit", "requesting": "SN-POSTE", "partner": ""}
    row |= {"phase": "request", "ending": "", "ended": None, "reason": "", "run": 1, "seq": 1, "doc": "{}", "waiting_for": []}
    differing: list[dict[str, Any]] = [
        {},
        {"requesting": "MA-POSTE", "partner": "SN-POSTE"},
        {"ending": "closed", "ended": NOW},
    ]
    rows = [row | {"id": f"A_B-2027-000{n}", "opened": NOW + timedelta(days=n)} | own for n, own in enumerate(differing, 1)]
    async with database.begin() as connection:
        await connection.execute(insert(cases), rows)
    return Finding(database)


async def test_a_filter_finds_the_same_cases_counted_listed_and_numbered(database: Database, reference: Reference) -> None:
    finding = await three(database)
    for narrowed, numbers in (
        (Filter(), "123"),
        (Filter(country="SN"), "123"),
        (Filter(country="MA"), "2"),
        (Filter(institution="MA-POSTE"), "2"),
        (Filter(ending="open"), "12"),
        (Filter(ending="closed"), "3"),
        (Filter(number="A_B-2027-0002"), "2"),
        (Filter(number="AxB"), ""),
        (Filter(number="%"), ""),
        (Filter(opened_from=date(2027, 1, 13)), "23"),
        (Filter(opened_until=date(2027, 1, 13), opened_from=date(1, 1, 1)), "12"),
        (Filter(opened_until=date(9999, 12, 31)), "123"),
    ):
        assert await finding.count(narrowed) == len(numbers), narrowed
        assert [number[-1] for number in await finding.numbers(narrowed)] == list(numbers), narrowed
        assert [found.id[-1] for found in await finding.page(narrowed, 9)] == sorted(numbers, reverse=True), narrowed
    assert [found.id[-1] for found in await finding.page(Filter(), 1, 1)] == ["2"]
    assert (await finding.case("A_B-2027-0003")).ended == NOW
    with pytest.raises(Missing):
        await finding.case("A_B-2027-0009")


async def test_a_sample_is_kept_as_it_was_drawn(database: Database, contents: Contents) -> None:
    finding, samples = await three(database), Samples(database, contents, lambda: NOW)
    narrowed = Filter(ending="open", opened_from=date(2027, 1, 1))
    drawn = await samples.draw("audit-office", narrowed, await finding.numbers(narrowed), "s", 1)
    assert await samples.of(drawn.id) == drawn
    assert await samples.page(9) == [drawn]
    assert (drawn.population, len(drawn.cases)) == (2, 1)
    assert await samples.numbers(drawn) == b"A_B-2027-0001\nA_B-2027-0002\n"
    with pytest.raises(Missing):
        await samples.of("S-0")
