"""Files that come in through a page: their kind is read from their first bytes, whatever they are called."""

from __future__ import annotations

from io import BytesIO
from secrets import token_hex
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from models.errors import Refused

LARGEST_FILE = 10 << 20
ODT = "application/vnd.oasis.opendocument.text"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MAGIC = (
    (b"%PDF-", "application/pdf", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
)
EXTENSIONS = {media: ending for _, media, ending in MAGIC} | {ODT: "odt", DOCX: "docx"}
MOST_MEMBERS = 5000


class Kind(NamedTuple):
    """The kind of a file: its media type and the ending of its name."""

    media: str
    ending: str


def kind_of(data: bytes) -> Kind:
    """The kind of a file that may come in.

    Raises:
        Refused: too_large, empty, or wrong_kind.
    """
    if len(data) > LARGEST_FILE:
        raise Refused("too_large", "a file has at most 10 MiB", field="file")
    if not data:
        raise Refused("required", "no file was chosen", field="file")
    for start, media, ending in MAGIC:
        if data.startswith(start):
            return Kind(media, ending)
    media = _office_media(data) if data.startswith(b"PK\x03\x04") else ""
    if not media:
        raise Refused("wrong_kind", "a file is PDF, PNG, JPEG, DOCX or ODT", field="file")
    return Kind(media, EXTENSIONS[media])


def _office_media(data: bytes) -> str:
    """The media type of a text document in a zip, by its members; nothing is unpacked but the short name of its own kind."""
    try:
        with ZipFile(BytesIO(data)) as parcel:
            names = parcel.namelist()
            if len(names) > MOST_MEMBERS or any("\x00" in name or name.startswith("/") or ".." in name for name in names):
                return ""
            if {"[Content_Types].xml", "word/document.xml"} <= set(names):
                return "" if any(name.lower().endswith("vbaproject.bin") for name in names) else DOCX
            if names[:1] == ["mimetype"] and parcel.getinfo("mimetype").file_size == len(ODT):
                with parcel.open("mimetype") as own:
                    return ODT if own.read(len(ODT) + 1) == ODT.encode() else ""
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return ""
    return ""


def random_name(case_id: str, media: str) -> str:
    """The name a file is shown and handed out under; its own is not kept."""
    return f"{case_id}-{token_hex(4)}.{EXTENSIONS[media]}"
