"""Zips made to harm, to hide or to be read in two ways, damaged ones and foreign ones: each is refused, with what is wrong."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence import opening
from evidence.bag import zipped
from evidence.checking import check
from evidence.findings import Code, Layer
from evidence.opening import Files, NotOpened, opened
from tests.evidence.golden import NOTARY

NAMES = ("A-evidence/a.txt", "A-evidence/data/b.json")
SMALL = zipped({NAMES[0]: b"first", NAMES[1]: b"second" * 50})


def code_of(bundle: bytes) -> Code:
    """Why a zip is refused."""
    with pytest.raises(NotOpened) as refused:
        opened(bundle)
    assert str(refused.value)
    return refused.value.code


def entry(name: bytes, data: bytes, **said: Any) -> dict[str, Any]:
    """An entry of a zip made by hand; `said` are other values of its headers, `local_…` those of the local one alone."""
    packed = said.pop("packed", None)
    made: dict[str, Any] = {
        "needed": 20,
        "flags": 0,
        "method": 0,
        "time": 0,
        "date": 33,
        "crc": zlib.crc32(data),
        "size": len(data),
    }
    made |= {"name": name, "data": data if packed is None else packed, "made": 3 << 8 | 20, "attributes": 0o100644 << 16}
    made |= {"extra": b"", "comment": b"", "disk": 0, "before": b"", "after": b""}
    return {**made, **said}


def made(*entries: dict[str, Any], before_end: bytes = b"", comment: bytes = b"", **end: int) -> bytes:
    """A zip made by hand."""
    data, directory = b"", b""
    for one in entries:
        data += one["before"]
        told = [one[field] for field in ("needed", "flags", "method", "time", "date", "crc")]
        sizes = [one.get("packed_size", len(one["data"])), one["size"], len(one["name"])]
        local = [one.get(f"local_{field}", one[field]) for field in ("needed", "flags", "method", "time", "date", "crc")]
        local_sizes = [one.get("local_packed", sizes[0]), one.get("local_size", sizes[1]), sizes[2], len(one["extra"])]
        offset = one.get("offset", len(data))
        data += struct.pack("<4s5H3L2H", b"PK\3\4", *local, *local_sizes) + one.get("local_name", one["name"]) + one["extra"]
        data += one["data"] + one["after"]
        head = [one["made"], *told, *sizes, len(one["extra"]), len(one["comment"]), one["disk"], 0, one["attributes"], offset]
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", *head) + one["name"] + one["extra"] + one["comment"]
    values = {"disk": 0, "first": 0, "here": len(entries), "count": len(entries), "size": len(directory), "start": len(data)} | end
    return bytes(data) + directory + before_end + struct.pack("<4s4H2LH", b"PK\5\6", *values.values(), len(comment)) + comment


FIRST = entry(b"A-evidence/a.txt", b"first")


def test_a_zip_as_it_is_written_opens() -> None:
    files = opened(SMALL)
    assert (files.folder, sorted(files.digests), files.read("a.txt")) == ("A-evidence", ["a.txt", "data/b.json"], b"first")
    assert (files.below("data/"), files.sizes["data/b.json"]) == (["data/b.json"], 300)
    assert opened(made(FIRST)).read("a.txt") == b"first"
    assert opened(made(entry(b"A-evidence/none", b""))).read("none") == b""
    assert opened(made(entry(b"A-evidence/dos", b"x", made=20, attributes=0))).read("dos") == b"x"


def test_an_empty_file_is_written_and_opened() -> None:
    assert opened(zipped({NAMES[0]: b""})).read("a.txt") == b""


@pytest.mark.parametrize(
    "name",
    [
        *(
            b"../a.txt",
            b"A-evidence/../../a",
            b"/A-evidence/a",
            b"A-evidence//a",
            b"A-evidence/./a",
            b"A-evidence\\a",
            b"a.txt",
            b"",
        ),
        *(b"A-evidence/", b"A-evidence/.hidden", b"A-evidence/a b", b"A-evidence/a\0b", b"C:/A-evidence", b"A-evidence/\xc3\xa9"),
        *(b"A-evidence/a\n", b"\nA-evidence/a", b"A-evidence/" + b"a" * 200, b"A-evidence/\xff", b"~/A-evidence", b"-evidence/a"),
    ],
)
def test_a_name_that_leads_elsewhere_or_has_other_letters_is_refused(name: bytes) -> None:
    assert code_of(made(entry(name, b"x"))) is Code.UNSAFE_NAME


@pytest.mark.parametrize(
    "names",
    [
        (b"A-evidence/a", b"A-evidence/a"),
        (b"A-evidence/a", b"A-evidence/A"),
        (b"A-evidence/a", b"A-evidence/a/b"),
        (b"A-evidence/a/b", b"A-evidence/A"),
    ],
)
def test_a_name_that_stands_twice_is_refused(names: tuple[bytes, bytes]) -> None:
    assert code_of(made(*(entry(name, b"x") for name in names))) is Code.DUPLICATE_NAME


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o010644, 0o020644, 0o060644, 0o140755])
def test_a_link_a_folder_or_a_device_is_refused(mode: int) -> None:
    assert code_of(made(entry(b"A-evidence/a", b"/etc/passwd", attributes=mode << 16))) is Code.SPECIAL_FILE


def test_a_folder_of_dos_is_refused() -> None:
    assert code_of(made(entry(b"A-evidence/a", b"", attributes=0x10))) is Code.SPECIAL_FILE


@pytest.mark.parametrize("flags", [1, 0x40, 0x2000, 0x2041])
def test_what_is_encrypted_is_refused(flags: int) -> None:
    assert code_of(made(entry(b"A-evidence/a", b"x", flags=flags))) is Code.ENCRYPTED


@pytest.mark.parametrize(
    "said",
    [
        *({"flags": 8}, {"flags": 0x800}, {"method": 12}, {"method": 99}, {"extra": b"UT\1\0x"}, {"comment": b"c"}, {"disk": 1}),
        {"size": 2},
    ],
)
def test_what_is_packed_in_another_way_is_refused(said: dict[str, Any]) -> None:
    assert code_of(made(entry(b"A-evidence/a", b"x", **said))) is Code.UNSUPPORTED


@pytest.mark.parametrize(
    "said",
    [
        *({"local_name": b"A-evidence/b"}, {"local_crc": 1}, {"local_size": 3}, {"local_packed": 3}, {"local_method": 8}),
        *({"local_flags": 1}, {"local_needed": 45}, {"local_time": 1}, {"local_date": 1}, {"offset": 1}),
    ],
)
def test_headers_that_differ_are_refused(said: dict[str, Any]) -> None:
    assert code_of(made(entry(b"A-evidence/a", b"x", **said))) is Code.HEADERS_DIFFER


def test_two_names_for_the_same_bytes_are_refused() -> None:
    again = entry(b"A-evidence/a.txt", b"first", offset=0)
    assert code_of(made(FIRST, again)) is Code.HIDDEN_DATA


def test_a_file_that_reaches_beyond_the_zip_is_refused() -> None:
    far = entry(b"A-evidence/a", b"x", packed_size=9999, size=9999)
    assert code_of(made(far)) is Code.HEADERS_DIFFER


@pytest.mark.parametrize(
    "bundle",
    [
        made({**FIRST, "before": b"MZ"}),
        made({**FIRST, "after": b"more"}),
        made(FIRST, {**entry(b"A-evidence/b", b"x"), "before": b"hidden"}),
        made(FIRST, before_end=b"hidden"),
        made(FIRST, before_end=b"hidden", size=62 + 6),
        made(FIRST) + b"more",
        made(FIRST, comment=b"comment"),
        made(FIRST, start=3),
        b"#!/bin/sh\n" + made(FIRST),
        made(FIRST, FIRST, here=1, count=1),
    ],
)
def test_data_beside_the_files_is_refused(bundle: bytes) -> None:
    assert code_of(bundle) is Code.HIDDEN_DATA


@pytest.mark.parametrize("end", [{"disk": 1}, {"first": 1}, {"here": 0}])
def test_a_zip_in_parts_is_refused(end: dict[str, Any]) -> None:
    assert code_of(made(FIRST, **end)) is Code.UNSUPPORTED


def test_a_directory_that_names_more_files_than_it_has_is_refused() -> None:
    assert code_of(made(FIRST, here=2, count=2)) is Code.DAMAGED


@pytest.mark.parametrize(
    "bundle", [b"", b"PK", b"not a zip at all", b"\x89PNG" * 100, SMALL[: len(SMALL) // 2], b"PK\5\6" + bytes(17)]
)
def test_what_is_no_zip_is_refused(bundle: bytes) -> None:
    assert code_of(bundle) in (Code.NOT_A_ZIP, Code.HIDDEN_DATA)


@pytest.mark.parametrize(
    "bundle",
    [
        made(),
        made(entry(b"A/a", b"x")),
        made(entry(b"A-evidence/a", b"x"), entry(b"B-evidence/a", b"x")),
        made(entry(b"A-evidence/a", b"x"), entry(b"A-evidence2/a", b"x")),
    ],
)
def test_a_zip_without_the_one_folder_is_no_bundle(bundle: bytes) -> None:
    assert code_of(bundle) is Code.NOT_A_BUNDLE


def deflated(data: bytes) -> bytes:
    """Bytes, deflated without a head."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    "said",
    [
        {"packed": deflated(b"x" * 50)[:-2]},
        {"packed": deflated(b"x" * 50) + b"more"},
        {"packed": deflated(b"x" * 51)},
        {"packed": deflated(b"x" * 49)},
        {"packed": b"\xff\xff"},
        {"packed": deflated(b"x" * 50), "crc": 7},
        {"packed": b"x" * 50, "method": 0, "crc": 7},
        {"packed": b""},
    ],
)
def test_a_damaged_file_is_refused(said: dict[str, Any]) -> None:
    assert code_of(made(entry(b"A-evidence/a", b"x" * 50, **{"method": 8, **said}))) is Code.DAMAGED


def test_a_bomb_is_refused_before_it_grows() -> None:
    data = bytes(2 << 20)
    assert code_of(zipped({NAMES[0]: data})) is Code.BOMB
    lying = entry(b"A-evidence/a", b"", method=8, packed=deflated(bytes(30 << 20)), size=100)
    assert code_of(made(lying)) is Code.DAMAGED


def test_what_grows_as_much_as_allowed_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "RATIO_FROM", 10)
    monkeypatch.setattr(opening, "MOST_RATIO", 10)
    data = deflated(bytes(1000))
    assert code_of(made(entry(b"A-evidence/a", bytes(1000), method=8, packed=data))) is Code.BOMB
    monkeypatch.setattr(opening, "MOST_RATIO", 1000 / len(data))
    assert opened(made(entry(b"A-evidence/a", bytes(1000), method=8, packed=data))).sizes == {"a": 1000}
    monkeypatch.setattr(opening, "MOST_RATIO", 1)
    monkeypatch.setattr(opening, "RATIO_FROM", 1000)
    assert opened(made(entry(b"A-evidence/a", bytes(1000), method=8, packed=data))).sizes == {"a": 1000}
    assert opened(made(entry(b"A-evidence/a", bytes(10)))).sizes == {"a": 10}
    assert opened(made(entry(b"A-evidence/a", bytes(11)))).sizes == {"a": 11}


@pytest.mark.parametrize(
    ("limit", "most", "code"),
    [
        *(("LARGEST_ZIP", len(SMALL), Code.TOO_LARGE), ("LARGEST_FILE", 300, Code.TOO_LARGE)),
        *(("LARGEST_WHOLE", 305, Code.TOO_LARGE), ("MOST_FILES", 2, Code.TOO_MANY_FILES), ("LONGEST_NAME", 22, Code.UNSAFE_NAME)),
    ],
)
def test_every_limit_is_kept_to(limit: str, most: int, code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, limit, most)
    assert opened(SMALL).folder == "A-evidence"
    monkeypatch.setattr(opening, limit, most - 1)
    assert code_of(SMALL) is code


def test_every_finding_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bundle-format.md").read_text(encoding="utf-8")
    table = page.partition("| code | layer |")[2]
    assert [code for code in Code if f"`{code}`" not in table] == []


def test_the_limits_are_those_that_are_documented() -> None:
    limits = (opening.LARGEST_ZIP, opening.LARGEST_FILE, opening.LARGEST_WHOLE, opening.MOST_FILES, opening.MOST_RATIO)
    assert limits == (256 << 20, 64 << 20, 1 << 30, 20_000, 200)
    assert (opening.RATIO_FROM, opening.LONGEST_NAME) == (1 << 20, 200)


def test_a_bundle_that_another_program_packed_anew_is_refused_with_why(bundle: bytes) -> None:
    with ZipFile(BytesIO(bundle)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_BZIP2) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert code_of(buffer.getvalue()) is Code.UNSUPPORTED
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        archive.mkdir("AMEDIP-2031-0001-evidence")
        archive.writestr(ZipInfo("AMEDIP-2031-0001-evidence/a"), b"")
    assert code_of(buffer.getvalue()) is Code.UNSAFE_NAME


def test_a_refusal_is_a_finding_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = check(made(entry(b"../../evil", b"x")), NOTARY.trusted)
    [finding] = report.findings
    assert (finding.layer, finding.code, report.sound) == (Layer.CONTAINER, Code.UNSAFE_NAME, False)
    assert finding.means
    assert list(tmp_path.iterdir()) == []


# What nobody thought of


def spoiled(bundle: bytes, seed: int, changes: int) -> bytes:
    """A bundle with some bytes changed, cut out or doubled, by chance."""
    chance = random.Random(seed)
    data = bytearray(bundle)
    for _ in range(changes):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randrange(1, 40)]
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 40)]
    return bytes(data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 6))
def test_a_bundle_damaged_by_chance_is_never_a_traceback_and_sound_only_with_every_byte_it_holds(
    seed: int, changes: int, bundle: bytes
) -> None:
    data = spoiled(bundle, seed, changes)
    assert not check(data, NOTARY.trusted).sound or opened(data).digests == opened(bundle).digests


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), end=st.booleans())
def test_bytes_by_chance_are_refused(data: bytes, end: bool) -> None:
    assert not check(data + (SMALL[-22:] if end else b""), NOTARY.trusted).sound


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 6))
def test_many_bundles_damaged_by_chance_are_sound_only_with_every_byte_they_hold(seed: int, changes: int, bundle: bytes) -> None:
    data = spoiled(bundle, seed, changes)
    assert not check(data, NOTARY.trusted).sound or opened(data).digests == opened(bundle).digests


@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=0, max_size=len(SMALL)), at=st.integers(0, len(SMALL)))
def test_a_small_zip_with_a_part_of_it_written_over_opens_with_its_own_bytes_or_not_at_all(data: bytes, at: int) -> None:
    changed = SMALL[:at] + data + SMALL[at + len(data) :]
    try:
        files: Files = opened(changed)
    except NotOpened:
        return
    assert {files.read(name) for name in files.digests} == {b"first", b"second" * 50}
