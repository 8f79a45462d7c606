"""The files that put Passerelle into containers: valid, closed to the network, and every command in them really runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from dev import LIMITS
from rehearsal.player import free_port
from settings import VARIABLES
from tests.packaging.compose import ROOT, check, command, document, environment, here, services

BIN = Path(sys.executable).parent
OURS = ("web", "worker", "migrate")
ONCE = ("migrate", "temporal-schema", "temporal-namespace")
# Commands of programs that only the pinned images hold; what they are given is still tried below where it is a script of ours.
OF_THE_IMAGE = {"pg_isready", "temporal-sql-tool", "/etc/temporal/entrypoint.sh", "nc", "wget", "/mailpit", "caddy"}
PATIENCE = 60.0


def finished(arguments: Sequence[str | Path], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command run to its end in the project's folder."""
    return subprocess.run(arguments, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder that `make secrets` fills."""
    folder = tmp_path / "secrets"
    done = finished(["make", "--silent", "secrets", f"SECRETS={folder}", f"PYTHON={sys.executable}"])
    assert done.returncode == 0, done.stderr
    return folder


def test_the_compose_file_follows_the_compose_schema() -> None:
    done = finished([BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_without_fault() -> None:
    done = finished([BIN / "hadolint", "Dockerfile"])
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_holds_every_package_and_folder_of_the_project_and_no_secret() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    needed = {name.partition(".")[0] for name in packaged["packages"]}
    needed |= {"*.py", "data", "locale", "programmes", "templates", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == needed


def test_every_image_is_pinned_and_the_passerelle_image_carries_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name, service in services().items():
        tag = service["image"].partition(":")[2]
        assert tag[:1].isdigit() or tag[:1] == "v", name
        assert name not in OURS or service["image"] == f"passerelle:{version}"


def test_every_service_that_stays_is_watched_and_comes_back() -> None:
    for name, service in services().items():
        assert bool(check(name)) == (name not in ONCE), name
        assert service["restart"] == "unless-stopped" if name not in ONCE else service["restart"].startswith("on-failure"), name


def test_a_service_waits_until_the_one_before_is_well_or_done() -> None:
    for service in services().values():
        for before, how in service.get("depends_on", {}).items():
            assert how["condition"] == ("service_completed_successfully" if before in ONCE else "service_healthy")


def test_no_service_has_more_rights_than_it_needs() -> None:
    for name, service in services().items():
        assert "privileged" not in service
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] or name == "temporal-ui"


def test_only_the_proxy_is_open_to_the_network_and_it_starts_only_when_asked() -> None:
    for name, service in services().items():
        if name == "proxy":
            assert service["profiles"] == ["proxy"]
        else:
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_every_volume_has_a_name() -> None:
    used = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    assert used == set(document()["volumes"])


def test_secrets_come_from_files_that_make_creates_for_their_owner_alone(secrets: Path) -> None:
    made = {path.name: path for path in secrets.iterdir()}
    assert {name: {"file": f"./secrets/{name}"} for name in made} == document()["secrets"]
    assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o600}
    assert {secret for service in services().values() for secret in service.get("secrets", [])} == set(made)
    for name in services():
        for variable, value in environment(name).items():
            assert "PASSWORD" not in variable or value.startswith("/run/secrets/")
            assert variable.endswith("_FILE") or "/run/secrets/" not in value


def test_secrets_once_made_are_never_made_again(secrets: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert finished(["make", "--silent", "secrets", f"SECRETS={secrets}"]).returncode == 0
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert before["database_password"].strip() in before["database_url"]
    assert len({*before.values()}) == len(before)


def test_every_setting_of_the_containers_is_a_setting() -> None:
    for name in OURS:
        assert set(environment(name)) <= set(VARIABLES)


def test_every_command_belongs_to_passerelle_or_to_its_image() -> None:
    known = OF_THE_IMAGE | {"passerelle", "python", "temporal"}
    for name in services():
        for arguments in filter(None, (command(name), check(name))):
            assert any(word in known or word.strip("'\"") in known for word in " ".join(arguments).split()), arguments


def test_the_schema_of_temporal_is_made_in_both_its_databases(secrets: Path, tmp_path: Path) -> None:
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text(f'#!/bin/sh\necho "$SQL_PASSWORD $*" >>{tmp_path}/asked\n')
    tool.chmod(0o755)
    script = [here(argument, {"/run/secrets": str(secrets)}) for argument in command("temporal-schema")]
    done = finished(script, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    password = (secrets / "temporal_password").read_text().strip()
    assert all(
        line.startswith(f"{password} --plugin postgres12 --ep temporal-db --port 5432 --user temporal --db ") for line in asked
    )
    assert [line.partition(" --db ")[2] for line in asked] == [
        f"{database} {step}"
        for database, folder in (("temporal", "temporal"), ("temporal_visibility", "visibility"))
        for step in ("create", "setup-schema -v 0.0", f"update-schema -d /etc/temporal/schema/postgresql/v12/{folder}/versioned")
    ]


def test_the_temporal_server_starts_with_its_password_and_lifted_limits(secrets: Path, tmp_path: Path) -> None:
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.write_text('#!/bin/sh\necho "$POSTGRES_PWD"\n')
    entrypoint.chmod(0o755)
    limits = tmp_path / "dynamic.yaml"
    places = {"/run/secrets": str(secrets), "/etc/temporal/entrypoint.sh": str(entrypoint), "/tmp/dynamic.yaml": str(limits)}
    done = finished([here(argument, places) for argument in command("temporal")])
    assert (done.returncode, done.stdout) == (0, (secrets / "temporal_password").read_text())
    lifted = {name: values[0]["value"] for name, values in yaml.safe_load(limits.read_text()).items()}
    assert {f"{name}={value}" for name, value in lifted.items()} == set(LIMITS)
    assert environment("temporal")["DYNAMIC_CONFIG_FILE_PATH"] == "/tmp/dynamic.yaml"


class Host:
    """This machine in the place of the containers: a Temporal server, PostgreSQL, a mail server, secrets by file."""

    def __init__(self, folder: Path, secrets: Path, database: str, temporal: int, mail: int) -> None:
        self.port = free_port()
        (secrets / "database_url").write_text(f"{database}\n")
        self.places = {
            "/run/secrets": str(secrets),
            "/tmp/passerelle": str(folder / "data"),
            "temporal:7233": f"127.0.0.1:{temporal}",
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
            "0.0.0.0": "127.0.0.1",
        }
        self.moved = {"PASSERELLE_SMTP_HOST": "127.0.0.1", "PASSERELLE_SMTP_PORT": str(mail), "PASSERELLE_PORT": str(self.port)}

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a service, moved here."""
        said = {key: here(value, self.places) for key, value in environment(name).items()}
        moved = self.moved if name in OURS else {}
        return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), **said, **moved}

    def arguments(self, said: Sequence[str]) -> list[str]:
        """A command, moved here."""
        return [here(argument, self.places) for argument in said]

    def run(self, name: str, said: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A service's command, run to its end."""
        return finished(self.arguments(said), self.environment(name))

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[str]]:
        """A service's command, running; stopped as Docker stops it, by SIGTERM, when the block ends."""
        with subprocess.Popen(
            self.arguments(command(name)),
            cwd=ROOT,
            env=self.environment(name),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    if process.wait(PATIENCE) and process.stderr:
                        print(f"{name} says:", process.stderr.read())
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise

    def well(self, name: str, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        """The first answer of a service's health check that says it is well; fails when the process ends or time runs out."""
        until = time.monotonic() + PATIENCE
        while (answer := self.run(name, check(name))).returncode != 0:
            if process.poll() is not None:
                pytest.fail(f"{name} ended with {process.returncode}: {process.stderr.read() if process.stderr else ''}")
            if time.monotonic() > until:
                pytest.fail(f"{name} does not get well: {answer.stdout}{answer.stderr}")
        return answer


@pytest.fixture
def host(tmp_path: Path, secrets: Path, empty_postgres_url: str) -> Iterator[Host]:
    """A `Host` whose servers run."""
    port = free_port()
    server = [str(BIN / "temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"]
    mail = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen([*server, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        stack.callback(process.terminate)
        mail.start()
        stack.callback(mail.stop)
        until = time.monotonic() + PATIENCE
        while finished([BIN / "temporal", "operator", "cluster", "health", "--address", f"127.0.0.1:{port}"]).returncode:
            assert process.poll() is None, "the Temporal server ended"
            assert time.monotonic() < until, "the Temporal server does not get well"
        yield Host(tmp_path, secrets, empty_postgres_url, port, mail.port)


def test_the_namespace_is_made_once_and_keeps_histories_for_ten_years(host: Host) -> None:
    name = "temporal-namespace"
    for _ in range(2):
        done = host.run(name, command(name))
        assert done.returncode == 0, done.stderr
    described = host.run(name, ["temporal", "operator", "namespace", "describe", "--namespace", "passerelle", "--output", "json"])
    assert json.loads(described.stdout)["config"]["workflowExecutionRetentionTtl"] == f"{3650 * 24 * 3600}s"


def test_every_command_of_passerelle_in_the_compose_file_runs(host: Host) -> None:
    for name in ("temporal-namespace", "migrate", "migrate"):
        done = host.run(name, command(name))
        assert done.returncode == 0, done.stderr
    with host.running("worker") as worker, host.running("web") as web:
        host.well("web", web)
        host.well("worker", worker)
        assert host.run("worker", ["passerelle", "doctor", "--json"]).returncode == 0
    assert (web.returncode, worker.returncode) == (0, 0)
    assert host.run("worker", check("worker")).returncode != 0
