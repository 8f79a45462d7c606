"""The tree as guards read it: the files that belong to it, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTSIDE = {".venv", ".git", "var", "build", "demo-out", "secrets", "node_modules", "__pycache__"}
PACKAGES = ("activities", "audit", "bench", "cli", "evidence", "models", "rehearsal", "store", "tests", "web", "workflows")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, without environments, data of a running installation, and what tools leave behind."""
    return tuple(path for path in sorted(_below(ROOT)) if path.suffix not in (".pyc", ".db") and not path.is_symlink())


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if (
            path.name in OUTSIDE
            or path.name.endswith((".egg-info", "_cache"))
            or path.name.startswith((".hypothesis", ".coverage"))
        ):
            continue
        if path.is_dir():
            yield from _below(path)
        else:
            yield path


@cache
def modules() -> dict[str, ast.Module]:
    """Every Python file of the project, parsed, by its path from the root."""
    found = {path.relative_to(ROOT).as_posix(): path for path in files() if path.suffix == ".py"}
    return {name: ast.parse(path.read_text(encoding="utf-8"), name) for name, path in found.items()}


def public(module: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """The public classes, functions and methods of a module; what is inside a function is nobody else's."""
    for node in module.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                methods = (inner for inner in node.body if isinstance(inner, Function | ast.ClassDef))
                yield from ((f"{node.name}.{inner.name}", inner) for inner in methods if not inner.name.startswith("_"))
