"""The documents of a case, set by typst: pure data in, PDF bytes out; no workflow engine, no database."""

import hashlib
import json
import re
import struct
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import rfc8785
import typst

KINDS: tuple[str, ...] = (
    "acknowledgement",
    "decision_letter",
    "terms_of_reference",
    "hosting_agreement",
    "invitation_letter",
    "visa_support_letter",
    "agenda",
    "certificate",
    "transfer_plan",
    "closure_note",
    "letter",
)
LANGUAGES: tuple[str, ...] = ("en", "fr", "ar", "pt")
FOLDER = Path(__file__).resolve().parent.parent / "templates" / "documents"
FONT_FOLDERS = tuple(Path(str(files(package))) / "files" for package in ("fontpkg_noto_sans", "fontpkg_amiri"))

# Embeddings, overrides and isolates would let a name reorder the text around it; without them it prints as it is stored.
REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")


class Typesetter:
    """Sets the documents of a case with typst; one shared Fonts and Compiler per process, safe to use from threads."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(path) for path in FONT_FOLDERS]
        )
        self._compiler = typst.Compiler(root=str(folder), font_paths=fonts)
        self._glyphs = glyphs(FONT_FOLDERS)
        self._turn = threading.Lock()

    def set(self, kind: str, language: str, data: Mapping[str, object], issued: date) -> bytes:
        """Return one document as PDF/A-3a and PDF/UA-1; the same input gives the same bytes.

        Raises ValueError for an unknown kind or language, typst.TypstError where a fact is missing from the data.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of document: {kind}")
        if language not in LANGUAGES:
            raise ValueError(f"unknown language of a document: {language}")
        inputs = {
            "data": json.dumps(printable(data, self._glyphs), ensure_ascii=False),
            "source": canonical(data).decode(),
            "digest": data_digest(data),
            "language": language,
            "issued": issued.isoformat(),
        }
        with self._turn:
            pdf = self._compiler.compile(
                input=str(self._folder / f"{kind}.typ"),
                format="pdf",
                sys_inputs=inputs,
                pdf_standards=["a-3a", "ua-1"],
                timestamp=datetime.combine(issued, time(), UTC),
            )
        if not isinstance(pdf, bytes):
            raise TypeError("typst returned no PDF")
        return pdf


def canonical(data: Mapping[str, object]) -> bytes:
    """The data of a document as canonical JSON (RFC 8785), UTF-8."""
    plain: Any = dict(data)
    return rfc8785.dumps(plain)


def data_digest(data: Mapping[str, object]) -> str:
    """The sha256 of the canonical JSON of a document's data, 64 hexadecimal digits; the footer prints it."""
    return hashlib.sha256(canonical(data)).hexdigest()


def printable(value: object, covered: frozenset[int]) -> object:
    """The same value with every text made fit to print: composed, in stored order, a letter without glyph as `[U+1F600]`.

    PDF/A refuses a letter that no font of the document draws, so a name must never bring one along.
    """
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", REORDERING.sub("", LINE_ENDS.sub("\n", value)))
        return "".join(letter if _drawn(letter, covered) else f"[U+{ord(letter):04X}]" for letter in text)
    if isinstance(value, Mapping):
        return {key: printable(item, covered) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable(item, covered) for item in value]
    return value


def _drawn(letter: str, covered: frozenset[int]) -> bool:
    """Whether the fonts draw the letter, or it is one that has no shape of its own (marks of direction, joiners)."""
    category = unicodedata.category(letter)
    return letter in "\n\t" or category == "Cf" or (ord(letter) in covered and category != "Cc")


@cache
def glyphs(folders: tuple[Path, ...]) -> frozenset[int]:
    """The code points that at least one font in the folders draws; the fonts are read once a process."""
    return frozenset(point for folder in folders for font in sorted(folder.glob("*.ttf")) for point in _points(font.read_bytes()))


def _points(font: bytes) -> Iterator[int]:
    """The code points of a TrueType font, from its Unicode `cmap` (OpenType, formats 4 and 12)."""
    for index in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, start, _ = struct.unpack_from(">4sLLL", font, 12 + 16 * index)
        if tag == b"cmap":
            for subtable in range(struct.unpack_from(">H", font, start + 2)[0]):
                platform, _, offset = struct.unpack_from(">HHL", font, start + 4 + 8 * subtable)
                if platform in (0, 3):
                    yield from _subtable(font, start + offset)


def _subtable(font: bytes, at: int) -> Iterator[int]:
    """The code points of one `cmap` subtable that lead to a glyph."""
    form = struct.unpack_from(">H", font, at)[0]
    if form == 12:
        for group in range(struct.unpack_from(">L", font, at + 12)[0]):
            first, last, _ = struct.unpack_from(">LLL", font, at + 16 + 12 * group)
            yield from range(first, last + 1)
    elif form == 4:
        segments = struct.unpack_from(">H", font, at + 6)[0] // 2
        ends, starts, deltas, offsets = (at + 14 + extra for extra in (0, 2 * segments + 2, 4 * segments + 2, 6 * segments + 2))
        for segment in range(segments):
            end, start, delta, offset = (
                struct.unpack_from(">H", font, table + 2 * segment)[0] for table in (ends, starts, deltas, offsets)
            )
            for point in range(start, min(end, 0xFFFE) + 1):
                place = offsets + 2 * segment + offset + 2 * (point - start)
                glyph = point + delta if offset == 0 else struct.unpack_from(">H", font, place)[0]
                if glyph & 0xFFFF:
                    yield point
