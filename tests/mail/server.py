"""A mail server on the loopback: takes messages into a list, refuses as it is told, speaks TLS, drops the line."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

NAME = "127.0.0.1"
USER, PASSWORD = "passerelle", "not guessed"


@dataclass
class Taken:
    """One message as the server got it: from whom, to whom, its bytes, and whether the line was secured."""

    sender: str
    receivers: list[str]
    content: bytes
    secured: bool
    user: str = ""


@dataclass
class Postbox:
    """Where messages arrive; `says` gives the reply to a command, once each, before it takes what comes."""

    taken: list[Taken] = field(default_factory=list)
    says: dict[str, list[str]] = field(default_factory=dict)

    def _word(self, command: str) -> str:
        replies = self.says.get(command, [])
        return replies.pop(0) if replies else ""

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """Take a sender."""
        envelope.mail_from = address
        return self._word("MAIL") or "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """Take a receiver."""
        no = self._word(f"RCPT {address}") or self._word("RCPT")
        if not no:
            envelope.rcpt_tos.append(address)
        return no or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a message; "take, then drop" closes the line after taking it, "drop" before."""
        said = self._word("DATA")
        if said and "take" not in said:
            if said == "drop":
                _drop(server)
            return said
        user = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else ""
        content = envelope.original_content
        assert isinstance(content, bytes)
        self.taken.append(Taken(str(envelope.mail_from), list(envelope.rcpt_tos), content, session.ssl is not None, user))
        if "drop" in said:
            _drop(server)
        return "250 taken"


def _drop(server: SMTP) -> None:
    assert server.transport is not None
    server.transport.close()


def knows(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    """Whether a login is the one there is."""
    good = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False, auth_data=login)


@asynccontextmanager
async def listening(
    postbox: Postbox,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
    largest: int = 2**25,
) -> AsyncIterator[int]:
    """A server for a postbox that takes messages of so many bytes at the most; gives its port."""

    def session() -> SMTP:
        return SMTP(
            postbox,
            hostname=NAME,
            data_size_limit=largest,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=login,
            auth_require_tls=False,
            authenticator=knows if login else None,
            loop=asyncio.get_running_loop(),
        )

    async with _serving(session, tls) as port:
        yield port


@asynccontextmanager
async def _serving(session: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(session, NAME, 0, ssl=tls)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


class Mute(asyncio.Protocol):
    """A server that never says a word."""


@asynccontextmanager
async def mute() -> AsyncIterator[int]:
    """A server that takes connections and says nothing; gives its port."""
    async with _serving(Mute, None) as port:
        yield port


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for the loopback, with the server's side of it."""

    file: Path

    @property
    def context(self) -> ssl.SSLContext:
        """What a server shows."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file, self.file.with_suffix(".key"))
        return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate made for these tests."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate of the tests, is not installed")
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=IP:{NAME}"]
    places = ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run([openssl, *made, *named, *places], check=True, capture_output=True)
    return Certificate(file)
