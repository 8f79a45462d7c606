"""The edge of every command: settings read, parts opened and closed, errors turned into exit codes, JSON printed alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from cases import Cases
from dev import beside_dev
from models.errors import PasserelleError
from settings import Settings, read_settings
from worker import client_of, configure_logs, workplace_of
from workplace import Workplace

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def settings_of(data: Path | None = None, port: int | None = None, *, quiet: bool = True) -> Settings:
    """The settings, reaching a running `dev` where they name nothing else; `quiet` commands log errors only."""
    settings = read_settings(data=data, port=port)
    configure_logs("error" if quiet else settings.log_level, settings.log_format)
    return settings


@asynccontextmanager
async def opened(data: Path | None) -> AsyncIterator[tuple[Workplace, Cases]]:
    """The workplace and the way into its cases, closed afterwards."""
    settings = beside_dev(settings_of(data))
    workplace = workplace_of(settings)
    try:
        yield workplace, workplace.cases(await client_of(settings))
    finally:
        await workplace.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's work; a known error ends it with its sentence on standard error and its exit code."""
    try:
        asyncio.run(work)
    except PasserelleError as error:
        refuse(error)


def refuse(error: PasserelleError) -> NoReturn:
    """Say why and leave with the error's exit code."""
    print(str(error), file=sys.stderr)
    raise SystemExit(error.exit_code)


def leave() -> None:
    """End the process at once: the Temporal core can fault while Python takes it apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))


def print_rows(columns: list[str], rows: list[list[str]]) -> None:
    """A table for people."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    out.print(table)
