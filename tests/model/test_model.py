"""The whole procedure against the reference: random people, acts and outages lead to the same outcome at the same second."""

from __future__ import annotations

import os
import secrets

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.model.conftest import Differs
from tests.model.script import Script
from tests.model.scripts import scripts

PARTS, CASES = 5, 64
ROUNDS, CASES_A_ROUND = 50, 200
SEED = "MODEL_SEED"


def compare(differs: Differs, number: int, cases: int, *, shrinks: bool = True) -> None:
    """Play so many cases that follow from a number; a difference is shrunk to a script that shows it with little else."""

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        report_multiple_bugs=False,
    )
    @given(scripts())
    def a_case_goes_as_the_reference_says(script: Script) -> None:
        found = differs(script)
        assert not found, found

    a_case_goes_as_the_reference_says()


OPEN = {
    1: "M3: after an outage of five weeks over a donor's decision the published timeline has holes; by whom, not yet known",
    4: "M4: a lapse over people in the second of an outage's end: the reference ends the case, the procedure goes on to acceptance",
}
"""Differences that were found and are not yet settled, by the part that shows them; each is an open point of issue 4."""


def part_of(number: int) -> object:
    """A part of the cases; one whose difference is known and open is expected to show it."""
    return pytest.param(number, marks=pytest.mark.xfail(reason=OPEN[number], strict=False)) if number in OPEN else number


@pytest.mark.parametrize("part", [part_of(number) for number in range(PARTS)])
def test_whatever_people_do_the_case_goes_as_the_rules_say(differs: Differs, part: int) -> None:
    compare(differs, part, CASES, shrinks=part not in OPEN)


@pytest.mark.soak
@pytest.mark.parametrize("round", range(ROUNDS))
def test_ten_thousand_cases_go_as_the_rules_say(differs: Differs, round: int) -> None:
    number = int(os.environ.get(SEED, "0")) or secrets.randbits(32)
    print(f"{SEED}={number}, round {round}")
    compare(differs, number + round, CASES_A_ROUND)
