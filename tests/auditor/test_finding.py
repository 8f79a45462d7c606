"""Finding cases by filter and by random sample, and the head of a case."""

from __future__ import annotations

import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import update

from models.sampling import drawn
from models.words import Format, Phase
from store.tables import cases as case_rows
from store.tables import contents
from tests.auditor.situations import ENDED, Room
from tests.web.situations import TITLE, Page

NUMBERS = [f"AMEDIP-2027-{n:04d}" for n in range(1, 8)]


def listed(page: Page) -> list[str]:
    """The case numbers a page leads to, in its order."""
    return [found[1] for a in page.all("a") if (found := re.fullmatch(r"/audit/cases/([A-Z0-9-]+)", a["href"]))]


async def seven(room: Room) -> None:
    """Seven cases that differ in what a filter asks, and an auditor signed in."""
    await room.publish(*NUMBERS[:3])
    await room.publish(NUMBERS[3], format=Format.EXPERT_ASSIGNMENT)
    await room.publish(NUMBERS[4], requesting="MA-POSTE")
    await room.publish(NUMBERS[5], partner="CH-SDC", phase=Phase.HOSTING)
    await room.publish(NUMBERS[6], **ENDED)
    await room.sign_in()


FILTERS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [3, 2, 7, 6, 5, 4, 1]),
    ({"programme": "amedip"}, [3, 2, 7, 6, 5, 4, 1]),
    ({"format": "expert_assignment"}, [4]),
    ({"institution": "MA-POSTE"}, [5]),
    ({"institution": "CH-SDC"}, [6]),
    ({"country": "MA"}, [5]),
    ({"country": "CH"}, [6]),
    ({"country": "SN", "format": "study_visit", "phase": "request"}, [3, 2, 1]),
    ({"phase": "hosting"}, [6]),
    ({"ending": "cancelled"}, [7]),
    ({"ending": "open", "country": "SN"}, [3, 2, 6, 4, 1]),
    ({"opened_from": "2027-01-12"}, [3, 2]),
    ({"opened_from": "2027-01-12", "opened_until": "2027-01-12"}, [2]),
    ({"opened_until": "9999-12-31", "opened_from": "0001-01-01", "number": "0003"}, [3]),
    ({"number": "amedip-2027-000"}, [3, 2, 7, 6, 5, 4, 1]),
    ({"number": " 0002 "}, [2]),
    ({"number": "0009"}, []),
]


async def test_cases_are_found_by_each_part_of_the_filter(room: Room) -> None:
    await seven(room)
    for query, numbers in FILTERS:
        answer, page = await room.open("/audit", lang="en", **query)
        assert answer.status_code == 200
        assert listed(page) == [f"AMEDIP-2027-{n:04d}" for n in numbers], query
        assert f"Cases found ({len(numbers)})" in page.words


WRONG = {
    "programme": "x",
    "format": "x",
    "institution": "SN-NOBODY",
    "country": "senegal",
    "phase": "open",
    "ending": "x",
    "opened_from": "2027-02-30",
    "opened_until": "20270101",
    "number": "%_'",
}


async def test_a_filter_that_cannot_be_taken_finds_nothing_and_says_what_is_wrong(room: Room) -> None:
    await seven(room)
    for name, value in WRONG.items():
        answer, page = await room.open("/audit", lang="en", **{name: value})
        assert (answer.status_code, listed(page)) == (422, []), name
        assert f"#{name}" in [a["href"] for a in page.all("a")]
    answer, page = await room.open("/audit", opened_from="2027-02-02", opened_until="2027-02-01")
    assert (answer.status_code, listed(page)) == (422, [])


async def test_a_long_list_has_pages_that_keep_the_filter(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.auditor.finding.ON_A_PAGE", 2)
    await seven(room)
    found, address = [], "/audit?programme=amedip"
    for _ in range(4):
        _, page = await room.open(address)
        found += listed(page)
        address = next((a["href"] for a in page.all("a") if a.get("rel") == "next"), "")
    assert (address, len(found), set(found)) == ("", 7, set(NUMBERS))
    assert [a["href"] for a in page.all("a") if a.get("rel") == "prev"] == ["/audit?programme=amedip&page=3"]


ODD = ["\ud800", "é\u202e", "9" * 400, "-1", "' OR 1=1 --", "<script>", "x" * 1500, "\u0663", "[]", "%"]


async def test_odd_values_are_never_a_failure(room: Room) -> None:
    await seven(room)
    token = await room.token()
    for odd in ODD:
        query = "&".join(f"{name}={sent(odd)}" for name in (*WRONG, "page", "lang", "x"))
        assert (await room.browser.get(f"/audit?{query}")).status_code == 422
        assert (await room.browser.get(f"/audit?page={sent(odd)}")).status_code == 200
        assert (await room.browser.get(f"/audit/samples?page={sent(odd)}&lang={sent(odd)}")).status_code == 200
        for path in ("cases", "samples"):
            assert (await room.browser.get(f"/audit/{path}/{sent(odd)}")).status_code == 404
        assert (await room.browser.get(f"/audit/samples/{sent(odd)}/cases.txt")).status_code == 404
        body = f"token={token}&size={sent(odd)}&seed={sent(odd)}&number={sent(odd)}"
        headers = {"origin": "http://pages.example", "content-type": "application/x-www-form-urlencoded"}
        assert (await room.browser.post("/audit/samples", content=body, headers=headers)).status_code == 422
        name = f"name={sent(odd)}%00&password={sent(odd)}%00&next={sent(odd)}"
        assert (await room.browser.post("/audit/sign-in", content=name, headers=headers)).status_code == 403
        files = {"name": ("x.pdf", b"x"), "token": ("x", b"x")}
        for path in ("sign-in", "samples", "sign-out"):
            only = {"origin": "http://pages.example"}
            assert (await room.browser.post(f"/audit/{path}", files=files, headers=only)).status_code == 403


def sent(text: str) -> str:
    """A text as it stands in an address, half characters too."""
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


async def test_a_sample_is_drawn_recorded_and_drawn_again_by_hand(room: Room, tmp_path: Path) -> None:
    await seven(room)
    _, page = await room.open("/audit", country="SN")
    fields = {name: value for name, value in page.form.items() if name in ("token", "country")}
    answer, _ = await room.post("/audit/samples", fields | {"size": "3", "seed": "Lot_2.b-1"})
    address = answer.headers["location"]
    assert re.fullmatch(r"/audit/samples/S-[0-9a-f]{16}", address)
    await room.publish("AMEDIP-2027-0099")
    answer, page = await room.open(address, lang="en")
    chosen = listed(page)
    assert chosen == drawn([number for number in NUMBERS if number != "AMEDIP-2027-0005"], "Lot_2.b-1", 3)
    (sample,) = await room.workplace.samples.page(10)
    assert (sample.user, sample.population, sample.size, sample.seed) == ("audit-office", 6, 3, "Lot_2.b-1")
    assert (sample.filter.country, sample.cases) == ("SN", tuple(chosen))
    listing = await room.browser.get(f"{address}/cases.txt")
    assert listing.headers["content-disposition"].endswith(f"{sample.id}.txt")
    assert sha256(listing.content).hexdigest() == sample.listing
    (tmp_path / f"{sample.id}.txt").write_bytes(listing.content)
    script = answer.text.partition("<code>sha256sum")[2].partition("</code>")[0].replace("&lt;", "<")
    done = subprocess.run(["sh", "-c", f"sha256sum{script}"], cwd=tmp_path, capture_output=True, text=True, check=True)
    head, *lines = done.stdout.splitlines()
    assert head.split()[0] == sample.listing
    assert [line.split()[1] for line in lines] == chosen


async def test_a_seed_not_given_is_random_and_two_samples_are_two(room: Room) -> None:
    await seven(room)
    token = await room.token()
    for _ in range(2):
        assert (await room.post("/audit/samples", {"token": token, "size": "1000"}))[0].status_code == 303
    one, other = await room.workplace.samples.page(10)
    assert re.fullmatch("[0-9a-f]{32}", one.seed)
    assert (one.seed != other.seed, sorted(one.cases), one.population) == (True, NUMBERS, 7)
    _, page = await room.open("/audit/samples")
    shown = [a["href"] for a in page.all("a") if "/samples/" in a["href"]]
    assert set(shown) == {f"/audit/samples/{one.id}", f"/audit/samples/{other.id}"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"size": "0"}, ["size"]),
        ({"size": "1001"}, ["size"]),
        ({"size": "x", "seed": "$(x)"}, ["size", "seed"]),
        ({"size": "1", "seed": "a b"}, ["seed"]),
        ({"size": "1", "country": "XX"}, ["country"]),
        ({"size": "1", "number": "9999"}, []),
    ],
)
async def test_a_sample_of_nothing_or_without_bounds_is_not_drawn(room: Room, fields: dict[str, str], wrong: list[str]) -> None:
    await seven(room)
    answer, page = await room.post("/audit/samples", fields | {"token": await room.token()})
    assert answer.status_code == 422
    assert [a["href"][1:] for a in page.all("a") if a["href"].startswith("#") and a["href"] != "#content"] == wrong
    assert await room.workplace.samples.page(10) == []


async def test_a_list_of_numbers_that_was_changed_is_not_handed_out(room: Room) -> None:
    await seven(room)
    answer, _ = await room.post("/audit/samples", {"token": await room.token(), "size": "2"})
    (sample,) = await room.workplace.samples.page(10)
    async with room.workplace.database.begin() as connection:
        await connection.execute(update(contents).where(contents.c.sha256 == sample.listing).values(data=b"x"))
    assert (await room.browser.get(f"{answer.headers['location']}/cases.txt")).status_code == 404
    assert (await room.open(answer.headers["location"]))[0].status_code == 200


def test_a_sample_does_not_hang_on_the_order_of_the_cases() -> None:
    assert drawn(NUMBERS, "s", 3) == drawn(reversed(NUMBERS), "s", 3)
    assert drawn(NUMBERS, "s", 3) == drawn(NUMBERS, "s", 7)[:3]
    assert drawn(NUMBERS, "s", 7) != drawn(NUMBERS, "t", 7)


async def test_the_head_of_a_case_says_where_it_stands(room: Room) -> None:
    await seven(room)
    answer, page = await room.open("/audit/cases/AMEDIP-2027-0007", lang="en")
    assert answer.status_code == 200
    for said in ("AMEDIP-2027-0007", TITLE, "Study visit", "(SN-POSTE)", "Visit", "Cancelled", "2027-01-11 10:00 UTC"):
        assert said in page.words, said


async def test_a_case_that_is_not_there_is_said_so(room: Room) -> None:
    await seven(room)
    for number in ("AMEDIP-2027-0999", "amedip-2027-0001", "AMEDIP-2027-1", "AMEDIP-2027-0001\u0661"):
        assert (await room.open(f"/audit/cases/{number}"))[0].status_code == 404, number


async def test_rows_that_somebody_wrote_into_the_database_are_shown_as_they_read(room: Room) -> None:
    await seven(room)
    odd = {"format": "banquet", "phase": "<b>later", "ending": "bought", "requesting": "XX-ME", "programme": "own", "doc": "{"}
    async with room.workplace.database.begin() as connection:
        await connection.execute(update(case_rows).where(case_rows.c.id == NUMBERS[0]).values(**odd))
    for path in ("/audit", f"/audit/cases/{NUMBERS[0]}"):
        answer, page = await room.open(path)
        assert answer.status_code == 200
        assert all(said in page.words for said in ("banquet", "bought", "XX-ME"))
