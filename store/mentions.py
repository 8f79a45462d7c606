"""Where a content speaks of somebody: their name by whole words, in any order, or their mailbox.

Accents, case and marks that are not seen make no difference. The words of a name must stand together, with at most one other
between them: `Diop, Awa`, `AWA M. DIOP`. Text is read from JSON, plain text, HTML, and mails with everything attached to them
that is text itself; a PDF, image or archive says nothing here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from hashlib import sha256
from html import unescape
from typing import Any

WORD = re.compile(r"\w+")
TAG = re.compile(r"<[^>]*>")
UNSEEN = ("Mn", "Cf")
BETWEEN = 1
"""How many other words may stand among those of a name."""


class Mentions:
    """Finds somebody by their names and mailboxes."""

    def __init__(self, names: Iterable[str], mailboxes: Iterable[str] = ()) -> None:
        self._names = [words for name in names if (words := words_of(name))]
        self._mailboxes = [plain(mailbox) for mailbox in mailboxes if mailbox]

    def in_text(self, text: str) -> bool:
        """Whether a text names them."""
        read = plain(text)
        return any(_has_mailbox(read, mailbox) for mailbox in self._mailboxes) or self._named(WORD.findall(read))

    def in_content(self, data: bytes, media: str) -> bool:
        """Whether a content names them; False of one that holds no text we can read."""
        return any(self.in_text(text) for text in texts_of(data, media))

    def _named(self, words: list[str]) -> bool:
        return any(_together(words, name) for name in self._names)


def _has_mailbox(text: str, mailbox: str) -> bool:
    """Whether a mailbox stands in a text as a whole."""
    return re.search(rf"(?<![\w.+-]){re.escape(mailbox)}(?![\w-]|\.\w)", text) is not None


def _together(words: list[str], name: list[str]) -> bool:
    """Whether every word of a name stands within a stretch of words that is hardly longer than the name."""
    width, wanted = len(name) + BETWEEN * (len(name) > 1), set(name)
    starts = (n for n, word in enumerate(words) if word in wanted)
    return any(_covers(words[start : start + width], name) for start in starts)


def _covers(stretch: list[str], name: list[str]) -> bool:
    left = list(stretch)
    for word in name:
        if word not in left:
            return False
        left.remove(word)
    return True


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return WORD.findall(plain(text))


def plain(text: str) -> str:
    """A text as it is compared: one form of every letter, without accents, unseen marks and case."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in decomposed if unicodedata.category(sign) not in UNSEEN).casefold()


def texts_of(data: bytes, media: str) -> Iterator[str]:
    """The texts in a content."""
    kind = media.partition(";")[0].strip().lower()
    if kind == "application/json":
        yield " \n ".join(_strings(json.loads(data)))
    elif kind == "message/rfc822":
        yield from _of_mail(message_from_bytes(data, EmailMessage, policy=default))
    elif kind == "text/html":
        yield _of_page(data.decode(errors="replace"))
    elif kind.startswith("text/"):
        yield data.decode(errors="replace")


def attached(data: bytes) -> set[str]:
    """The sha256 of everything attached to a mail."""
    parts = message_from_bytes(data, EmailMessage, policy=default).walk()
    return {sha256(found).hexdigest() for part in parts if isinstance(found := part.get_payload(decode=True), bytes) and found}


def _of_mail(message: EmailMessage) -> Iterator[str]:
    for part in message.walk():
        yield from (str(value) for value in part.values())
        found = part.get_payload(decode=True)
        if isinstance(found, bytes) and part.get_content_maintype() == "text":
            text = _decoded(found, part.get_content_charset("utf-8"))
            yield _of_page(text) if part.get_content_subtype() == "html" else text


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, errors="replace")
    except LookupError:
        return data.decode("utf-8", errors="replace")


def _of_page(page: str) -> str:
    return unescape(TAG.sub(" ", page))


def _strings(value: Any) -> Iterator[str]:
    """Every text in parsed JSON, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
