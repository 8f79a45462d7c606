"""The auditors' pages in a real browser: whole on a phone and on a desk, clean in axe, in four languages."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, cast

import httpx
import pytest
import pytest_asyncio
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright
from temporalio.client import Client

from models.words import LANGUAGES, Role
from rehearsal.stage import NOTARY, VAULT
from store.database import Database
from store.finding import Filter
from tests.audit.kept import CASE
from tests.auditor.played import Here, Shelved, a_mail, filled
from tests.auditor.situations import ENDED, PASSWORD, Room, cheap
from tests.browser.test_answer_page import faults_of_layout
from tests.web.situations import ROOT, Clock
from web.app import build
from workplace import Workplace, load_programmes

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.asyncio(loop_scope="module")]

NUMBERS = [f"AMEDIP-2027-{n:04d}" for n in range(1, 5)]


class Open(NamedTuple):
    """A browser before the pages, and the address of a sample."""

    browser: Browser
    address: str
    sample: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(seeded: Path, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """The pages on a free port of this machine, with cases, a sample and an account."""
    file, clock = tmp_path_factory.mktemp("auditors") / "passerelle.db", Clock()
    shutil.copy(seeded, file)
    place = Workplace(
        Database.open(f"sqlite+aiosqlite:///{file}", durable=False, vault=VAULT),
        load_programmes(ROOT / "programmes"),
        public_url="http://pages.example",
        task_queue="none",
        link_key=b"k" * 32,
        notary=NOTARY,
        clock=clock,
    )
    parts = place.reference, place.parties, place.facts, place.programmes, place.issuing
    cases = Shelved(cast(Client, None), place.database, *parts, task_queue="none", clock=clock)

    async def ready() -> dict[str, bool]:
        return {}

    app = build(cases, place, ready=ready, machine=Here())
    place.users.passwords = cheap()
    await place.users.add("audit-office", Role.AUDITOR, PASSWORD)
    await Room(app, place, cast(httpx.AsyncClient, None), clock).publish(*NUMBERS[:3], partner="MA-POSTE")
    await Room(app, place, cast(httpx.AsyncClient, None), clock).publish(NUMBERS[3], **ENDED)
    await filled(place, "answered-on-behalf", a_mail())
    sample = await place.samples.draw("audit-office", Filter(country="SN"), NUMBERS, "lot-2", 2)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield Open(browser, f"http://{host}:{port}", f"/audit/samples/{sample.id}")
        await browser.close()
    server.should_exit = True
    await serving
    await place.close()


async def signed_in(opened: Open, language: str = "en") -> Page:
    """A page whose reader has signed in by the form, in a language."""
    page = await (await opened.browser.new_context(viewport={"width": 360, "height": 800})).new_page()
    await page.goto(f"{opened.address}/audit?lang={language}")
    await page.goto(f"{opened.address}/audit/sign-in?lang={language}")
    await page.locator("#name").fill("audit-office")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("main button").click()
    await page.wait_for_url(f"{opened.address}/audit")
    return page


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_page_is_cut_off_or_has_a_fault_of_accessibility(opened: Open, language: str) -> None:
    found: dict[str, list[str]] = {}
    page = await signed_in(opened, language)
    assert await page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")

    async def check(name: str, widths: tuple[int, ...] = (360, 1280)) -> None:
        found[name] = await faults_of_layout(page, f"audit-{name}-{language}")
        for width in widths:
            await page.set_viewport_size({"width": width, "height": 800})
            result = (await Axe().run(page)).response
            found[name] += [f"{width} {fault['id']}: {fault['nodes'][0]['html'][:120]}" for fault in result["violations"]]

    await check("find")
    rest = {"samples": "/audit/samples", "missing": "/audit/cases/x", "wrong": "/audit?number=%25&phase=x"}
    for name, path in {
        "sample": opened.sample,
        "case": f"/audit/cases/{NUMBERS[3]}",
        **(rest if language == "ar" else {}),
    }.items():
        await page.goto(opened.address + path)
        await check(name, (360,) if language == "ar" else ())
    await page.locator("header button").click()
    await page.wait_for_url("**/sign-in?out=1")
    await page.locator("#name").fill("nobody")
    await page.locator("#password").fill("not the word at all")
    await page.locator("main button").click()
    await page.get_by_role("alert").wait_for()
    assert await page.locator("#name").input_value() == "nobody"
    await check("sign-in")
    await page.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


PARTS = ("", "/timeline", "/at?moment=12", "/papers", "/exceptions", "/proof", "/events?run=1&first=1&last=9")


@pytest.mark.parametrize(("language", "width"), [("ar", 360), ("fr", 1280)])
async def test_no_part_of_a_case_is_cut_off_or_has_a_fault_of_accessibility(opened: Open, language: str, width: int) -> None:
    found: dict[str, list[str]] = {}
    page = await signed_in(opened, language)
    for path in (*(f"/audit/cases/{CASE}{part}" for part in PARTS), "/audit/proof", f"/audit/cases/{CASE}/verify"):
        if path.endswith("/verify"):
            await page.goto(opened.address + path.replace("verify", "proof"))
            await page.locator("form[action$=verify] button").click()
            await page.wait_for_url("**/verify")
        else:
            await page.goto(opened.address + path)
        name = path.removeprefix("/audit/").partition("?")[0].replace("/", "-")
        found[path] = await faults_of_layout(page, f"audit-{name}-{language}")
        await page.set_viewport_size({"width": width, "height": 800})
        result = (await Axe().run(page)).response
        found[path] += [f"{fault['id']}: {fault['nodes'][0]['html'][:160]}" for fault in result["violations"]]
    await page.goto(f"{opened.address}/audit/cases/{CASE}/at?moment=2")
    slider = page.locator("#moment")
    await slider.focus()
    await page.keyboard.press("ArrowUp")
    said = await slider.get_attribute("aria-valuetext")
    assert said == await page.locator("#moment-chosen").inner_text() != await page.locator("h2").first.inner_text()
    await page.locator("main form button").first.press("Enter")
    await page.wait_for_url("**/at?moment=3")
    await page.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


async def test_a_case_is_found_and_a_sample_drawn_without_script_by_keyboard(opened: Open) -> None:
    context = await opened.browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{opened.address}/audit?number=0002&lang=en")
    await page.get_by_label("Account name").press_sequentially("audit-office")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/audit?number=0002&lang=en")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    await page.get_by_label("Seed").fill("lot-3")
    await page.get_by_label("Seed").press("Enter")
    await page.wait_for_url("**/audit/samples/S-*")
    assert await page.locator("ol a").all_inner_texts() == ["AMEDIP-2027-0002"]
    (cookie,) = [one for one in await context.cookies() if one.get("name") == "audit"]
    assert (cookie.get("httpOnly"), cookie.get("sameSite"), cookie.get("expires")) == (True, "Lax", -1)
    await context.close()
