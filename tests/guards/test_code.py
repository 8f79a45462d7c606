"""What must hold of the code as it stands in the tree."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio import activity
from temporalio.client import Client

from activities import names
from models import errors
from models.words import Kind
from rehearsal.stage import NOTARY
from store.database import Database
from tests.guards.tree import PACKAGES, ROOT, Function, files, modules, public
from workplace import Workplace, load_programmes

FORBIDDEN = re.compile(r"(^|_)(utils?|helpers?|common|managers?|services?)(_|$)", re.IGNORECASE)
MAILBOX = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
MACHINE = re.compile(r"(?<![\w.~/])/(?:home|root|Users|work)/")
SAID = ("limit", "grace", "grace_escalated", "lapse")


def test_every_activity_that_workflows_name_is_registered(tmp_path: Path) -> None:
    place = Workplace(
        Database.open(f"sqlite+aiosqlite:///{tmp_path}/never-opened.db"),
        load_programmes(ROOT / "programmes"),
        public_url="https://exchanges.example",
        task_queue="guards",
        link_key=b"k" * 32,
        notary=NOTARY,
    )
    registered = {name_of(function) for function in place.activities(cast(Client, None), lambda: None)}
    named = {value for name, value in vars(names).items() if name.isupper()}
    assert registered == named


def name_of(function: Callable[..., Any]) -> str | None:
    """The name under which an activity is called."""
    definition = activity._Definition.from_callable(function)
    assert definition is not None
    return definition.name


def test_every_activity_has_one_implementation() -> None:
    used = [
        node.attr
        for path, module in modules().items()
        if path.startswith("activities/")
        for function in ast.walk(module)
        if isinstance(function, Function)
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "names"
    ]
    assert sorted(used) == sorted(name for name in vars(names) if name.isupper())


def test_every_error_stands_in_the_tree_of_its_module() -> None:
    drawn = re.findall(r"[A-Z]\w+(?=\s|$)", (errors.__doc__ or "").partition("::")[2])
    raised = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)]
    own = {error.__name__ for error in raised if error.__module__ == errors.__name__}
    assert own - set(drawn) == set()
    assert {error for error in own if not issubclass(getattr(errors, error), errors.PasserelleError)} == set()


@pytest.mark.parametrize("path", sorted(modules()))
def test_every_module_and_public_name_says_what_it_is(path: str) -> None:
    module = modules()[path]
    silent = [name for name, node in public(module) if not ast.get_docstring(node) and not name.startswith("test_")]
    assert ast.get_docstring(module), f"{path} has no docstring"
    assert silent == []


@pytest.mark.parametrize("path", sorted(path for path in modules() if path.endswith("__init__.py")))
def test_a_package_s_own_file_holds_a_docstring_and_nothing_else(path: str) -> None:
    (only,) = modules()[path].body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)


def test_nothing_is_imported_inside_a_function() -> None:
    inside = [
        f"{path}:{node.lineno}"
        for path, module in modules().items()
        for function in ast.walk(module)
        if isinstance(function, Function)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_no_error_is_caught_bare_or_passed_over() -> None:
    silent = [
        f"{path}:{node.lineno}"
        for path, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.ExceptHandler) and (node.type is None or all(isinstance(line, ast.Pass) for line in node.body))
    ]
    assert silent == []


def test_every_migration_can_be_taken_back() -> None:
    migrations = {path: module for path, module in modules().items() if re.fullmatch(r"store/migrations/versions/\w+\.py", path)}
    wordless = [path for path in migrations if not path.endswith("__init__.py") and not takes_back(migrations[path])]
    assert len(migrations) > 1
    assert wordless == []


def takes_back(migration: ast.Module) -> bool:
    """Whether a migration's downgrade does something, or its docstring says why it cannot."""
    for node in migration.body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            return any(
                (isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)) or isinstance(line, ast.For) for line in node.body
            )
    return False


def test_no_name_is_one_that_says_nothing() -> None:
    places = {part for path in files() if path.suffix == ".py" for part in path.relative_to(ROOT).with_suffix("").parts}
    classes = {
        f"{path}: {name}"
        for path, module in modules().items()
        for name, node in public(module)
        if isinstance(node, ast.ClassDef) and FORBIDDEN.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name))
    }
    assert {place for place in places if FORBIDDEN.search(place)} == set()
    assert classes == set()


def test_every_package_is_read_by_these_guards() -> None:
    assert {path.partition("/")[0] for path in modules() if "/" in path} == set(PACKAGES)


def texts() -> dict[str, str]:
    """Every text file of the tree."""
    found = {}
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            found[path.relative_to(ROOT).as_posix()] = data.decode("utf-8")
    return found


def test_every_mailbox_in_the_tree_is_nobody_s() -> None:
    real = {
        f"{path}: {box}"
        for path, text in texts().items()
        if "@" in text
        for box in MAILBOX.findall(text)
        if not box.lower().endswith(".example")
    }
    assert real == set()


def test_no_file_speaks_of_the_machine_it_was_written_on() -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert [path for path, text in texts().items() if path != here and MACHINE.search(text)] == []


@pytest.mark.parametrize("file", sorted((ROOT / "programmes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_rule_of_a_step_names_its_source_or_says_default(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert set(tomllib.loads(text)["steps"]) == set(Kind)
    section, unsaid = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        key, _, rest = line.partition(" = ")
        if section.startswith("steps.") and key in SAID and not rest.partition("#")[2].strip():
            unsaid.append(f"{section}.{key}")
    assert unsaid == []
