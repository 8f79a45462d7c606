"""A letter as the bytes of a message, written in one go and the same every time.

The standard library's `EmailMessage` parses each header it is given, once more when it is written, and draws its boundaries at
random: four milliseconds a letter, and other bytes when a letter is composed again. Here each mailbox's header is made by the
standard library once and remembered, and the two texts are encoded in C.
"""

from __future__ import annotations

from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

WIDTH = 76
LONGEST_LINE = 78
CALENDAR = 'text/calendar; method=PUBLISH; charset="utf-8"'


class File(NamedTuple):
    """An attachment: its name (ASCII, without quotes), its media type with parameters, its bytes."""

    name: str
    media: str
    data: bytes


def line(field: str, value: str) -> str:
    """A header of ASCII text without line ends; beyond ASCII it is folded as encoded words, when long at its spaces.

    Raises:
        ValueError: the text holds a line end.
    """
    if len(value.splitlines()) > 1:
        raise ValueError(f"{field} holds a line end")
    if not is_plain(value):
        return f"{field}: {encoded(field, value)}\r\n"
    plain = f"{field}: {value}\r\n"
    return plain if len(plain) <= LONGEST_LINE + 2 or " " not in value else str(SMTP.header_factory(field, value).fold(policy=SMTP))


def date_line(at: datetime) -> str:
    """The date header."""
    return f"Date: {format_datetime(at)}\r\n"


@lru_cache(maxsize=2048)
def mailbox_line(field: str, name: str, mailbox: str) -> str:
    """A header of one mailbox with its display name, checked part by part; a name never adds a receiver."""
    address = Address(display_name=name, addr_spec=mailbox)
    if is_plain(name) and len(f"{field}: {address}") <= LONGEST_LINE:  # folded, a quoted name loses its quotes
        return str(SMTP.header_factory(field, address).fold(policy=SMTP))
    return f"{field}: {encoded(field, name)}\r\n <{address.addr_spec}>\r\n"


def is_plain(text: str) -> bool:
    """Whether a text stands in a header as it is; one that looks like an encoded word would be read as something else."""
    return text.isascii() and "=?" not in text


def encoded(field: str, text: str) -> str:
    """A text as encoded words in lines of at most 76 characters; the newer class doubles the space before an encoded word."""
    return Header(text, "utf-8", header_name=field, maxlinelen=WIDTH).encode(linesep="\r\n")


def message_bytes(lines: Iterable[str], text: str, page: str, files: Sequence[File] = ()) -> bytes:
    """The whole message: headers, the text and its page as alternatives, the attachments.

    The boundaries come from the content, so the same letter has the same bytes; "=_" stands in no encoded part.
    """
    head = "".join(lines).encode("ascii")
    bodies = _text("plain", text), _text("html", page)
    mark = sha256(b"".join((head, *bodies, *(file.data for file in files)))).hexdigest()[:24]
    letter = _parts("alternative", f"=_a{mark}", bodies)
    if files:
        letter = _parts("mixed", f"=_m{mark}", (letter, *(_file(file) for file in files)))
    return head + b"MIME-Version: 1.0\r\n" + letter


def _parts(kind: str, mark: str, parts: Iterable[bytes]) -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n\r\n'.encode()
    return b"".join((head, *(b"--%s\r\n%s\r\n" % (mark.encode(), part) for part in parts), f"--{mark}--\r\n".encode()))


def _text(kind: str, text: str) -> bytes:
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'.encode()
    return head + b2a_qp(b"".join(part + b"\r\n" for part in text.encode().splitlines()))


def _file(file: File) -> bytes:
    head = (
        f"Content-Type: {file.media}\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{file.name}"\r\n\r\n'
    )
    return head.encode("ascii") + encodebytes(file.data).replace(b"\n", b"\r\n")
