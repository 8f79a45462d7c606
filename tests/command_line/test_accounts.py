"""`passerelle users …`: accounts made, listed, changed, disabled, signed out; no password is ever printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.command_line.conftest import Passerelle

WORD = "a long enough word"


@pytest.fixture
def word(tmp_path: Path) -> Path:
    """A file with a password."""
    file = tmp_path / "word"
    file.write_text(f"{WORD}\n", encoding="utf-8")
    return file


def test_an_account_from_its_making_to_its_end(installed: Passerelle, word: Path) -> None:
    made = installed("users", "add", "audit-office", "--role", "auditor", "--password-file", word, "--json")
    assert (made.exit_code, json.loads(made.stdout)["role"]) == (0, "auditor")
    done = [
        installed("users", "add", "other-office", "--role", "coordinator", "--password-file", word),
        installed("users", "password", "audit-office", "--password-file", word, "--json"),
        installed("users", "disable", "audit-office"),
        installed("users", "sign-out", "audit-office", "--json"),
        installed("users", "list"),
    ]
    assert [one.exit_code for one in done] == [0] * 5
    assert json.loads(done[3].stdout) == {"name": "audit-office", "ended": 0}
    listed = json.loads(installed("users", "list", "--json").stdout)
    assert [(user["name"], user["role"], user["disabled"] is None) for user in listed] == [
        ("audit-office", "auditor", False),
        ("other-office", "coordinator", True),
    ]
    assert installed("users", "enable", "audit-office").exit_code == 0
    assert json.loads(installed("users", "list", "--json").stdout)[0]["disabled"] is None
    printed = "".join(one.stdout + one.stderr for one in (made, *done))
    assert (WORD in printed, "$argon2" in printed) == (False, False)


def test_what_cannot_be_is_refused_with_the_reason(installed: Passerelle, word: Path, tmp_path: Path) -> None:
    short, strange = tmp_path / "short", tmp_path / "strange"
    short.write_text("eleven char", encoding="utf-8")
    strange.write_bytes(b"\xff\xfe long enough")
    add = ("users", "add", "audit-office", "--role", "auditor", "--password-file")
    for file, said in ((short, "at least 12 characters"), (strange, "cannot be read as text")):
        refused = installed(*add, file)
        assert (refused.exit_code, said in refused.stderr) == (1, True)
    assert installed(*add, tmp_path / "none").exit_code == 2
    assert installed("users", "add", "audit-office", "--role", "director", "--password-file", word).exit_code == 2
    assert installed("users", "add", "audit-office", "--role", "auditor", "--password", WORD).exit_code == 2
    assert installed("users", "list", "--json").stdout.strip() == "[]"
    for command in ("password", "disable", "enable", "sign-out"):
        nobody = installed("users", command, "nobody", *(("--password-file", word) if command == "password" else ()))
        assert (nobody.exit_code, nobody.stderr.strip()) == (1, "no account nobody"), command


def test_a_password_is_typed_twice_and_not_shown(installed: Passerelle) -> None:
    typed = ["users", "add", "audit-office", "--role", "auditor", "--json"]
    wrong = CliRunner().invoke(app, typed, input=f"{WORD}\nanother long word\n")
    assert wrong.exit_code == 1
    right = CliRunner().invoke(app, typed, input=f"{WORD}\n{WORD}\n")
    assert (right.exit_code, json.loads(right.stdout)["name"]) == (0, "audit-office")
    assert WORD not in right.output + wrong.output
