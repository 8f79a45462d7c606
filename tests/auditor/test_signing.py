"""Signing in and out of the auditors' pages, and what opens without it: nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import update

from models.words import LANGUAGES, Role
from store.tables import users as user_rows
from store.users import TRIES
from tests.auditor.situations import OURS, PASSWORD, Room
from tests.web.situations import Counter
from web.app import build
from web.auditor.gate import local
from workplace import Workplace

FREE = ("/audit/sign-in",)


def ways(app: FastAPI) -> list[tuple[str, str]]:
    """Every address and method below /audit but those of the sign-in page, with something in place of each parameter."""
    found = [
        (re.sub(r"\{\w+\}", "AMEDIP-2027-0001", path), method.upper())
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/audit") and path not in FREE
    ]
    assert len(found) > 6
    return found


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_no_address_opens_without_a_session(room: Room) -> None:
    for path, method in ways(room.app):
        for cookie in ({}, {"audit": "x"}, {"audit": ""}):
            room.browser.cookies = httpx.Cookies(cookie)
            answer = await room.browser.request(method, path, headers=OURS)
            assert answer.status_code == 303, (path, method)
            assert answer.headers["location"].startswith("/audit/sign-in"), (path, method)
            if method == "POST":
                assert (await room.browser.post(path)).status_code == 403, path


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_a_role_that_is_not_known_opens_nothing(room: Room) -> None:
    await room.sign_in()
    token = await room.token()
    async with room.workplace.database.begin() as connection:
        await connection.execute(update(user_rows).values(role="director"))
    for path, method in ways(room.app):
        answer = await room.browser.request(method, path, headers=OURS, data={"token": token} if method == "POST" else None)
        assert answer.status_code == 403, (path, method)
    assert (await room.browser.get("/audit/sign-in")).status_code == 403


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
def test_every_address_of_the_auditors_is_walked(app: FastAPI) -> None:
    served = {path for path in app.openapi()["paths"] if path.startswith("/audit")}
    assert served == {
        "/audit",
        "/audit/sign-in",
        "/audit/sign-out",
        "/audit/samples",
        "/audit/samples/{sample}",
        "/audit/samples/{sample}/cases.txt",
        "/audit/cases/{number}",
        "/audit/cases/{number}/timeline",
        "/audit/cases/{number}/events",
        "/audit/cases/{number}/runs/{run}/history.json",
        "/audit/cases/{number}/exceptions",
        "/audit/cases/{number}/at",
        "/audit/cases/{number}/papers",
        "/audit/cases/{number}/contents/{sha256}",
        "/audit/cases/{number}/contents/{sha256}/file",
        "/audit/cases/{number}/proof",
        "/audit/cases/{number}/receipts/{response}/{name}",
        "/audit/cases/{number}/log/{index}.tlog-proof",
        "/audit/cases/{number}/bundle",
        "/audit/cases/{number}/verify",
        "/audit/proof",
    }
    hidden = [route for route in app.routes if isinstance(route, APIRoute) and not route.include_in_schema]
    assert hidden == []


@pytest.mark.parametrize("role", list(Role))
async def test_both_roles_sign_in_and_find_cases(room: Room, role: Role) -> None:
    await room.workplace.users.add("some-office", role, PASSWORD)
    answer = await room.sign_in("some-office")
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit")
    answer, page = await room.open("/audit", lang="en")
    assert answer.status_code == 200
    assert ("some-office" in page.words, role.value in page.words) == (True, True)


async def test_a_name_is_taken_however_it_is_typed(room: Room) -> None:
    assert (await room.sign_in("  Audit-OFFICE ")).status_code == 303


async def test_every_refusal_says_the_same_and_keeps_the_name(room: Room) -> None:
    for name in ("disabled-office", "shut-office"):
        await room.workplace.users.add(name, Role.AUDITOR, PASSWORD)
    await room.workplace.users.disable("disabled-office")
    for _ in range(TRIES):
        await room.sign_in("shut-office", "wrong wrong wrong")
    said = set()
    tries = [("nobody", PASSWORD), ("audit-office", "wrong wrong wrong"), ("disabled-office", PASSWORD), ("shut-office", PASSWORD)]
    for name, password in tries:
        answer, page = await room.post("/audit/sign-in", {"name": name, "password": password, "next": "/audit/samples"})
        assert (answer.status_code, page.form["name"], page.form["next"]) == (403, name, "/audit/samples")
        assert "set-cookie" not in answer.headers
        assert password not in answer.text
        said.add(answer.text.replace(name, "NAME"))
    assert len(said) == 1
    assert room.workplace.words.say("en", "audit.sign_in_refused") in page.words


async def test_a_session_is_always_a_new_one_and_the_former_ends(room: Room) -> None:
    room.browser.cookies.set("audit", "chosen-by-another", domain="pages.example")
    await room.sign_in()
    first = room.browser.cookies["audit"]
    await room.sign_in()
    second = room.browser.cookies["audit"]
    assert len({first, second, "chosen-by-another"}) == 3
    assert await room.workplace.sessions.of(first) is None
    assert await room.workplace.sessions.of(second) is not None


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(room: Room) -> None:
    cookie = (await room.sign_in()).headers["set-cookie"]
    assert re.fullmatch(r"audit=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)


async def test_over_https_the_cookie_is_bound_to_the_host(cases: Counter, workplace: Workplace, room: Room) -> None:
    async def ready() -> dict[str, bool]:
        return {}

    workplace.public_url = "https://pages.example"
    transport = httpx.ASGITransport(build(cases, workplace, ready=ready))
    async with httpx.AsyncClient(transport=transport, base_url="https://pages.example") as browser:
        secure = Room(room.app, workplace, browser, room.clock)
        fields = {"name": "audit-office", "password": PASSWORD}
        answer, _ = await secure.post("/audit/sign-in", fields, {"origin": "https://pages.example"})
        assert re.fullmatch(r"__Host-audit=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", answer.headers["set-cookie"])
        answer, _ = await secure.open("/audit", lang="fr")
        assert (answer.status_code, answer.headers["set-cookie"][:18]) == (200, "__Host-language=fr")


async def test_signing_out_ends_the_session(room: Room) -> None:
    await room.sign_in()
    kept = room.browser.cookies["audit"]
    answer, _ = await room.post("/audit/sign-out", {"token": await room.token()})
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit/sign-in?out=1")
    assert "audit" not in room.browser.cookies
    assert await room.workplace.sessions.of(kept) is None
    assert room.workplace.words.say("en", "audit.signed_out") in (await room.open("/audit/sign-in", out="1"))[1].words


ELSEWHERE = [
    {},
    {"origin": "null"},
    {"origin": "https://elsewhere.example"},
    {"origin": "http://pages.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://elsewhere.example", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-site"},
]


async def test_a_form_that_does_not_come_from_our_pages_does_nothing(room: Room) -> None:
    fields = {"name": "audit-office", "password": PASSWORD}
    for headers in ELSEWHERE:
        assert (await room.post("/audit/sign-in", fields, headers))[0].status_code == 403, headers
    assert "audit" not in room.browser.cookies
    await room.sign_in()
    token = await room.token()
    for headers in ELSEWHERE:
        for path in ("/audit/sign-out", "/audit/samples"):
            assert (await room.post(path, {"token": token, "size": "1"}, headers))[0].status_code == 403, (path, headers)
    assert (await room.open("/audit"))[0].status_code == 200


async def test_a_form_made_for_another_session_does_nothing(room: Room) -> None:
    await room.sign_in()
    other = await room.token()
    await room.sign_in()
    await room.publish("AMEDIP-2027-0001")
    for token in ("", "x", "é", "0" * 56, None, other):
        for path in ("/audit/sign-out", "/audit/samples"):
            fields = {"size": "1"} if token is None else {"size": "1", "token": token}
            answer, page = await room.post(path, fields)
            assert (answer.status_code, room.workplace.words.say("en", "audit.stale") in page.words) == (403, True), token
    assert (await room.open("/audit"))[0].status_code == 200
    assert await room.workplace.samples.page(10) == []


async def test_an_idle_session_asks_to_sign_in_and_leads_back(room: Room) -> None:
    await room.sign_in()
    room.clock.now += timedelta(hours=1)
    answer, _ = await room.open("/audit/cases/AMEDIP-2027-0001", lang="fr")
    assert answer.status_code == 303
    answer, page = await room.open(answer.headers["location"])
    assert page.form["next"] == "/audit/cases/AMEDIP-2027-0001?lang=fr"
    answer, _ = await room.post("/audit/sign-in", page.form | {"name": "audit-office", "password": PASSWORD})
    assert answer.headers["location"] == "/audit/cases/AMEDIP-2027-0001?lang=fr"
    assert (await room.open("/audit/sign-in", next="/audit/samples"))[0].headers["location"] == "/audit/samples"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "//elsewhere.example",
        "https://elsewhere.example/audit",
        "/\\elsewhere.example",
        "/audit/../r/x",
        "/audit//elsewhere.example",
        "/audit\\x",
        "/audit\r\nSet-Cookie: x",
        "/auditors",
        "/r/x",
        "/audit/sign-out",
        "/audit/sign-in?next=/audit",
        "/audit/é",
        "/audit?" + "x" * 1000,
        "javascript:alert(1)",
        "/audit/cases/\0",
    ],
)
def test_nobody_is_led_away(asked: str) -> None:
    assert local(asked) == "/audit"


async def test_nobody_is_led_away_after_signing_in(room: Room) -> None:
    for asked in ("//elsewhere.example", "https://elsewhere.example/audit"):
        assert (await room.sign_in(next=asked)).headers["location"] == "/audit"
        assert (await room.open("/audit/sign-in", next=asked))[0].headers["location"] == "/audit"


@pytest.mark.parametrize(
    "asked", ["/audit", "/audit?country=SN&page=2", "/audit/samples/S-0123456789abcdef", "/audit/cases/A-2027-0001"]
)
def test_pages_of_the_auditors_are_led_back_to(asked: str) -> None:
    assert local(asked) == asked


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_language_chosen_stays(room: Room, language: str) -> None:
    say = room.workplace.words.say
    await room.open("/audit/sign-in", lang=language)
    await room.sign_in()
    _, page = await room.open("/audit")
    html = page.all("html")[0]
    assert say(language, "audit.find") in page.words
    assert (html["dir"], html["lang"][:2]) == ("rtl" if language == "ar" else "ltr", language)
    other = "fr" if language != "fr" else "pt"
    assert say(other, "audit.find") in (await room.open("/audit", lang=other))[1].words


async def test_too_many_at_once_are_asked_to_come_back(room: Room) -> None:
    room.workplace.users.passwords._waiting = 100
    answer, page = await room.post("/audit/sign-in", {"name": "audit-office", "password": PASSWORD})
    assert (answer.status_code, room.workplace.words.say("en", "audit.busy_refused") in page.words) == (503, True)
