"""The answer page in a real browser, without script: whole on a phone and on a desk, and enough to answer with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from models.words import Kind
from tests.web.situations import Desk, a_paper, decided

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SHOTS = os.environ.get("SCREENSHOTS", "")
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && (box.left < -1 || box.right > innerWidth + 1);
}).map(e => e.outerHTML.slice(0, 80))"""
CLIPPED = """() => [...document.querySelectorAll('main *')].filter(e =>
    !['TEXTAREA', 'INPUT', 'SELECT', 'OPTION'].includes(e.tagName) && getComputedStyle(e).overflow !== 'visible'
    && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)).map(e => e.outerHTML.slice(0, 80))"""
BROKEN = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    for (let text; text = texts.nextNode();) for (const date of text.data.matchAll(/[A-Z-]*[0-9]{4}-[0-9-]+/g)) {
        const range = document.createRange();
        range.setStart(text, date.index);
        range.setEnd(text, date.index + date[0].length);
        if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) found.push(date[0]);
    }
    return found;
}"""
WIDE = "() => document.documentElement.scrollWidth > innerWidth ? ['the page is too wide'] : []"
WIDTHS = (320, 360, 1280)
LONG = "Direction-générale-de-la-formalisation-des-transferts-et-de-la-coopération " * 3


async def opened(browser: Browser, address: str) -> Page:
    """A page on a phone that runs no script of its own."""
    context = await browser.new_context(viewport={"width": 360, "height": 800}, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(address)
    return page


async def faults_of_layout(page: Page, name: str) -> list[str]:
    """What sticks out of the window, is cut off, or is a date or number broken over two lines, at each width.

    Screenshots are left where SCREENSHOTS says.
    """
    found = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width}: {fault}" for script in (WIDE, OUTSIDE, CLIPPED, BROKEN) for fault in await page.evaluate(script)]
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
    return found


@pytest.mark.parametrize("language", ["fr", "ar"])
@pytest.mark.parametrize("kind", [Kind.HOST_OFFER, Kind.NOMINATION, Kind.CLEARANCE, Kind.DECISION, Kind.AGENDA])
async def test_nothing_sticks_out_or_is_cut_off(desk: Desk, browser: Browser, address: str, kind: Kind, language: str) -> None:
    path = await desk.ask(kind, names=(LONG, "Participant 2"))
    page = await opened(browser, f"{address}{path}?lang={language}")
    assert await faults_of_layout(page, f"{kind}-{language}") == []
    await page.get_by_role("button").click()
    assert await page.locator("#faults").count() == 1
    assert await faults_of_layout(page, f"{kind}-faults-{language}") == []


@pytest.mark.parametrize("language", ["fr", "ar"])
async def test_what_stands_is_whole_too(desk: Desk, browser: Browser, address: str, language: str) -> None:
    path = await desk.ask(Kind.HOST_OFFER, **decided("refuse", by="OFFICE", behalf="MA-POSTE", late=True))
    page = await opened(browser, f"{address}{path}?lang={language}")
    assert await faults_of_layout(page, f"answered-{language}") == []


async def test_a_host_offers_without_script(desk: Desk, browser: Browser, address: str) -> None:
    page = await opened(browser, address + await desk.ask(Kind.HOST_OFFER))
    await page.get_by_label("Faire une offre").check()
    await page.get_by_role("button").click()
    assert await page.evaluate("() => document.activeElement.id") == "HostOffer.start"
    await page.get_by_label("Premier jour").fill("2027-05-10")
    await page.get_by_label("Personne à contacter").fill("Bureau du protocole")
    await page.get_by_role("button").click()
    assert "Réponse enregistrée" in await page.get_by_role("status").inner_text()
    assert (await desk.form())["contact"] == "Bureau du protocole"
    await page.reload()
    assert "Réponse enregistrée" in await page.get_by_role("status").inner_text()


async def test_people_are_nominated_without_script(desk: Desk, browser: Browser, address: str) -> None:
    page = await opened(browser, address + await desk.ask(Kind.NOMINATION, names=()))
    await page.get_by_label("Désigner", exact=True).check()
    for n, name in ((0, "Participant 1"), (2, "مشارك 2")):
        row = page.locator("fieldset.row-group").nth(n)
        await row.get_by_label("Nom").fill(name)
        await row.get_by_label("Adresse électronique").fill(f"participant.{n}@poste-sn.example")
    await page.locator("fieldset.row-group").nth(2).get_by_label("Suppléant").check()
    await page.get_by_role("button").click()
    assert "Réponse enregistrée" in await page.get_by_role("status").inner_text()
    await page.go_back()
    assert "déjà" in await page.get_by_role("status").inner_text()
    decision = (await desk.step()).decision
    assert decision is not None
    assert [nominee.substitute for nominee in decision.facts.nominees] == [False, True]


async def test_the_paper_is_kept_as_a_file(desk: Desk, browser: Browser, address: str) -> None:
    paper = await desk.workplace.contents.put(b"%PDF-1.7 terms", "application/pdf")
    path = await desk.ask(Kind.HOST_AGREEMENT, paper=paper)
    case = await desk.cases.case("AMEDIP-2027-0001")
    case.papers = [a_paper(paper)]
    await desk.publish(case)
    page = await opened(browser, address + path)
    async with page.expect_download() as kept:
        await page.get_by_role("link", name="PDF").click()
    assert (await kept.value).suggested_filename == "AMEDIP-2027-0001-terms_of_reference-fr.pdf"
