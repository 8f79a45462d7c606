"""The page of a letter holds on a narrow screen, in light and dark, in both directions of writing, and fetches nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, async_playwright

from tests.mail.conftest import Filing
from tests.mail.situations import LETTERS
from tests.mail.test_composed import read, text_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (320, 600, 1280)
LEAST_CONTRAST = 4.5
FOREIGN = re.compile(
    r"<(?:img|link|script|iframe|object|embed|video|audio|source|form|input)\b|url\(|@import|\bsrc=|\bon\w+=", re.IGNORECASE
)

MEASURE = """() => {
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    if (!text) continue;
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const box = range.getBoundingClientRect();
    const holder = walk.currentNode.parentElement;
    found.push({text, left: box.left, right: box.right, colour: getComputedStyle(holder).color, on: background(holder)});
  }
  const link = document.querySelector('a');
  const go = link.getBoundingClientRect();
  const direction = getComputedStyle(link).direction;
  return {found, direction, width: document.documentElement.scrollWidth, go: [go.left, go.right, go.height]};
}"""


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    async with async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        await running.close()


def luminance(colour: str) -> float:
    """The relative luminance of a colour as the browser writes it (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


async def measured(browser: Browser, html: str, width: int, scheme: Any) -> tuple[dict[str, Any], list[str]]:
    """What a page looks like on a screen, and what it wanted to fetch."""
    page = await browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
    fetched: list[str] = []

    async def stop(route: Route) -> None:
        fetched.append(route.request.url)
        await route.abort()

    await page.route("**/*", stop)
    await page.set_content(html)
    found: dict[str, Any] = await page.evaluate(MEASURE)
    await page.close()
    return found, fetched


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_letter_holds_narrow_and_wide_light_and_dark(filing: Filing, browser: Browser, language: str) -> None:
    html = text_of(read((await (await filing(language)).mail("ask_host_offer")).eml), "html")
    grounds = {}
    for width, scheme in product(WIDTHS, ("light", "dark")):
        page, fetched = await measured(browser, html, width, scheme)
        assert (fetched, page["width"]) == ([], width)
        assert [one["text"] for one in page["found"] if one["left"] < 0 or one["right"] > width] == []
        faint = [one for one in page["found"] if contrast(one["colour"], one["on"]) < LEAST_CONTRAST]
        assert faint == [], (width, scheme)
        grounds[scheme] = page["found"][-1]["on"]
        left, right, height = page["go"]
        assert height >= 44, "as large as a thumb"
        before, behind = (left, width - right) if language == "en" else (width - right, left)
        assert before < behind or (width, before) == (WIDTHS[0], behind), "at the start of its line, which it can fill on a phone"
    assert luminance(grounds["dark"]) < 0.1 < luminance(grounds["light"])


@pytest.mark.browser
async def test_arabic_stays_right_to_left_where_a_client_keeps_only_what_is_in_the_body(filing: Filing, browser: Browser) -> None:
    html = text_of(read((await (await filing("ar")).mail("ask_host_offer")).eml), "html")
    inner = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL).partition('style="margin:0')[2].partition(">")[2]
    page, _ = await measured(browser, f"<!doctype html><html><body>{inner.partition('</body>')[0]}", 320, "light")
    left, right, _ = page["go"]
    assert left > 320 - right
    assert (page["direction"], page["width"]) == ("rtl", 320)


async def test_no_letter_brings_anything_to_be_fetched_or_run(filing: Filing) -> None:
    for language in ("fr", "ar"):
        file = await filing(language)
        for name in LETTERS:
            file.case.ending, file.case.reason = None, ""
            html = text_of(read((await file.mail(name)).eml), "html")
            assert FOREIGN.findall(html) == [], name
