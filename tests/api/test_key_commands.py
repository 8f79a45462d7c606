"""`passerelle keys …`: issued, listed, taken back; the public ones handed over."""

from __future__ import annotations

import json

from tests.command_line.conftest import Passerelle, environment, installed, passerelle

__all__ = ["environment", "installed", "passerelle"]


def test_a_secret_is_printed_once_and_listed_nowhere(installed: Passerelle) -> None:
    issued = installed("keys", "issue", "MA-POSTE", "--label", "Registry of the Post", "--days", "30", "--json")
    said = json.loads(issued.stdout)
    assert issued.exit_code == 0
    assert said["key"]["institution"] == "MA-POSTE"
    listed = installed("keys", "list", "--json").stdout
    assert [key["id"] for key in json.loads(listed)] == [said["key"]["id"]]
    assert said["secret"] not in listed
    assert json.loads(installed("keys", "list", "SN-POSTE", "--json").stdout) == []


def test_the_first_line_is_the_secret(installed: Passerelle) -> None:
    secret, *told = installed("keys", "issue", "MA-POSTE", "--label", "Registry").stdout.splitlines()
    assert secret.startswith("passerelle_")
    assert "It is not shown again." in " ".join(told)


def test_a_key_taken_back_is_listed_as_such(installed: Passerelle) -> None:
    key = json.loads(installed("keys", "issue", "MA-POSTE", "--label", "Registry", "--json").stdout)["key"]["id"]
    assert installed("keys", "revoke", key).exit_code == 0
    assert "revoked 20" in installed("keys", "list").stdout
    again = installed("keys", "revoke", key)
    assert (again.exit_code, "was revoked on" in again.stderr) == (1, True)


def test_a_key_for_nobody_or_for_no_time_is_refused(installed: Passerelle) -> None:
    nobody = installed("keys", "issue", "MA-NOBODY", "--label", "Registry")
    assert (nobody.exit_code, nobody.stderr.strip()) == (1, "no institution MA-NOBODY")
    never = installed("keys", "issue", "MA-POSTE", "--label", "Registry", "--days", "0")
    assert (never.exit_code, "1 to 3660 days" in never.stderr) == (1, True)


def test_the_public_keys_are_handed_over_with_those_of_before(installed: Passerelle) -> None:
    first = json.loads(installed("keys", "public", "--json").stdout)
    assert first["pem"] == installed("keys", "public").stdout
    assert first["pem"].startswith("-----BEGIN PUBLIC KEY-----")
    said = installed("keys", "rotate", "--signing").stdout
    after = json.loads(installed("keys", "public", "--json").stdout)
    assert after["keys"] == [after["keys"][0], *first["keys"]]
    assert after["keys"][0] in said
    assert [one.partition("+")[0] for one in after["verifiers"]] == [first["log"]] * 2
