"""The page of `dev` that shows caught mails: the newest first, each shut in a sandbox, links that still lead to the answer page."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.web.situations import Counter, Desk, Page
from web.app import build
from workplace import Workplace

HTML = "<!doctype html><html><head><title>x</title></head><body><script>alert(1)</script><a href='http://pages.example/r/t'>Open</a></body></html>"


def caught(folder: Path, name: str, subject: str, at: int) -> None:
    """Lay a mail down as the sink does."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "office@amedip.example", "focal@poste-sn.example", subject
    message["Date"] = "Mon, 11 Jan 2027 10:00:00 +0000"
    message.set_content("Plain text\nhttp://pages.example/r/t")
    message.add_alternative(HTML, subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename='év"il\u202e.pdf')
    path = folder / f"{name}.eml"
    path.write_bytes(message.as_bytes())
    os.utime(path, (at, at))


async def test_mails_are_listed_the_newest_first(desk: Desk, mails: Path) -> None:
    _, empty = await desk.open("/mails")
    assert "None yet" in empty.words
    caught(mails, "first", "Old & <b>bold</b>", 1)
    caught(mails, "second", "New", 2)
    _, page = await desk.open("/mails")
    assert [a["href"] for a in page.all("a")] == ["/mails/second", "/mails/first"]
    assert "Old & <b>bold</b>" in page.words


async def test_a_mail_is_shown_in_a_sandbox_and_its_links_open_beside_it(desk: Desk, mails: Path) -> None:
    caught(mails, "one", "A question", 1)
    answer, page = await desk.open("/mails/one")
    [frame] = page.all("iframe")
    assert "http://pages.example/r/t" in page.text
    assert page.all("script") == []
    inner = await desk.browser.get(frame["src"])
    policy = inner.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "allow-scripts" not in policy + frame["sandbox"]
    assert '<head><base target="_blank">' in inner.text
    assert answer.status_code == inner.status_code == 200


async def test_an_attachment_is_handed_out_as_a_file(desk: Desk, mails: Path) -> None:
    caught(mails, "one", "A question", 1)
    answer = await desk.browser.get("/mails/one/attachments/0")
    assert answer.content == b"%PDF-1.7"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A9v%22il%E2%80%AE.pdf"


async def test_what_is_no_mail_is_not_found(desk: Desk, mails: Path) -> None:
    caught(mails, "one", "A question", 1)
    (mails.parent / "secret.eml").write_text("To: x")
    for path in ("two", "..%2fsecret", "one/attachments/1", "one/attachments/-1", "two/page", "two/attachments/0", "%00"):
        assert (await desk.browser.get(f"/mails/{path}")).status_code in (404, 422), path


async def test_no_mail_is_shown_outside_dev(cases: Counter, workplace: Workplace) -> None:
    async def ready() -> dict[str, bool]:
        return {}

    app: FastAPI = build(cases, workplace, ready=ready)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages.example") as browser:
        assert (await browser.get("/mails")).status_code == 404
        assert "/mails" not in Page((await browser.get("/")).text).text
