"""The gate of the auditors' pages: who is signed in, what each role opens, which forms are ours. Nothing opens by default."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from models.errors import PasserelleError
from models.words import Role
from store.sessions import Session, Sessions
from web.posted import is_from_elsewhere, is_marked, mark_of, texts_of

READ = ["GET", "HEAD"]
SEE_OTHER = 303
SIGN_IN = "/audit/sign-in"
EVERY_ROLE = frozenset(Role)
"""Who may read; a role not named here opens nothing."""


class NotSignedIn(PasserelleError):
    """A request without a session that counts."""


class NotAllowed(PasserelleError):
    """An account's role does not open this; `signed` is who asked."""

    def __init__(self, signed: Signed) -> None:
        super().__init__("not for this role")
        self.signed = signed


class NotOurs(PasserelleError):
    """A form that was not made for this session, or was sent by another site."""


class Signed(NamedTuple):
    """Somebody who signed in, with the token of the cookie, which leaves this module only as a mark on forms."""

    session: Session
    token: str

    def mark(self) -> str:
        """What a form must bring back to be theirs."""
        return mark_of(self.token, self.session.user)

    def is_ours(self, posted: Mapping[str, str]) -> bool:
        """Whether a form was made for this session."""
        return is_marked(posted, self.token, self.session.user)


Show = Callable[[Request, Signed], Awaitable[Response]]
Take = Callable[[Request, Signed, dict[str, str]], Awaitable[Response]]


class Gate:
    """Knows sessions by their cookie.

    The cookie is Lax, not Strict: a link to a case in a mail opens it for who is signed in, where Strict would ask to sign in
    again. What Lax lets in is a GET from elsewhere, and no GET changes anything; forms need the origin and the mark besides.
    """

    def __init__(self, sessions: Sessions, *, secure: bool) -> None:
        self.sessions = sessions
        self.secure = secure
        self.cookie = "__Host-audit" if secure else "audit"

    async def signed_in(self, request: Request, roles: Collection[str]) -> Signed:
        """Who is signed in, if their role is one of these.

        Raises:
            NotSignedIn: nobody is.
            NotAllowed: it is another role.
        """
        token = request.cookies.get(self.cookie, "")
        session = await self.sessions.of(token) if token else None
        if session is None:
            raise NotSignedIn("no session")
        signed = Signed(session, token)
        if session.role not in roles:
            raise NotAllowed(signed)
        return signed

    def shows(self, router: APIRouter, path: str, show: Show, roles: Collection[str] = EVERY_ROLE) -> None:
        """A page for those roles."""

        async def opened(request: Request) -> Response:
            return await show(request, await self.signed_in(request, roles))

        router.add_api_route(path, opened, methods=READ, response_class=HTMLResponse)

    def takes(self, router: APIRouter, path: str, take: Take, roles: Collection[str] = EVERY_ROLE) -> None:
        """A form that those roles send."""

        async def sent(request: Request) -> Response:
            must_be_from_here(request)
            signed = await self.signed_in(request, roles)
            posted = await texts_of(request)
            if not signed.is_ours(posted):
                raise NotOurs("not made for this session")
            return await take(request, signed, posted)

        router.add_api_route(path, sent, methods=["POST"], response_class=HTMLResponse)

    async def enter(self, request: Request, answer: Response, user: str) -> None:
        """Begin a session, always a new one; what the browser brought along ends."""
        await self.sessions.end(request.cookies.get(self.cookie, ""))
        token = await self.sessions.begin(user)
        answer.set_cookie(self.cookie, token, path="/", secure=self.secure, httponly=True, samesite="lax")

    async def leave(self, answer: Response, signed: Signed) -> None:
        """End a session."""
        await self.sessions.end(signed.token)
        answer.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="lax")


def must_be_from_here(request: Request) -> None:
    """Let a form pass that says it comes from our own pages; what says nothing of where it comes from does not pass.

    Raises:
        NotOurs: it says otherwise, or nothing.
    """
    origin = request.headers.get("origin", "null")
    says = request.headers.get("sec-fetch-site") or (origin != "null" and urlsplit(origin).netloc)
    if not says or is_from_elsewhere(request):
        raise NotOurs("from another site")


def to_sign_in(request: Request) -> Response:
    """The way to the sign-in page, which leads back to a page that was asked for."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(asked, safe='')}" if request.method in READ and local(asked) == asked and asked != HOME else ""
    return RedirectResponse(f"{SIGN_IN}{back}", status_code=SEE_OTHER)


HOME = "/audit"
LONGEST = 1000


def local(asked: str) -> str:
    """Where to go after signing in: a page of the auditors' own, else the first of them."""
    path, _, query = asked.partition("?")
    is_page = path == HOME or path.startswith(f"{HOME}/")
    is_plain = asked.isascii() and asked.isprintable() and not set(asked) & set('\\ "<>') and ".." not in path and "//" not in path
    is_signing = path.startswith(f"{HOME}/sign-")
    return asked if len(asked) <= LONGEST and is_page and is_plain and not is_signing and "#" not in query else HOME
