"""Keys: who holds one sees what is put to their institution and nothing else, as long as the key counts and not too often."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from structlog.testing import capture_logs

from models.case import Case
from models.errors import Invalid, Missing, Refused
from models.words import Kind, State
from store.tokens import PREFIX
from tests.api.situations import ASKED, PROBLEM, STEPS, Desk, Hall, System, encoded
from tests.web.situations import ASKED as WHO
from tests.web.situations import CASE, NOW
from web.api.app import interface
from web.api.gate import Pace
from workplace import Workplace

INSTITUTIONS = ("SN-POSTE", "MA-POSTE", "SN-MAESE", "CH-SDC", "FR-MINT", "GH-MINT")


async def test_the_secret_of_a_key_is_kept_nowhere(desk: Desk) -> None:
    token, secret = await desk.cases.tokens.issue("SN-POSTE", "Registry", 30)
    assert secret.startswith(PREFIX)
    assert len(secret) >= len(PREFIX) + 43
    async with desk.workplace.database.read() as connection:
        rows = [str(row) for row in await connection.execute(text("SELECT * FROM tokens"))]
    assert len(rows) == 1
    assert secret.removeprefix(PREFIX) not in rows[0]
    (listed,) = await desk.cases.tokens.listing()
    assert (listed, listed.used) == (token, None)


async def test_no_two_keys_are_alike(desk: Desk) -> None:
    issued = [await desk.cases.tokens.issue("SN-POSTE", "Registry", 30) for _ in range(20)]
    assert len({secret for _, secret in issued}) == len({token.id for token, _ in issued}) == 20


@pytest.mark.parametrize(
    ("label", "days", "field"), [(" ", 30, "label"), ("two\nlines", 30, "label"), ("x" * 101, 30, "label"), ("x", 0, "days")]
)
async def test_a_key_says_for_which_system_it_is_and_for_how_long(desk: Desk, label: str, days: int, field: str) -> None:
    with pytest.raises(Invalid) as invalid:
        await desk.cases.tokens.issue("SN-POSTE", label, days)
    assert [fault.field for fault in invalid.value.faults] == [field]
    assert await desk.cases.tokens.listing() == []


async def test_only_a_known_institution_gets_a_key(desk: Desk) -> None:
    with pytest.raises(Missing, match="SN-NOBODY"):
        await desk.cases.tokens.issue("SN-NOBODY", "Registry", 30)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp4", "bearer passerelle_" + "a" * 43, "Bearer " + "a" * 5000, "Bearer é\x01"],
)
async def test_without_a_key_that_counts_nothing_is_said(desk: Desk, header: str) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    headers = encoded({"Authorization": header} if header else {})
    answers = f"{ASKED}{step.id}/answers"
    said = [await desk.line.get(STEPS, headers=headers), await desk.line.post(answers, content=b"{", headers=headers)]
    for response in said:
        assert (response.status_code, response.headers["content-type"]) == (401, PROBLEM)
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert said[0].json() == said[1].json()


async def test_a_key_that_was_revoked_or_has_expired_looks_like_none_and_the_log_tells_them_apart(desk: Desk) -> None:
    system, other = await desk.system("SN-POSTE", days=1), await desk.system("SN-POSTE", days=2)
    await desk.cases.tokens.revoke(other.token.id)
    assert (await system.get(STEPS)).status_code == 200
    desk.clock.now = NOW + timedelta(days=1)
    with capture_logs() as logs:
        said = [(await one.get(STEPS)).json() for one in (system, other)]
        said.append((await desk.line.get(STEPS, headers={"Authorization": "Bearer unknown"})).json())
    assert said[0] == said[1] == said[2]
    assert [(line["event"], line.get("code")) for line in logs] == [
        ("key_refused", "expired"),
        ("key_refused", "revoked"),
        ("key_unknown", None),
    ]
    assert not any(system.secret in str(line) for line in logs)


async def test_a_key_is_taken_back_once(desk: Desk) -> None:
    system = await desk.system("SN-POSTE")
    assert (await desk.cases.tokens.revoke(system.token.id)).revoked == NOW
    with pytest.raises(Refused, match="was revoked on 2027-01-11"):
        await desk.cases.tokens.revoke(system.token.id)
    with pytest.raises(Missing):
        await desk.cases.tokens.revoke("K-00000000")


async def test_when_a_key_was_used_last_is_known_to_the_minute(desk: Desk) -> None:
    system = await desk.system("SN-POSTE")

    async def used() -> object:
        return (await desk.cases.tokens.listing("SN-POSTE"))[0].used

    await system.get(STEPS)
    assert await used() == NOW
    desk.clock.now = NOW + timedelta(seconds=59)
    await system.get(STEPS)
    assert await used() == NOW
    desk.clock.now = NOW + timedelta(seconds=60)
    await system.get(STEPS)
    assert await used() == desk.clock.now


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_step_is_there_for_the_one_it_is_put_to_and_for_nobody_else(desk: Desk, kind: Kind) -> None:
    step = await desk.ask(kind)
    missing = (await (await desk.system("GH-MINT")).get("/api/v1/cases/AMEDIP-2027-9999/steps/decision-1")).json()
    seen = set()
    for institution in INSTITUTIONS:
        system = await desk.system(institution)
        shown = await system.get(f"{ASKED}{step.id}")
        listed = (await system.get(STEPS)).json()["steps"]
        wishes = [
            ("answers", {"option": "refuse"}),
            ("more-time", {"working_days": 2, "reason": "x"}),
            ("decline", {"reason": "x"}),
        ]
        assert bool(listed) == (shown.status_code == 200)
        if shown.status_code == 200:
            seen.add(institution)
            continue
        assert (shown.status_code, shown.json()) == (404, missing)
        for path, said in wishes:
            response = await system.say(f"{step.id}/{path}", said)
            assert (response.status_code, response.json()) == (404, missing)
    assert seen == {WHO.get(kind, "SN-POSTE")} & set(INSTITUTIONS)
    assert (await desk.step()).state is State.OPEN
    assert await desk.waiting() == []


async def test_a_foreign_case_is_told_apart_in_the_log(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("GH-MINT")
    with capture_logs() as logs:
        await system.get(f"{ASKED}{step.id}")
        await system.get("/api/v1/cases/AMEDIP-2027-9999/steps/host_offer-1")
    assert [(line["event"], line["case"], line["institution"]) for line in logs] == [("foreign", CASE, "GH-MINT")]


async def test_a_step_that_was_passed_to_another_institution_is_no_longer_there(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION, asked="SN-MAESE", first_asked="SN-POSTE")
    assert (await (await desk.system("SN-POSTE")).get(f"{ASKED}{step.id}")).status_code == 404


@pytest.mark.parametrize("name", ["%00", "..%2f..", "a" * 500, "%F0%9F%98%80", "AMEDIP-2027-0001%0a", "١"])
async def test_a_name_that_nothing_has_is_not_looked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    await desk.ask(Kind.HOST_OFFER)
    system = await desk.system("MA-POSTE")
    looked, look = [], desk.hall.case

    async def case(case_id: str) -> Case:
        looked.append(case_id)
        return await look(case_id)

    monkeypatch.setattr(desk.hall, "case", case)
    for path in (f"/api/v1/cases/{name}/steps/host_offer-1", f"{ASKED}{name}", f"/api/v1/cases/{CASE}/papers/{name}"):
        assert (await system.get(path)).status_code == 404
    assert set(looked) <= {CASE}
    assert (await system.get(f"{STEPS}?after={name[:40]}")).status_code == 200


async def test_a_key_that_comes_too_often_waits_and_the_others_do_not(workplace: Workplace, hall: Hall) -> None:
    seconds = [0.0]
    api = interface(hall, workplace.words, workplace.log, Pace(burst=3, a_second=0.5, clock=lambda: seconds[0]))
    app = FastAPI()
    app.mount("/api", api)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages.example") as line:
        one, other = [System(line, *await hall.tokens.issue("SN-POSTE", "x", 9), count(1)) for _ in range(2)]
        assert [(await one.get(STEPS)).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await one.get(STEPS)
        assert (refused.headers["retry-after"], refused.headers["content-type"]) == ("2", PROBLEM)
        assert (await other.get(STEPS)).status_code == 200
        seconds[0] = 2.0
        assert [(await one.get(STEPS)).status_code for _ in range(2)] == [200, 429]
