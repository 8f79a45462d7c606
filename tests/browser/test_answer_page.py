"""The answer page in a real browser, without script: whole on a phone and on a desk, and enough to answer with."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from models.forms import FORMS as MODELS
from models.words import LANGUAGES, OPTIONS, Kind
from tests.web.situations import FORMS, Desk, a_paper, clean, decided
from web.respond.fields import FIELDS, inputs_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SHOTS = os.environ.get("SCREENSHOTS", "")
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && (box.left < -1 || box.right > innerWidth + 1);
}).map(e => e.outerHTML.slice(0, 80))"""
CLIPPED = """() => [...document.querySelectorAll('main *')].filter(e =>
    !['TEXTAREA', 'INPUT', 'SELECT', 'OPTION'].includes(e.tagName) && !e.classList.contains('visually-hidden')
    && getComputedStyle(e).overflow !== 'visible'
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
OVERLAPPING = """() => {
    const seen = [...document.querySelectorAll('h1,h2,p,li,dt,dd,legend,label,input,select,textarea,button,nav a')].filter(e =>
        e.getBoundingClientRect().width > 1 && !e.classList.contains('visually-hidden') && getComputedStyle(e).display !== 'none');
    const found = [];
    for (const [n, one] of seen.entries()) for (const other of seen.slice(n + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 2 && high > 2) found.push(one.outerHTML.slice(0, 60) + ' over ' + other.outerHTML.slice(0, 60));
    }
    return found;
}"""
SCRIPTS = (WIDE, OUTSIDE, CLIPPED, BROKEN, OVERLAPPING)
WIDTHS = (320, 360, 1280)
LONG = "Direction-générale-de-la-formalisation-des-transferts-et-de-la-coopération " * 3
NAMED = (LONG, "Participant 2")


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
        found += [f"{width}: {fault}" for script in SCRIPTS for fault in await page.evaluate(script)]
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
    return found


async def pressed(page: Page, do: str = "review") -> None:
    """Press a button of the page as somebody does who sees it."""
    await page.locator(f"button[value={do}]:not(.visually-hidden)").click()


async def put(desk: Desk, kind: Kind) -> str:
    """A question of a kind with the papers it needs, its people with long names."""
    paper = await desk.keep({"summary": "In short.", "text": "What was seen."}) if kind is Kind.REPORT_REVIEW else ""
    return await desk.ask(kind, names=NAMED, paper=paper, about=("N1",) if paper else ("N1", "N2"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", ["open", "faults", "confirming"])
async def test_nothing_sticks_out_overlaps_or_is_cut_off(
    desk: Desk, browser: Browser, address: str, language: str, state: str
) -> None:
    found = {}
    for kind in Kind:
        page = await opened(browser, f"{address}{await put(desk, kind)}?lang={language}")
        if state == "faults":
            await pressed(page)
        elif state == "confirming":
            await fill(page, kind)
            await pressed(page)
            assert await page.locator("button[value=record]").count() == 1, kind
        found[kind] = await faults_of_layout(page, f"{kind}-{state}-{language}")
        await page.context.close()
    assert {kind: faults for kind, faults in found.items() if faults} == {}


async def fill(page: Page, kind: Kind) -> None:
    """Fill a page with a plausible form of its kind's first option."""
    option = next(iter(OPTIONS[kind]))
    if len(OPTIONS[kind]) > 1:
        await page.locator(f"#option-{option}").check()
    name = MODELS[kind, option].__name__
    for field, value in inputs_of(FIELDS[name], name, FORMS[kind, option]).items():
        control = page.locator(f"[id='{field}']")
        tag = await control.evaluate("e => e.tagName + e.type")
        if tag == "INPUTcheckbox":
            await control.check()
        elif tag.startswith("SELECT"):
            await control.select_option(value)
        else:
            await control.fill(value)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_stands_and_the_small_pages_are_whole_too(desk: Desk, browser: Browser, address: str, language: str) -> None:
    found = {}
    path = await desk.ask(Kind.HOST_OFFER, **decided("refuse", by="OFFICE", behalf="MA-POSTE", late=True))
    page = await opened(browser, f"{address}{path}?lang={language}")
    found["answered"] = await faults_of_layout(page, f"answered-{language}")
    path = await desk.ask(Kind.ACCEPTANCE)
    page = await opened(browser, f"{address}{path}?lang={language}")
    for deed in ("more-time", "delegate", "not-for-me", "recall"):
        await page.goto(f"{address}{clean(path)}/{deed}")
        found[deed] = await faults_of_layout(page, f"{deed}-{language}")
    await desk.ask(Kind.ACCEPTANCE, epoch=1)
    await page.goto(f"{address}{clean(path)}")
    found["dead"] = await faults_of_layout(page, f"dead-{language}")
    await page.context.clear_cookies()
    await page.goto(f"{address}{clean(path)}?lang={language}")
    found["shut"] = await faults_of_layout(page, f"shut-{language}")
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_kind_is_answered_without_script(desk: Desk, browser: Browser, address: str, language: str) -> None:
    say = desk.workplace.words.say
    for kind in Kind:
        page = await opened(browser, f"{address}{await put(desk, kind)}?lang={language}")
        await fill(page, kind)
        await pressed(page)
        await pressed(page, "record")
        assert say(language, "answer.recorded") in await page.get_by_role("status").first.inner_text(), kind
        assert (await desk.step()).option == next(iter(OPTIONS[kind]))
        await page.reload()
        assert say(language, "answer.recorded") in await page.get_by_role("status").first.inner_text(), kind
        await page.context.close()


async def test_a_fault_takes_the_focus_and_nothing_is_lost(desk: Desk, browser: Browser, address: str) -> None:
    page = await opened(browser, address + await desk.ask(Kind.HOST_OFFER))
    await page.get_by_label("Faire une offre").check()
    await page.get_by_label("Personne à contacter").fill("Bureau du protocole")
    await pressed(page)
    await page.wait_for_function("() => document.activeElement.id === 'HostOffer.start'")
    await page.get_by_label("Premier jour").fill("2027-05-10")
    await pressed(page)
    await pressed(page, "record")
    assert (await desk.form())["contact"] == "Bureau du protocole"


async def test_a_question_is_answered_with_the_keyboard_alone(desk: Desk, browser: Browser, address: str) -> None:
    page = await opened(browser, address + await desk.ask(Kind.CONSULTATION))
    await reach(page, "option")
    await page.keyboard.press("Space")
    await reach(page, "Opinion.opinion")
    await page.keyboard.type("Utile.")
    await reach(page, "do")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("button[value=record]")
    await reach(page, "do")
    await page.keyboard.press("Enter")
    await page.get_by_role("status").first.wait_for()
    assert ((await desk.step()).option, (await desk.form())["opinion"]) == ("no_objection", "Utile.")


async def reach(page: Page, name: str) -> None:
    """Go on with the tab key until a control of that name has the focus; every stop on the way is visible."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        at = await page.evaluate(
            "() => [document.activeElement.name, getComputedStyle(document.activeElement).outlineStyle, "
            "getComputedStyle(document.activeElement).boxShadow]"
        )
        assert at[1] != "none" or at[2] != "none", at
        if at[0] == name:
            return
    pytest.fail(f"{name} cannot be reached")


async def test_enter_in_a_field_goes_on_and_records_nothing(desk: Desk, browser: Browser, address: str) -> None:
    page = await opened(browser, address + await desk.ask(Kind.NOMINATION, names=()))
    await page.get_by_label("Désigner", exact=True).check()
    row = page.locator("fieldset.row-group").first
    await row.get_by_label("Adresse électronique").fill("participant.1@poste-sn.example")
    await row.get_by_label("Nom").fill("Participant 1")
    await row.get_by_label("Nom").press("Enter")
    await page.wait_for_selector("button[value=record]")
    assert (await desk.step()).is_open


async def test_back_double_click_and_a_stale_tab_record_once(desk: Desk, browser: Browser, address: str) -> None:
    page = await opened(browser, address + await desk.ask(Kind.HOST_OFFER))
    stale = await page.context.new_page()
    await stale.goto(page.url)
    await fill(page, Kind.HOST_OFFER)
    await pressed(page)
    await page.locator("button[value=record]").dblclick()
    await page.get_by_role("status").first.wait_for()
    await page.go_back()
    assert path_in(page.url).endswith("/confirm")
    assert "déjà" in await page.get_by_role("status").first.inner_text()
    await stale.locator("#option-refuse").check()
    await pressed(stale)
    assert "déjà" in await stale.get_by_role("status").first.inner_text()
    decision = (await desk.step()).decision
    assert decision is not None
    assert decision.option == "offer"


def path_in(url: str) -> str:
    """The path of an address."""
    return urlsplit(url).path


async def test_a_scanner_that_opens_every_link_and_runs_scripts_records_nothing(desk: Desk, browser: Browser, address: str) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    before = (await desk.cases.case("AMEDIP-2027-0001")).model_dump()
    page = await (await browser.new_context()).new_page()
    await page.goto(address + path)
    for link in await page.evaluate("() => [...document.querySelectorAll('a')].map(a => a.href)"):
        if not link.endswith(".ics"):
            await page.goto(link)
    assert (await desk.cases.case("AMEDIP-2027-0001")).model_dump() == before
    assert await desk.cases.taken_in() == []
    page = await opened(browser, address + path)
    await fill(page, Kind.HOST_OFFER)
    await pressed(page)
    await pressed(page, "record")
    assert (await desk.step()).option == "offer"


async def test_a_file_is_attached_without_script(desk: Desk, browser: Browser, address: str, tmp_path: Path) -> None:
    file = tmp_path / "rapport.pdf"
    file.write_bytes(b"%PDF-1.7 report")
    page = await opened(browser, address + await desk.ask(Kind.REPORT))
    await page.locator("[id='Report.summary']").fill("En bref.")
    await page.locator("button[value='attach:Report.file']").click()
    await page.locator("input[type=file]").set_input_files(file)
    await page.locator("button").click()
    assert await page.locator("[id='Report.summary']").input_value() == "En bref."
    await pressed(page)
    await pressed(page, "record")
    assert await desk.workplace.contents.get((await desk.form())["file"]) == b"%PDF-1.7 report"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_page_has_a_fault_of_accessibility(desk: Desk, browser: Browser, address: str, language: str) -> None:
    found: dict[str, list[str]] = {}
    context = await browser.new_context(viewport={"width": 360, "height": 800})
    page = await context.new_page()

    async def check(name: str) -> None:
        result = (await Axe().run(page)).response
        found[name] = [f"{fault['id']}: {fault['nodes'][0]['html'][:120]}" for fault in result["violations"]]

    for kind in Kind:
        await page.goto(f"{address}{await put(desk, kind)}?lang={language}")
        await check(f"{kind} open")
        await pressed(page)
        await check(f"{kind} faults or confirming")
    path = await put(desk, Kind.ACCEPTANCE)
    await page.goto(f"{address}{path}?lang={language}")
    for deed in ("more-time", "delegate", "not-for-me", "recall"):
        await page.goto(f"{address}{clean(path)}/{deed}")
        await check(deed)
    await page.goto(f"{address}{await put(desk, Kind.REPORT)}")
    await page.locator("button[value='attach:Report.file']").click()
    await check("upload")
    await page.goto(f"{address}{await desk.ask(Kind.HOST_OFFER, names=NAMED, **decided('offer'))}")
    await check("answered")
    path = await desk.ask(Kind.HOST_OFFER, names=NAMED)
    await page.goto(f"{address}{path}")
    await desk.ask(Kind.HOST_OFFER, names=NAMED, epoch=1)
    await page.goto(f"{address}{clean(path)}")
    await check("dead")
    await context.clear_cookies()
    await page.goto(f"{address}{clean(path)}?lang={language}")
    await check("shut")
    await page.get_by_role("button").click()
    await check("sent")
    await page.goto(f"{address}/r/x?lang={language}")
    await check("unknown")
    desk.want_code(Kind.AGENDA)
    await page.goto(f"{address}{await put(desk, Kind.AGENDA)}")
    await check("code")
    await page.get_by_role("button").click()
    await page.get_by_role("textbox").fill("1")
    await page.get_by_role("button").first.click()
    await check("wrong code")
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("language", ["fr", "ar"])
async def test_a_page_is_light(desk: Desk, browser: Browser, address: str, language: str) -> None:
    sizes = {}
    for kind in Kind:
        context = await browser.new_context(viewport={"width": 360, "height": 800})
        page = await context.new_page()
        path = await put(desk, kind)
        sizes[kind] = await weight(page, f"{address}{path}?lang={language}"), await weight(page, f"{address}{clean(path)}")
        await context.close()
    assert {kind: size for kind, size in sizes.items() if size[0] > COLD or size[1] > WARM} == {}
    assert all(cold > 20_000 and warm > 500 for cold, warm in sizes.values())


COLD, WARM = 60_000, 15_000


async def weight(page: Page, address: str) -> float:
    """The bytes over the wire until a page is there, headers included."""
    wire = await page.context.new_cdp_session(page)
    await wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await page.goto(address, wait_until="networkidle")
    await wire.detach()
    return sum(sizes)


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
