"""An institution's system asks for more time or passes a question on; the rules are those of the case."""

from __future__ import annotations

import pytest

from models.acts import Doing
from models.words import Kind, State
from tests.api.situations import Desk, fields


async def test_more_time_is_asked_for_with_a_reason(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    given = await system.say(f"{step.id}/more-time", {"working_days": 3, "reason": "The board meets on Monday."})
    assert (given.status_code, given.json()["noted"], given.json()["done"]) == (200, False, "more_time")
    (act,) = desk.hall.heard
    assert (act.do, act.by, act.step, act.working_days, act.act) == (
        Doing.MORE_TIME,
        "SN-POSTE",
        step.id,
        3,
        given.json()["reference"],
    )
    assert await desk.workplace.contents.get(act.reason) == b"The board meets on Monday."


async def test_what_the_coordinator_has_to_decide_is_noted(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION)
    desk.hall.noted = True
    noted = await (await desk.system("SN-POSTE")).say(f"{step.id}/more-time", {"working_days": 20, "reason": "x"})
    assert (noted.status_code, noted.json()["noted"]) == (202, True)


async def test_a_question_is_passed_on_unanswered(desk: Desk) -> None:
    step = await desk.ask(Kind.HOST_OFFER)
    declined = await (await desk.system("MA-POSTE")).say(f"{step.id}/decline", {"reason": "Not our field."})
    assert declined.status_code == 200
    (act,) = desk.hall.heard
    assert (act.do, act.by) == (Doing.DECLINE, "MA-POSTE")


async def test_the_same_wish_under_the_same_key_is_the_same_act_and_another_is_not(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION)
    system = await desk.system("SN-POSTE")
    for days in (3, 3, 4):
        await system.say(f"{step.id}/more-time", {"working_days": days, "reason": "x"}, key="wish")
    first, again, other = (act.act for act in desk.hall.heard)
    assert first == again != other


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"working_days": 0, "reason": "x"}, {"working_days": "out_of_range"}),
        ({"working_days": 61, "reason": "x"}, {"working_days": "out_of_range"}),
        ({"working_days": "many", "reason": "x"}, {"working_days": "not_a_number"}),
        ({"working_days": 3, "reason": " \u0007 "}, {"reason": "required"}),
        ({"working_days": 3}, {"reason": "required"}),
        ({"working_days": 3, "reason": "x" * 4001}, {"reason": "too_long"}),
        ({"working_days": 3, "reason": "x", "by": "OFFICE"}, {"by": "unknown"}),
    ],
)
async def test_a_wish_with_faults_is_refused_by_field(desk: Desk, said: dict[str, object], found: dict[str, str]) -> None:
    step = await desk.ask(Kind.NOMINATION)
    response = await (await desk.system("SN-POSTE")).say(f"{step.id}/more-time", said)
    assert (response.status_code, fields(response)) == (422, found)
    assert not hasattr(desk.hall, "heard")


async def test_a_closed_step_takes_no_wish(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION, state=State.LAPSED)
    refused = await (await desk.system("SN-POSTE")).say(f"{step.id}/decline", {"reason": "x"})
    assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (410, "closed", {"state": "lapsed"})


async def test_more_time_is_asked_for_once(desk: Desk) -> None:
    step = await desk.ask(Kind.NOMINATION, asked_days=4)
    refused = await (await desk.system("SN-POSTE")).say(f"{step.id}/more-time", {"working_days": 2, "reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_asked")
