"""What every request and answer passes: a limit on bodies, and the headers that keep an answer to itself."""

from __future__ import annotations

import re

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
"""What turns a body that goes on too long into an answer of its own, as it reads it."""


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

        length = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if not scope["path"].startswith(SAYS_SO_ITSELF) and (not length.isdigit() or int(length) > largest):
                raise TooLarge
            await self._app(scope, limited, sealed)
        except TooLarge:
            await PlainTextResponse("too large", status_code=413)(scope, receive, sealed)


def seal(headers: MutableHeaders, static: bool) -> None:
    """Add the headers; an answer may bring a policy of its own, and files of the application may be kept."""
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "public, max-age=3600" if static else "no-store")
