"""Imports go one way, in the packages and in the modules that stand alone at the root."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UPWARDS = [
    *(
        "models",
        "store",
        "evidence",
        "wording",
        "activities",
        "workflows",
        "resending",
        "onpaper",
        "reading",
        "intake",
        "cases",
        "workplace",
    ),
    *("audit", "rehearsal", "settings", "worker", "dev", "cli"),
]
ALONE = ("resending", "onpaper", "reading", "intake", "cases", "workplace", "worker")
MAY_IMPORT = {module: set(UPWARDS[: UPWARDS.index(module)]) for module in ALONE} | {
    "wording": {"models"},
    "settings": {"models"},
    "dev": {*UPWARDS[: UPWARDS.index("dev")], "web"},
}
OWN = {*UPWARDS, "web"}


def imported(source: str) -> set[str]:
    """The top-level names a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_the_contracts_between_packages_are_kept() -> None:
    checker = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([checker, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_a_module_at_the_root_imports_downwards_only(module: str) -> None:
    assert imported((ROOT / f"{module}.py").read_text(encoding="utf-8")) & OWN <= MAY_IMPORT[module]


def test_every_module_at_the_root_has_its_place_and_is_packaged() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert {path.stem for path in ROOT.glob("*.py")} == set(MAY_IMPORT) == set(packaged["py-modules"])
    assert {
        path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("*/**/__init__.py") if path.parts[len(ROOT.parts)] in OWN
    } == {name.replace(".", "/") for name in packaged["packages"]}
