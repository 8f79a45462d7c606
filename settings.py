"""Settings of a Passerelle process: one `Settings`, read at the edge from the environment and nowhere else.

Every setting is described in `docs/settings.md`. A wrong one stops the start: `WrongSetting` names the variable and what is
wrong with it, and never shows a secret.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import WrongSetting

PREFIX = "PASSERELLE_"
DATABASES = ("sqlite+aiosqlite:///", "postgresql+psycopg://")
KEY_BYTES = 32
KEY_FILES = {"link_key_file": "link.key", "data_key_file": "data.key"}
"""The files of keys, and their names in the data folder where no setting names another."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _database(url: str) -> str:
    """The address of a database, or a fault that does not repeat it, for it holds a password."""
    if url and not url.startswith(DATABASES):
        raise ValueError("must start with " + " or ".join(DATABASES))
    return url


def _page(url: str) -> str:
    """The address people reach the pages at, without a closing slash, or nothing."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be an address like https://exchanges.example, without query or fragment")
    return url.rstrip("/")


def _server(address: str) -> str:
    """A `host:port`, or nothing."""
    host, colon, port = address.rpartition(":")
    if address and not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("must read host:port, as in temporal:7233")
    return address


def _mailbox(address: str) -> str:
    """A bare mailbox, or nothing."""
    name, _, domain = address.rpartition("@")
    if address and (not name or not domain or not address.isprintable() or any(sign in address for sign in ' ,;<>"')):
        raise ValueError("must be one bare mailbox, as in coordination@amedip.example")
    return address


def _imap_folder(name: str) -> str:
    """The name of a folder on a mail server, plain ASCII in one line."""
    if not name.isascii() or not name.isprintable():
        raise ValueError("must be plain ASCII, as in INBOX or INBOX/Returned")
    return name


def _name_in_dns(name: str) -> str:
    """A name as it stands in the DNS, or nothing."""
    if name and not re.fullmatch(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", name):
        raise ValueError("must be a name of the DNS, as in exchanges.example")
    return name


def _name_of_log(name: str) -> str:
    """A name as it stands in notes, or nothing: no spaces and no plus sign (source: C2SP signed-note)."""
    if name and not re.fullmatch(r"[!-*,-~]{1,200}", name):
        raise ValueError("must be one word without a plus sign, as in exchanges.example/log")
    return name


def _folder(path: Path) -> Path:
    """A folder that is there."""
    if not path.is_dir():
        raise ValueError(f"no such folder: {path}")
    return path


class Settings(BaseSettings):
    """What a process is told by its environment; `read_settings` makes one, checked and with its secrets read from their files."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    data: Path = Path("var")
    database_url: Annotated[str, AfterValidator(_database), Field(repr=False)] = ""
    database_url_file: Path | None = None
    link_key_file: Path | None = None
    signing_key_file: Path | None = None
    log_name: Annotated[str, AfterValidator(_name_of_log)] = ""
    data_key_file: Path | None = None
    programmes: Annotated[Path, AfterValidator(_folder)] = Path(__file__).parent / "programmes"

    temporal_address: Annotated[str, AfterValidator(_server), Field(validation_alias="TEMPORAL_ADDRESS")] = ""
    temporal_namespace: Annotated[str, Field(validation_alias="TEMPORAL_NAMESPACE", min_length=1)] = "default"
    temporal_tls_ca: Annotated[Path | None, Field(validation_alias="TEMPORAL_TLS_CA")] = None
    temporal_tls_cert: Annotated[Path | None, Field(validation_alias="TEMPORAL_TLS_CERT")] = None
    temporal_tls_key: Annotated[Path | None, Field(validation_alias="TEMPORAL_TLS_KEY")] = None
    temporal_bin: Path | None = None
    task_queue: Annotated[str, Field(min_length=1)] = "passerelle"

    public_url: Annotated[str, AfterValidator(_page)] = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    smtp_host: str = ""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_password_file: Path | None = None
    mail_from: Annotated[str, AfterValidator(_mailbox)] = ""

    imap_host: str = ""
    imap_port: Annotated[int, Field(ge=1, le=65535)] = 993
    imap_security: Literal["none", "starttls", "tls"] = "tls"
    imap_user: str = ""
    imap_password: SecretStr = SecretStr("")
    imap_password_file: Path | None = None
    imap_folder: Annotated[str, AfterValidator(_imap_folder)] = "INBOX"

    dkim_domain: Annotated[str, AfterValidator(_name_in_dns)] = ""
    dkim_selector: Annotated[str, AfterValidator(_name_in_dns)] = ""
    dkim_key_file: Path | None = None

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


def variable(field: str) -> str:
    """The environment variable that sets a field of `Settings`."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


VARIABLES = tuple(variable(field) for field in Settings.model_fields)


def read_settings(*, data: Path | None = None, port: int | None = None) -> Settings:
    """The settings of this process; `data` and `port` come from the command line and win. `WrongSetting` names every wrong one."""
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in VARIABLES)
    if unknown:
        raise WrongSetting("\n".join(f"{name}: there is no such setting; docs/settings.md lists them" for name in unknown))
    said = {"data": data, "port": port}
    try:
        settings = Settings(**{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise WrongSetting("\n".join(_sentence(str(item["loc"][0]), item["msg"]) for item in error.errors())) from None
    settings = _filled(settings)
    faults = _faults(settings)
    if faults:
        raise WrongSetting("\n".join(faults))
    return settings


def _sentence(place: str, message: str) -> str:
    """One wrong setting in words; pydantic names a field or, for an aliased one, its variable."""
    name = variable(place) if place in Settings.model_fields else place
    return f"{name}: {message.removeprefix('Value error, ')}"


def _filled(settings: Settings) -> Settings:
    """The settings with absolute paths, secrets from their files (a file wins), and the defaults that hang on other settings."""
    folder = settings.data.expanduser().absolute()
    keys = {field: getattr(settings, field) or folder / default for field, default in KEY_FILES.items()}
    found: dict[str, object] = {"data": folder, **keys}
    found["signing_key_file"] = settings.signing_key_file or folder / "signing.key"
    found["public_url"] = settings.public_url or f"http://127.0.0.1:{settings.port}"
    found["log_name"] = settings.log_name or urlsplit(str(found["public_url"])).hostname
    if settings.database_url_file is not None:
        found["database_url"] = _secret("database_url_file", settings.database_url_file)
        if not str(found["database_url"]).startswith(DATABASES):
            raise WrongSetting(
                f"{variable('database_url_file')}: the file must hold an address starting with {' or '.join(DATABASES)}"
            )
    elif not settings.database_url:
        found["database_url"] = f"sqlite+aiosqlite:///{folder}/passerelle.db"
    if settings.smtp_password_file is not None:
        found["smtp_password"] = SecretStr(_secret("smtp_password_file", settings.smtp_password_file))
    if settings.imap_password_file is not None:
        found["imap_password"] = SecretStr(_secret("imap_password_file", settings.imap_password_file))
    for field in KEY_FILES:
        path = getattr(settings, field)
        if path is not None and len(_read(field, path)) < KEY_BYTES:
            raise WrongSetting(f"{variable(field)}: {path} must hold at least {KEY_BYTES} bytes")
    if settings.signing_key_file is not None and b"PRIVATE KEY-----" not in _read("signing_key_file", settings.signing_key_file):
        raise WrongSetting(f"{variable('signing_key_file')}: {settings.signing_key_file} holds no private key in PEM")
    return settings.model_copy(update=found)


def _secret(field: str, path: Path) -> str:
    """What a secret's file holds, without the line end; `WrongSetting` when it cannot be read or is empty."""
    try:
        secret = _read(field, path).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise WrongSetting(f"{variable(field)}: cannot read {path}: not text") from None
    if not secret:
        raise WrongSetting(f"{variable(field)}: {path} is empty")
    return secret


def _read(field: str, path: Path) -> bytes:
    """The bytes of a file that a setting names; `WrongSetting` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongSetting(f"{variable(field)}: cannot read {path}: {error.strerror}") from None


def _faults(settings: Settings) -> list[str]:
    """What is wrong with settings taken together, a sentence each, beginning with the variable to change."""
    faults = []
    for field in ("temporal_tls_ca", "temporal_tls_cert", "temporal_tls_key", "temporal_bin"):
        path = getattr(settings, field)
        if path is not None and not path.is_file():
            faults.append(f"{variable(field)}: no such file: {path}")
    if (settings.temporal_tls_cert is None) != (settings.temporal_tls_key is None):
        missing = "temporal_tls_key" if settings.temporal_tls_key is None else "temporal_tls_cert"
        faults.append(f"{variable(missing)}: a client certificate and its key are set together")
    if settings.smtp_password.get_secret_value() and not settings.smtp_user:
        faults.append(f"{variable('smtp_user')}: a mail password is set without a user")
    if settings.smtp_user and not settings.smtp_password.get_secret_value():
        faults.append(f"{variable('smtp_password_file')}: a mail user is set without a password")
    if settings.smtp_user and settings.smtp_security == "none" and settings.smtp_host not in LOOPBACK:
        faults.append(f"{variable('smtp_security')}: a password would travel unprotected; use starttls or tls")
    return [*faults, *_faults_of_returns(settings), *_faults_of_signing(settings)]


def _faults_of_returns(settings: Settings) -> list[str]:
    """What is wrong with how the mailbox of replies is read."""
    if not settings.imap_host:
        return []
    faults = []
    if not settings.imap_user:
        faults.append(f"{variable('imap_user')}: a mailbox is to be read without a user")
    if not settings.imap_password.get_secret_value():
        faults.append(f"{variable('imap_password_file')}: a mailbox is to be read without a password")
    if settings.imap_security == "none" and settings.imap_host not in LOOPBACK:
        faults.append(f"{variable('imap_security')}: a password would travel unprotected; use starttls or tls")
    return faults


def _faults_of_signing(settings: Settings) -> list[str]:
    """What is missing or wrong in what mails are signed with."""
    names = ("dkim_domain", "dkim_selector", "dkim_key_file")
    missing = [name for name in names if not getattr(settings, name)]
    if len(missing) in (1, 2):
        return [f"{variable(name)}: the domain, the selector and the key of DKIM are set together" for name in missing]
    path = settings.dkim_key_file
    if path is not None and b"PRIVATE KEY-----" not in _read("dkim_key_file", path):
        return [f"{variable('dkim_key_file')}: {path} holds no private key in PEM"]
    return []
