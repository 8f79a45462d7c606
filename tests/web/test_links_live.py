"""The life of a link: traded for a cookie and a clean address, as often as needed; a dead one says why and sends another."""

from __future__ import annotations

import asyncio
import email
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import select

from models.consequences import Happened
from models.words import LANGUAGES, Kind, State, Verb
from store.mails import QueuedMail
from store.tables import metadata
from tests.web.situations import CASE, CLOSES, NOW, Desk, Page, a_case, a_transition, clean, decided
from web.app import build

every_language = pytest.mark.parametrize("language", LANGUAGES)
OFFER = {"option": "offer", "HostOffer.start": "2027-05-10"}


async def queued(desk: Desk) -> list[tuple[str, str, dict[str, str]]]:
    """The mails that wait: letter, receiver's mailbox, what the link is computed from."""
    return [(mail.letter, mail.to, mail.link_facts) for mail in await desk.mails.of_case(CASE)]


async def happened(desk: Desk, verb: Verb, **step: Any) -> None:
    """The question changed: its links were closed, and the timeline says why."""
    case = await desk.cases.case(CASE)
    for name, value in {"epoch": 1, **step}.items():
        setattr(case.steps[-1], name, value)
    case.seq += 1
    case.said = [a_transition(case.seq, Happened(verb, case.steps[-1]), NOW)]
    await desk.publish(case)


async def test_a_link_is_traded_for_a_cookie_and_an_address_without_a_secret(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    answer = await desk.browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/r/{CASE}/host_offer-1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("answer=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")


async def test_over_https_the_cookie_belongs_to_this_host_alone(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    desk.workplace.public_url = "https://pages.example"

    async def ready() -> dict[str, bool]:
        return {}

    transport = httpx.ASGITransport(build(desk.cases, desk.workplace, ready=ready))
    async with httpx.AsyncClient(transport=transport, base_url="https://pages.example") as browser:
        cookie = (await browser.get(path)).headers["set-cookie"]
        opened = await browser.get(clean(path))
    assert cookie.startswith("__Host-answer=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert opened.status_code == 200


async def test_a_link_opens_as_often_as_it_is_opened_and_in_any_browser(desk: Desk, app: FastAPI) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    for _ in range(3):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages.example") as browser:
            assert (await browser.get(path, follow_redirects=True)).status_code == 200
    answer, _ = await desk.send(path, OFFER)
    assert (answer.status_code, (await desk.step()).option) == (200, "offer")


async def test_several_questions_are_open_at_once_in_one_browser(desk: Desk) -> None:
    first = await desk.ask(Kind.HOST_OFFER)
    case = await desk.cases.case(CASE)
    [more] = a_case(case.asked.request, Kind.ACCEPTANCE).steps
    case.steps = [*case.steps, more]
    await desk.publish(case)
    second = desk.link("acceptance-1", "MA-POSTE")
    _, one = await desk.open(first)
    _, two = await desk.open(second)
    answer, _ = await desk.press(first, one.hidden | OFFER)
    assert answer.status_code == 200
    answer, _ = await desk.press(second, two.hidden | {"option": "accept"})
    assert answer.status_code == 200
    assert [step.option for step in (await desk.cases.case(CASE)).steps] == ["offer", "accept"]


async def test_other_cookies_of_the_same_browser_change_nothing(desk: Desk) -> None:
    desk.browser.cookies.set("console", "x" * 40)
    desk.browser.cookies.set("answer", "nobody's")
    answer, _ = await desk.send(await desk.ask(Kind.HOST_OFFER), OFFER)
    assert (answer.status_code, (await desk.step()).option) == (200, "offer")
    assert desk.browser.cookies["console"] == "x" * 40


async def test_a_clean_address_opens_nothing_by_itself_and_does_not_say_whether_there_is_such_a_case(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    there = await desk.browser.get(clean(path))
    nowhere = await desk.browser.get("/r/AMEDIP-2031-0999/host_offer-1")
    assert there.status_code == nowhere.status_code == 403
    assert there.text.replace(clean(path), "") == nowhere.text.replace("/r/AMEDIP-2031-0999/host_offer-1", "")


async def test_a_visit_ends_after_twelve_hours_without_use_and_goes_on_while_it_is_used(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    await desk.open(path)
    for _ in range(3):
        desk.clock.now += timedelta(hours=11)
        answer, _ = await desk.open(clean(path))
        assert answer.status_code == 200
        assert "set-cookie" in answer.headers
    desk.clock.now += timedelta(hours=12)
    answer, _ = await desk.open(clean(path))
    assert answer.status_code == 403


@every_language
async def test_what_was_filled_in_survives_an_expired_cookie(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path, lang=language)
    desk.clock.now += timedelta(hours=13)
    answer = await desk.browser.post(
        clean(path), data=page.hidden | OFFER | {"do": "record"}, headers={"accept-language": language}, follow_redirects=True
    )
    shut = Page(answer.text)
    assert answer.status_code == 403
    assert say(language, "link.shut") in shut.words
    assert (await desk.step()).is_open
    await desk.open(path)  # in another window
    answer, page = await desk.press(path, shut.form | {"do": "review"}, lang=language)
    assert answer.status_code == 409
    assert page.form["HostOffer.start"] == "2027-05-10"
    answer, _ = await desk.press(path, page.form)
    assert (answer.status_code, (await desk.step()).option) == (200, "offer")


DIED = {"extended": Verb.EXTENDED, "passed": Verb.DELEGATION_ENDED, "replaced": Verb.REMINDED}


@every_language
@pytest.mark.parametrize("why", DIED)
async def test_a_visit_whose_link_was_replaced_meanwhile_says_why_and_offers_a_new_one(desk: Desk, language: str, why: str) -> None:
    say = desk.workplace.words.say
    old = await desk.ask(Kind.HOST_OFFER)
    path = clean(old)
    await desk.open(old)
    await happened(desk, DIED[why])
    answer, page = await desk.open(path, lang=language)
    assert answer.status_code == 410
    assert say(language, f"link.{why}") in page.words
    answer = await desk.browser.post(page.all("form")[0]["action"])
    assert answer.status_code == 200
    [(letter, to, facts)] = await queued(desk)
    assert (letter, facts["party"], facts["epoch"]) == ("reminder", "MA-POSTE", "1")
    assert to == (await desk.cases.party(await desk.cases.case(CASE), "MA-POSTE")).mailbox
    fresh = desk.link(facts["step"], facts["party"], int(facts["epoch"]))
    answer, _ = await desk.open(fresh)
    assert answer.status_code == 200
    answer, _ = await desk.send(fresh, OFFER)
    assert (await desk.step()).option == "offer"


async def test_an_old_link_records_nothing_and_what_was_filled_in_is_there_behind_the_new_one(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(path)
    await happened(desk, Verb.EXTENDED)
    for do in ("record", "review", "save"):
        answer, _ = await desk.press(path, page.hidden | OFFER | {"do": do, "HostOffer.contact": "Protocol office"})
        assert answer.status_code == 410
    assert (await desk.step()).is_open
    _, page = await desk.open(desk.link("host_offer-1", "MA-POSTE", 1))
    assert page.form["HostOffer.contact"] == "Protocol office"


async def test_an_expired_link_says_so_and_offers_a_new_one(desk: Desk) -> None:
    await desk.ask(Kind.HOST_OFFER)
    path = desk.link("host_offer-1", "MA-POSTE", days=1)
    desk.clock.now += timedelta(days=2)
    answer, page = await desk.open(path, lang="en")
    assert answer.status_code == 410
    assert desk.workplace.words.say("en", "link.expired") in page.words
    answer, _ = await desk.press(path, {**OFFER, "do": "record"})
    assert answer.status_code == 410
    assert (await desk.step()).is_open


async def test_a_dead_link_hands_out_no_paper_and_does_nothing_else(desk: Desk) -> None:
    paper = await desk.workplace.contents.put(b"%PDF-1.7 terms", "application/pdf")
    path = await desk.ask(Kind.HOST_AGREEMENT, paper=paper)
    await desk.open(path)
    await happened(desk, Verb.EXTENDED)
    for part in (f"paper/{paper}", "calendar.ics", "upload?field=Report.file", "more-time", "delegate", "recall"):
        assert (await desk.browser.get(f"{clean(path)}/{part}")).headers["location"] == clean(path)


@pytest.mark.parametrize(
    "stands",
    [
        decided("offer"),
        {"state": State.LAPSED, "closed": NOW},
        {"voided": NOW, "state": State.WITHDRAWN, "closed": NOW},
        {"delegate": "MA-POSTE/2"},
        {"asked": "TN-OTE", "first_asked": "MA-POSTE"},
    ],
)
async def test_no_new_link_goes_out_where_nothing_is_asked_of_its_party_any_more(desk: Desk, stands: dict[str, Any]) -> None:
    path = await desk.ask(Kind.HOST_OFFER, party="MA-POSTE", epoch=1, **stands)
    answer = await desk.browser.post(path)
    assert answer.status_code == 200
    assert await queued(desk) == []


async def test_a_link_of_an_old_epoch_looks_like_any_that_opens_nothing_and_brings_a_new_one(desk: Desk) -> None:
    old, _ = desk.link("host_offer-1", "MA-POSTE"), await desk.ask(Kind.HOST_OFFER, epoch=1)
    page, strange = await desk.browser.get(old), await desk.browser.get("/r/x")
    assert (page.status_code, page.text) == (404, strange.text)
    told = [await desk.browser.post(address) for address in ("/r/x", old, old)]
    assert len({(answer.status_code, answer.text) for answer in told}) == 1
    [(letter, _, facts)] = await queued(desk)
    assert (letter, facts["party"], facts["epoch"]) == ("reminder", "MA-POSTE", "1")
    elsewhere = await desk.browser.post(old, headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403
    answer, _ = await desk.open(desk.link("host_offer-1", "MA-POSTE", 1))
    assert answer.status_code == 200


async def test_no_new_link_goes_out_after_the_closing_instant(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    desk.clock.now = CLOSES + timedelta(seconds=1)
    await desk.browser.post(f"{clean(path)}/link")
    assert await queued(desk) == []


async def test_at_most_one_new_link_an_hour_goes_to_the_one_asked_however_many_ask_for_it(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    told = await asyncio.gather(*(desk.browser.post(f"{clean(path)}/link") for _ in range(5)))
    assert {answer.status_code for answer in told} == {200}
    assert [(letter, facts["party"]) for letter, _, facts in await queued(desk)] == [("reminder", "MA-POSTE")]
    desk.clock.now += timedelta(minutes=59)
    await desk.browser.post(f"{clean(path)}/link")
    assert len(await queued(desk)) == 1
    desk.clock.now += timedelta(minutes=1)
    await desk.browser.post(f"{clean(path)}/link")
    assert len(await queued(desk)) == 2


async def test_asking_for_a_link_of_a_case_that_is_not_there_is_told_the_same(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    there = await desk.browser.post(f"{clean(path)}/link")
    nowhere = await desk.browser.post("/r/AMEDIP-2031-0999/host_offer-1/link")
    assert (there.status_code, there.text) == (nowhere.status_code, nowhere.text)


async def test_a_link_that_opens_nothing_is_told_apart_in_the_log_alone(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    changed = path[:60] + ("A" if path[60] != "A" else "B") + path[61:]
    foreign, old = desk.link("agenda-9", "MA-POSTE"), desk.link("host_offer-1", "MA-POSTE")
    await happened(desk, Verb.EXTENDED)
    wrong = {"malformed": "/r/x", "mac": changed, "foreign": foreign, "epoch": old}
    with structlog.testing.capture_logs() as logs:
        told = {why: await desk.browser.get(address) for why, address in wrong.items()}
    assert {(answer.status_code, answer.text) for answer in told.values()} == {(404, told["mac"].text)}
    assert [line["why"] for line in logs] == list(wrong)
    assert all(path.removeprefix("/r/")[:20] not in str(line) for line in logs)


async def test_neither_token_nor_session_stands_in_the_store_or_the_log(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    with structlog.testing.capture_logs() as logs:
        await desk.send(path, OFFER)
        await desk.open(path)
        await desk.browser.post(f"{clean(path)}/link")
    secrets = [path.removeprefix("/r/")[30:], desk.browser.cookies["answer"]]
    async with desk.workplace.database.read() as connection:
        rows = [str(row) for table in metadata.sorted_tables for row in await connection.execute(select(table))]
    assert any("MA-POSTE" in row for row in rows)
    assert [secret for secret in secrets for kept in (*rows, *map(str, logs)) if secret in kept] == []


async def test_a_reminder_carries_the_link_of_the_step_as_it_is_then(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER, epoch=3)
    await desk.browser.post(f"{clean(path)}/link")
    [mail] = await desk.mails.of_case(CASE)
    eml = await desk.workplace.contents.get(mail.content)
    written = desk.workplace.postman(None, "")._written(mail_of(mail, eml))  # type: ignore[arg-type]
    body = written.get_body(("plain",))
    assert body is not None
    token = body.get_content().partition("/r/")[2].split()[0]
    assert desk.links.read(token, NOW).epoch == 3
    assert email.message_from_bytes(eml, EmailMessage, policy=SMTP)["Content-Language"] == "fr"


def mail_of(row: Any, eml: bytes) -> QueuedMail:
    """A message as the postman takes it up."""
    return QueuedMail.model_validate({**row.model_dump(), "eml": eml})
