"""Files that forms name by their sha256: none can be sent by the API, so none can be named; else a form could claim another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.errors import Fault, Invalid

FILES = ("file", "cv_file")
"""The fields of forms that name a file."""


def without_files(form: dict[str, Any]) -> None:
    """Refuse a form that names a file.

    Raises:
        Invalid: every field that names one.
    """
    faults = [
        Fault(field=field, code="unknown", text=f"unknown value {str(named)[:100]!r}", facts={"value": str(named)[:100]})
        for field, named in _named(form, "")
    ]
    if faults:
        raise Invalid(faults)


def _named(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        place = f"{path}.{key}" if path else str(key)
        if key in FILES and item:
            yield place, item
        else:
            yield from _named(item, place)


def schema_without_files(schema: Any) -> Any:
    """A form's JSON schema without the fields that name a file."""
    if isinstance(schema, dict):
        return {key: schema_without_files(item) for key, item in schema.items() if key not in FILES}
    if isinstance(schema, list):
        return [schema_without_files(item) for item in schema]
    return schema
