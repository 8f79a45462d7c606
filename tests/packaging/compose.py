"""The Compose file as a machine without Docker can use it: its commands and environments, with addresses that are here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
INTERPOLATED = re.compile(r"\$\{(\w+):-([^}]*)\}")

Service = dict[str, Any]


def document() -> dict[str, Any]:
    """The whole file, anchors resolved, `${NAME:-default}` as when nothing is set."""
    text = INTERPOLATED.sub(lambda found: found.group(2), FILE.read_text(encoding="utf-8"))
    return cast(dict[str, Any], yaml.safe_load(text))


def services() -> dict[str, Service]:
    """Every service by name."""
    return cast(dict[str, Service], document()["services"])


def command(name: str) -> list[str]:
    """What a service runs, as arguments; nothing when its image says."""
    return [argument.replace("$$", "$") for argument in services()[name].get("command", [])]


def check(name: str) -> list[str]:
    """What tells whether a service is well, as arguments; nothing when it is not asked."""
    kind, *arguments = services()[name].get("healthcheck", {}).get("test", ["NONE"])
    arguments = [argument.replace("$$", "$") for argument in arguments]
    return ["sh", "-c", *arguments] if kind == "CMD-SHELL" else arguments


def environment(name: str) -> dict[str, str]:
    """What a service finds in its environment."""
    return {key: str(value) for key, value in services()[name].get("environment", {}).items()}


def here(text: str, places: Mapping[str, str]) -> str:
    """The text with each place of the containers replaced by one of this machine, the longest first."""
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text
