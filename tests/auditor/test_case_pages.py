"""The parts of a case's pages: overview, timeline, time machine, papers and mails, exceptions, receipts and log, what is proved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update

from audit.verifying import Verified, Verifier
from evidence.checkpoint import check_proof
from evidence.merkle import leaf_hash
from evidence.notary import Trusted
from evidence.receipts import Receipt, checked
from models.errors import Unreachable
from models.words import LANGUAGES
from store.tables import archive, contents
from store.tables import cases as case_rows
from tests.audit.kept import CASE, kept
from tests.auditor.played import PAPER, Held, held
from tests.auditor.situations import Room
from tests.web.conftest import seeded
from tests.web.situations import Page

__all__ = ["seeded"]

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = f"/audit/cases/{CASE}"
PAGES = ("", "/timeline", "/at", "/papers", "/exceptions", "/proof", "/events?run=1&first=1&last=5")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Held]:
    """An installation that holds an ended case."""
    found = await held(seeded, tmp_path_factory.mktemp("held"))
    yield found
    await found.workplace.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(here: Held) -> AsyncIterator[Room]:
    """Its pages, before an auditor."""
    transport = httpx.ASGITransport(here.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages.example") as browser:
        room = Room(here.app, here.workplace, browser, here.clock)
        await room.sign_in()
        yield room


async def opened(room: Room, path: str, **query: str) -> Page:
    """A page of the case in English."""
    answer, page = await room.open(ROOT + path, **{"lang": "en", **query})
    assert answer.status_code == 200, answer.text
    return page


async def told(room: Room, path: str, **query: str) -> tuple[int, str]:
    """How a page of the case is refused."""
    answer, page = await room.open(ROOT + path, **{"lang": "en", **query})
    return answer.status_code, page.words


@pytest.mark.parametrize("path", PAGES)
async def test_no_part_is_shown_to_who_is_not_signed_in(here: Held, room: Room, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(here.app), base_url="http://pages.example") as stranger:
        for below in (path, f"/contents/{here.paper}/file", "/runs/1/history.json"):
            answer = await stranger.get(ROOT + below)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/audit/sign-in")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_part_speaks_the_reader_s_language_and_names_no_mailbox(room: Room, language: str) -> None:
    for path in (*PAGES, f"/contents/{(await room.workplace.mails.of_case(CASE))[0].content}"):
        answer, page = await room.open(f"{ROOT}{path}{'&' if '?' in path else '?'}lang={language}")
        assert answer.status_code == 200
        assert "focal.point@" not in answer.text
        assert all(a["href"].startswith(("/", "#")) for a in page.all("a")), path
        assert not [a for a in page.all("script") if not a["src"].startswith("/static/")]
        assert "style" not in {name for _, attributes in page.elements for name in attributes}


async def test_the_overview_says_where_the_case_stands_and_lists_its_steps(room: Room) -> None:
    page = await opened(room, "")
    assert "Cancelled" in page.words
    assert "Nobody is asked for anything at present." in page.words
    assert "Nomination (nomination-1)" in page.words
    assert "On behalf" in page.words
    assert {f"{ROOT}{path}" for path in PAGES[1:6]} <= {a["href"] for a in page.all("a")}


async def test_a_line_of_the_timeline_says_on_whose_behalf_and_leads_to_its_proof_and_its_raw_events(room: Room) -> None:
    page = await opened(room, "/timeline")
    assert "Decision: On behalf" in page.words
    state = await room.workplace.readmodel.case(CASE)
    step = state.step("nomination-1")
    assert step is not None
    assert step.decision is not None
    links = [a["href"] for a in page.all("a")]
    assert f"{ROOT}/contents/{step.decision.proof}" in links
    below = [link for link in links if link.startswith(f"{ROOT}/events?")]
    _, events = await room.open(below[3])
    assert "workflow task completed" in events.words
    assert events.all("details")


async def test_a_mail_stands_at_its_line_with_its_sha256(here: Held, room: Room) -> None:
    page = await opened(room, "/timeline")
    assert f"{ROOT}/contents/{here.mail}" in [a["href"] for a in page.all("a")]
    assert "ask_consultation to FR-MINT" in page.words


async def test_a_history_is_handed_out_as_it_was_exported(room: Room) -> None:
    answer, _ = await room.open(f"{ROOT}/runs/1/history.json")
    assert answer.content == kept("answered-on-behalf")[0][1]
    assert "attachment" in answer.headers["content-disposition"]


async def test_the_time_machine_shows_the_state_of_a_moment_and_what_changed(here: Held, room: Room) -> None:
    last = await opened(room, "/at")
    slider = next(a for a in last.all("input") if a["type"] == "range")
    assert (slider["value"], slider["min"]) == (slider["max"], "1")
    early = await opened(room, "/at", moment="1")
    assert "run 1, event 3" in early.words
    assert "Steps (0)" in early.words
    assert f"Steps ({len((await room.workplace.readmodel.case(CASE)).steps)})" in last.words
    assert [a["value"] for a in early.all("option")][-1] == slider["max"]
    assert "Cancelled" not in early.text.partition("State at that moment")[2].partition("as it stands")[0]
    assert "Cancelled" in last.text.partition("State at that moment")[2]


async def test_a_moment_is_found_by_its_place_by_event_and_by_instant(here: Held, room: Room) -> None:
    moments = (await here.machine.of(CASE, kept("answered-on-behalf"))).moments
    wanted = moments[5]
    queries: list[dict[str, str]] = [
        {"moment": "6"},
        {"run": str(wanted.run), "event": str(wanted.until)},
        {"instant": max(m.at for m in moments if m.at <= wanted.at).isoformat()},
    ]
    for query in queries:
        page = await opened(room, "/at", **query)
        slider = next(a for a in page.all("input") if a["type"] == "range")
        assert (
            json.loads(page.text.partition("as it stands, JSON")[2].rpartition("}")[0] + "}")["clock"]
            == json.loads(moments[int(slider["value"]) - 1].state)["clock"]
        )
    assert f"run {wanted.run}, event {wanted.event}" in (await opened(room, "/at", moment="6")).words


@pytest.mark.parametrize(
    "query",
    [{"moment": "0"}, {"moment": "9999"}, {"run": "9", "event": "3"}, {"event": "x"}, {"instant": "0001-01-01T00:00+14:00"}],
)
async def test_a_moment_that_is_not_there_is_refused_and_the_last_one_shown(room: Room, query: dict[str, str]) -> None:
    status, words = await told(room, "/at", **query)
    assert status == 422
    assert "The last moment is shown." in words


async def test_a_case_is_replayed_once_and_again_when_its_history_is_another(here: Held, room: Room) -> None:
    await opened(room, "/at")
    before = here.machine.times
    await opened(room, "/timeline")
    assert here.machine.times == before
    async with here.workplace.database.begin() as connection:
        row = {"sha256": await here.workplace.contents.put(b'{"events": []}', "application/json", connection=connection)}
        kept_before = [run.sha256 for run in await here.cases._histories._archive.runs(CASE)]
        await connection.execute(update(archive).where(archive.c.run == 1).values(**row))
    status, words = await told(room, "/timeline")
    assert status == 409
    assert "cannot be replayed" in words
    assert "it holds no event" in words
    assert (await told(room, ""))[0] == 200
    async with here.workplace.database.begin() as connection:
        await connection.execute(update(archive).where(archive.c.run == 1).values(sha256=kept_before[0]))
    assert (await told(room, "/timeline"))[0] == 200


async def test_a_history_that_cannot_be_fetched_now_is_answered_with_503(
    here: Held, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(number: str, *, source: str = "either") -> list[object]:
        raise Unreachable("Temporal is away")

    monkeypatch.setattr(here.cases, "histories", away)
    status, words = await told(room, "/at")
    assert (status, "A part of the system is away" in words) == (503, True)


async def test_papers_and_mails_are_listed_with_their_place_in_the_log(here: Held, room: Room) -> None:
    page = await opened(room, "/papers")
    assert f"{ROOT}/contents/{here.paper}" in [a["href"] for a in page.all("a")]
    assert "FR-MINT: waiting" in page.words
    assert [row.index for row in await room.workplace.log.entries_of(CASE)][:2] == [0, 1]
    assert page.words.count(" – ") >= 1


async def test_a_paper_is_handed_out_with_its_bytes_and_never_shown_as_a_page(here: Held, room: Room) -> None:
    answer, _ = await room.open(f"{ROOT}/contents/{here.paper}/file")
    assert (answer.content, answer.headers["content-type"]) == (PAPER, "application/pdf")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''AMEDIP-2031-0001-")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "This is no text." in (await opened(room, f"/contents/{here.paper}")).words


async def test_a_mail_is_shown_as_text_that_nothing_runs_in(here: Held, room: Room) -> None:
    answer, page = await room.open(f"{ROOT}/contents/{here.mail}", lang="en")
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "Write to …@mint.example." in page.words
    assert "Consultation <b>" in page.words
    answer, _ = await room.open(f"{ROOT}/contents/{here.mail}/file")
    assert (answer.headers["content-type"], ".eml" in answer.headers["content-disposition"]) == ("application/octet-stream", True)


async def test_what_the_case_does_not_name_is_not_there(room: Room) -> None:
    other = await room.workplace.contents.put(b"of another case", "text/plain")
    for sha256 in (other, "0" * 64, "x"):
        assert (await told(room, f"/contents/{sha256}"))[0] == 404
    gone = (await room.workplace.readmodel.case(CASE)).papers[1].sha256
    assert (await told(room, f"/contents/{gone}"))[0] == 404


async def test_a_damaged_content_is_said_to_be_one_and_not_shown(here: Held, room: Room) -> None:
    changed = update(contents).where(contents.c.sha256 == here.paper)
    async with here.workplace.database.begin() as connection:
        await connection.execute(changed.values(data=PAPER + b"!"))
    for path in (f"/contents/{here.paper}", f"/contents/{here.paper}/file"):
        status, words = await told(room, path)
        assert (status, "This content is damaged" in words) == (409, True)
    async with here.workplace.database.begin() as connection:
        await connection.execute(changed.values(data=PAPER))


async def test_a_row_written_past_the_procedure_is_said_not_to_be_readable(here: Held, room: Room) -> None:
    state = await room.workplace.readmodel.case(CASE)
    row = update(case_rows).where(case_rows.c.id == CASE)
    async with here.workplace.database.begin() as connection:
        await connection.execute(row.values(doc='{"id": 7}'))
    for path in ("/papers", "/exceptions"):
        status, words = await told(room, path)
        assert (status, "cannot be read" in words) == (409, True)
    assert [(await told(room, path))[0] for path in ("", "/timeline", "/at", "/proof")] == [200] * 4
    async with here.workplace.database.begin() as connection:
        await connection.execute(row.values(doc=state.model_dump_json(exclude_defaults=True)))


async def test_an_erased_content_is_said_to_be_one_with_its_day(here: Held, room: Room) -> None:
    row = update(contents).where(contents.c.sha256 == here.paper)
    async with here.workplace.database.begin() as connection:
        await connection.execute(row.values(data=b"", erased=datetime(2032, 3, 1, tzinfo=UTC)))
    for path in (f"/contents/{here.paper}", f"/contents/{here.paper}/file"):
        status, words = await told(room, path)
        assert (status, "was erased on 2032-03-01" in words) == (410, True)
    async with here.workplace.database.begin() as connection:
        await connection.execute(row.values(data=PAPER, erased=None))


async def test_an_answer_on_behalf_is_an_exception_with_its_proof(room: Room) -> None:
    page = await opened(room, "/exceptions")
    assert "Answer on behalf: 1" in page.words
    state = await room.workplace.readmodel.case(CASE)
    step = state.step("nomination-1")
    assert step is not None
    assert step.decision is not None
    assert f"{ROOT}/contents/{step.decision.proof}" in [a["href"] for a in page.all("a")]


async def test_a_receipt_and_its_signature_are_handed_out_and_verify(room: Room) -> None:
    page = await opened(room, "/proof")
    [(body, signature)] = [
        ((await room.open(a["href"]))[0].content, (await room.open(a["href"] + ".sig"))[0].content)
        for a in page.all("a")
        if a["href"].endswith("/receipt.json")
    ]
    trusted: Trusted = room.workplace.log.notary.trusted
    assert checked(Receipt(body, signature), trusted)["case"] == CASE
    assert "valid" in page.words
    assert "NOT VALID" not in page.words


async def test_a_receipt_that_was_changed_is_not_valid(here: Held, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = await here.workplace.log.leaves.receipts_of(CASE)

    async def changed(case_id: str, step: str = "") -> list[object]:
        return [row.model_copy(update={"body": row.body.replace('"late":false', '"late":true')})]

    monkeypatch.setattr(here.workplace.log.leaves, "receipts_of", changed)
    assert "NOT VALID" in (await opened(room, "/proof")).words


async def test_the_bundle_is_put_together_on_a_form_of_ours_and_noted_in_the_log(
    here: Held, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def histories(number: str, *, source: str = "either") -> list[object]:
        return list(kept("answered-on-behalf"))

    monkeypatch.setattr(here.cases, "histories", histories)
    answer, _ = await room.post(f"{ROOT}/bundle", {"token": "x"})
    assert answer.status_code == 403
    assert (await room.open(f"{ROOT}/bundle"))[0].status_code == 405
    answer, _ = await room.post(f"{ROOT}/bundle", {"token": await room.token()})
    assert (answer.status_code, answer.headers["content-type"], answer.content[:2]) == (200, "application/zip", b"PK")
    assert f"{CASE}-evidence.zip" in answer.headers["content-disposition"]
    assert (await here.workplace.log.entries_of(CASE))[-1].kind == "bundle"


async def test_what_a_verification_finds_is_shown_with_what_it_means(room: Room) -> None:
    token = {"token": await room.token()}
    answer, page = await room.post(f"{ROOT}/verify?lang=pt", token)
    assert answer.status_code == 200
    assert "row_differs" in page.words  # its published state has a paper of ours
    assert room.workplace.words.say("pt", "means.rows") in page.words
    assert room.workplace.words.say("pt", "audit.holds_not") in page.words


async def test_a_case_in_which_nothing_is_found_is_said_to_hold(here: Held, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sound(self: Verifier, case_id: str) -> Verified:
        return Verified(case=case_id, runs=3)

    monkeypatch.setattr(Verifier, "case", sound)
    answer, page = await room.post(f"{ROOT}/verify?lang=en", {"token": await room.token()})
    assert (answer.status_code, "No fault was found." in page.words) == (200, True)


async def test_the_place_of_an_entry_is_proved_up_to_the_checkpoint_shown(room: Room) -> None:
    page = await opened(room, "/proof")
    entry = (await room.workplace.log.entries_of(CASE))[1]
    answer, _ = await room.open(f"{ROOT}/log/{entry.index}.tlog-proof")
    proof, _ = check_proof(leaf_hash(entry.leaf.encode()), answer.text, room.workplace.log.notary.trusted)
    assert proof.index == entry.index
    assert proof.note in page.text
    assert (await told(room, "/log/99.tlog-proof"))[0] == 404


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_is_proved_and_what_not_is_said_with_the_keys(room: Room, language: str) -> None:
    answer, page = await room.open("/audit/proof", lang=language)
    assert answer.status_code == 200
    assert room.workplace.words.say(language, "audit.not_before") in page.words
    assert room.workplace.log.notary.trusted.pem in page.text


@pytest.mark.parametrize(
    "path", ["/events?run=1&first=5&last=2", "/events?run=7&first=1&last=2", "/runs/0/history.json", "/runs/x/history.json"]
)
async def test_events_that_are_not_there_are_not_shown(room: Room, path: str) -> None:
    assert (await room.open(ROOT + path))[0].status_code == 404


async def test_a_case_that_is_not_there_has_no_parts(room: Room) -> None:
    for path in PAGES:
        assert (await room.open(f"/audit/cases/AMEDIP-2031-0999{path}"))[0].status_code == 404
