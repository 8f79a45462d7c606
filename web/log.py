"""The log in public: its signed checkpoint, its key, and its hashes as tiles (source: C2SP tlog-tiles)."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from evidence.checkpoint import verifier_key
from evidence.log import TILE_WIDTH, Log
from models.errors import Missing

READ = ["GET", "HEAD"]
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
TILE = re.compile(r"([0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,4})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class Published:
    """What anybody may read of the log; nothing of a case is in it but hashes."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.router = APIRouter(prefix="/log")
        self.router.add_api_route("/checkpoint", self.checkpoint, methods=READ)
        self.router.add_api_route("/key", self.key, methods=READ)
        self.router.add_api_route("/tile/{path:path}", self.tile, methods=READ)

    async def checkpoint(self) -> Response:
        """The signed state of the log as it is now."""
        return PlainTextResponse(await self._log.checkpoint())

    async def key(self) -> Response:
        """The keys of the notary, each as tools of the format take it; whoever checks compares them with what was handed over."""
        notary = self._log.notary
        return PlainTextResponse("".join(f"{verifier_key(notary.name, notary.trusted.raw(one))}\n" for one in notary.trusted.ids))

    async def tile(self, path: str) -> Response:
        """The hashes of a tile, 32 bytes each."""
        found = TILE.fullmatch(path)
        if found is None or int(found[4] or 1) >= TILE_WIDTH:
            return PlainTextResponse("there is no such tile", 404)
        index = int("".join(re.findall(r"[0-9]+", found[2])) + found[3])
        try:
            hashes = await self._log.tile(int(found[1]), index, int(found[4] or TILE_WIDTH))
        except Missing as error:
            return PlainTextResponse(str(error), 404)
        return Response(hashes, media_type="application/octet-stream", headers=FOR_EVER)
