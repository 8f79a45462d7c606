"""The bag (source: RFC 8493): a folder with its payload below `data/`, a manifest of it and one of the other files; as one zip.

The same files give the same bytes: names are sorted, instants fixed, and every file is deflated alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from evidence.entries import digest

ENDING = "-evidence"
PAYLOAD = "data/"
BAGIT, INFO = "bagit.txt", "bag-info.txt"
MANIFEST, TAGMANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
BEGINNING = (1980, 1, 1, 0, 0, 0)
READABLE = 0o100644 << 16
LEVEL = 6
LINE = re.compile(rb"([0-9a-f]{64})  (\S+)")


def info_of(case: str, exported: str, files: int, size: int) -> bytes:
    """What the bag says of itself: the case it is about, when it was put together, how many bytes and files its payload has."""
    day = exported[:10]
    return f"Bagging-Date: {day}\nExternal-Identifier: {case}\nPayload-Oxum: {size}.{files}\n".encode()


def manifest_of(digests: Mapping[str, str]) -> bytes:
    """A manifest: a line `sha256  name` for each file, by name, as `sha256sum -c` reads it."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def manifest_in(data: bytes) -> dict[str, str]:
    """The sha256 of each file that a manifest names.

    Raises:
        ValueError: it is not written as a manifest of ours is.
    """
    found = [LINE.fullmatch(line) for line in data.split(b"\n")[:-1]]
    digests = {match[2].decode(): match[1].decode() for match in found if match}
    if manifest_of(digests) != data:
        raise ValueError("it is not written as a manifest: a line with a sha256 for each file, by name")
    return digests


def bagged(folder: str, payload: Mapping[str, bytes], tags: Mapping[str, bytes]) -> bytes:
    """The zip of a bag; `payload` are the files below `data/`, `tags` the others but the manifest of them."""
    files = {**payload, **tags}
    files[TAGMANIFEST] = manifest_of({name: digest(data) for name, data in tags.items()})
    return zipped({f"{folder}/{name}": data for name, data in files.items()})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The zip of some files."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = ZipInfo(name, BEGINNING)
            entry.compress_type, entry.create_system, entry.external_attr = ZIP_DEFLATED, 3, READABLE
            archive.writestr(entry, files[name], compresslevel=LEVEL)
    return buffer.getvalue()
