"""What the environment may say to a process, and how a wrong word in it stops the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import WrongSetting
from settings import VARIABLES, Settings, read_settings, variable

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of Passerelle or Temporal is set when a test starts."""
    for name in list(os.environ):
        if name.startswith(("PASSERELLE_", "TEMPORAL_")):
            monkeypatch.delenv(name)


def refusal() -> str:
    """What the refused start says."""
    with pytest.raises(WrongSetting) as refused:
        read_settings()
    return str(refused.value)


def test_without_any_setting_everything_is_embedded_under_var() -> None:
    settings = read_settings()
    assert settings.data == Path.cwd() / "var"
    assert settings.database_url == f"sqlite+aiosqlite:///{Path.cwd()}/var/passerelle.db"
    assert settings.link_key_file == Path.cwd() / "var" / "link.key"
    assert settings.data_key_file == Path.cwd() / "var" / "data.key"
    assert (settings.temporal_address, settings.smtp_host, settings.public_url) == ("", "", "http://127.0.0.1:8000")


def test_the_command_line_moves_the_data_and_the_port_and_what_hangs_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSERELLE_DATA", "elsewhere")
    settings = read_settings(data=tmp_path, port=8123)
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/passerelle.db"
    assert settings.public_url == "http://127.0.0.1:8123"


def test_a_misspelt_setting_stops_the_start_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSERELLE_SMTP_HOTS", "mail.example")
    assert refusal().startswith("PASSERELLE_SMTP_HOTS: there is no such setting")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSERELLE_PORT", "abc"),
        ("PASSERELLE_PORT", "70000"),
        ("PASSERELLE_DATABASE_URL", "mysql://somebody:secret@db/passerelle"),
        ("PASSERELLE_PUBLIC_URL", "exchanges.example"),
        ("PASSERELLE_MAIL_FROM", "Office <coordination@amedip.example>"),
        ("PASSERELLE_SMTP_SECURITY", "ssl"),
        ("PASSERELLE_LOG_LEVEL", "loud"),
        ("PASSERELLE_LOG_FORMAT", "xml"),
        ("PASSERELLE_PROGRAMMES", "no-such-folder"),
        ("PASSERELLE_TEMPORAL_BIN", "no-such-file"),
        ("TEMPORAL_ADDRESS", "temporal"),
        ("TEMPORAL_ADDRESS", "temporal:port"),
        ("TEMPORAL_TLS_CA", "no-such-file"),
        ("PASSERELLE_DATABASE_URL_FILE", "no-such-file"),
        ("PASSERELLE_LINK_KEY_FILE", "no-such-file"),
        ("PASSERELLE_DATA_KEY_FILE", "no-such-file"),
        ("PASSERELLE_SMTP_PASSWORD_FILE", "no-such-file"),
        ("PASSERELLE_IMAP_PASSWORD_FILE", "no-such-file"),
        ("PASSERELLE_IMAP_SECURITY", "ssl"),
        ("PASSERELLE_IMAP_FOLDER", "Boîte"),
        ("PASSERELLE_DKIM_DOMAIN", "exchanges example"),
        ("PASSERELLE_DKIM_SELECTOR", "-letters"),
    ],
)
def test_a_wrong_value_stops_the_start_by_its_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    said = refusal()
    assert said.startswith(f"{name}: ")
    assert "secret" not in said
    assert "\n" not in said


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSERELLE_PORT", "abc")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal")
    assert [line.partition(":")[0] for line in refusal().splitlines()] == ["TEMPORAL_ADDRESS", "PASSERELLE_PORT"]


def test_a_secret_comes_from_its_file_and_the_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, password = tmp_path / "url", tmp_path / "password"
    url.write_text("postgresql+psycopg://passerelle:hidden@db/passerelle\n")
    password.write_text("hidden\n")
    monkeypatch.setenv("PASSERELLE_DATABASE_URL", "sqlite+aiosqlite:///other.db")
    monkeypatch.setenv("PASSERELLE_DATABASE_URL_FILE", str(url))
    monkeypatch.setenv("PASSERELLE_SMTP_USER", "passerelle")
    monkeypatch.setenv("PASSERELLE_SMTP_PASSWORD_FILE", str(password))
    settings = read_settings()
    assert settings.database_url == "postgresql+psycopg://passerelle:hidden@db/passerelle"
    assert settings.smtp_password.get_secret_value() == "hidden"
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("field", "content"),
    [("database_url_file", ""), ("database_url_file", "mysql://x"), ("link_key_file", "short"), ("data_key_file", "short")],
)
def test_a_secret_that_cannot_be_right_stops_the_start(
    field: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content)
    monkeypatch.setenv(variable(field), str(secret))
    assert refusal().startswith(f"{variable(field)}: ")


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"PASSERELLE_SMTP_USER": "passerelle"}, "PASSERELLE_SMTP_PASSWORD_FILE"),
        ({"PASSERELLE_SMTP_PASSWORD": "hidden"}, "PASSERELLE_SMTP_USER"),
        (
            {
                "PASSERELLE_SMTP_HOST": "mail.example",
                "PASSERELLE_SMTP_USER": "passerelle",
                "PASSERELLE_SMTP_PASSWORD": "hidden",
                "PASSERELLE_SMTP_SECURITY": "none",
            },
            "PASSERELLE_SMTP_SECURITY",
        ),
        ({"PASSERELLE_IMAP_HOST": "mail.example", "PASSERELLE_IMAP_PASSWORD": "hidden"}, "PASSERELLE_IMAP_USER"),
        ({"PASSERELLE_IMAP_HOST": "mail.example", "PASSERELLE_IMAP_USER": "passerelle"}, "PASSERELLE_IMAP_PASSWORD_FILE"),
        (
            {
                "PASSERELLE_IMAP_HOST": "mail.example",
                "PASSERELLE_IMAP_USER": "passerelle",
                "PASSERELLE_IMAP_PASSWORD": "hidden",
                "PASSERELLE_IMAP_SECURITY": "none",
            },
            "PASSERELLE_IMAP_SECURITY",
        ),
        ({"PASSERELLE_DKIM_DOMAIN": "amedip.example", "PASSERELLE_DKIM_SELECTOR": "letters1"}, "PASSERELLE_DKIM_KEY_FILE"),
        (
            {
                "PASSERELLE_DKIM_DOMAIN": "amedip.example",
                "PASSERELLE_DKIM_SELECTOR": "letters1",
                "PASSERELLE_DKIM_KEY_FILE": str(Path(__file__)),
            },
            "PASSERELLE_DKIM_KEY_FILE",
        ),
        ({"TEMPORAL_TLS_CERT": str(Path(__file__))}, "TEMPORAL_TLS_KEY"),
        ({"TEMPORAL_TLS_KEY": str(Path(__file__))}, "TEMPORAL_TLS_CERT"),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(
    said: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert refusal().startswith(f"{named}: ")
    assert "hidden" not in refusal()


def test_every_setting_is_documented_with_its_variable() -> None:
    documented = {line.split("`")[1] for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")}
    assert documented == set(VARIABLES)
    assert len(VARIABLES) == len(Settings.model_fields)


def test_a_key_that_is_no_text_is_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "link.key"
    monkeypatch.setenv("PASSERELLE_LINK_KEY_FILE", str(file))
    file.write_bytes(bytes(range(128, 160)))
    assert read_settings().link_key_file == file
    file.write_bytes(bytes(range(128, 159)))
    assert "at least 32 bytes" in refusal()
