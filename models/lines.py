"""Where the keys of a TOML or JSON file stand, so that a fault names its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import Invalid

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{},=:\n]"
    r"""|[^\s\[\]{},=:#"']+""",
    re.DOTALL,
)
PART = re.compile(r""""((?:\\.|[^"\\])*)"|'([^']*)'|([^\s."']+)""")
ENDS = ("", ",", "]", "}", "\n")


@contextmanager
def faults_in(path: Path) -> Iterator[None]:
    """Faults raised within name the file, and the line on which their field, or what should hold it, stands."""
    try:
        yield
    except Invalid as invalid:
        lines = lines_of(path.read_text(encoding="utf-8"), json=path.suffix == ".json")
        faults = []
        for fault in invalid.faults:
            line = line_at(lines, fault.field)
            faults.append(fault.model_copy(update={"facts": {**fault.facts, "line": str(line)}}) if line else fault)
        raise Invalid(faults, path.name) from invalid


def line_at(lines: dict[str, int], path: str) -> int | None:
    """The line of a dotted path, else of the nearest thing around it; None when the file as a whole is meant."""
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path)


def lines_of(text: str, *, json: bool = False) -> dict[str, int]:
    """The line of every key, list entry and table of a well-formed file, by dotted path such as `reply.0.form`."""
    reader = _Reader(text)
    if json:
        reader.value("")
    else:
        reader.document()
    return reader.lines


@dataclass
class _Reader:
    """Goes through a file's tokens once; it trusts that the file was parsed before."""

    text: str
    lines: dict[str, int] = field(default_factory=dict)
    lasts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = [(match[0], self.text.count("\n", 0, match.start()) + 1) for match in TOKEN.finditer(self.text)]
        self.tokens = [(token, line) for token, line in found if not token.startswith("#")]
        self.at = 0

    def next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, int]:
        self.at += 1
        return self.tokens[self.at - 1]

    def skip(self, *unwanted: str) -> None:
        while self.next() in unwanted:
            self.at += 1

    def document(self) -> None:
        """The tables of a TOML file, and the keys of each."""
        table = ""
        self.skip("\n")
        while self.next():
            table = self.header() if self.next() == "[" else self.entry(table)
            self.skip("\n")

    def header(self) -> str:
        """`[a.b]` or `[[a.b]]`; gives the path of what follows."""
        _, line = self.take()
        many = self.next() == "["
        self.skip("[")
        words = ""
        while self.next() != "]":
            words += self.take()[0]
        self.skip("]")
        *above, name = parts_of(words)
        path = ""
        for part in above:
            path = self.inside(joined(path, part))
        path = joined(path, name)
        self.lines.setdefault(path, line)
        if many:
            self.lasts[path] = self.lasts.get(path, -1) + 1
            path = self.inside(path)
            self.lines[path] = line
        return path

    def inside(self, path: str) -> str:
        """A path, with the number of its last entry where it is a list of tables."""
        return f"{path}.{self.lasts[path]}" if path in self.lasts else path

    def entry(self, table: str) -> str:
        """`key = value`, or `"key": value`; gives the table it is in."""
        words, line = self.take()
        while self.next() not in ("=", ":"):
            words += self.take()[0]
        self.skip("=", ":")
        path = table
        for part in parts_of(words):
            path = joined(path, part)
            self.lines.setdefault(path, line)
        self.value(path)
        return table

    def value(self, path: str) -> None:
        """A value, with every key and entry within."""
        self.skip("\n")
        opened = self.next()
        if opened not in ("{", "["):
            while self.next() not in ENDS:
                self.at += 1
            return
        self.at += 1
        number = 0
        self.skip("\n", ",")
        while self.next() not in ("}", "]"):
            if opened == "{":
                self.entry(path)
            else:
                self.lines[joined(path, str(number))] = self.tokens[self.at][1]
                self.value(joined(path, str(number)))
                number += 1
            self.skip("\n", ",")
        self.at += 1


def joined(path: str, part: str) -> str:
    """A dotted path, one part longer."""
    return f"{path}.{part}" if path else part


def parts_of(key: str) -> list[str]:
    """The parts of a dotted key, without quotes."""
    return [quoted or literal or bare for quoted, literal, bare in PART.findall(key)]
