"""Small faults put into the verifier one by one, to see whether its tests notice: `python -m tests.mutation.mutating [EVERY]`.

A mutant is a module with one comparison, `and`, `or`, `not`, number, truth, bytes or returned value turned into another; texts are
sentences for people and stay. For each a forked process runs tests/evidence, but those of other things, until the first failure; a
line of JSON says whether there was one. The verifier is imported after the fork, so the mutant is what the tests import.
"""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TESTS, FIXTURES = "tests/evidence", "tests.evidence.bundles"
MODULES = {
    "merkle": "test_merkle.py",
    "checkpoint": "test_checkpoints.py",
    "notary": "test_checkpoints.py",
    "receipts": "test_key_holders.py",
    "statement": "test_strangers.py",
    "opening": "test_opening.py",
    "checking": "test_strangers.py",
    "anchoring": "test_key_holders.py",
    "entries": "test_key_holders.py",
}
"""Each module of the verifier, and the tests that are the first to notice."""
OTHERS = ("test_log.py", "test_receipts.py", "test_guide.py")
"""Tests that need a database or a shell: what they test is other things, and what others test too."""
HEAVY = (
    *("pytest", "_pytest.assertion.rewrite", "hypothesis.strategies", "cryptography.hazmat.primitives.asymmetric.ed25519"),
    *("pytest_asyncio.plugin", "pytest_rerunfailures", "models.acts", "rfc8785", "tomllib", "email.parser"),
)
"""What every child would import: it is there before the fork, and none of it imports the verifier."""
PRINTING = ("repr", "include_url")
MOST_SECONDS, MOST_BYTES = 150, 4 << 30
"""What a child may take of the processor and of memory: a fault can make the verifier turn for ever."""
OPPOSITES: dict[type[ast.AST], Any] = {
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And},
}


def places(tree: ast.AST) -> Iterator[ast.AST]:
    """The places of a module where a fault can be put, each once, in order; decorators and how things print stay."""
    left = [one for node in ast.walk(tree) for one in getattr(node, "decorator_list", ())]
    left += [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in PRINTING]
    kept = {id(part) for one in left for part in ast.walk(one)}
    return (node for node in ast.walk(tree) if id(node) not in kept and is_place(node))


def is_place(node: ast.AST) -> bool:
    """Whether a fault can be put into a node."""
    match node:
        case ast.Compare():
            return type(node.ops[0]) in OPPOSITES
        case ast.Constant():
            return isinstance(node.value, bool | int | bytes)
        case ast.Return():
            return node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None)
        case ast.UnaryOp():
            return isinstance(node.op, ast.Not)
    return isinstance(node, ast.BoolOp)


def spoil(node: Any) -> str:
    """Put a fault into a place; gives what it is."""
    if isinstance(node, ast.Compare):
        node.ops[0] = OPPOSITES[type(node.ops[0])]()
        return "comparison"
    if isinstance(node, ast.BoolOp):
        node.op = OPPOSITES[type(node.op)]()
        return "and, or"
    if isinstance(node, ast.UnaryOp):
        node.operand = ast.UnaryOp(op=ast.Not(), operand=node.operand)
        return "not"
    if isinstance(node, ast.Return):
        node.value = ast.Constant(value=None)
        return "return"
    if isinstance(node.value, bytes):
        node.value = b"" if node.value else b"x"
    else:
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    return "constant"


def mutants(source: str) -> Iterator[tuple[int, str, ast.Module]]:
    """Every mutant of a source: the line, what was done there, and the module."""
    tree = ast.parse(source)
    for number, _ in enumerate(places(tree)):
        mutant = copy.deepcopy(tree)
        node: Any = list(places(mutant))[number]
        line = node.lineno
        kind = spoil(node)
        yield line, kind, ast.fix_missing_locations(mutant)


class Instead(importlib.machinery.SourceFileLoader):
    """Loads a module from a mutant in place of its file."""

    def __init__(self, name: str, path: str, mutant: ast.Module) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """The mutant's code."""
        return compile(self._mutant, self.get_filename(fullname), "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Finds one module, as its mutant."""

    def __init__(self, name: str, path: Path, mutant: ast.Module) -> None:
        self._name = name
        self._loader = Instead(name, str(path), mutant)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The mutant, if it is the one asked for."""
        here = fullname == self._name
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader) if here else None


def noticed(name: str, mutant: ast.Module, first: str) -> bool:
    """Whether the tests fail with a mutant, or come to no end."""
    child = os.fork()
    if not child:
        run(name, mutant, first)
    return os.waitpid(child, 0)[1] != 0


def run(name: str, mutant: ast.Module, first: str) -> None:
    """Run the tests with a mutant in this process, and end it."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    sys.meta_path.insert(0, Finder(f"evidence.{name}", ROOT / "evidence" / f"{name}.py", mutant))
    rest = sorted(f"{TESTS}/{path.name}" for path in (ROOT / TESTS).glob("test_*.py") if path.name not in (first, *OTHERS))
    options = [
        "-x",
        "-q",
        "-m",
        "not soak",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        FIXTURES,
        "--noconftest",
        "--hypothesis-seed=0",
    ]
    os._exit(int(importlib.import_module("pytest").main([*options, f"{TESTS}/{first}", *rest])))


def main(asked: Sequence[str]) -> None:
    """Try every mutant, or every so many from one on."""
    every, offset = (int(text) for text in (*asked, *("1", "0")[len(asked) :]))
    for heavy in HEAVY:
        importlib.import_module(heavy)
    assert not any(name.split(".")[0] == "evidence" for name in sys.modules)
    number = 0
    for name, first in MODULES.items():
        for line, kind, mutant in mutants((ROOT / "evidence" / f"{name}.py").read_text(encoding="utf-8")):
            if number % every == offset:
                said = {"module": name, "line": line, "kind": kind, "noticed": noticed(name, mutant, first)}
                print(json.dumps(said), flush=True)
            number += 1


if __name__ == "__main__":
    main(sys.argv[1:])
