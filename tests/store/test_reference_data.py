"""Reference data comes from files, is checked whole, and is edited by coordinators."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from models.errors import Invalid, Missing
from models.words import Kind
from store.database import Database
from store.offices import Offices
from store.reference import DayOverride, Reference
from store.seed import seed
from tests.store.conftest import DATA
from tests.store.situations import MONDAY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project's reference data to spoil."""
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    """Replace a text of a file that has it once."""
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


async def test_every_institution_has_a_mailbox_and_an_alternate(reference: Reference) -> None:
    institutions = await reference.institutions()
    assert len(institutions) == 29
    assert all([contact.rank for contact in institution.contacts] == [1, 2] for institution in institutions)
    tunis = await reference.institution("TN-MAS")
    assert tunis.languages == ("fr", "ar")
    assert tunis.contacts[1].role == "Alternate to the social security agreements focal point"


async def test_each_country_knows_its_weekend_and_national_focal_point(reference: Reference) -> None:
    assert (await reference.country("EG")).weekend == (4, 5)
    assert (await reference.country("SN")).zone == "Africa/Dakar"
    assert await reference.focal_point("SN") == "SN-MAESE"
    assert await reference.focal_point("ES") == ""
    for country in await reference.countries():
        focal_point = await reference.focal_point(country.iso2)
        assert not focal_point or (await reference.institution(focal_point)).country == country.iso2


async def test_names_come_in_four_languages(reference: Reference) -> None:
    assert all(set(theme.names) == {"en", "fr", "ar", "pt"} for theme in await reference.themes())
    assert (await reference.country("MA")).names["pt"] == "Marrocos"
    assert len(await reference.practices()) == 30


async def test_a_request_is_checked_against_what_is_known(reference: Reference) -> None:
    known = await reference.known()
    assert known.institutions["SN-POSTE"] == "post_office"
    assert "remittances.formal" in known.themes


async def test_what_is_not_known_is_missing(reference: Reference) -> None:
    with pytest.raises(Missing, match="XX-NONE"):
        await reference.institution("XX-NONE")
    with pytest.raises(Missing, match="XX"):
        await reference.country("XX")


async def test_seeding_again_changes_nothing(database: Database, reference: Reference) -> None:
    before = await reference.institutions()
    counts = await seed(database, DATA)
    reference.invalidate()
    assert await reference.institutions() == before
    assert counts["institutions"] == 29


async def test_a_changed_file_replaces_what_was_there(database: Database, reference: Reference, folder: Path) -> None:
    assert (await reference.country("SN")).role == "partner"
    spoil(folder, "countries.csv", "SN,partner", "SN,associate")
    await seed(database, folder)
    assert (await reference.country("SN")).role == "partner", "what was just read is kept for a few seconds"
    reference.invalidate()
    assert (await reference.country("SN")).role == "associate"


async def test_every_fault_of_every_file_is_named_at_once_and_nothing_is_entered(database: Database, folder: Path) -> None:
    spoil(folder, "countries.csv", "Africa/Dakar", "Africa/Nowhere")
    spoil(folder, "institutions.csv", "emigration@mom-eg.example", "emigration")
    spoil(folder, "institutions.csv", "EG-CAPMAS,EG,agency,ar", "EG-CAPMAS,MA,agency,de")
    spoil(folder, "contacts.csv", "GH-BOG,2", "GH-NONE,two")
    spoil(folder, "focal_points.csv", "KE,KE-MFA", "KE,ET-MFA")
    spoil(folder, "themes.csv", "labour,,", "labour,work,")
    spoil(folder, "practices.csv", "P28,labour", "P27,labour")
    (folder / "days.csv").write_text("country,day,working,name\nSN,2027-02-30,perhaps,\n", encoding="utf-8")
    with pytest.raises(Invalid) as invalid:
        await seed(database, folder)
    found = {(fault.field, fault.code) for fault in invalid.value.faults}
    assert found == {
        ("countries.csv, line 14, timezone", "unknown"),
        ("institutions.csv, line 6, email", "invalid"),
        ("institutions.csv, line 7, language", "unknown"),
        ("institutions.csv, line 7, code", "invalid"),
        ("contacts.csv, line 10, rank", "not_a_number"),
        ("contacts.csv, line 10, institution", "unknown"),
        ("focal_points.csv, line 10, institution", "invalid"),
        ("themes.csv, line 20, parent", "unknown"),
        ("practices.csv, line 29, code", "same"),
        ("days.csv, line 2, day", "not_a_date"),
        ("days.csv, line 2, working", "unknown"),
    }
    assert await Reference(database).countries() == []


async def test_successors_and_delegations_come_from_files_too(database: Database, reference: Reference, folder: Path) -> None:
    (folder / "contacts.csv").write_text(
        "institution,rank,role,email,language,id,starts,ends\n"
        "SN-POSTE,1,Financial services focal point,new@poste-sn.example,fr,SN-POSTE/1b,2027-04-01,2027-05-31\n"
        "SN-POSTE,1,Financial services focal point,newer@poste-sn.example,fr,,2027-06-01,2027-12-31\n"
        "SN-POSTE,2,Alternate to the financial services focal point,alternate@poste-sn.example,fr,,,\n",
        encoding="utf-8",
    )
    (folder / "delegations.csv").write_text(
        "institution,to,kinds,starts,ends\n"
        "SN-POSTE,SN-POSTE/2,nomination;agenda,2027-03-01,2027-03-12\n"
        "SN-POSTE,SN-MAESE,,2027-04-05,2027-04-09\n",
        encoding="utf-8",
    )
    for _ in range(2):
        counts = await seed(database, folder)
        assert (counts["contacts"], counts["delegations"], counts["coordinators"]) == (3, 2, 3)
        reference.invalidate()
        assert [(one.id, str(one.starts), str(one.ends)) for one in (await reference.institution("SN-POSTE")).contacts] == [
            ("SN-POSTE/1", "None", "2027-03-31"),
            ("SN-POSTE/1b", "2027-04-01", "2027-05-31"),
            ("SN-POSTE/1-2027-06-01", "2027-06-01", "2027-12-31"),
            ("SN-POSTE/2", "None", "None"),
        ]
        first, second = await reference.delegations("SN-POSTE")
        assert (first.to, first.kinds) == ("SN-POSTE/2", (Kind.NOMINATION, Kind.AGENDA))
        assert (second.to, second.kinds, second.starts) == ("SN-MAESE", (), date(2027, 4, 5))


async def test_a_folder_without_delegations_and_coordinators_is_taken_in(database: Database, folder: Path) -> None:
    (folder / "delegations.csv").unlink()
    (folder / "coordinators.csv").unlink()
    counts = await seed(database, folder)
    assert (counts["delegations"], counts["coordinators"]) == (0, 0)


async def test_every_fault_of_offices_is_named(database: Database, folder: Path) -> None:
    (folder / "contacts.csv").write_text(
        "institution,rank,role,email,language,starts,ends,id\n"
        "XX-NONE,2,Alternate,a@b.example,fr,,,\n"
        "SN-POSTE,2,Alternate,a@b.example,fr,2027-03-01,2027-02-01,\n"
        "SN-POSTE,2,Alternate,a@b.example,fr,2027-02-30,,\n"
        "SN-POSTE,1,Focal point,a@b.example,fr,,,\n"
        "SN-POSTE,0,Focal point,a@b.example,fr,2027-03-01,,\n"
        "MA-POSTE,2,Alternate,a@b.example,fr,,2027-03-01,\n"
        "MA-POSTE,2,Alternate,a@b.example,fr,2027-03-01,,\n"
        "MA-POSTE,3,Alternate,a@b.example,fr,,,MA-FH2/3\n"
        "MA-POSTE,3,Alternate,a@b.example,fr,,,MA-POSTE/p-3\n"
        "MA-POSTE,3,Alternate,a@b.example,fr,,,MA-POSTE/2\n",
        encoding="utf-8",
    )
    (folder / "delegations.csv").write_text(
        "institution,to,kinds,starts,ends\n"
        "MA-POSTE,SN-POSTE,,2027-03-01,2027-03-02\n"
        "MA-POSTE,MA-POSTE/7,,2027-03-01,2027-03-02\n"
        "MA-POSTE,MA-FH2,naming,2027-03-02,2027-03-01\n"
        "MA-POSTE,MA-FH2,,,2027-03-01\n"
        "XX-NONE,MA-FH2,,2027-03-01,2027-03-01\n"
        "MA-POSTE,MA-FH2,,2027-03-01,2027-03-01\n"
        "MA-POSTE,MA-FH2,,2027-03-01,2027-03-01\n",
        encoding="utf-8",
    )
    (folder / "coordinators.csv").write_text(
        "code,role,email,language,ends\nwest,Desk,nobody,de,soon\nwest,Desk,a@b.example,fr,\n", encoding="utf-8"
    )
    with pytest.raises(Invalid) as invalid:
        await seed(database, folder)
    assert [(f.facts["file"][:3], int(f.facts["line"]), f.facts["column"], f.code) for f in invalid.value.faults] == [
        ("con", 2, "institution", "unknown"),
        ("con", 3, "ends", "reversed"),
        ("con", 4, "starts", "not_a_date"),
        ("con", 5, "rank", "out_of_range"),
        ("con", 6, "rank", "out_of_range"),
        ("con", 9, "id", "invalid"),
        ("con", 10, "id", "invalid"),
        ("con", 11, "id", "same"),
        ("con", 8, "rank", "same"),
        ("coo", 2, "email", "invalid"),
        ("coo", 2, "language", "unknown"),
        ("coo", 2, "ends", "not_a_date"),
        ("coo", 3, "code", "same"),
        ("del", 2, "to", "unknown"),
        ("del", 3, "to", "unknown"),
        ("del", 4, "kinds", "unknown"),
        ("del", 4, "ends", "reversed"),
        ("del", 5, "starts", "required"),
        ("del", 6, "institution", "unknown"),
        ("del", 8, "ends", "same"),
    ]
    assert await Reference(database).countries() == []


async def test_a_file_whose_successor_meets_one_a_coordinator_appointed_is_refused(
    database: Database, reference: Reference, folder: Path
) -> None:
    offices = Offices(database, reference, lambda: MONDAY)
    await offices.succeed("SN-POSTE", 1, "Focal point", "new@poste-sn.example", "fr", date(2027, 4, 1))
    with (folder / "contacts.csv").open("a", encoding="utf-8") as file:
        file.write("SN-POSTE,3,Second alternate,second@poste-sn.example,fr\n")
    await seed(database, folder)
    lines = (folder / "contacts.csv").read_text(encoding="utf-8").splitlines()
    dated = [f"{line},{'starts' if n == 0 else ''}" for n, line in enumerate(lines)]
    dated.append("SN-POSTE,1,Focal point,other@poste-sn.example,fr,2027-05-01")
    (folder / "contacts.csv").write_text("\n".join(dated), encoding="utf-8")
    with pytest.raises(Invalid, match=r"contacts\.csv, line \d+, rank: SN-POSTE/1-2027-04-01, entered by a coordinator"):
        await seed(database, folder)
    reference.invalidate()
    held = (await reference.institution("SN-POSTE")).contacts
    assert [one.id for one in held if one.rank == 1] == ["SN-POSTE/1", "SN-POSTE/1-2027-04-01"]


@pytest.mark.parametrize(
    ("content", "field", "code"),
    [
        (None, "file", "required"),
        (b"country,institution\nSN,\xe9", "file", "invalid"),
        (b"country,institute\nSN,SN-MAESE\n", "institution", "required"),
        (b"country,institute\nSN,SN-MAESE\n", "institute", "unknown"),
        (b"country,institution\n\nSN,SN-MAESE,extra\n", "row", "invalid"),
        (b'country,institution\nSN,"SN-MAESE\n', "row", "invalid"),
        (b"country,institution\nSN,\n", "institution", "required"),
    ],
)
async def test_a_file_that_cannot_be_read_is_named(
    database: Database, folder: Path, content: bytes | None, field: str, code: str
) -> None:
    path = folder / "focal_points.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=r"focal_points\.csv, line \d+") as invalid:
        await seed(database, folder)
    assert (field, code) in {(fault.facts["column"], fault.code) for fault in invalid.value.faults}


async def test_a_day_off_set_by_a_coordinator_holds_until_it_is_cleared(reference: Reference) -> None:
    first, last = date(2027, 3, 1), date(2027, 3, 31)
    feast = DayOverride(country="SN", day=date(2027, 3, 10), working=False, name="Korité")
    await reference.set_day(feast.model_copy(update={"working": True, "name": ""}))
    await reference.set_day(feast)
    await reference.set_day(feast.model_copy(update={"day": date(2027, 4, 1)}))
    await reference.set_day(feast.model_copy(update={"country": "ML"}))
    assert await reference.overrides("SN", first, last) == [feast]
    await reference.clear_day("SN", feast.day)
    assert await reference.overrides("SN", first, last) == []


async def test_a_day_of_an_unknown_country_is_refused(reference: Reference) -> None:
    with pytest.raises(Missing, match="XX"):
        await reference.set_day(DayOverride(country="XX", day=date(2027, 3, 10), working=False))
