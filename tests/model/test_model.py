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


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_people_do_the_case_goes_as_the_rules_say(differs: Differs, part: int) -> None:
    compare(differs, part, CASES)


@pytest.mark.soak
@pytest.mark.parametrize("round", range(ROUNDS))
def test_ten_thousand_cases_go_as_the_rules_say(differs: Differs, round: int) -> None:
    number = int(os.environ.get(SEED, "0")) or secrets.randbits(32)
    print(f"{SEED}={number}, round {round}")
    compare(differs, number + round, CASES_A_ROUND)
