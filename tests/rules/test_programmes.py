"""The rules of a programme: read from its file, every fault named by file and field, carried by each case."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import Invalid
from models.programme import Programme, load_programme
from models.words import Kind, Lapse
from tests.rules.situations import PROGRAMME, amedip

SOUND = PROGRAMME.read_text(encoding="utf-8")


def faults(folder: Path, old: str, new: str) -> dict[str, str]:
    """The faults of the programme with one thing written otherwise; every one names the file."""
    assert old in SOUND
    path = folder / "changed.toml"
    path.write_text(SOUND.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Invalid) as told:
        load_programme(path)
    assert str(told.value).startswith("changed.toml: ")
    return {fault.field: fault.code for fault in told.value.faults}


def test_every_kind_of_step_has_its_rule() -> None:
    assert set(amedip().steps) == set(Kind)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lead_weeks = 16", "", {"request.lead_weeks": "required"}),
        ("lead_weeks = 16", 'lead_weeks = "many"', {"request.lead_weeks": "not_a_number"}),
        ("lead_weeks = 16", "lead_weaks = 16", {"request.lead_weeks": "required", "request.lead_weaks": "unknown"}),
        ("remind_before = [2, 0]", "remind_befor = [2, 0]", {"steps.completeness.remind_befor": "unknown"}),
        ('unit = "working_days"', 'unit = "fortnights"', {"steps.completeness.limit.unit": "unknown"}),
        ("value = 5,", "value = -5,", {"steps.completeness.limit.value": "out_of_range"}),
        ('lapse = "tacit"', 'lapse = "shrug"', {"steps.consultation.lapse": "unknown"}),
        ("[steps.agenda]", "[steps.picnic]", {"steps.picnic.[key]": "unknown"}),
        ('pt = "Gabinete de coordenação do programa"', "", {"office.name.pt": "required"}),
        ('zone = "Europe/Paris"', 'zone = "Europe/Lutetia"', {"office.zone": "unknown"}),
        ('language = "en"', 'language = "es"', {"office.language": "unknown"}),
        ("cost = 10 }", "cost = 20 }", {"decision.weights": "invalid"}),
        ("closing_time = 17:00:00", 'closing_time = "tea time"', {"closing_time": "invalid"}),
        ("[request]", "[request", {"file": "invalid"}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_fault_names_file_and_field(tmp_path: Path, old: str, new: str, told: dict[str, str]) -> None:
    assert faults(tmp_path, old, new) == told


def test_a_kind_of_step_without_a_rule_is_named(tmp_path: Path) -> None:
    agenda = SOUND[SOUND.index("[steps.agenda]") : SOUND.index("[steps.cascading_plan]")]
    assert faults(tmp_path, agenda, "") == {"steps.agenda": "required"}


def test_only_a_consultee_s_silence_is_consent() -> None:
    assert [kind for kind, rule in amedip().steps.items() if rule.lapse is Lapse.TACIT] == [Kind.CONSULTATION]


def test_a_case_carries_its_rules_and_reads_them_back_when_they_have_grown() -> None:
    carried = amedip().model_dump(mode="json")
    assert Programme.model_validate(carried) == amedip()
    assert Programme.model_validate(carried | {"a_rule_of_later": 1}) == amedip()


def test_no_deadline_comes_without_its_grace_being_at_least_as_long_when_escalated() -> None:
    wrong = [kind for kind, rule in amedip().steps.items() if rule.lapse is Lapse.ESCALATE and rule.grace_escalated < rule.grace]
    assert wrong == []
