"""The verifier's tests notice faults put into it: a few always, all of them in `make soak`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.mutation.mutating import ROOT

SAMPLE = 91
GATE = 0.90


def tried(*arguments: str) -> list[dict[str, Any]]:
    """Every mutant that was tried, and whether it was noticed."""
    command = [sys.executable, "-m", "tests.mutation.mutating", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_few_faults_in_the_verifier_are_noticed() -> None:
    found = tried(str(SAMPLE))
    assert len(found) == 5
    assert [one for one in found if not one["noticed"]] == []


@pytest.mark.soak
def test_nine_of_ten_faults_in_the_verifier_are_noticed() -> None:
    found = tried("1")
    unnoticed = [one for one in found if not one["noticed"]]
    assert len(unnoticed) <= (1 - GATE) * len(found), unnoticed
