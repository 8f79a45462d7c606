"""What every request and answer passes: only what can be read, a limit on bodies, headers that keep an answer to itself."""

from __future__ import annotations

import re

from python_multipart.multipart import parse_options_header
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1 << 20
LARGEST_UPLOAD = (10 << 20) + (64 << 10)
UPLOADING = re.compile(r"/r/[^/]+/[^/]+/upload")
"""The only addresses that take a file; what stands around it in the body has 64 KiB."""

POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
"""Images in data: addresses are the tick marks and arrows of the vendored stylesheet."""


SAYS_SO_ITSELF = "/api/"
"""What turns a request that is unsound, or a body that goes on too long, into an answer of its own, as it reads it."""

UNSOUND = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
"""What no address of ours holds; a database refuses some of it."""

CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
"""How the texts of a form may be written; what else a form names would choose the decoder, and some fail instead of refusing."""


class TooLarge(Exception):
    """A body that goes on beyond the limit."""


class Guard:
    """Stands before an application; a body announced or found larger than the limit is refused with 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read, static = 0, scope["path"].startswith("/static/")
        largest = LARGEST_UPLOAD if UPLOADING.fullmatch(scope["path"]) else LARGEST_BODY

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > largest:
                raise TooLarge
            return message

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                seal(MutableHeaders(scope=message), static)
            await send(message)

        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        said = unreadable(scope, headers.get(b"content-type", b"")) if not scope["path"].startswith(SAYS_SO_ITSELF) else None
        if said is not None:
            await said(scope, receive, sealed)
            return
        try:
            if not scope["path"].startswith(SAYS_SO_ITSELF) and (not length.isdigit() or int(length) > largest):
                raise TooLarge
            await self._app(scope, limited, sealed)
        except TooLarge:
            await PlainTextResponse("too large", status_code=413)(scope, receive, sealed)


def unreadable(scope: Scope, content_type: bytes) -> PlainTextResponse | None:
    """What is answered to an address or form that cannot be read as what it says it is; None where it can."""
    if UNSOUND.search(scope["path"]):
        return PlainTextResponse("not found", status_code=404)
    if b"%00" in scope["query_string"]:
        return PlainTextResponse("the query holds a character that is none", status_code=400)
    _, options = parse_options_header(content_type)
    if options.get(b"charset", CHARSETS[0]).strip().lower() not in CHARSETS:
        return PlainTextResponse("texts are to be in UTF-8", status_code=415)
    return None


def seal(headers: MutableHeaders, static: bool) -> None:
    """Add the headers; an answer may bring a policy of its own, and files of the application may be kept."""
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "public, max-age=3600" if static else "no-store")
