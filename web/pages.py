"""Pages: templates filled with words in the reader's language, every value escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from models.words import LANGUAGES
from wording import Words

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "web"
LANGUAGE_NAMES = {"en": "English", "fr": "Français", "ar": "العربية", "pt": "Português"}
RIGHT_TO_LEFT = ("ar",)
NUMBERED = re.compile(r"\b(?:[A-Z]+-)?\d{4}-\d{2}(?:-\d{2}(?:T[\d:.]+Z)?|\d{2})\b")

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


class Pages:
    """Fills templates; every text comes from the words, every value is escaped."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._environment = _templates()

    def page(self, template: str, language: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
        """A page in a language."""

        def say(key: str, **facts: str) -> str:
            return self._words.say(language, key, **facts)

        html = self._environment.get_template(template).render(
            say=say,
            language=language,
            html_language="pt-PT" if language == "pt" else language,
            direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
            languages=LANGUAGE_NAMES,
            **context,
        )
        return HTMLResponse(html, status_code=status, headers={"Content-Language": language})


@cache
def _templates() -> Environment:
    """The templates, compiled once a process: none holds anything of an installation."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["whole"] = whole
    environment.filters["linked"] = linked
    return environment


def whole(text: str) -> Markup:
    """A text whose dates and case numbers stay on one line; broken at a hyphen, they turn round in Arabic."""
    return Markup(NUMBERED.sub(r'<bdi class="text-nowrap">\g<0></bdi>', str(escape(text))))


def linked(text: str, root: str) -> Markup:
    """A text whose every sha256 leads to the content of that name, below an address; its dates stay on one line."""
    link = rf'<a class="digest" href="{escape(root)}/contents/\g<0>"><code><bdi>\g<0></bdi></code></a>'
    return Markup(DIGEST.sub(link, str(whole(text))))


def preferred(request: Request) -> str:
    """The language asked for in the address, else the first of ours that the browser accepts, else English."""
    asked = request.query_params.get("lang", "")
    accepted = (part.partition(";")[0].strip().lower().partition("-")[0] for part in accepted_by(request).split(","))
    return next((language for language in (asked, *accepted) if language in LANGUAGES), "en")


def accepted_by(request: Request) -> str:
    """The languages a browser accepts, in its order."""
    return request.headers.get("accept-language", "")


def disposition(name: str) -> dict[str, str]:
    """The header that makes a browser keep a file under a name, whatever its characters (source: RFC 6266)."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
