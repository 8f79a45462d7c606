"""Whatever is wrong with what a command is given ends in a sentence and an exit code, never in a traceback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.processes import is_remote
from models.case import Step
from models.words import Kind, State
from store.cases import Launches, ReadModel
from store.database import Database
from tests.command_line.conftest import ROOT, Passerelle
from tests.command_line.test_demo import MONDAY, PLAYED

REQUEST = ROOT / "data" / "requests" / "01-sn-poste-study-visit.toml"


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    """The study visit of the Senegalese post, for a period that begins in twenty weeks."""
    earliest = datetime.now(UTC).date() + timedelta(weeks=20)
    file = tmp_path / "request.toml"
    lines = REQUEST.read_text(encoding="utf-8").replace("2027-04-05", str(earliest))
    file.write_text(lines.replace("2027-04-30", str(earliest + timedelta(weeks=4))).replace("2027", "2090"), encoding="utf-8")
    return file


@contextmanager
def taken_port() -> Iterator[int]:
    """A port of the loopback that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@pytest.mark.parametrize("command", ["web", "worker", "dev"])
def test_a_wrong_setting_stops_a_process_by_its_name(
    passerelle: Passerelle, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "short").write_text("short")
    monkeypatch.setenv("PASSERELLE_LINK_KEY_FILE", str(tmp_path / "short"))
    result = passerelle(command)
    assert (result.exit_code, result.stderr.partition(":")[0]) == (2, "PASSERELLE_LINK_KEY_FILE")


def test_dev_starts_nothing_when_its_port_is_taken(passerelle: Passerelle, tmp_path: Path) -> None:
    with taken_port() as port:
        result = passerelle("dev", "--port", str(port))
    assert result.exit_code == 3
    assert f"port {port}" in result.stderr
    assert not (tmp_path / "var" / "temporal.pid").exists()


def test_a_proof_that_is_not_there_is_a_wrong_use(passerelle: Passerelle, tmp_path: Path) -> None:
    answer = ("case", "answer", "AMEDIP-2026-0001", "host_offer-1", "offer")
    result = passerelle(*answer, "--proof", tmp_path / "nofile")
    assert result.exit_code == 2
    assert "--proof" in result.stderr


def test_an_ending_that_is_none_is_a_wrong_use(installed: Passerelle) -> None:
    assert installed("case", "list", "--ending", "nonsense").exit_code == 2
    assert installed("case", "list", "--ending", "open", "--json").stdout == "[]\n"
    assert installed("case", "list", "--ending", "no_host", "--json").stdout == "[]\n"


def test_the_same_key_is_the_same_case_even_when_the_request_has_become_wrong(installed: Passerelle, request_file: Path) -> None:
    first = installed("case", "launch", request_file, "--key", "k")
    assert first.exit_code == 0, first.stderr
    request_file.write_text(request_file.read_text(encoding="utf-8").replace("places = 3", "places = 99"), encoding="utf-8")
    again = installed("case", "launch", request_file, "--key", "k")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert installed("case", "launch", request_file).exit_code == 1


def test_a_broken_request_names_file_line_and_field_of_every_fault(installed: Passerelle, request_file: Path) -> None:
    text = request_file.read_text(encoding="utf-8")
    text = text.replace("places = 3", "places = 99").replace('programme = "amedip"', 'programme = "nope"')
    request_file.write_text(text.replace('"EUR"', '"XAU"').replace('level = "bilateral"\n', ""), encoding="utf-8")
    result = installed("case", "launch", request_file)
    assert result.exit_code == 1
    assert [line.rpartition(": ")[0] for line in result.stderr.splitlines()] == [
        "request.toml: level",
        "request.toml, line 2, programme",
        "request.toml, line 25, budget.currency",
        "request.toml, line 19, places",
    ]
    assert installed("case", "list", "--json").stdout == "[]\n"


@pytest.fixture
def started(installed: Passerelle, request_file: Path, tmp_path: Path) -> str:
    """The number of a case that is known to have been started, while Temporal is away."""
    number = installed("case", "launch", request_file).stdout.split()[0]

    async def start() -> None:
        database = Database.open(f"sqlite+aiosqlite:///{tmp_path}/var/passerelle.db")
        await Launches(database).started(number)
        await database.close()

    asyncio.run(start())
    return number


def test_the_read_model_is_not_rebuilt_while_temporal_is_away(installed: Passerelle, started: str) -> None:
    result = installed("db", "rebuild")
    assert result.exit_code == 3
    assert started in result.stderr


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("", False),
        ("127.0.0.1:7233", False),
        ("[::1]:7233", False),
        ("localhost:7233", False),
        ("temporal.example:7233", True),
        ("203.0.113.7:7233", True),
        ("10.0.0.7:7233", True),
    ],
)
def test_only_this_machine_and_a_container_beside_it_are_not_remote(address: str, remote: bool) -> None:
    assert is_remote(address) is remote


@pytest.mark.parametrize(("found", "remote"), [("172.18.0.4", False), ("1.2.3.4", True)])
def test_a_name_without_a_dot_is_beside_us_only_at_a_private_address(
    found: str, remote: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.processes.getaddrinfo", lambda host, port: [(socket.AF_INET, 0, 0, "", (found, 0))])
    assert is_remote("temporal:7233") is remote


def test_a_broken_form_names_its_file_and_line_and_a_wrong_option_does_not(installed: Passerelle, tmp_path: Path) -> None:
    async def publish() -> None:
        database = Database.open(f"sqlite+aiosqlite:///{tmp_path}/var/passerelle.db")
        step = Step(id="host_offer-1", kind=Kind.HOST_OFFER, asked="MA-POSTE", country="MA", opened=MONDAY, state=State.OPEN)
        await ReadModel(database).publish(PLAYED.case.model_copy(update={"steps": [step]}))
        await database.close()

    asyncio.run(publish())
    (tmp_path / "offer.toml").write_text('contact = "Protocol office"\nstart = "soon"\n')
    answer = ("case", "answer", "AMEDIP-2031-0001", "host_offer-1")
    broken = installed(*answer, "offer", "--form", tmp_path / "offer.toml")
    assert (broken.exit_code, broken.stderr.partition(": ")[0]) == (1, "offer.toml, line 2, start")
    wrong = installed(*answer, "accept", "--form", tmp_path / "offer.toml")
    assert (wrong.exit_code, wrong.stderr.partition(": ")[0]) == (1, "option")
