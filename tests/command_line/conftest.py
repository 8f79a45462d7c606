"""The command line in this process: nothing set but what a test sets, an installation whose Temporal server is away."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from rehearsal.player import free_port

ROOT = Path(__file__).parents[2]
Passerelle = Callable[..., Result]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of Passerelle or Temporal is set but a data folder of the test's own."""
    for name in list(os.environ):
        if name.startswith(("PASSERELLE_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PASSERELLE_DATA", str(tmp_path / "var"))


@pytest.fixture
def passerelle() -> Passerelle:
    """Runs a command; an error that is no refusal is raised."""

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def installed(passerelle: Passerelle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Passerelle:
    """Commands on an installation with reference data, whose Temporal server is away."""
    (tmp_path / "var").mkdir()
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")
    assert passerelle("db", "upgrade").exit_code == 0
    assert passerelle("db", "seed", ROOT / "data").exit_code == 0
    return passerelle
