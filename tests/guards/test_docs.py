"""The documentation is held to what can be checked: its length, its links, the commands it names, the numbers of decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from cli.main import app
from rehearsal.diagram import between, diagram

ROOT = Path(__file__).parents[2]
NOT_OURS = {".venv", "var", "build", "demo-out", "node_modules", ".git"}
PAGES = sorted(page for page in ROOT.rglob("*.md") if not NOT_OURS & set(page.relative_to(ROOT).parts))
CODE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`([a-z-]+\.md)`")
DECISION = re.compile(r"(\d{3})-[a-z0-9-]+\.md")


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command by its words, `case launch`."""
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield " ".join(path)


def targets(page: Path) -> list[Path]:
    """The files and folders a page links to, or names as a page beside it."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    links = [link for link in LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]
    return [page.parent / unquote(link).partition("#")[0] for link in [*links, *NAMED.findall(text)]]


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [target.relative_to(page.parent).as_posix() for target in targets(page) if not target.exists()] == []


@pytest.mark.parametrize("command", sorted(commands(get_command(app))))
def test_every_command_is_described(command: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    words = re.compile(rf"\bpasserelle {command}\b(?![-|])")
    assert any(words.search(page.read_text(encoding="utf-8")) for page in pages)


def test_the_diagram_of_the_procedure_is_what_the_code_draws() -> None:
    page = (ROOT / "docs" / "procedure.md").read_text(encoding="utf-8")
    assert page == between(page, diagram()), "run: python -m rehearsal.diagram docs/procedure.md"


def test_decisions_are_numbered_without_holes() -> None:
    names = sorted(page.name for page in (ROOT / "docs" / "decisions").iterdir())
    numbers = [int(found[1]) for name in names if (found := DECISION.fullmatch(name))]
    assert numbers == list(range(1, len(names) + 1))


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_says_why_what_and_what_was_measured(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem[:3]} ")
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == ["Context", "Choice", "Measured", "Consequences"]
