"""Forms that were sent: their texts, where they come from, and the mark by which a form is known to be made for one browser."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from secrets import token_hex
from urllib.parse import urlsplit

from fastapi import Request

NONCE, MARK = 16, 40
UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that a database or an encoding refuses; no keyboard makes them."""


async def texts_of(request: Request) -> dict[str, str]:
    """The texts of a form that was sent, by name; what cannot be kept is left out."""
    sent = (await request.form()).multi_items()
    return {keepable(name): keepable(value) for name, value in sent if isinstance(value, str)}


def keepable(text: str) -> str:
    """A text without what cannot be kept."""
    return UNKEEPABLE.sub("", text)


def is_from_elsewhere(request: Request) -> bool:
    """Whether another site sent a form here; our pages send no referrer, so a browser may name their origin "null"."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.headers.get("host")


def mark_of(secret: str, *about: str) -> str:
    """What a form must bring back to be ours; another one on each page, so that its size tells nothing of it."""
    nonce = token_hex(NONCE // 2)
    return nonce + _mac(secret, nonce, *about)


def is_marked(posted: Mapping[str, str], secret: str, *about: str) -> bool:
    """Whether a form was made for the holder of a secret, about the same things."""
    token = posted.get("token", "")
    return token.isascii() and hmac.compare_digest(token[NONCE:], _mac(secret, token[:NONCE], *about))


def _mac(secret: str, *parts: str) -> str:
    return hmac.digest(secret.encode(), "\n".join(parts).encode(), "sha256").hex()[:MARK]
