"""What stands around every page of the auditors: navigation, who is signed in, the language and how to change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import Response

from models.words import LANGUAGES
from web.auditor.gate import Gate, Signed
from web.pages import Pages, preferred
from wording import Words

SAME_ORIGIN = {"Referrer-Policy": "same-origin"}
"""With it a browser names the origin of a form, whatever its age."""


class Frame:
    """Makes the pages; the language asked for is remembered in a cookie that names nobody."""

    def __init__(self, pages: Pages, words: Words, gate: Gate) -> None:
        self.words = words
        self._pages = pages
        self._gate = gate
        self._cookie = "__Host-language" if gate.secure else "language"

    def language(self, request: Request) -> str:
        """The language asked for in the address, else the one chosen before, else the browser's."""
        chosen = request.cookies.get(self._cookie, "")
        return chosen if chosen in LANGUAGES and request.query_params.get("lang") not in LANGUAGES else preferred(request)

    def page(
        self, request: Request, signed: Signed | None, template: str, context: Mapping[str, Any], status: int = 200
    ) -> Response:
        """A page in the reader's language."""
        language = self.language(request)
        base = {
            "signed": signed.session if signed else None,
            "token": signed.mark() if signed else "",
            "here": lambda code: here(request, code),
            "named": lambda family, value: self.named(language, family, value),
            "instant": instant,
            "section": "",
        }
        answer = self._pages.page(f"auditor/{template}", language, {**base, **context}, status)
        answer.headers.update(SAME_ORIGIN)
        if request.query_params.get("lang") == language:
            answer.set_cookie(self._cookie, language, path="/", secure=self._gate.secure, httponly=True, samesite="lax")
        return answer

    def named(self, language: str, family: str, value: str) -> str:
        """A fixed name in words; as it reads where there are none."""
        key = f"{family}.{value}"
        return self.words.say(language, key) if self.words.has(language, key) else value


def here(request: Request, language: str) -> str:
    """The address of the page itself in a language."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"{quote(request.url.path, safe='/')}?{urlencode([*kept, ('lang', language)], errors='replace')}"


def instant(at: datetime | None) -> str:
    """An instant in UTC, to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
