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
        ('[[act]]\non = "nomination.opened"\ndo = "hold"\nwith = { reason = "Floods.", by = "OFFICE" }', "line 7, act.0.with.by"),
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
