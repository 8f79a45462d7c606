"""What every request passes: opening never acts, other sites cannot post, bodies have a limit, headers keep pages to themselves."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from fastapi import FastAPI

from models.words import OPTIONS, Kind
from tests.web.situations import ROOT, Desk
from web.guard import LARGEST_BODY, POLICY

OFFER = {"option": "offer", "HostOffer.start": "2027-05-10"}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_opening_a_link_never_acts(desk: Desk, kind: Kind, method: str) -> None:
    path = await desk.ask(kind)
    before = (await desk.cases.case("AMEDIP-2027-0001")).model_dump()
    for option in OPTIONS[kind]:
        query = {"option": option, "response": "a" * 32, "done": "b" * 32, "Remarks.remarks": "x"}
        await desk.browser.request(method, path, params=query)
    assert (await desk.cases.case("AMEDIP-2027-0001")).model_dump() == before
    assert await desk.cases.taken_in() == []


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_only_a_posted_form_can_change_anything(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    writing = {(path, method) for path, methods in paths.items() for method in methods if method not in ("get", "head")}
    assert writing == {("/r/{token}", "post")}


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://elsewhere.example"}, {"origin": "x"}],
)
async def test_another_site_cannot_post_an_answer(desk: Desk, headers: dict[str, str]) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    answer = await desk.browser.post(path, data=OFFER, headers=headers)
    assert answer.status_code == 403
    assert (await desk.step()).is_open


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
    answer = await desk.browser.post(path, data=OFFER, headers=headers)
    assert answer.status_code == 303


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
    path = await desk.ask(Kind.HOST_OFFER)

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
    path = await desk.ask(Kind.HOST_OFFER)
    broken = {"content-type": "multipart/form-data; boundary=b"}
    assert (await desk.browser.post(path, content=b"--x\r\nnothing", headers=broken)).status_code in (400, 422)
    assert (
        await desk.browser.post(path, content=b"\xff\xfe=%zz&option=%ff", headers={"content-type": "text/plain"})
    ).status_code == 422


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
