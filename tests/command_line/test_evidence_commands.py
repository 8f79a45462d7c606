"""`passerelle audit check` and `export`: exit codes, what is printed, and that checking needs nothing but the bundle and a key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evidence.bundle import Bundle, bundle_of
from evidence.findings import Code, Finding, Layer, Report, Severity
from evidence.notary import new_key
from tests.command_line.conftest import Passerelle
from tests.evidence.golden import NOTARY, golden

WORDS = ("means", "text", "where", "code", "layer", "severity")


@pytest.fixture(scope="module")
def small() -> bytes:
    """A small bundle."""
    return bundle_of(golden("consultee-overridden").material(), NOTARY).data


@pytest.fixture
def given(small: bytes, tmp_path: Path) -> tuple[Path, Path]:
    """A bundle and a key in files."""
    bundle, key = tmp_path / "case-evidence.zip", tmp_path / "key.pem"
    bundle.write_bytes(small)
    key.write_text(NOTARY.trusted.pem)
    return bundle, key


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that would stop whatever read them."""
    monkeypatch.setenv("PASSERELLE_DATABASE_URL", "nowhere://")


def test_a_sound_bundle_is_told_with_what_was_looked_at(passerelle: Passerelle, given: tuple[Path, Path]) -> None:
    told = passerelle("audit", "check", given[0], "--key", given[1], "--no-replay")
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.endswith("sound\n")
    assert "remark log, not_sent:" in told.stdout


def test_a_bundle_that_does_not_hold_is_named_with_each_fault_and_what_it_means(
    passerelle: Passerelle, given: tuple[Path, Path]
) -> None:
    given[0].write_bytes(given[0].read_bytes()[:9000])
    told = passerelle("audit", "check", given[0], "--key", given[1], "--no-replay")
    assert (told.exit_code, told.stderr) == (1, "the bundle is not sound: 1 fault\n")
    assert told.stdout.startswith("fault container, not_a_zip: this is no zip, or its end is cut off\n")
    assert "nothing in it was read further" in told.stdout


def test_a_replay_that_leads_elsewhere_is_a_fault(passerelle: Passerelle, given: tuple[Path, Path]) -> None:
    told = passerelle("audit", "check", given[0], "--key", given[1], "--json")
    report = json.loads(told.stdout)
    assert (told.exit_code, report["sound"]) == (1, False)
    assert [found["code"] for found in report["findings"]] == ["not_sent", "replay_differs"]
    assert set(report["findings"][0]) == set(WORDS)
    assert {"name", "case", "exported", "key", "log", "size", "procedure", "runs", "events"} < report.keys()


KEYS = {"empty": b"", "no key": b"no key", "private": new_key(), "cut": NOTARY.trusted.pem.encode()[:60]}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_file_without_a_public_key_is_a_matter_of_usage(key: bytes, passerelle: Passerelle, given: tuple[Path, Path]) -> None:
    given[1].write_bytes(key)
    told = passerelle("audit", "check", given[0], "--key", given[1])
    assert told.exit_code == 2
    assert "public key" in told.stderr


def test_a_bundle_or_a_key_that_is_not_there_is_a_matter_of_usage(passerelle: Passerelle, given: tuple[Path, Path]) -> None:
    elsewhere = given[0].with_name("elsewhere")
    for arguments in (
        (elsewhere, "--key", given[1]),
        (given[0], "--key", elsewhere),
        (given[0],),
        (given[0].parent, "--key", given[1]),
    ):
        assert passerelle("audit", "check", *arguments).exit_code == 2


# Export

SOUND = Report(case="AMEDIP-2031-0001", name="AMEDIP-2031-0001-evidence")
FAULT = Finding(
    code=Code.CONTENT_MISSING, severity=Severity.FAULT, layer=Layer.CONTENTS, where="0", text="a content is not there", means="So."
)


@pytest.fixture
def exporting(passerelle: Passerelle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Report]:
    """Commands that find a case whose evidence is this, whatever is installed."""
    reports = [SOUND]

    @asynccontextmanager
    async def opened(data: Path | None) -> AsyncIterator[tuple[Any, Any]]:
        yield SimpleNamespace(issuing=None, database=None), None

    class Made:
        def __init__(self, *_: object) -> None: ...

        async def bundle(self, case_id: str) -> tuple[Bundle, Report]:
            return Bundle(b"zip", "ab" * 32, f"{case_id}-evidence.zip", 3), reports[0]

    monkeypatch.setattr("cli.evidence.opened", opened)
    monkeypatch.setattr("cli.evidence.Exporter", Made)
    monkeypatch.setattr("cli.evidence.Archive", lambda database: None)
    monkeypatch.chdir(tmp_path)
    return reports


def test_the_evidence_is_written_here_or_where_it_is_said(exporting: list[Report], passerelle: Passerelle, tmp_path: Path) -> None:
    told = passerelle("audit", "export", "AMEDIP-2031-0001")
    assert told.exit_code == 0
    assert (tmp_path / "AMEDIP-2031-0001-evidence.zip").read_bytes() == b"zip"
    told = passerelle("audit", "export", "AMEDIP-2031-0001", "--out", "e.zip", "--json")
    said = json.loads(told.stdout)
    assert (said["file"], said["manifest"], said["sound"], (tmp_path / "e.zip").read_bytes()) == ("e.zip", "ab" * 32, True, b"zip")


def test_evidence_that_is_not_sound_is_written_all_the_same_and_said(
    exporting: list[Report], passerelle: Passerelle, tmp_path: Path
) -> None:
    exporting[0] = SOUND.model_copy(update={"findings": (FAULT, FAULT)})
    told = passerelle("audit", "export", "AMEDIP-2031-0001")
    assert (told.exit_code, told.stderr) == (1, "AMEDIP-2031-0001 is not sound: 2 faults\n")
    assert "a content is not there" in told.stdout
    assert (tmp_path / "AMEDIP-2031-0001-evidence.zip").exists()


def test_a_file_that_cannot_be_written_is_a_matter_of_usage(exporting: list[Report], passerelle: Passerelle) -> None:
    assert passerelle("audit", "export", "AMEDIP-2031-0001", "--out", "nowhere/e.zip").exit_code == 2
