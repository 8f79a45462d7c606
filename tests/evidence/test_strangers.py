"""A bundle changed by somebody who has not the key: each change is found, whether or not the manifests were made to fit it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from evidence.bag import BAGIT, INFO, MANIFEST, TAGMANIFEST
from evidence.bundle import CHECKPOINT, EVENTS, LOG, MAILS, PROGRAMME, RECEIPTS, STATE, STATEMENT, VERIFY
from evidence.checking import ALWAYS
from evidence.notary import new_key, notary_of
from tests.evidence.golden import NAME, NOTARY
from tests.evidence.tampering import Files, checked, faults, relisted, resigned, rezipped


def first(files: Files, folder: str) -> str:
    """The first file of a folder."""
    return min(name for name in files if name.startswith(folder))


def edit(name: str, old: str, new: str) -> Callable[[Files], object]:
    """Exchange a text in a file."""

    def change(files: Files) -> None:
        path = name if name in files else first(files, name)
        assert re.search(old.encode(), files[path])
        files[path] = re.sub(old.encode(), new.encode(), files[path], count=1)

    return change


def cut_event(files: Files) -> None:
    """Take an event out of a history and out of the lines of events."""
    path = first(files, "data/history/01")
    events = json.loads(files[path])["events"]
    files[path] = json.dumps({"events": events[:7] + events[8:]}).encode()
    lines = files[EVENTS].splitlines(keepends=True)
    files[EVENTS] = b"".join(lines[:7] + lines[8:])


def turn_events(files: Files) -> None:
    """Put the lines of events in another order."""
    files[EVENTS] = b"".join(sorted(files[EVENTS].splitlines(keepends=True)))


def cut_receipt(files: Files) -> None:
    """Take a receipt out."""
    files[RECEIPTS] = b"".join(files[RECEIPTS].splitlines(keepends=True)[1:])


def swap_documents(files: Files) -> None:
    """Put one document in the place of another."""
    one, other = sorted(name for name in files if name.startswith("data/documents/"))[:2]
    files[one], files[other] = files[other], files[one]


CHANGES: dict[str, Callable[[Files], object]] = {
    "an instant in a history": edit("data/history/01", "2031-01-13", "2031-01-14"),
    "an event left out": cut_event,
    "events in another order": turn_events,
    "an event changed in the lines": edit(EVENTS, "ACCEPTED", "REJECTED"),
    "a receipt left out": cut_receipt,
    "a receipt changed": edit(RECEIPTS, '"signature":"..', '"signature":"AA'),
    "a document changed": edit("data/documents/", "content", "c0ntent"),
    "documents exchanged": swap_documents,
    "a mail changed": edit("data/mails/", "Dear", "Dead"),
    "the state changed": edit(STATE, '"option":"complete"', '"option":"return"'),
    "the programme changed": edit(PROGRAMME, "threshold = 60", "threshold = 10"),
    "an entry of the log changed": edit(LOG, '"index":2', '"index":9'),
    "a proof changed": edit("proofs/", "index 0", "index 1"),
    "the checkpoint changed": edit(CHECKPOINT, "\n[0-9]+\n", "\n99\n"),
    "the guide changed": edit(VERIFY, "from somebody you\ntrust", "from us"),
    "the bag's own words changed": edit(INFO, "Bagging-Date: 2032", "Bagging-Date: 2031"),
    "the bag's declaration changed": edit(BAGIT, "1.0", "0.9"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_by_the_manifests_and_when_they_are_made_to_fit_by_the_signature(name: str, files: Files) -> None:
    CHANGES[name](files)
    assert {"manifest digest_differs"} == {fault for fault in faults(rezipped(files)) if fault.startswith("manifest")}
    found = faults(relisted(files))
    assert found == {"signature statement_differs"}


def test_a_changed_statement_is_not_signed(files: Files) -> None:
    other = notary_of(new_key(), NAME)
    assert faults(resigned(files, notary=other)) == {"signature not_signed"}
    renamed = resigned(files, notary=other).replace(other.key_id.encode(), NOTARY.key_id.encode())
    assert faults(renamed) != set()
    signature = json.loads(files[STATEMENT])
    signature["signatures"][0]["keyid"] = "0" * 16
    files[STATEMENT] = (json.dumps(signature, separators=(",", ":")) + "\n").encode()
    assert faults(relisted(files)) == {"signature not_signed"}


@pytest.mark.parametrize(
    "name",
    [
        *("data/documents/" + "0" * 64 + ".pdf", "data/history/09-0.json", "data/more.json", "data/mails/readme.eml", "readme.txt"),
        *("proofs/00.tlog-proof", "proofs/77777.tlog-proof", "data/documents/" + "0" * 64 + ".PDF", "fetch.txt", "data/statement"),
    ],
)
def test_a_file_that_was_added_is_found(name: str, files: Files) -> None:
    files[name] = b"more"
    assert "completeness file_unknown" in faults(rezipped(files))
    assert faults(relisted(files)) & {"completeness file_unknown", "signature statement_differs"}


@pytest.mark.parametrize("name", [*ALWAYS, MAILS, "data/history/02", "data/documents/", "proofs/"])
def test_a_file_that_was_taken_out_is_found(name: str, files: Files) -> None:
    del files[name if name in files else first(files, name)]
    assert "completeness file_missing" in faults(rezipped(files))
    if name not in (MANIFEST, TAGMANIFEST):
        assert faults(relisted(files)) & {"completeness file_missing", "signature statement_differs"}


@pytest.mark.parametrize("manifest", [MANIFEST, TAGMANIFEST])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b"0\n",
        lambda data: data[:-1],
        lambda data: data.replace(b"  ", b" ", 1),
        lambda data: b"".join(sorted(data.splitlines(keepends=True))),
        lambda data: data + data.splitlines(keepends=True)[-1],
        lambda data: data.replace(b"a", b"A", 1),
        lambda data: b"\xff" + data,
    ],
)
def test_a_manifest_that_is_not_written_as_one_is_found(manifest: str, spoil: Callable[[bytes], bytes], files: Files) -> None:
    files[manifest] = spoil(files[manifest])
    assert "manifest manifest_unreadable" in faults(rezipped(files))


def test_a_line_left_out_of_a_manifest_or_added_is_found(files: Files) -> None:
    lines = files[MANIFEST].splitlines(keepends=True)
    files[MANIFEST] = b"".join(lines[1:])
    assert "completeness file_unknown" in faults(rezipped(files))
    files[MANIFEST] = b"".join([*lines, b"0" * 64 + b"  data/there.not\n"])
    assert "completeness file_missing" in faults(rezipped(files))


def test_of_a_bundle_that_is_not_what_was_signed_nothing_more_is_believed(files: Files) -> None:
    files[VERIFY] = b"all is well"
    report = checked(relisted(files))
    assert (report.case, report.key, report.runs, report.sound) == ("", "", 0, False)
    assert all(finding.means for finding in report.findings)
