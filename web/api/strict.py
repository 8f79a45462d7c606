"""A request as it must be before anything reads it: its sender known, its body small, sound JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

DEEPEST = 20
LARGEST_NUMBER = 2**53 - 1
"""What every JSON reader holds exactly (source: RFC 8259, section 6)."""


class NotSound(Exception):
    """JSON that readers understand differently, or that stands for nothing."""


class StrictRequest(Request):
    """A request whose body is read with care."""

    async def json(self) -> Any:
        """The body's value.

        Raises:
            HTTPException: 400, it is no sound JSON.
        """
        try:
            return read_json(await self.body())
        except NotSound as fault:
            raise HTTPException(400, str(fault)) from fault


class StrictRoute(APIRoute):
    """Lets a request pass when its sender is known; only then its body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What handles a request."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            strict.state.token = await request.app.state.gate.admit(request)
            if request.method == "POST":
                if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                    raise HTTPException(415, "the body is to be application/json")
                await strict.body()
            return await handle(strict)

        return strictly


def read_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        NotSound: it is none; or names a key twice, nests too deep, holds half a character or a number that is not exact.
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NotSound(f"the body is no JSON: {type(error).__name__}") from error
    _whole_characters(value, DEEPEST)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotSound("the body names a key twice")
    return found


def _whole(text: str) -> int:
    if len(text) > len(str(LARGEST_NUMBER)) + 1 or abs(int(text)) > LARGEST_NUMBER:
        raise NotSound(f"a number in the body is beyond {LARGEST_NUMBER}")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotSound("a number in the body is not finite")
    return number


def _whole_characters(value: Any, depth: int) -> None:
    """Refuse texts that no encoding can hold, and what nests deeper than any form does."""
    if depth == 0:
        raise NotSound(f"the body nests deeper than {DEEPEST}")
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise NotSound("a text in the body holds half a character")
    elif isinstance(value, dict):
        for key, item in value.items():
            _whole_characters(key, depth)
            _whole_characters(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _whole_characters(item, depth - 1)
