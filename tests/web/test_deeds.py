"""What the one asked can do besides answering: more time, a colleague, not for me, recall; each confirmed, each told truthfully."""

from __future__ import annotations

import re
from typing import Any

import pytest

from models.case import Hold
from models.words import LANGUAGES, Kind, State
from tests.web.situations import CASE, NOW, ROOT, Desk, clean, decided
from wording import Words

every_language = pytest.mark.parametrize("language", LANGUAGES)
REASON = {"Act.reason": "The minister is\ntravelling."}
COLLEAGUE = {
    "Act.person": "Colleague 1",
    "Act.function": "Deputy head",
    "Act.language": "ar",
    "Act.email": "colleague.1@poste-ma.example",
}
FILLED = {
    "more-time": {"Act.working_days": "3", **REASON},
    "delegate": COLLEAGUE,
    "not-for-me": REASON,
    "recall": REASON,
    "take-back": {},
}
SITUATION: dict[str, dict[str, Any]] = {"recall": decided("refuse"), "take-back": {"delegate": "MA-POSTE/2"}}


async def there(desk: Desk, deed: str) -> str:
    """The page of a deed where it can be done, visited."""
    path = await desk.ask(Kind.ACCEPTANCE, party="MA-POSTE", **SITUATION.get(deed, {}))
    await desk.open(path)
    return f"{clean(path)}/{deed}"


async def done(desk: Desk, address: str, fields: dict[str, str], language: str = "en") -> tuple[int, str]:
    """Fill the page of a deed, go on, confirm; gives the status and the words of the page that follows."""
    _, page = await desk.open(address, lang=language)
    answer, page = await desk.press(address, page.form | fields | {"do": "review"})
    if answer.status_code == 200:
        answer, page = await desk.press(address, page.form | {"do": "record"})
    return answer.status_code, page.words


@every_language
@pytest.mark.parametrize("deed", FILLED)
async def test_a_deed_is_repeated_confirmed_and_told(desk: Desk, deed: str, language: str) -> None:
    say, name = desk.workplace.words.say, deed.replace("-", "_")
    address = await there(desk, deed)
    if deed != "take-back":  # offered to whoever still has a link that answers
        _, page = await desk.open(address.rpartition("/")[0], lang=language)
        assert say(language, f"act.{name}") in page.words
    answer, page = await desk.open(address, lang=language)
    assert answer.status_code == 200
    assert say(language, f"act.{name}_text") in page.words
    before = (await desk.cases.case(CASE)).model_dump()
    answer, page = await desk.press(address, page.form | FILLED[deed] | {"do": "review"})
    assert answer.status_code == 200
    for value in FILLED[deed].values():
        assert all(line in page.text or line == "ar" for line in value.split("\n"))
    assert (await desk.cases.case(CASE)).model_dump() == before
    answer, page = await desk.press(address, page.form | {"do": "record"})
    assert answer.status_code == 200
    assert say(language, f"act.{name}_done") in page.words
    assert (await desk.cases.case(CASE)).acted != []


async def test_a_longer_time_waits_for_the_coordinator_and_says_so(desk: Desk) -> None:
    address = await there(desk, "more-time")
    _, words = await done(desk, address, {"Act.working_days": "30", **REASON})
    assert desk.workplace.words.say("en", "act.more_time_noted_done") in words
    assert (await desk.step()).asked_days == 30
    _, page = await desk.open(address.rpartition("/")[0])
    assert desk.workplace.words.say("en", "act.more_time") not in page.words
    answer, page = await desk.open(address)
    assert answer.status_code == 409
    assert desk.workplace.words.say("en", "fault.already_asked") in page.words


async def test_whoever_got_more_time_goes_on_in_the_same_browser_and_older_links_do_not(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_OFFER)
    await desk.open(path)
    status, _ = await done(desk, f"{clean(path)}/more-time", FILLED["more-time"])
    assert status == 200
    assert (await desk.step()).epoch == 1
    answer, _ = await desk.open(clean(path))
    assert answer.status_code == 200
    answer, _ = await desk.open(path)
    assert answer.status_code == 404


async def test_a_colleague_gets_the_question_and_the_former_link_says_so(desk: Desk) -> None:
    address = await there(desk, "delegate")
    _, words = await done(desk, address, COLLEAGUE)
    step = await desk.step()
    assert step.delegate.startswith("MA-POSTE/p-")
    party = await desk.cases.party(await desk.cases.case(CASE), step.delegate)
    assert (party.name, party.language, party.mailbox) == ("Colleague 1", "ar", "colleague.1@poste-ma.example")
    assert desk.workplace.words.say("en", "answer.delegated") in words
    _, page = await desk.send(desk.link(step.id, step.delegate, 1), {"option": "accept"}, lang="en")
    assert desk.workplace.words.say("en", "answer.recorded") in page.words
    assert desk.workplace.words.say("en", "answer.on_behalf", name="Poste Maroc") in page.words


async def test_whoever_delegated_can_take_it_back_in_the_same_browser(desk: Desk) -> None:
    address = await there(desk, "delegate")
    await done(desk, address, COLLEAGUE)
    status, _ = await done(desk, address.replace("delegate", "take-back"), {})
    assert (status, (await desk.step()).delegate) == (200, "")
    _, _ = await desk.send(address.rpartition("/")[0], {"option": "accept"})
    assert (await desk.step()).option == "accept"


async def test_an_answer_is_recalled_by_whoever_gave_it(desk: Desk) -> None:
    path = await desk.ask(Kind.ACCEPTANCE)
    await desk.send(path, {"option": "accept"})
    status, words = await done(desk, f"{clean(path)}/recall", REASON)
    assert status == 200
    assert desk.workplace.words.say("en", "answer.recalled") in words
    assert (await desk.step()).voided is not None


async def test_a_recall_that_is_no_longer_possible_says_what_is(desk: Desk) -> None:
    path = await desk.ask(Kind.HOST_AGREEMENT, **decided("agree"))
    case = await desk.cases.case(CASE)
    later = case.steps[-1].model_copy(update={"id": "nomination-1", "kind": Kind.NOMINATION, "asked": "SN-POSTE"})
    case.steps = [*case.steps, later]
    await desk.publish(case)
    _, page = await desk.open(path, lang="en")
    assert desk.workplace.words.say("en", "act.recall") not in page.words
    answer, page = await desk.open(f"{clean(path)}/recall")
    assert answer.status_code == 409
    assert desk.workplace.words.say("en", "fault.depended_on") in page.words


@every_language
@pytest.mark.parametrize(
    ("deed", "fields", "field", "code"),
    [
        ("more-time", {"Act.working_days": "61", **REASON}, "Act.working_days", "out_of_range"),
        ("more-time", {"Act.working_days": "soon", **REASON}, "Act.working_days", "not_a_number"),
        ("more-time", REASON, "Act.working_days", "out_of_range"),
        ("more-time", {"Act.working_days": "3"}, "Act.reason", "no_reason"),
        ("not-for-me", {}, "Act.reason", "no_reason"),
        ("delegate", {**COLLEAGUE, "Act.email": "colleague"}, "Act.email", "invalid"),
        ("delegate", {"Act.email": "colleague.1@poste-ma.example"}, "Act.person", "required"),
    ],
)
async def test_a_fault_of_a_deed_is_named_at_its_field_and_nothing_is_lost(
    desk: Desk, language: str, deed: str, fields: dict[str, str], field: str, code: str
) -> None:
    address = await there(desk, deed)
    _, page = await desk.open(address, lang=language)
    answer, page = await desk.press(address, page.form | fields | {"do": "review"})
    assert answer.status_code == 422
    assert desk.workplace.words.say(language, f"fault.{code}", low="1", high="60") in page.words
    assert f"#{field}" in [a["href"] for a in page.all("a")]
    assert [a["id"] for _, a in page.elements if "autofocus" in a] == [field]
    assert {name: page.form[name] for name in fields} == fields
    assert (await desk.cases.case(CASE)).acted == []


async def test_the_button_of_a_deed_pressed_twice_does_it_once(desk: Desk) -> None:
    address = await there(desk, "more-time")
    _, page = await desk.open(address)
    fields = page.form | FILLED["more-time"] | {"do": "record"}
    first, _ = await desk.press(address, fields)
    second, _ = await desk.press(address, fields)
    assert str(first.url) == str(second.url)
    assert len((await desk.cases.case(CASE)).acted) == 1


async def test_with_temporal_away_nothing_is_done_and_nothing_lost(desk: Desk) -> None:
    address = await there(desk, "not-for-me")
    desk.cases.temporal_is_away = True
    status, words = await done(desk, address, REASON)
    assert status == 503
    assert desk.workplace.words.say("en", "answer.not_done") in words
    desk.cases.temporal_is_away = False
    status, _ = await done(desk, address, REASON)
    assert (status, bool((await desk.step()).declined)) == (200, True)


async def test_a_deed_that_was_not_done_is_not_told_as_done(desk: Desk) -> None:
    path = await desk.ask(Kind.ACCEPTANCE)
    _, page = await desk.open(path, acted="a" * 32, lang="en")
    assert "_done" not in page.text
    assert desk.workplace.words.say("en", "act.not_for_me_done") not in page.words


async def test_the_programme_s_office_acts_as_a_coordinator_not_here(desk: Desk) -> None:
    _, page = await desk.open(await desk.ask(Kind.DECISION), lang="en")
    assert [a["href"] for a in page.all("a") if a["href"].endswith(("delegate", "more-time", "not-for-me"))] == []


async def test_on_hold_only_the_answer_is_offered(desk: Desk) -> None:
    path = await desk.ask(Kind.ACCEPTANCE, state=State.PAUSED)
    case = await desk.cases.case(CASE)
    case.hold = Hold(since=NOW, reason="a" * 64)
    await desk.publish(case)
    _, page = await desk.open(path, lang="en")
    assert desk.workplace.words.say("en", "act.more_time") not in page.words
    _, page = await desk.open(f"{clean(path)}/more-time")
    assert desk.workplace.words.say("en", "fault.on_hold") in page.words


CODES = sorted(
    {
        code
        for module in ("models/acts.py", "models/rules.py", "web/respond/uploads.py")
        for code in re.findall(r'Refused\(\s*"(\w+)"', (ROOT / module).read_text(encoding="utf-8"))
    }
)


@every_language
@pytest.mark.parametrize("code", CODES)
def test_every_refusal_has_words_in_every_language(words: Words, language: str, code: str) -> None:
    assert words.has(language, f"fault.{code}")


def test_there_are_refusals() -> None:
    assert len(CODES) > 40


@pytest.fixture(scope="module")
def words() -> Words:
    """The words of the pages."""
    return Words(ROOT / "locale")
