"""`passerelle dev` on its own: its namespace, its plain connection, and when it says that it is ready."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

import dev
from dev import WITHOUT_TLS, Running, beside_dev, everything
from models.errors import Unreachable
from rehearsal.player import free_port
from rehearsal.stage import VAULT
from settings import Settings, read_settings
from store.database import Database
from store.migrate import upgrade
from store.seed import seed
from tests.command_line.conftest import ROOT


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that name a namespace, and an authority that no embedded server knows."""
    authority = tmp_path / "authority.pem"
    authority.write_text("no certificate")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "exchanges")
    monkeypatch.setenv("TEMPORAL_TLS_CA", str(authority))
    return read_settings(data=tmp_path / "var", port=free_port())


async def test_dev_is_ready_in_its_namespace_once_its_pages_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[int] = []
    pages = dev.Pages.startup

    async def slowly(self: dev.Pages, sockets: list[object] | None = None) -> None:
        await asyncio.sleep(1)
        await pages(self, sockets)  # type: ignore[arg-type]  # uvicorn's own sockets, passed on

    monkeypatch.setattr(dev.Pages, "startup", slowly)

    def ask(page: str) -> None:
        with suppress(OSError), urlopen(page, timeout=2) as answer:
            answered.append(answer.status)
        os.kill(os.getpid(), signal.SIGTERM)

    asking: list[asyncio.Future[None]] = []

    def told(here: Running) -> None:
        asking.append(asyncio.get_running_loop().run_in_executor(None, ask, f"{here.web}/readyz"))

    await everything(settings, told)
    await asyncio.gather(*asking)
    assert answered == [200]


def test_a_command_beside_dev_talks_to_it_without_tls(settings: Settings) -> None:
    settings.data.mkdir()
    here = Running(pid=os.getpid(), temporal="127.0.0.1:7", smtp_port=25, web="http://127.0.0.1:8000")
    (settings.data / dev.RUNNING).write_text(here.model_dump_json())
    beside = beside_dev(settings)
    assert beside.temporal_address == "127.0.0.1:7"
    assert {name: getattr(beside, name) for name in WITHOUT_TLS} == WITHOUT_TLS
    elsewhere = settings.model_copy(update={"temporal_address": "temporal.example:7233"})
    assert beside_dev(elsewhere).temporal_tls_ca == settings.temporal_tls_ca


def test_the_pages_listen_on_a_host_of_this_machine_only(settings: Settings) -> None:
    with pytest.raises(Unreachable, match=f"port {settings.port} of 192.0.2.1"):
        dev.bound(settings.model_copy(update={"host": "192.0.2.1"}))
    with dev.bound(settings) as place:
        assert place.getsockname() == ("127.0.0.1", settings.port)


async def test_a_case_can_be_launched_once_there_is_reference_data(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/passerelle.db"
    await asyncio.to_thread(upgrade, url)
    database = Database.open(url, durable=False, vault=VAULT)
    assert await dev.filled(database) == {"database": True, "institutions": False}
    await seed(database, ROOT / "data")
    assert await dev.filled(database) == {"database": True, "institutions": True}
    await database.close()
