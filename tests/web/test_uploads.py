"""Files that come in: taken by their kind alone, kept under their sha256, handed out as files, and lost by no fault of the form."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import pytest
from sqlalchemy import select

from models.errors import Refused
from models.words import LANGUAGES, Kind
from store.tables import contents
from tests.web.situations import PERSON, Desk, Page, clean
from web.guard import LARGEST_UPLOAD
from web.respond.uploads import DOCX, LARGEST_FILE, ODT, kind_of

PDF = b"%PDF-1.7\n1 0 obj"
FIELD = "Report.file"


def parcel(members: dict[str, bytes], pressed: bool = True) -> bytes:
    """A zip."""
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED if pressed else 0) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return made.getvalue()


WORD = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}
TAKEN = {
    "application/pdf": PDF,
    "image/png": b"\x89PNG\r\n\x1a\n...",
    "image/jpeg": b"\xff\xd8\xff\xe0...",
    DOCX: parcel(WORD),
    ODT: parcel({"mimetype": ODT.encode(), "content.xml": b"<o/>"}, pressed=False),
}
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
REFUSED = {
    "nothing": b"",
    "a virus scanner's test": EICAR,
    "a page": b"<html><script>alert(1)</script>",
    "a picture with script": b"<svg onload='alert(1)'/>",
    "a program": b"MZ\x90\x00",
    "a page before a pdf": b"<html>%PDF-1.7",
    "a zip": parcel({"a.txt": b"a"}),
    "a spreadsheet": parcel({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<w/>"}),
    "macros": parcel({**WORD, "word/vbaProject.bin": b"x"}),
    "a way out of the folder": parcel({**WORD, "../../etc/passwd": b"x"}),
    "another open document": parcel({"mimetype": b"application/vnd.oasis.opendocument.graphics"}, pressed=False),
    "a broken zip": parcel(WORD)[:40],
    "a zip's end only": b"PK\x05\x06" + b"\x00" * 18,
}


@pytest.mark.parametrize("media", TAKEN)
def test_a_file_is_known_by_its_first_bytes(media: str) -> None:
    assert kind_of(TAKEN[media]).media == media


@pytest.mark.parametrize("name", REFUSED)
def test_another_kind_of_file_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        kind_of(REFUSED[name])


def test_a_bomb_is_not_unpacked() -> None:
    bomb = parcel({**WORD, "word/media/zeros.bin": b"\x00" * (64 << 20)})
    assert len(bomb) < 1 << 20
    assert kind_of(bomb).media == DOCX
    with pytest.raises(Refused):
        kind_of(parcel({"mimetype": ODT.encode() * 100_000}))


async def sent(desk: Desk, path: str, data: bytes, name: str = "report.pdf", field: str = FIELD) -> tuple[httpx.Response, Page]:
    """A file chosen on its page and sent."""
    address = f"{clean(path)}/upload"
    _, page = await desk.open(address, field=field)
    answer = await desk.browser.post(
        address, params={"field": field}, data=page.hidden, files={"file": (name, data)}, follow_redirects=True
    )
    return answer, Page(answer.text)


async def test_a_report_is_submitted_with_its_file(desk: Desk) -> None:
    path = await desk.ask(Kind.REPORT)
    _, page = await desk.open(path)
    answer, _ = await desk.press(path, page.form | {"Report.summary": "In short.", "do": f"attach:{FIELD}"})
    assert answer.url.path == f"{clean(path)}/upload"
    answer, page = await sent(desk, path, PDF, "../../geheim <b>.pdf")
    assert answer.status_code == 200
    assert "geheim" not in answer.text
    assert page.form["Report.summary"] == "In short."
    answer, page = await desk.send(path, {})
    form = await desk.form()
    assert await desk.workplace.contents.get(form["file"]) == PDF
    handed = await desk.browser.get(f"{clean(path)}/file/{form['file']}")
    assert handed.content == PDF
    assert handed.headers["content-type"] == "application/pdf"
    assert handed.headers["x-content-type-options"] == "nosniff"
    assert handed.headers["content-disposition"].startswith("attachment; filename*=UTF-8''AMEDIP-2027-0001-")


async def test_a_curriculum_vitae_is_kept_as_its_person_s(desk: Desk) -> None:
    path = await desk.ask(Kind.NOMINATION, names=())
    row = "NominationForm.nominees.1."
    _, page = await desk.open(path)
    filled = {f"{row}{name}": value for name, value in PERSON.items()} | {"option": "nominate"}
    answer, page = await desk.press(path, page.form | filled | {"do": f"attach:{row}cv_file"})
    field = answer.url.params["field"]
    await sent(desk, path, PDF, field=field)
    answer, page = await desk.send(path, {})
    decision = (await desk.step()).decision
    assert decision is not None
    [nominee] = decision.facts.nominees
    sha256 = json.loads(await desk.workplace.contents.get(nominee.form))["cv_file"]
    async with desk.workplace.database.read() as connection:
        assert await connection.scalar(select(contents.c.person).where(contents.c.sha256 == sha256)) == nominee.person
    assert (await desk.browser.get(f"{clean(path)}/file/{sha256}")).content == PDF


async def test_a_coordinator_reads_the_file_of_the_report_under_review(desk: Desk) -> None:
    file = await desk.workplace.contents.put(PDF, "application/pdf")
    paper = await desk.keep({"summary": "In short.", "file": file})
    path = await desk.ask(Kind.REPORT_REVIEW, paper=paper, about=("N1",))
    _, page = await desk.open(path)
    [address] = [a["href"] for a in page.all("a") if "/file/" in a["href"]]
    assert (await desk.browser.get(address)).content == PDF


@pytest.mark.parametrize("language", LANGUAGES)
async def test_another_kind_of_file_is_refused_in_the_readers_language(desk: Desk, language: str) -> None:
    path = await desk.ask(Kind.REPORT)
    await desk.open(path, lang=language)
    for data, code in ((EICAR, "wrong_kind"), (b"", "required"), (PDF + b"x" * LARGEST_FILE, "too_large")):
        answer, page = await sent(desk, path, data)
        assert answer.status_code == 422
        assert desk.workplace.words.say(language, f"fault.{code}") in page.words


async def test_ten_mebibytes_come_in_there_and_nowhere_else(desk: Desk) -> None:
    path = await desk.ask(Kind.REPORT)
    await desk.open(path)
    largest = PDF.ljust(LARGEST_FILE, b"x")
    answer, _ = await sent(desk, path, largest)
    assert answer.status_code == 200
    for part, length in (("/upload", LARGEST_UPLOAD + 1), ("", LARGEST_FILE), ("/more-time", LARGEST_FILE)):
        answer = await desk.browser.post(clean(path) + part, content=b"x" * length)
        assert answer.status_code == 413


async def test_a_file_is_taken_from_whoever_has_a_visit_and_for_a_field_that_is_there(desk: Desk) -> None:
    path = await desk.ask(Kind.REPORT)
    answer = await desk.browser.post(f"{clean(path)}/upload", params={"field": FIELD}, files={"file": ("a.pdf", PDF)})
    assert answer.status_code == 403
    await desk.open(path)
    for field in ("Report.summary", "NominationForm.nominees.0.cv_file", "upload.x", ""):
        answer = await desk.browser.post(f"{clean(path)}/upload", params={"field": field}, files={"file": ("a.pdf", PDF)})
        assert answer.status_code == 404
    answer = await desk.browser.post(f"{clean(path)}/upload", params={"field": FIELD}, files={"file": ("a.pdf", PDF)})
    assert answer.status_code == 409
    assert await kept(desk) == []


async def kept(desk: Desk) -> list[str]:
    """The files that were kept."""
    query = select(contents.c.sha256).where(contents.c.media.in_(TAKEN))
    async with desk.workplace.database.read() as connection:
        return list(await connection.scalars(query))


async def test_a_form_names_only_files_that_came_in_during_the_visit(desk: Desk) -> None:
    strange = await desk.workplace.contents.put(PDF, "application/pdf")
    path = await desk.ask(Kind.REPORT)
    for do in ("review", "record"):
        _, page = await desk.open(path, lang="en")
        answer, page = await desk.press(path, page.form | {"Report.summary": "x", FIELD: strange, "do": do})
        assert answer.status_code == 422
        assert desk.workplace.words.say("en", "fault.no_file") in page.words
    assert (await desk.browser.get(f"{clean(path)}/file/{strange}")).status_code == 404
    assert (await desk.step()).is_open
