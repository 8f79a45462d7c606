"""What differs between two states of a case, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.message import Message


class Change(Message):
    """A field that is not as it was: `path` leads to it, `steps[host_offer-1].state`; None where there was nothing."""

    path: str
    before: Any = None
    after: Any = None


def differences(before: str, after: str) -> list[Change]:
    """What differs between two states as JSON, in the order of the fields; an item of a list is known by its id if it has one."""
    return list(_between("", json.loads(before), json.loads(after)))


def _between(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        dot = "." if path else ""
        yield from _each(
            {f"{path}{dot}{key}": value for key, value in before.items()}, {f"{path}{dot}{k}": v for k, v in after.items()}
        )
    elif isinstance(before, list) and isinstance(after, list):
        yield from _each(_named(path, before), _named(path, after))
    elif before != after or type(before) is not type(after):
        yield Change(path=path, before=before, after=after)


def _each(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for path in (*before, *(path for path in after if path not in before)):
        if path not in after:
            yield Change(path=path, before=before[path])
        elif path not in before:
            yield Change(path=path, after=after[path])
        else:
            yield from _between(path, before[path], after[path])


def _named(path: str, items: Sequence[Any]) -> dict[str, Any]:
    """The items of a list by their ids, else by their places."""
    ids = [item.get("id") if isinstance(item, Mapping) else None for item in items]
    unique = None not in ids and len(set(ids)) == len(ids)
    return {f"{path}[{name}]": item for name, item in zip(ids if unique else range(len(items)), items, strict=True)}
