"""Opening a zip that somebody hands over: nothing of it is believed, nothing is written, everything has a limit.

A zip is taken only as `evidence.bag` writes it: files one behind the other from the first byte on, the directory right behind them
saying the same of each, and its end as the last bytes. So no program can read it as something else.
"""

from __future__ import annotations

import re
import stat
import zlib
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from evidence.bag import ENDING
from evidence.entries import digest
from evidence.findings import Code
from models.errors import PasserelleError

LARGEST_ZIP = 256 << 20
LARGEST_FILE = 64 << 20
LARGEST_WHOLE = 1 << 30
MOST_FILES = 20_000
LONGEST_NAME = 200
MOST_RATIO, RATIO_FROM = 200, 1 << 20
STORED, DEFLATED = 0, 8
ENCRYPTED = 0x2041
NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)+")
END = Struct("<4s4H2LH")
CENTRAL = Struct("<4s6H3L5H2L")
LOCAL = Struct("<4s5H3L2H")
END_SIGN, CENTRAL_SIGN, LOCAL_SIGN = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"


class NotOpened(PasserelleError):
    """A file that is not opened: `code` says why, `where` names the file within, if it is one."""

    def __init__(self, code: Code, text: str, where: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.where = where


class Place(NamedTuple):
    """Where a file lies in the zip: what its header says, and where its bytes begin."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    start: int


@dataclass(frozen=True)
class Files:
    """The files of a bundle that was opened: the name of its folder, and the sha256 and size of each file."""

    folder: str
    digests: dict[str, str]
    sizes: dict[str, int]
    _places: dict[str, Place] = field(repr=False)
    _bundle: bytes = field(repr=False)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return unpacked(self._bundle, self._places[name])

    def below(self, folder: str) -> list[str]:
        """The names of the files in a folder, in order."""
        return sorted(name for name in self.digests if name.startswith(folder))


def opened(bundle: bytes) -> Files:
    """The files of a bundle, each unpacked once to see that it can be.

    Raises:
        NotOpened: it is no zip of ours, or one that would harm.
    """
    if len(bundle) > LARGEST_ZIP:
        raise NotOpened(Code.TOO_LARGE, f"the file has {len(bundle)} bytes, a bundle has {LARGEST_ZIP} at most")
    places = _places(bundle)
    _refuse_doubles(places)
    folder = places[0].name.partition("/")[0]
    if not folder.endswith(ENDING) or any(place.name.partition("/")[0] != folder for place in places):
        raise NotOpened(Code.NOT_A_BUNDLE, f"the zip does not hold one folder named CASE{ENDING}")
    inside = {place.name.partition("/")[2]: place for place in places}
    digests = {name: digest(unpacked(bundle, place)) for name, place in inside.items()}
    return Files(folder, digests, {name: place.size for name, place in inside.items()}, inside, bundle)


def _places(bundle: bytes) -> list[Place]:
    start, count = _directory(bundle)
    places, at, offset, whole = list[Place](), start, 0, 0
    for _ in range(count):
        place, at = _place(bundle, at)
        if place.offset != offset:
            raise NotOpened(Code.HIDDEN_DATA, f"{place.name} does not begin where the file before it ends", place.name)
        offset, whole = place.start + place.packed, whole + place.size
        if whole > LARGEST_WHOLE:
            raise NotOpened(Code.TOO_LARGE, f"unpacked the files have more than {LARGEST_WHOLE} bytes")
        places.append(place)
    if offset != start or at != len(bundle) - END.size:
        raise NotOpened(Code.HIDDEN_DATA, "something lies between the files and the end of the directory")
    return places


def _directory(bundle: bytes) -> tuple[int, int]:
    """Where the directory begins, and how many files it names."""
    at = len(bundle) - END.size
    if at < 0 or not bundle.startswith(END_SIGN, at):
        if END_SIGN in bundle[-(END.size + 0xFFFF) :]:
            raise NotOpened(Code.HIDDEN_DATA, "something follows the end of the zip, or it has a comment")
        raise NotOpened(Code.NOT_A_ZIP, "this is no zip, or its end is cut off")
    _, disk, first, here, count, size, start, comment = END.unpack_from(bundle, at)
    if disk or first or here != count or comment:
        raise NotOpened(Code.UNSUPPORTED, "the zip is one of several parts, or has a comment")
    if start + size != at:
        raise NotOpened(Code.HIDDEN_DATA, "the directory does not lie right before the end")
    if not count:
        raise NotOpened(Code.NOT_A_BUNDLE, "the zip is empty")
    if count > MOST_FILES:
        raise NotOpened(Code.TOO_MANY_FILES, f"the zip names {count} files, a bundle has {MOST_FILES} at most")
    return start, count


def _place(bundle: bytes, at: int) -> tuple[Place, int]:
    """The file that the directory names at an offset, and where its next line begins."""
    if at + CENTRAL.size > len(bundle) - END.size or not bundle.startswith(CENTRAL_SIGN, at):
        raise NotOpened(Code.DAMAGED, "the directory of the zip is damaged")
    _, _, *told, extra, comment, disk, _, attributes, offset = CENTRAL.unpack_from(bundle, at)
    _, flags, method, _, _, crc, packed, size, length = told
    raw = bundle[at + CENTRAL.size : at + CENTRAL.size + length]
    name = _name(raw)
    if flags & ENCRYPTED:
        raise NotOpened(Code.ENCRYPTED, f"{name} is encrypted", name)
    if flags or extra or comment or disk or method not in (STORED, DEFLATED) or (method == STORED and packed != size):
        raise NotOpened(Code.UNSUPPORTED, f"{name} is packed in a way that no bundle is", name)
    if stat.S_IFMT(attributes >> 16) not in (0, stat.S_IFREG) or attributes & 0x10:
        raise NotOpened(Code.SPECIAL_FILE, f"{name} is a link, a folder or a device, not a file", name)
    if size > LARGEST_FILE:
        raise NotOpened(Code.TOO_LARGE, f"{name} has {size} bytes unpacked, a file of a bundle has {LARGEST_FILE} at most", name)
    if size > RATIO_FROM and size > packed * MOST_RATIO:
        raise NotOpened(Code.BOMB, f"{name} would grow from {packed} bytes to {size}", name)
    start = offset + LOCAL.size + length
    if start + packed > len(bundle) or bundle[offset:start] != LOCAL.pack(LOCAL_SIGN, *told, 0) + raw:
        raise NotOpened(Code.HEADERS_DIFFER, f"the directory says other things of {name} than stand before it", name)
    return Place(name, method, crc, packed, size, offset, start), at + CENTRAL.size + length


def _name(raw: bytes) -> str:
    if len(raw) > LONGEST_NAME or not NAME.fullmatch(raw):
        text = f"{raw!r} is no name of a file within a bundle: it leads elsewhere, or has other letters than A-Z a-z 0-9 . _ -"
        raise NotOpened(Code.UNSAFE_NAME, text, repr(raw))
    return raw.decode()


def _refuse_doubles(places: list[Place]) -> None:
    """Refuse a name that stands twice, be it in other letters only, and one that is a file here and a folder there."""
    seen = set[str]()
    folders = {place.name.lower()[:at] for place in places for at, letter in enumerate(place.name) if letter == "/"}
    for place in places:
        name = place.name.lower()
        if name in seen or name in folders:
            raise NotOpened(Code.DUPLICATE_NAME, f"{place.name} stands twice in the zip", place.name)
        seen.add(name)


def unpacked(bundle: bytes, place: Place) -> bytes:
    """The bytes of a file, never more than its header says.

    Raises:
        NotOpened: they are damaged.
    """
    packed = bundle[place.start : place.start + place.packed]
    if place.method == STORED:
        data = packed
    else:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflating.decompress(packed, place.size + 1)
        except zlib.error as error:
            raise NotOpened(Code.DAMAGED, f"{place.name} is damaged: {error}", place.name) from error
        if not inflating.eof or inflating.unused_data or len(data) != place.size:
            raise NotOpened(Code.DAMAGED, f"{place.name} is damaged: it does not end where it should", place.name)
    if zlib.crc32(data) != place.crc:
        raise NotOpened(Code.DAMAGED, f"{place.name} is damaged: its checksum differs", place.name)
    return data
