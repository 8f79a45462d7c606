"""Cases get their numbers one after another, once a key."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from models.errors import Missing
from store.cases import Launch, Launches, LaunchState
from store.contents import Contents
from tests.store.situations import MONDAY


async def reserve(launches: Launches, key: str, *, opened: datetime = MONDAY, request: bytes = b'{"places":3}') -> Launch:
    """A launch whose opening names its number."""
    return await launches.reserve(key, "AMEDIP", opened, request, lambda case_id: f"opening of {case_id}".encode())


async def test_a_launch_gets_the_next_number_of_its_year(launches: Launches) -> None:
    first = await reserve(launches, "a")
    second = await reserve(launches, "b")
    next_year = await reserve(launches, "c", opened=datetime(2028, 1, 1, tzinfo=UTC))
    numbers = [launch.case_id for launch in (first, second, next_year)]
    assert numbers == ["AMEDIP-2027-0001", "AMEDIP-2027-0002", "AMEDIP-2028-0001"]
    assert first.opening == b"opening of AMEDIP-2027-0001"
    assert first.created
    assert first.opened == MONDAY


async def test_the_same_key_gives_the_first_launch_and_uses_no_number(launches: Launches, contents: Contents) -> None:
    first = await reserve(launches, "a")
    again = await reserve(launches, "a", request=b'{"places":2}')
    assert again == first.model_copy(update={"created": False})
    assert await contents.get(again.request) == b'{"places":3}'
    assert (await reserve(launches, "b")).case_id == "AMEDIP-2027-0002"


async def test_the_same_key_in_another_year_is_the_same_case(launches: Launches) -> None:
    first = await reserve(launches, "a")
    assert (await reserve(launches, "a", opened=datetime(2028, 1, 1, tzinfo=UTC))).case_id == first.case_id


async def test_twenty_launches_at_once_get_twenty_numbers_and_a_key_one(launches: Launches) -> None:
    keys = [f"k{n % 20}" for n in range(60)]
    launched = await asyncio.gather(*(reserve(launches, key) for key in keys))
    by_key = {launch.key: launch.case_id for launch in launched}
    assert sorted(by_key.values()) == [f"AMEDIP-2027-{n:04d}" for n in range(1, 21)]
    assert all(launch.case_id == by_key[launch.key] for launch in launched)
    assert sum(launch.created for launch in launched) == 20


async def test_the_same_key_in_two_years_at_once_is_one_case(launches: Launches) -> None:
    opened = (MONDAY, datetime(2028, 1, 1, tzinfo=UTC))
    for n in range(10):
        launched = await asyncio.gather(*(reserve(launches, f"k{n}", opened=opened[m % 2]) for m in range(4)))
        assert len({launch.case_id for launch in launched}) == 1
        assert sum(launch.created for launch in launched) == 1
    assert sorted(launch.case_id[-4:] for launch in await launches.reserved())[0] == "0001"


async def test_a_launch_is_to_be_sent_again_until_it_is_started(launches: Launches) -> None:
    first, second = await reserve(launches, "a"), await reserve(launches, "b")
    assert await launches.numbers() == []
    await launches.started(first.case_id)
    assert await launches.numbers() == [first.case_id]
    assert [launch.case_id for launch in await launches.reserved()] == [second.case_id]
    assert (await launches.of("a")).state is LaunchState.STARTED
    assert (await launches.reserved())[0].opening == second.opening


async def test_a_case_that_was_not_launched_is_missing(launches: Launches) -> None:
    with pytest.raises(Missing, match="AMEDIP-2027-0009"):
        await launches.started("AMEDIP-2027-0009")
    with pytest.raises(Missing, match="no case"):
        await launches.of("unknown")
