"""The guide in a bundle: its commands, run as they stand by a shell that has nothing of ours, say what holds and what is wrong."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence.bundle import CHECKPOINT, LOG, RECEIPTS, STATEMENT, VERIFY
from evidence.notary import new_key, notary_of
from tests.evidence.golden import NAME, NOTARY, golden
from tests.evidence.tampering import Files, relisted, resigned, signed, unzipped

SMALL = "consultee-overridden"
OTHER = notary_of(new_key(), NAME)
SAID = ("1 OK", "2 OK", "3 OK", "4 OK")


@pytest.fixture(scope="module")
def small() -> Files:
    """The files of a small bundle."""
    return unzipped(signed(golden(SMALL)))


def said(folder: Path, files: Files, key: str = NOTARY.trusted.pem) -> tuple[int, str]:
    """What the commands say of some files: the exit code, and what was printed."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "key.pem").write_text(key)
    script = "\n".join(re.findall(r"```sh\n(.*?)```", files[VERIFY].decode(), re.DOTALL))
    command = ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stdout + done.stderr


def test_a_stranger_finds_a_bundle_sound_with_openssl_and_sha256sum_alone(small: Files, tmp_path: Path) -> None:
    code, text = said(tmp_path, small)
    assert (code, [line[:4] for line in text.splitlines()]) == (0, list(SAID)), text


def changed(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    """The files with a text exchanged in one."""

    def change(files: Files) -> Files:
        path = min(one for one in files if one.startswith(name))
        assert old in files[path]
        return {**files, path: files[path].replace(old, new, 1)}

    return change


def anew(change: Callable[[Files], Files]) -> Callable[[Files], Files]:
    """The files changed, with manifests that fit."""
    return lambda files: unzipped(relisted(change(files)))


def by_the_holder(change: Callable[[Files], Files]) -> Callable[[Files], Files]:
    """The files changed and signed anew."""
    return lambda files: unzipped(resigned(change(files)))


def row_changed(name: str, at: int, letter: int) -> Callable[[Files], Files]:
    """The files with one letter of one line turned into another."""

    def change(files: Files) -> Files:
        lines = files[name].splitlines(keepends=True)
        line = bytearray(lines[at])
        line[letter] = ord("A") if line[letter] != ord("A") else ord("B")
        return {**files, name: b"".join([*lines[:at], bytes(line), *lines[at + 1 :]])}

    return change


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        (changed("data/documents/", b"content", b"c0ntent"), 0),
        (lambda files: {**files, "data/more": b""}, 0),
        (lambda files: {name: data for name, data in files.items() if name != RECEIPTS}, 0),
        (anew(changed("data/documents/", b"content", b"c0ntent")), 1),
        (anew(changed(VERIFY, b"What this shows", b"All is well")), 1),
        (lambda files: unzipped(resigned(files, notary=OTHER)), 1),
        (anew(changed(STATEMENT, b'"sig":"', b'"sig":"A')), 1),
        (by_the_holder(row_changed(RECEIPTS, 0, 40)), 2),
        (by_the_holder(row_changed(CHECKPOINT, 2, 5)), 3),
        (by_the_holder(row_changed(LOG, 1, 30)), 3),
    ],
)
def test_the_guide_stops_where_something_is_wrong(
    change: Callable[[Files], Files], steps: int, small: Files, tmp_path: Path
) -> None:
    code, text = said(tmp_path, change(small))
    assert code != 0
    assert [line[:4] for line in text.splitlines() if "OK:" in line] == list(SAID[:steps]), text


def test_another_key_finds_nothing_signed(small: Files, tmp_path: Path) -> None:
    code, text = said(tmp_path, small, OTHER.trusted.pem)
    assert code != 0
    assert "2 OK" not in text
