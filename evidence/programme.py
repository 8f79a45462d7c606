"""The programme that a case took along, written as the TOML that a programme is written in: read back, it is the same."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def written(programme: Mapping[str, Any]) -> bytes:
    """A programme as TOML, from its JSON: values first, then a table for each part of it.

    Raises:
        ValueError: it holds what TOML has no word for.
    """
    return "\n".join(_table((), programme)).strip().encode() + b"\n"


def read(data: bytes) -> dict[str, Any]:
    """What TOML holds.

    Raises:
        ValueError: it is none.
    """
    try:
        return tomllib.loads(data.decode())
    except RecursionError as error:
        raise ValueError("the TOML is nested too deep") from error


def _table(path: Sequence[str], table: Mapping[str, Any]) -> list[str]:
    tables = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    lines = [f"{_key(name)} = {_value(value)}" for name, value in table.items() if name not in tables]
    if path:
        lines = ["", f"[{'.'.join(map(_key, path))}]", *lines]
    return lines + [line for name, value in tables.items() for line in _table((*path, name), value)]


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    raise ValueError(f"TOML has no word for {value!r}")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
