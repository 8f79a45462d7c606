"""The answer page at the end of a slow line: 50 kbit/s, 800 ms there and back, in a real Chromium, its cache empty and warm."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from shutil import which

from playwright.async_api import Page, ViewportSize, async_playwright

from bench.answering import REQUEST, STEPS, is_open, page_of
from bench.starting import dev
from bench.tables import heading, note, rows
from dev import beside_dev
from rehearsal.scenario import load_toml
from settings import read_settings
from worker import client_of, workplace_of

BITS, DELAY_MS, PATIENCE_MS = 50_000, 800, 120_000
PAINTED = """() => new Promise(done => new PerformanceObserver(
    list => list.getEntriesByName('first-contentful-paint').forEach(entry => done(entry.startTime))
).observe({type: 'paint', buffered: true}))"""
PHONE: ViewportSize = {"width": 360, "height": 800}


async def measure() -> None:
    """Open a question, open it again, answer it."""
    heading("Slow line", "a question opened, opened again, answered at 50 kbit/s with 800 ms of delay")
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-", ignore_cleanup_errors=True) as name:
        async with dev(Path(name)) as running, async_playwright() as playwright:
            settings = beside_dev(read_settings(data=running.data, port=running.port))
            workplace = workplace_of(settings)
            cases = workplace.cases(await client_of(settings))
            case = (await cases.launch(load_toml(REQUEST))).case
            await is_open(cases, case, STEPS[:1])
            link = await page_of(workplace, cases, case, STEPS[0])
            browser = await playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
            page = await (await browser.new_context(viewport=PHONE)).new_page()
            page.set_default_timeout(PATIENCE_MS)
            wire = await page.context.new_cdp_session(page)
            await wire.send("Network.enable")
            line = {"offline": False, "latency": DELAY_MS, "downloadThroughput": BITS / 8, "uploadThroughput": BITS / 8}
            await wire.send("Network.emulateNetworkConditions", line)
            lines = [await opened(page, f"http://127.0.0.1:{running.port}{link}", "opened, empty cache")]
            lines.append(await opened(page, page.url, "opened again"))
            lines.append(await answered(page))
            await browser.close()
            await workplace.close()
    rows(["what", "readable after s", "all there after s"], lines)
    note("Readable: the browser has painted the page's text. The answer is two pages: what is filled in, and its confirmation.")


async def opened(page: Page, address: str, what: str) -> list[str]:
    """The seconds until an address can be read, and until all of it is there."""
    began = time.perf_counter()
    await page.goto(address, wait_until="load")
    whole = time.perf_counter() - began
    painted = await page.evaluate(PAINTED)
    return [what, f"{painted / 1000:.1f}", f"{whole:.1f}"]


async def answered(page: Page) -> list[str]:
    """The seconds from the first press to the page that says what was recorded."""
    await page.locator("input[type=radio]").first.check()
    began = time.perf_counter()
    await page.locator("button[value=review]").last.click()
    await page.locator("button[value=record]").click()
    await page.get_by_role("status").first.wait_for()
    return ["answered, two pages", f"{time.perf_counter() - began:.1f}", f"{time.perf_counter() - began:.1f}"]
