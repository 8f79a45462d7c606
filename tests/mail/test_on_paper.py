"""The letter of an open step goes by post as well: the same words, and a code that opens the same page."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import segno
from pypdf import PdfReader

from models.errors import Missing, Refused
from models.words import LANGUAGES, Kind, State
from tests.mail.conftest import Clock, Filing
from tests.mail.situations import OPENED, CaseFile
from workplace import Workplace

INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")
DPI = 300


async def an_open_step(file: CaseFile, kind: Kind = Kind.NOMINATION) -> str:
    """A step of the case that still waits for its answer, published; gives its id."""
    step = file.case.step(f"{kind}-1")
    assert step is not None
    step.state, step.decision = State.OPEN, None
    await file.workplace.readmodel.publish(file.case)
    return step.id


def link_of(pdf: bytes) -> tuple[str, list[float]]:
    """The address of the first link of a PDF, and where it is on the page."""
    for page in PdfReader(io.BytesIO(pdf)).pages:
        for annotation in page.get("/Annots", []):
            about = annotation.get_object()
            return str(about["/A"]["/URI"]), [float(edge) for edge in about["/Rect"]]
    raise AssertionError("no link")


def text_of(pdf: bytes) -> str:
    """The text of a PDF, white space made single."""
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(INVISIBLE.sub("", text).split())


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_letter_by_post_says_what_its_mail_says_and_its_link_opens_the_step(
    filing: Filing, workplace: Workplace, language: str
) -> None:
    file = await filing(language)
    step = await an_open_step(file)
    pdf = await workplace.on_paper.letter(file.case.id, step)
    address, _ = link_of(pdf)
    link = workplace.links.read(address.removeprefix("https://exchanges.example/r/"), OPENED)
    assert (link.case, link.step, link.party) == (file.case.id, step, file.case.asked.requesting)
    said = text_of(pdf)
    assert "AMEDIP-2026-0001" in said
    if language != "ar":
        written = await file.composer.written(workplace.programmes["amedip"], file.case, await file.letter("ask_nomination"))
        lines = [line.removeprefix("- ") for line in written.text.splitlines() if line.strip() and "/r/" not in line]
        assert [line for line in lines if " ".join(line.split()) not in said] == []


async def test_the_code_on_paper_is_that_of_the_link(filing: Filing, workplace: Workplace, tmp_path: Path) -> None:
    draw = shutil.which("pdftoppm")
    if draw is None:
        pytest.skip("pdftoppm, which draws the page of the test, is not installed")
    file = await filing("ar")
    pdf = await workplace.on_paper.letter(file.case.id, await an_open_step(file))
    address, (left, _, right, top) = link_of(pdf)
    page = subprocess.run(
        [draw, "-r", str(DPI), "-gray", "-f", "1", "-l", "1", "-"], input=pdf, check=True, capture_output=True
    ).stdout
    _, size, _, pixels = page.split(b"\n", 3)
    width, height = map(int, size.split())
    code = list(segno.make(address, error="m", micro=False).matrix_iter(border=4))
    per_point, module = DPI / 72, (right - left) / len(code)
    assert module / 72 * 25.4 > 0.4, "a module of a code that a telephone reads is 0.4 mm wide at least"
    for row, modules in enumerate(code):
        for column, dark in enumerate(modules):
            x = int((left + (column + 0.5) * module) * per_point)
            y = height - int((top - (row + 0.5) * module) * per_point) - 1
            assert (pixels[y * width + x] < 128) == bool(dark), (row, column)


async def test_a_question_that_is_closed_is_not_asked_on_paper(filing: Filing, workplace: Workplace, clock: Clock) -> None:
    file = await filing("en")
    await workplace.readmodel.publish(file.case)
    with pytest.raises(Refused, match="asks nothing"):
        await workplace.on_paper.letter(file.case.id, "nomination-1")
    step = await an_open_step(file)
    with pytest.raises(Refused, match="asks nothing of MA-POSTE"):
        await workplace.on_paper.letter(file.case.id, step, "MA-POSTE")
    with pytest.raises(Missing):
        await workplace.on_paper.letter(file.case.id, "nomination-9")
