"""Changing a bundle, as somebody without the key can, and as its holder can."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import rfc8785

from evidence.bag import INFO, MANIFEST, PAYLOAD, TAGMANIFEST, info_of, manifest_of, zipped
from evidence.bundle import STATE, STATEMENT, bundle_of
from evidence.checking import check
from evidence.entries import digest
from evidence.findings import Report, Severity
from evidence.notary import Notary
from evidence.statement import enveloped, payload_in
from tests.evidence.golden import NOTARY, Known

FOLDER = "AMEDIP-2031-0001-evidence"

Files = dict[str, bytes]


def unzipped(bundle: bytes) -> Files:
    """The files of a bundle, by their names in its folder."""
    with ZipFile(BytesIO(bundle)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def rezipped(files: Mapping[str, bytes], folder: str = FOLDER) -> bytes:
    """The zip of some files, as they are."""
    return zipped({f"{folder}/{name}": data for name, data in files.items()})


def relisted(files: Files) -> bytes:
    """The zip of some files, with manifests that fit them: what anybody can do."""
    listed = dict(files)
    listed[MANIFEST] = manifest_of({name: digest(data) for name, data in files.items() if name.startswith(PAYLOAD)})
    tags = {name: digest(data) for name, data in listed.items() if not name.startswith(PAYLOAD) and name != TAGMANIFEST}
    return rezipped({**listed, TAGMANIFEST: manifest_of(tags)})


def resigned(files: Files, change: Callable[[dict[str, Any]], object] | None = None, notary: Notary = NOTARY) -> bytes:
    """The zip of some files, listed and signed anew; `change` changes what the statement says of them."""
    statement = json.loads(payload_in(files[STATEMENT])[0])
    said = statement["predicate"]
    payload = [data for name, data in files.items() if name.startswith(PAYLOAD)]
    info = info_of(said["case"], said["exported"], len(payload), sum(map(len, payload)))
    changed = unzipped(relisted({**files, INFO: info}))
    statement["subject"][0]["digest"]["sha256"] = digest(changed[MANIFEST])
    said["tags"] = {name: digest(changed[name]) for name in changed if not name.startswith(PAYLOAD)}
    for name in (MANIFEST, TAGMANIFEST, STATEMENT):
        said["tags"].pop(name, None)
    if STATE in files:
        said["state"] = digest(changed[STATE])
    if change:
        change(statement if change.__name__.startswith("whole") else said)
    changed[STATEMENT] = enveloped(rfc8785.dumps(statement), notary)
    return relisted(changed)


def statement_in(files: Files) -> dict[str, Any]:
    """The statement of a bundle."""
    read: dict[str, Any] = json.loads(b64decode(json.loads(files[STATEMENT])["payload"]))
    return read


def signed(known: Known, notary: Notary = NOTARY) -> bytes:
    """The bundle of a case, put together and signed as the code does it."""
    return bundle_of(known.material(), notary).data


def checked(bundle: bytes) -> Report:
    """What a check of a bundle finds."""
    return check(bundle, NOTARY.trusted)


def faults(bundle: bytes) -> set[str]:
    """The faults found, as `layer code`."""
    return {f"{one.layer} {one.code}" for one in checked(bundle).findings if one.severity is Severity.FAULT}


def remarks(bundle: bytes) -> list[str]:
    """The remarks made, as `layer code`."""
    return [f"{one.layer} {one.code}" for one in checked(bundle).findings if one.severity is Severity.REMARK]
