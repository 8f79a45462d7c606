"""`passerelle dev` killed without warning: what was told to people stands, and the case goes on where it was.

Each round launches a case and answers its questions through the pages; the process is killed by its id at an arbitrary moment of
the answering, started again on the same folder, and the same answers are sent again, as a person would who saw no answer.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from dev import is_server
from rehearsal.player import free_port

ROOT = Path(__file__).parents[2]
REQUEST = """
reference = "SN-POSTE/2026/11"
programme = "amedip"
format = "study_visit"
requesting_institution = "SN-POSTE"
language = "fr"
theme = "remittances.formal"
level = "bilateral"
title = "Visite d'étude"
expertise_sought = "Transferts"
objectives = ["Comprendre"]
expected_results = ["Une note"]
preferred_hosts = ["MA-POSTE"]
places = 1
duration_days = 2
periods = [{ earliest = 2090-01-09, latest = 2090-03-31 }]
budget = { ceiling = 5000, currency = "EUR" }
"""
ANSWERS = {
    "completeness-1": {"option": "complete"},
    "consultation-1": {"option": "no_objection"},
    "consultation-2": {"option": "no_objection"},
}
PATIENCE = 60.0


class Installation:
    """One `passerelle dev` on a folder of its own; killed and started as often as needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until a case can be launched."""
        command = [sys.executable, "-m", "cli.main", "dev", "--data", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until = time.monotonic() + PATIENCE
        while not (self.folder / "running.json").exists() or self.pid() != self.process.pid:
            assert self.process.poll() is None, self.process.stderr.read().decode() if self.process.stderr else ""
            assert time.monotonic() < until, "dev does not get ready"
            time.sleep(0.05)

    def pid(self) -> int:
        """The process id that the folder names."""
        try:
            return int(json.loads((self.folder / "running.json").read_text())["pid"])
        except (OSError, ValueError):
            return 0

    def kill(self) -> None:
        """End it without warning; its Temporal server stays behind, as after a real kill."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Stop it as Ctrl-C does; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def command(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        command = [sys.executable, "-m", "cli.main", *arguments, "--data", str(self.folder), "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def link(self, step: str) -> str:
        """The path of the link in the letter that asks on a step."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for file in sorted((self.folder / "mails").glob("*.ask_*.eml")):
                text = file.read_bytes().replace(b"=\r\n", b"").decode("ascii", "replace")
                for token in re.findall(r"/r/([A-Za-z0-9_-]+)", text):
                    if step.encode() in decoded(token):
                        return f"/r/{token}"
            time.sleep(0.05)
        pytest.fail(f"no letter asks on {step}")

    def post(self, step: str, response: str) -> int:
        """Answer on the page; gives the status, 0 when nobody answered."""
        browser = build_opener(HTTPCookieProcessor())
        try:
            with browser.open(f"http://127.0.0.1:{self.port}{self.link(step)}", timeout=20) as opened:
                found = re.search(rb'name="token" value="(\w+)"', opened.read())
                address = opened.url
            token = found[1].decode() if found else ""
            body = urlencode({**ANSWERS[step], "response": response, "paper": "", "token": token, "do": "record"}).encode()
            with browser.open(Request(address, data=body), timeout=20) as answered:
                return int(answered.status)
        except HTTPError as error:
            return error.code
        except (URLError, ConnectionError, TimeoutError):
            return 0


def decoded(token: str) -> bytes:
    """What a token holds."""

    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation that is stopped when the test ends."""
    made = Installation(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()
    left = tmp_path / "temporal.pid"
    if left.exists() and is_server(Path("/proc") / left.read_text(), tmp_path):
        os.kill(int(left.read_text()), signal.SIGTERM)


def answered_through_a_kill(installation: Installation, chance: random.Random) -> None:
    """Launch, answer every step with one kill at an arbitrary moment, and compare what was told with what stands."""
    (installation.folder / "request.toml").write_text(REQUEST, encoding="utf-8")
    case = installation.command("case", "launch", str(installation.folder / "request.toml"))["case"]
    acknowledged: dict[str, str] = {}
    victim = chance.choice(list(ANSWERS))
    for number, step in enumerate(ANSWERS):
        response = f"{chance.getrandbits(128):032x}"
        installation.link(step)  # the letter is there before anything is killed
        if step == victim:
            killer = subprocess.Popen(
                [sys.executable, "-c", f"import os, time; time.sleep({chance.uniform(0, 0.4)}); os.kill({installation.pid()}, 9)"]
            )
            if installation.post(step, response) in (200, 202):
                acknowledged[step] = response
            killer.wait()
            assert installation.process is not None
            installation.process.wait()
            installation.start()
        status = installation.post(step, response)
        assert status in (200, 202), (number, step, status)
        acknowledged[step] = response
    until = time.monotonic() + PATIENCE
    while (rows := {row["id"]: row for row in installation.command("case", "steps", case)}).get("decision-1") is None:
        assert time.monotonic() < until, rows
    state = installation.command("case", "show", case)
    recorded = {step["id"]: step["decision"]["response"] for step in state["steps"] if step["decision"]}
    assert recorded == acknowledged


def test_a_kill_in_the_midst_of_answering_loses_nothing(installation: Installation) -> None:
    installation.start()
    answered_through_a_kill(installation, random.Random(1))
    assert installation.stop() == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 22))
def test_no_kill_loses_an_acknowledged_answer(installation: Installation, seed: int) -> None:
    installation.start()
    answered_through_a_kill(installation, random.Random(seed))


def test_a_second_dev_on_the_same_folder_is_refused(installation: Installation) -> None:
    installation.start()
    command = [sys.executable, "-m", "cli.main", "dev", "--data", str(installation.folder), "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 3
    assert "another" in done.stderr
    assert os.path.exists(f"/proc/{installation.pid()}")
