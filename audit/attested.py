"""Checkpoints that somebody else has kept: out of a file of their own, a text, or a confirmation as a mail."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple

LARGEST = 16 << 20
MARK = r"[ \t>]*"
NOTE = re.compile(
    rf"^{MARK}([^\s+<>]+){MARK}\n{MARK}([0-9]{{1,18}}){MARK}\n{MARK}([A-Za-z0-9+/]{{43}}=){MARK}\n{MARK}\n"
    rf"((?:{MARK}— \S+ [A-Za-z0-9+/=]+{MARK}(?:\n|\Z))+)",
    re.MULTILINE,
)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")


class Attested(NamedTuple):
    """A checkpoint that comes from outside: where it stood, and the note itself."""

    where: str
    note: str


def attested_in(name: str, data: bytes) -> list[Attested]:
    """The checkpoints in a file, each once; nothing of them is checked."""
    notes = [note for text in texts_in(data) for note in notes_in(text)]
    return [Attested(name, note) for note in dict.fromkeys(notes)]


def notes_in(text: str) -> list[str]:
    """The checkpoints that stand in a text, quoted or indented, as they were signed."""
    found = []
    for name, size, root, signatures in NOTE.findall(text.replace("\r\n", "\n")):
        signed = [line.strip(" \t>") for line in signatures.rstrip("\n").split("\n")]
        found.append("\n".join([name, size, root, "", *signed, ""]))
    return found


def texts_in(data: bytes) -> Iterator[str]:
    """The text of a file, and if it is a mail those of its parts."""
    yield data.decode("utf-8", errors="replace")
    message = message_from_bytes(data, EmailMessage, policy=default)
    for part in message.walk():
        if part.is_multipart() or not isinstance(part, EmailMessage):
            continue
        raw = part.get_payload(decode=True)
        text = raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else ""
        yield html.unescape(TAG.sub("", BREAK.sub("\n", text))) if part.get_content_subtype() == "html" else text
