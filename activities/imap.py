"""The mailbox that replies and reports of mail servers come into, read over IMAP (RFC 3501); nothing in it is deleted."""

from __future__ import annotations

import imaplib
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from models.errors import Unreachable
from models.message import Message

LARGEST = 25 * 1024 * 1024
SIZE = re.compile(rb"RFC822\.SIZE (\d{1,15})")
READ = "(INTERNALDATE BODY.PEEK[])"


class Imap(Message):
    """Where the mailbox is and how to speak to its server: `security` is none, starttls or tls."""

    host: str
    port: int = 993
    security: str = "tls"
    user: str
    password: str
    folder: str = "INBOX"
    timeout: float = 20.0


class Came(NamedTuple):
    """A message as it lies in the mailbox, and when it came; `data` is empty for one that is larger than we read."""

    data: bytes
    received: datetime


class ImapBox:
    """An open folder. It blocks: call it in a thread. What goes wrong is `Unreachable`, in words without the password."""

    def __init__(self, imap: Imap) -> None:
        with _away(imap):
            self._imap = imap
            self._server = _connected(imap)
            self._server.login(imap.user, imap.password)
            folder = imap.folder.replace("\\", "\\\\").replace('"', '\\"')
            self._done(self._server.select(f'"{folder}"'))
            validity = self._server.response("UIDVALIDITY")[1][0]
            self.validity = validity.decode() if isinstance(validity, bytes) else ""

    def unseen(self) -> list[str]:
        """The numbers of the messages without the flag `\\Seen`, the oldest first."""
        with _away(self._imap):
            (found, *_) = self._done(self._server.uid("SEARCH", "UNSEEN"))
            return found.decode().split() if isinstance(found, bytes) else []

    def fetch(self, uid: str) -> Came | None:
        """A message, left as unseen as it was; None when it is there no more."""
        with _away(self._imap):
            sizes = [
                SIZE.search(part) for part in self._done(self._server.uid("FETCH", uid, "(RFC822.SIZE)")) if isinstance(part, bytes)
            ]
            if any(size and int(size[1]) > LARGEST for size in sizes):
                return Came(b"", datetime.now(UTC))
            parts = self._done(self._server.uid("FETCH", uid, READ))
        for part in parts:
            if isinstance(part, tuple):
                day = imaplib.Internaldate2tuple(part[0])
                return Came(part[1], datetime.fromtimestamp(time.mktime(day), UTC) if day else datetime.now(UTC))
        return None

    def seen(self, uid: str) -> None:
        """Flag a message as seen."""
        with _away(self._imap):
            self._done(self._server.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))

    def close(self) -> None:
        """Say goodbye; a server that has hung up is left as it is."""
        with _away(self._imap):
            self._server.logout()

    def _done(self, reply: tuple[str, list[Any]]) -> list[Any]:
        """What came with a reply, if the server did as it was told."""
        said, data = reply
        if said != "OK":
            raise imaplib.IMAP4.error(f"{said} {data[0]!r}")
        return data


def _connected(imap: Imap) -> imaplib.IMAP4:
    """A line to the server, secured as asked."""
    context = ssl.create_default_context()
    if imap.security == "tls":
        return imaplib.IMAP4_SSL(imap.host, imap.port, ssl_context=context, timeout=imap.timeout)
    server = imaplib.IMAP4(imap.host, imap.port, timeout=imap.timeout)
    if imap.security == "starttls":
        server.starttls(ssl_context=context)
    return server


@contextmanager
def _away(imap: Imap) -> Iterator[None]:
    try:
        yield
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        said = str(error).replace(imap.password, "…") if imap.password else str(error)
        raise Unreachable(f"the mailbox at {imap.host} cannot be read: {type(error).__name__}: {said}") from error
