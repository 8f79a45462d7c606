"""P3: from the press of the button to the page that says "recorded", over HTTP, against a real `passerelle dev`."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx

from bench.servers import processor_seconds
from bench.starting import Dev, dev
from bench.tables import against, heading, note, percentile, rows
from cases import Cases
from dev import SERVER, beside_dev
from evidence.links import Link
from models.errors import Missing, Unreachable
from models.words import OPTIONS, Kind
from rehearsal.scenario import load_toml
from settings import read_settings
from worker import client_of, workplace_of
from workplace import Workplace

REQUEST = Path(__file__).resolve().parent.parent / "data" / "requests" / "01-sn-poste-study-visit.toml"
CLIENTS = ((1, 12), (20, 60))
"""Clients at once, and cases in all; each case is answered three times."""

P50_MS, P95_MS = 40.0, 250.0
PAGE_CLIENTS, PAGE_TIMES, PAGE_P95_MS = 20, 20, 60.0
WARM_UP = 4
STEPS = ("completeness-1", "consultation-1", "consultation-2")
LINK_LIFE = timedelta(days=30)
OPEN_SECONDS = 60.0


class Form(HTMLParser):
    """The fields of a page's form as a browser would send them untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the value of an input that is sent when left alone."""
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and given.get("name") and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            self.fields[given["name"]] = given.get("value", "")


class Page:
    """The answer page of one step, as its receiver opens and sends it."""

    def __init__(self, browser: httpx.AsyncClient, path: str, kind: Kind) -> None:
        self._browser = browser
        self._path = path
        self._option = next(iter(OPTIONS[kind]))

    async def opened(self) -> dict[str, str]:
        """What its form would send."""
        shown = await self._browser.get(self._path, follow_redirects=True)
        if shown.status_code != httpx.codes.OK:
            raise Unreachable(f"the page answers {shown.status_code}")
        self._path = shown.url.path
        form = Form()
        form.feed(shown.text)
        return form.fields | {"option": self._option, "do": "record"}

    async def answered(self, fields: dict[str, str]) -> float:
        """Send the form and follow to the page that says it is recorded; gives the seconds.

        Raises:
            Unreachable: it was not recorded.
        """
        began = time.perf_counter()
        sent = await self._browser.post(self._path, data=fields)
        if not sent.has_redirect_location:
            raise Unreachable(f"the answer was met with {sent.status_code}")
        shown = await self._browser.get(sent.headers["location"])
        seconds = time.perf_counter() - began
        if shown.status_code != httpx.codes.OK:
            raise Unreachable(f"the answer was not recorded: {shown.status_code}")
        return seconds


async def measure() -> None:
    """Answer at one client and at twenty."""
    heading("P3", "answer posted on the page until “recorded” is shown, `passerelle dev` in a process of its own")
    lines = []
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-", ignore_cleanup_errors=True) as name:
        async with dev(Path(name)) as running:
            settings = beside_dev(read_settings(data=running.data, port=running.port))
            workplace = workplace_of(settings)
            cases = workplace.cases(await client_of(settings))
            await drive(running, workplace, cases, 1, WARM_UP)
            for clients, count in CLIENTS:
                python, server = processor_seconds(running.process), processor_seconds(server_of(running))
                found = [1000 * seconds for seconds in await drive(running, workplace, cases, clients, count)]
                python = 1000 * (processor_seconds(running.process) - python) / len(found)
                server = 1000 * (processor_seconds(server_of(running)) - server) / len(found)
                p50, p95 = percentile(found, 0.5), percentile(found, 0.95)
                goal = f"p50 {against(p50, P50_MS)}" if clients == 1 else f"p95 {against(p95, P95_MS)}"
                lines.append(
                    [
                        f"{clients} at once",
                        str(len(found)),
                        f"{p50:.0f}",
                        f"{p95:.0f}",
                        f"{max(found):.0f}",
                        f"{python:.0f}",
                        f"{server:.0f}",
                        goal,
                    ]
                )
            pages = []
            for clients in (1, PAGE_CLIENTS):
                found = [1000 * seconds for seconds in await reading(running, workplace, cases, clients, PAGE_TIMES)]
                goal = against(percentile(found, 0.95), PAGE_P95_MS) if clients == PAGE_CLIENTS else ""
                row = [f"{clients} at once", str(len(found)), f"{percentile(found, 0.5):.0f}", f"{percentile(found, 0.95):.0f}"]
                pages.append([*row, f"{max(found):.0f}", goal])
            await workplace.close()
    rows(["page of a question", "pages", "p50 ms", "p95 ms", "slowest", "goal p95"], pages)
    rows(["clients", "answers", "p50 ms", "p95 ms", "slowest", "Python ms", "server ms", "goal"], lines)
    note("From the POST sent to the page after the redirect received. The clients run in the process of the bench.")
    note("Python ms, server ms: processor time of `dev` and of its Temporal server an answer, launches and mails included.")


def server_of(running: Dev) -> int:
    """The process of the Temporal server that a `dev` started."""
    return int((running.data / SERVER).read_text())


async def drive(running: Dev, workplace: Workplace, cases: Cases, clients: int, count: int) -> list[float]:
    """So many clients answer the first three steps of so many new cases; gives the seconds of each answer."""
    request = load_toml(REQUEST)
    launched = [(await cases.launch(request)).case for _ in range(count)]
    for case in launched:
        await is_open(cases, case, STEPS[:1])
    left, seconds = iter(launched), list[float]()

    async def client() -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=30) as browser:
            for case in left:
                for step_id in STEPS:
                    link = await page_of(workplace, cases, case, step_id)
                    kind = Kind(step_id.partition("-")[0])
                    page = Page(browser, link, kind)
                    seconds.append(await page.answered(await page.opened()))

    await asyncio.gather(*(client() for _ in range(clients)))
    return seconds


async def reading(running: Dev, workplace: Workplace, cases: Cases, clients: int, times: int) -> list[float]:
    """So many clients, each with a visit of its own to a question, read its page so many times; gives the seconds of each."""
    case = (await cases.launch(load_toml(REQUEST))).case
    await is_open(cases, case, STEPS[:1])
    link, seconds = await page_of(workplace, cases, case, STEPS[0]), list[float]()

    async def client() -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=30) as browser:
            path = (await browser.get(link, follow_redirects=True)).url.path
            for _ in range(times):
                began = time.perf_counter()
                shown = await browser.get(path)
                seconds.append(time.perf_counter() - began)
                if shown.status_code != httpx.codes.OK:
                    raise Unreachable(f"the page answers {shown.status_code}")

    await asyncio.gather(*(client() for _ in range(clients)))
    return seconds


async def page_of(workplace: Workplace, cases: Cases, case_id: str, step_id: str) -> str:
    """The address of the link that was mailed for a step."""
    step = (await cases.case(case_id)).step(step_id)
    if step is None:
        raise Missing(f"{case_id} has no step {step_id}")
    link = Link(case=case_id, step=step_id, party=step.asked)
    return f"/r/{workplace.links.token(link, cases.clock() + LINK_LIFE)}"


async def is_open(cases: Cases, case_id: str, steps: Sequence[str]) -> None:
    """Wait until steps of a case are in the read model."""
    async with asyncio.timeout(OPEN_SECONDS):
        while True:
            try:
                case = await cases.case(case_id)
            except Missing:
                await asyncio.sleep(0.05)
                continue
            if all(case.step(step) for step in steps):
                return
            await asyncio.sleep(0.05)
