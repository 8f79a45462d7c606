"""A malformed scenario or form names file, line and field of every fault before anything is played."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import Fault, Invalid
from models.lines import faults_in, line_at, lines_of
from rehearsal.scenario import load_scenario, load_toml
from tests.command_line.conftest import ROOT, Passerelle

HEAD = f"""title = "A case"
start = 2031-01-13T09:00:00Z
request = "{ROOT}/data/requests/01-sn-poste-study-visit.toml"
"""


def faults(folder: Path, text: str, head: str = HEAD) -> list[str]:
    """What a scenario is refused for: file, line and field of each fault."""
    file = folder / "scenario.toml"
    file.write_text(head + text, encoding="utf-8")
    with pytest.raises(Invalid) as told:
        load_scenario(file)
    return [line.partition(": ")[0] for line in str(told.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[[reply]]\nstep = "nonsense"\nanswer = "silent"', "line 5, reply.0.step"),
        (
            '[[reply]]\nstep = "travel"\nanswer = "silent"\n\n[[reply]]\nstep = "travel"\nanswer = "ready"\nafter = "soon"',
            "line 11, reply.1.after",
        ),
        ('[[reply]]\nstep = "evaluation"\nanswer = "submit"\nform = { score_content = 9 }', "line 7, reply.0.form.score_content"),
        ('[[reply]]\nstep = "evaluation"\nanswer = "submit"\n[reply.form]\nscore = 3', "line 8, reply.0.form.score"),
        (
            '[[reply]]\nstep = "nomination"\nanswer = "nominate"\nform.nominees = [\n { person = "Participant 1" },\n]',
            "line 8, reply.0.form.nominees.0.email",
        ),
        ('[[reply]]\nstep = "travel"\nby = "SN-NOBODY"\nanswer = "silent"', "line 6, reply.0.by"),
        ('[[act]]\non = "nomination.opened"\ndo = "hold"\nwith = { reason = "Floods.", foo = 1 }', "line 7, act.0.with.foo"),
        (
            '[[act]]\non = "travel.opened"\ndo = "replace"\n[act.with]\nreason = "Illness."\nnomination = "N2"\n'
            'nominee = { person = "Participant 5" }',
            "line 10, act.0.with.nominee.email",
        ),
        (
            '[[act]]\non = "nomination.opened"\ndo = "delegate"\nwith = { colleague = { email = "office@poste-sn.example" } }',
            "line 7, act.0.with.colleague.person",
        ),
        ('[[act]]\non = "held"\ndo = "reschedule"\nwith = { reason = "Floods.", start = "soon" }', "line 7, act.0.with.start"),
        ('[[act]]\non = "held"\ndo = "reschedule"\nwith = { reason = "Floods." }', "line 4, act.0"),
        ('[[act]]\non = "held"\ndo = "override"\nwith = { reason = "Floods.", rule = "veto" }', "line 4, act.0"),
        (
            '[[act]]\non = "held"\ndo = "override"\nwith = { reason = "Floods.", rule = "vetoes", coordinator = "mediterranean" }',
            "line 4, act.0",
        ),
        ('[[act]]\non = "hold"\ndo = "resume"', "line 4, act.0"),
        ('[[act]]\non = ".held"\ndo = "resume"', "line 4, act.0"),
        ('[[reply]]\nstep = "travel"\nby = "SN-POSTE/9"\nanswer = "ready"', "line 6, reply.0.by"),
        (
            '[[delegation]]\ninstitution = "SN-POSTE"\nto = "SN-POSTE/2"\nkinds = ["nominating"]\nstarts = 2031-02-03\n'
            "ends = 2031-02-14",
            "line 7, delegation.0.kinds.0",
        ),
        (
            '[[appointment]]\ninstitution = "SN-POSTE"\nrank = 1\nrole = "Focal point"\nlanguage = "fr"\nstarts = 2031-02-03',
            "line 4, appointment.0.email",
        ),
        (
            '[[act]]\non = "nomination.opened"\ndo = "extend"\nwith = { reason = "Floods.", working_days = "abc" }',
            "line 7, act.0.with.working_days",
        ),
        ('[[act]]\non = "nomination.opened"\ndo = "extend"\nwith = { reason = "Floods." }', "line 4, act.0"),
        ('[[act]]\non = "nomination.opened"\ndo = "hold"', "line 4, act.0"),
        ('[[act]]\non = "nomination.opend"\ndo = "resume"', "line 4, act.0"),
        ('[[act]]\nat = 2031-01-12T10:00:00Z\ndo = "resume"', "line 5, act.0.at"),
    ],
    ids=lambda value: value if "," in value[:9] else "",
)
def test_a_fault_of_a_scenario_names_file_line_and_field(tmp_path: Path, text: str, field: str) -> None:
    told = faults(tmp_path, text)
    assert f"scenario.toml, {field}" in told


def test_a_start_that_is_past_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "", HEAD.replace("2031", "2020")) == ["scenario.toml, line 2, start"]


def test_a_number_too_long_to_read_is_a_fault_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "request.toml"
    file.write_text("places = 1" + "0" * 5000)
    with pytest.raises(Invalid, match="file: "):
        load_toml(file)


def test_a_wrong_scenario_ends_with_its_fault_and_one(
    passerelle: Passerelle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.play.leave", lambda: None)
    (tmp_path / "s.toml").write_text(HEAD.replace("2031", "2020"))
    result = passerelle("rehearse", tmp_path / "s.toml")
    assert (result.exit_code, result.stderr.partition(": ")[0]) == (1, "s.toml, line 2, start")


ENDS_SOON = """change = { periods = [{ earliest = 2031-06-02, latest = 2031-06-27 }] }
[[reply]]
step = "decision"
answer = "reject"
"""
"""The programme rejects: the shortest whole case."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[reply]]\nstep = "decision"\nround = 2\nanswer = "approve"',
            "line 9, reply.1: no such step was opened for this reply; check step, by and round",
        ),
        (
            '[[act]]\non = "travel.opened"\ndo = "hold"\nwith = { reason = "Floods." }',
            "line 9, act.0: travel.opened did not happen before the case ended",
        ),
        (
            '[[act]]\non = "decision.opened"\nafter = "P3D"\ndo = "hold"\nwith = { reason = "Floods." }',
            "line 9, act.0: the case had ended before this act",
        ),
        (
            '[[act]]\non = "decision.opened"\ndo = "convert"\nwith = { reason = "No host." }',
            "line 9, act.0: refused: not_calling: convert is for a case whose hosts are being called; this one is in request",
        ),
        (
            '[[act]]\non = "decision.opened"\ndo = "hold"\nrefused = "on_hold"\nwith = { reason = "Floods." }',
            "line 9, act.0: was to be refused (on_hold) and was carried out",
        ),
        (
            '[[reply]]\nstep = "consultation"\nby = "CH-SDC"\non_behalf = true\nanswer = "no_objection"\n'
            'form = { opinion = "Agreed." }\n\n[[act]]\non = "consultation.opened"\ndo = "recall"\n'
            'with = { reason = "A mistake." }',
            "line 16, act.0: refused: unknown_step: case AMEDIP-2031-0001 has no step consultation",
        ),
        (
            '[[delegation]]\ninstitution = "SN-POSTE"\nto = "MA-POSTE"\nstarts = 2031-02-03\nends = 2031-02-14',
            "line 9, delegation.0: MA-POSTE is no post of SN-POSTE and no other institution of its country",
        ),
        (
            '[[appointment]]\ninstitution = "SN-POSTE"\nrank = 1\nrole = "Focal point"\nemail = "nobody"\nlanguage = "fr"\n'
            "starts = 2031-02-03",
            "line 13, appointment.0.email: 'nobody' is no mail address",
        ),
    ],
    ids=["reply", "event", "ended", "refused", "carried out", "recall", "delegation", "appointment"],
)
def test_what_a_scenario_says_in_vain_ends_the_rehearsal_with_its_place_and_one(
    passerelle: Passerelle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr("cli.play.leave", lambda: None)
    (tmp_path / "s.toml").write_text(HEAD + ENDS_SOON + "\n" + text)
    result = passerelle("rehearse", tmp_path / "s.toml")
    assert (result.exit_code, result.stderr.strip()) == (1, f"s.toml, {told}")


@pytest.mark.parametrize(("name", "text"), [("f.toml", "start = 1\n\nremarks = 2\n"), ("f.json", '{"start": 1,\n\n"remarks": 2}')])
def test_a_fault_of_a_form_names_file_line_and_field(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Invalid) as told, faults_in(tmp_path / name):
        raise Invalid(
            [Fault(field="remarks", code="invalid", text="wrong"), Fault(field="outline", code="required", text="needed")]
        )
    assert str(told.value) == f"{name}, line 3, remarks: wrong\n{name}: outline: needed"
    assert told.value.faults[0].facts == {"line": "3"}


def places(value: Any, path: str = "") -> Iterator[str]:
    """The dotted path of everything within nested values."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        below = f"{path}.{name}" if path else str(name)
        yield below
        yield from places(item, below)


@pytest.mark.parametrize(
    "file", [*sorted(ROOT.glob("*/*/*.toml")), ROOT / "programmes" / "amedip.toml"], ids=lambda file: file.stem
)
def test_everything_in_a_toml_file_has_a_line(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = lines_of(text)
    for path in places(tomllib.loads(text)):
        name = path.rpartition(".")[2]
        line = line_at(lines, path)
        assert name.isdecimal() or path == "steps" or name in text.splitlines()[(line or 0) - 1]


def test_everything_in_a_json_file_has_a_line() -> None:
    value = {"a": [1, {"b": "x: y, {z}"}, [[], {}]], "c d": {"e": None, "f": True}, "g": "2031-01-13T09:00:00Z"}
    for indent in (None, 1):
        text = json.dumps(value, indent=indent)
        assert set(lines_of(text, json=True)) == set(places(value))
    assert lines_of(text, json=True)["g"] == len(text.splitlines()) - 1


def test_the_scenario_of_the_guide_has_no_fault(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "how-to-write-a-scenario.md").read_text(encoding="utf-8")
    text = guide.partition("```toml\n")[2].partition("```")[0].replace('"../../data', f'"{ROOT}/data')
    (tmp_path / "s.toml").write_text(text)
    scenario, request = load_scenario(tmp_path / "s.toml")
    assert (len(scenario.reply), len(scenario.act), len(scenario.delegation)) == (1, 2, 1)
    assert request["requesting_institution"] == "SN-POSTE"
