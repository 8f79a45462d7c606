"""A question that asks for a code: the link alone shows nothing of it, the code from the same mailbox opens it, in one browser."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.postman import code_of
from models.words import LANGUAGES, Kind
from store.mails import MailRow
from tests.web.situations import CASE, Desk, Page
from web.respond.door import path_of

OFFER = {"option": "offer", "HostOffer.start": "2027-05-10"}
HERE = path_of(CASE, "host_offer-1")


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The programme asks for a code where a host offers."""
    desk.want_code(Kind.HOST_OFFER)
    return desk


async def letters(desk: Desk) -> list[MailRow]:
    """The letters with codes, the last one last."""
    return [mail for mail in await desk.mails.of_case(CASE) if mail.letter == "code"]


async def press(desk: Desk, page: Page, **posted: str) -> tuple[int, Page]:
    """Press a button of the page of the code; gives the status and the page that follows."""
    answer = await desk.browser.post(f"{HERE}/code", data={"token": page.hidden["token"], **posted}, follow_redirects=True)
    return answer.status_code, Page(answer.text)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_code_from_the_mailbox_opens_the_question(desk: Desk, language: str) -> None:
    say = desk.workplace.words.say
    answer, page = await desk.open(await desk.ask(Kind.HOST_OFFER), lang=language)
    assert answer.status_code == 200
    assert say(language, "code.title") in page.words
    assert all(secret not in page.text for secret in ("Service de transfert", "Participant 1"))
    _, page = await press(desk, page, do="send")
    [letter] = await letters(desk)
    party = await desk.cases.party(await desk.cases.case(CASE), "MA-POSTE")
    assert (letter.to, letter.link_facts["party"]) == (party.mailbox, "MA-POSTE")
    code = code_of(desk.links, letter.link_facts)
    assert code.encode() not in await desk.workplace.contents.get(letter.content)
    status, page = await press(desk, page, do="enter", code=code)
    assert (status, "HostOffer.start" in page.form) == (200, True)
    answer, _ = await desk.send(desk.link("host_offer-1", "MA-POSTE"), OFFER)
    assert (await desk.step()).option == "offer"


async def test_nothing_behind_the_question_opens_without_the_code(desk: Desk) -> None:
    _, page = await desk.open(await desk.ask(Kind.HOST_OFFER))
    for part in ("", "/confirm", "/more-time", "/delegate", "/upload?field=x", "/calendar.ics"):
        answer = await desk.browser.get(HERE + part)
        assert desk.workplace.words.say("fr", "code.title") in Page(answer.text).words, part
    for part in ("", "/more-time"):
        await desk.browser.post(HERE + part, data={**OFFER, "do": "record", "token": page.hidden["token"], "response": "0" * 32})
    assert (await desk.step()).is_open


async def test_a_wrong_code_is_told_and_the_third_one_ends_it(desk: Desk) -> None:
    say = desk.workplace.words.say
    _, page = await desk.open(await desk.ask(Kind.HOST_OFFER), lang="en")
    _, page = await press(desk, page, do="send")
    [letter] = await letters(desk)
    code = code_of(desk.links, letter.link_facts)
    other = f"{(int(code.replace(' ', '')) + 1) % 10**8:08d}"
    for wrong, told in ((other, "wrong"), ("", "wrong"), ("٤٢", "wrong"), (code, "old")):
        status, page = await press(desk, page, do="enter", code=wrong)
        assert (status, say("en", f"code.{told}") in page.words) == (422, True)


async def test_a_code_is_for_fifteen_minutes_and_one_browser(desk: Desk) -> None:
    say = desk.workplace.words.say
    link = await desk.ask(Kind.HOST_OFFER)
    _, page = await desk.open(link, lang="en")
    _, page = await press(desk, page, do="send")
    code = code_of(desk.links, (await letters(desk))[0].link_facts)
    desk.browser.cookies.clear()
    _, elsewhere = await desk.open(link, lang="en")
    assert (await press(desk, elsewhere, do="enter", code=code))[0] == 422
    status, page = await press(desk, elsewhere, do="send")
    assert (status, say("en", "code.soon") in page.words, len(await letters(desk))) == (429, True, 1)
    desk.clock.now += timedelta(minutes=1)
    _, page = await press(desk, page, do="send")
    fresh = code_of(desk.links, (await letters(desk))[1].link_facts)
    assert fresh != code
    desk.clock.now += timedelta(minutes=15, seconds=1)
    status, page = await press(desk, page, do="enter", code=fresh)
    assert (status, say("en", "code.old") in page.words) == (422, True)


async def test_another_site_can_neither_send_nor_enter_a_code(desk: Desk) -> None:
    _, page = await desk.open(await desk.ask(Kind.HOST_OFFER))
    answer = await desk.browser.post(f"{HERE}/code", data=page.hidden | {"do": "send"}, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, await letters(desk)) == (403, [])
    answer = await desk.browser.post(f"{HERE}/code", data={"token": "0" * 56, "do": "send"})
    assert (answer.status_code, await letters(desk)) == (422, [])
