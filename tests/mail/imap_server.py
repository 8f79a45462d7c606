"""A mailbox on the loopback that speaks as much IMAP (RFC 3501) as is needed to read it and to flag what was read."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

NAME = "127.0.0.1"
USER, PASSWORD = "passerelle", 'not "guessed" \\'
DATE = "09-Nov-2026 11:30:00 +0100"
LOGIN = re.compile(r'LOGIN "?(?P<user>[^" ]*)"? "(?P<password>(?:[^"\\]|\\.)*)"')
FETCH = re.compile(r"UID FETCH (?P<uid>\d+) \((?P<what>[A-Z0-9. \[\]]+)\)")
STORE = re.compile(r"UID STORE (?P<uid>\d+) \+FLAGS\.SILENT \(\\Seen\)")


@dataclass
class Folder:
    """A folder of messages by their numbers; `seen` are flagged so, `said` is every command that came, without the login's."""

    messages: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    drops: str = ""
    size: int = 0

    def put(self, message: bytes) -> int:
        """Lay a message in; gives its number."""
        number = len(self.messages) + 1
        self.messages[number] = message
        return number


class Talk:
    """One conversation with a client."""

    def __init__(self, folder: Folder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._folder = folder
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Greet, and answer each command until the client leaves, or the line is to be dropped at a command."""
        self._writer.write(b"* OK ready\r\n")
        while line := await self._reader.readline():
            tag, _, command = line.decode().rstrip("\r\n").partition(" ")
            self._folder.said.append(command.partition(" ")[0] if command.startswith("LOGIN") else command)
            if self._folder.drops and command.startswith(self._folder.drops):
                break
            self._writer.write(b"".join(self._answers(command)) + f"{tag} {self._word(command)}\r\n".encode())
            await self._writer.drain()
            if command == "LOGOUT":
                break
        self._writer.close()

    def _word(self, command: str) -> str:
        found = LOGIN.fullmatch(command)
        if found is None:
            return "BAD what" if command.startswith("LOGIN") else "OK done"
        given = found["user"], re.sub(r"\\(.)", r"\1", found["password"])
        return "OK in" if given == (USER, PASSWORD) else "NO [AUTHENTICATIONFAILED] wrong"

    def _answers(self, command: str) -> list[bytes]:
        folder = self._folder
        if command == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1\r\n"]
        if command.startswith("SELECT"):
            return [f"* {len(folder.messages)} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n".encode()]
        if command == "UID SEARCH UNSEEN":
            return [f"* SEARCH {' '.join(str(n) for n in folder.messages if n not in folder.seen)}\r\n".encode()]
        if found := STORE.fullmatch(command):
            folder.seen.add(int(found["uid"]))
        if found := FETCH.fullmatch(command):
            number, what = int(found["uid"]), found["what"]
            message = folder.messages[number]
            if what == "RFC822.SIZE":
                return [f"* {number} FETCH (UID {number} RFC822.SIZE {folder.size or len(message)})\r\n".encode()]
            assert what == "INTERNALDATE BODY.PEEK[]", "reading a message must leave it as unseen as it was"
            head = f'* {number} FETCH (UID {number} INTERNALDATE "{DATE}" BODY[] {{{len(message)}}}\r\n'
            return [head.encode(), message, b")\r\n"]
        return [b"* BYE\r\n"] if command == "LOGOUT" else []


@asynccontextmanager
async def mailbox(folder: Folder, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of one folder; gives its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Talk(folder, reader, writer).run()

    server = await asyncio.start_server(talk, NAME, 0, ssl=tls, limit=2**24)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
