"""What every request passes: opening never acts, other sites cannot post, bodies have a limit, headers keep pages to themselves."""

from __future__ import annotations

import random
import tomllib
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from models.words import OPTIONS, Kind
from store import tables
from store.tables import metadata
from tests.web.situations import ROOT, Desk, clean
from web.guard import LARGEST_BODY, POLICY

OFFER = {"option": "offer", "HostOffer.start": "2027-05-10"}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_opening_a_link_never_acts(desk: Desk, kind: Kind, method: str) -> None:
    path = await desk.ask(kind)
    before = await everything(desk)
    for option in OPTIONS[kind]:
        query = {"option": option, "response": "a" * 32, "done": "b" * 32, "do": "record", "Remarks.remarks": "x"}
        for address in (path, clean(path), f"{clean(path)}/recall"):
            await desk.browser.request(method, address, params=query, follow_redirects=True)
    assert await everything(desk) == before


async def everything(desk: Desk) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the database but the visits of browsers."""
    async with desk.workplace.database.read() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(select(table))]
            for table in metadata.sorted_tables
            if table.name != "visits"
        }


async def visits(desk: Desk) -> int:
    """How many visits there are."""
    async with desk.workplace.database.read() as connection:
        return len((await connection.execute(select(tables.visits))).all())


DEEDS = ("more-time", "delegate", "take-back", "not-for-me", "recall")
ADDRESSES = ("", "/confirm", "/link", "/upload", "/calendar.ics", "/x", *(f"/{deed}" for deed in DEEDS))


async def test_a_thousand_openings_of_any_kind_change_nothing(desk: Desk) -> None:
    path = await desk.ask(Kind.REPORT)
    before, chance = await everything(desk), random.Random(1)
    for _ in range(1000):
        token = chance.choice([path, path, path[:-1], "/r/x", "/r/AgAA"])
        address = chance.choice([token, clean(path) + chance.choice(ADDRESSES), "/r/AMEDIP-2027-0002/report-1"])
        query = {
            "do": chance.choice(["record", "save", "change", "attach:Report.file", "x"]),
            "option": chance.choice(["submit", "x", ""]),
            "Report.summary": "x",
            "field": chance.choice(["Report.file", "x"]),
            "lang": chance.choice(["en", "ar", "x"]),
            "acted": "a" * 32,
            "saved": "1",
        }
        ahead = chance.choice([{}, {"sec-purpose": "prefetch"}, {"purpose": "prefetch"}, {"x-moz": "prefetch"}])
        method = chance.choice(["GET", "GET", "HEAD", "OPTIONS"])
        answer = await desk.browser.request(method, address, params=query, headers=ahead)
        assert answer.status_code < 500 or (answer.status_code == 503 and ahead)
    assert await everything(desk) == before


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("OPTIONS", {}),
        ("GET", {"sec-purpose": "prefetch;prerender"}),
        ("GET", {"purpose": "prefetch"}),
        ("GET", {"x-moz": "prefetch"}),
        ("GET", {"x-purpose": "preview"}),
    ],
)
async def test_a_program_that_looks_ahead_begins_no_visit(desk: Desk, method: str, headers: dict[str, str]) -> None:
    path = await desk.ask(Kind.REPORT)
    answer = await desk.browser.request(method, path, headers=headers)
    assert "set-cookie" not in answer.headers
    assert await visits(desk) == 0


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_only_a_posted_form_can_change_anything(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    writing = {(path, method) for path, methods in paths.items() for method in methods if method not in ("get", "head")}
    question = "/r/{case}/{step}"
    parts = ("", "/link", "/code", "/upload", *(f"/{deed}" for deed in DEEDS))
    case = "/audit/cases/{number}"
    auditing = ("/audit/sign-in", "/audit/sign-out", "/audit/samples", f"{case}/verify", f"{case}/bundle")
    assert writing == {(path, "post") for path in ("/r/{token}", *(f"{question}{part}" for part in parts), *auditing)}


ELSEWHERE = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://elsewhere.example"},
    {"origin": "x"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
@pytest.mark.parametrize("part", ["", "/link", "/upload", "/more-time", "/delegate", "/recall"])
async def test_another_site_cannot_post_anything(desk: Desk, headers: dict[str, str], part: str) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    before = await everything(desk)
    answer = await desk.browser.post(clean(path) + part, data=page.hidden | OFFER | {"do": "record"}, headers=headers)
    assert answer.status_code == 403
    assert await everything(desk) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"origin": "http://pages.example"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "http://pages.example"},
    ],
)
async def test_our_own_page_can(desk: Desk, headers: dict[str, str]) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    answer = await desk.browser.post(clean(path), data=page.hidden | OFFER | {"do": "record"}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize("token", ["", "x", "é", "0" * 56, None])
async def test_a_form_that_was_not_made_for_this_visit_records_nothing_and_comes_back_filled(desk: Desk, token: str | None) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path, lang="en")
    sent = {name: value for name, value in page.hidden.items() if name != "token"} | ({} if token is None else {"token": token})
    answer, page = await desk.press(path, sent | OFFER)
    assert answer.status_code == 409
    assert desk.workplace.words.say("en", "answer.stale") in page.words
    assert page.form["HostOffer.start"] == "2027-05-10"
    assert (await desk.step()).is_open
    answer, page = await desk.press(path, page.form)
    assert (answer.status_code, (await desk.step()).option) == (200, "offer")


async def test_a_form_of_one_question_or_browser_is_none_of_another(desk: Desk, app: FastAPI) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages.example") as other:
        await other.get(path, follow_redirects=True)
        answer = await other.post(clean(path), data=page.hidden | OFFER | {"do": "record"})
    assert answer.status_code == 409
    assert (await desk.step()).is_open


async def test_every_answer_carries_the_headers(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    for address in (path, "/r/unknown", "/", "/healthz", "/readyz", "/mails", "/nowhere", "/static/passerelle.css"):
        headers = (await desk.browser.get(address)).headers
        assert headers["content-security-policy"] == POLICY, address
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert ("no-store" in headers["cache-control"]) != address.startswith("/static/")
    assert {"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} < set(POLICY.split("; "))


async def test_a_body_beyond_the_limit_is_refused_whether_announced_or_not(desk: Desk) -> None:
    path = clean(await desk.ask(Kind.HOST_OFFER))

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY // 1024 + 2):
            yield b"x" * 1024

    form = {"content-type": "application/x-www-form-urlencoded"}
    announced = await desk.browser.post(path, content=b"x" * (LARGEST_BODY + 1), headers=form)
    found = await desk.browser.post(path, content=endless(), headers=form)
    lying = await desk.browser.post(path, content=b"x=1", headers=form | {"content-length": "many"})
    assert [answer.status_code for answer in (announced, found, lying)] == [413, 413, 413]
    assert announced.headers["cache-control"] == "no-store"
    assert (await desk.step()).is_open


async def test_a_broken_form_is_refused_not_a_crash(desk: Desk) -> None:
    path = clean(await desk.ask(Kind.HOST_OFFER))
    broken = {"content-type": "multipart/form-data; boundary=b"}
    assert (await desk.browser.post(path, content=b"--x\r\nnothing", headers=broken)).status_code in (400, 422)
    odd = await desk.browser.post(path, content=b"\xff\xfe=%zz&option=%ff", headers={"content-type": "text/plain"})
    assert odd.status_code == 403


MULTIPART = "multipart/form-data; boundary=b"
ODD_TYPES = [
    *(f"{MULTIPART}; charset={name}" for name in ("undefined", "punycode", "idna", "hex", "utf-7", "unicode_escape", "'", "\x80")),
    "application/x-www-form-urlencoded; charset=nonsense",
]
ODD_FORM = b'--b\r\nContent-Disposition: form-data; name="option"\r\n\r\n\\ud800\xff\r\n--b--\r\n'


@pytest.mark.parametrize("content_type", ODD_TYPES)
async def test_a_form_in_another_writing_than_utf_8_is_refused(desk: Desk, app: FastAPI, content_type: str) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    await desk.open(path)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example", cookies=desk.browser.cookies) as browser:
        answer = await browser.post(clean(path), content=ODD_FORM, headers={b"content-type": content_type.encode("latin-1")})
    assert answer.status_code == 415
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("content_type", [MULTIPART, f"{MULTIPART}; charset=UTF-8", f'{MULTIPART}; charset="utf8"'])
async def test_a_form_in_utf_8_is_read(desk: Desk, content_type: str) -> None:
    path = clean(await desk.ask(Kind.HOST_OFFER))
    answer = await desk.browser.post(path, content=ODD_FORM, headers={"content-type": content_type})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("address", "status"),
    [("/r/%00", 404), ("/r/x%00/y", 404), ("/r/a%0ab/c", 404), ("/r/x/y%7f", 404), ("/audit/cases/%00", 404), ("/?lang=%00", 400)],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_address_that_no_page_has_is_not_looked_up(desk: Desk, address: str, status: int, method: str) -> None:
    answer = await desk.browser.request(method, address)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == POLICY


async def test_what_cannot_be_kept_is_left_out(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    fields = page.hidden | {"HostOffer.contact": "Bureau\0 du protocole", "do": "save"}
    assert (await desk.browser.post(clean(path), data=fields)).status_code == 303
    _, page = await desk.open(clean(path))
    assert page.form["HostOffer.contact"] == "Bureau du protocole"


async def test_readiness_names_each_part(desk: Desk) -> None:
    answer = await desk.browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"temporal": True, "database": True})
    desk.cases.temporal_is_away = True
    answer = await desk.browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"temporal": False, "database": True})
    assert (await desk.browser.get("/healthz")).status_code == 200


def test_front_end_files_are_those_that_were_published() -> None:
    vendor = ROOT / "web" / "static" / "vendor"
    listed = tomllib.loads((vendor / "vendored.toml").read_text(encoding="utf-8"))
    named = {name: digest for package in listed.values() for name, digest in package["sha256"].items()}
    there = {path.relative_to(vendor).as_posix(): path for path in vendor.rglob("*") if path.is_file() and path.suffix != ".toml"}
    assert {name: sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == named
