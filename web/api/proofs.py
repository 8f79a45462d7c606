"""Proofs of the log by API, for anybody: that an entry stands in it, and that it only ever grew."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from evidence.checkpoint import checkpoint_of, written
from evidence.log import Log
from evidence.merkle import Wrong
from models.errors import Missing

LARGEST = 2**48
Size = Annotated[int, Query(ge=1, le=LARGEST)]


class State(BaseModel):
    """The log as it is now."""

    name: str = Field(description="The name of the log.")
    size: int = Field(description="How many entries it has.")
    checkpoint: str = Field(description="Its signed state, a note (C2SP tlog-checkpoint).")


class Included(BaseModel):
    """That an entry stands in the log."""

    index: int = Field(description="Where the entry stands; a receipt names it.")
    size: int = Field(description="The size of the log that the proof leads to.")
    hashes: list[str] = Field(description="The hashes beside the way up from the entry to the root, in base64 (RFC 6962, 2.1.1).")
    proof: str = Field(description="The same with the checkpoint, as a file (C2SP tlog-proof); empty for a size without one.")


class Grown(BaseModel):
    """That the log of a size begins with that of an earlier one."""

    first: int
    second: int
    hashes: list[str] = Field(description="The hashes of the proof, in base64 (RFC 6962, 2.1.2).")


class Proofs:
    """The routes of the log; they need no key, for what they give is of no person and no case."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.router = APIRouter(prefix="/v1/log", tags=["The log"], generate_unique_id_function=_named)
        self.router.add_api_route("/checkpoint", self.checkpoint, methods=["GET"], summary="The signed state of the log")
        self.router.add_api_route("/entries/{index}/proof", self.inclusion, methods=["GET"], summary="That an entry is in the log")
        self.router.add_api_route("/consistency", self.consistency, methods=["GET"], summary="That the log only grew")

    async def checkpoint(self) -> State:
        """The log as it is now."""
        note = await self._log.checkpoint()
        found = checkpoint_of(note, self._log.notary.trusted)
        return State(name=found.name, size=found.size, checkpoint=note)

    async def inclusion(self, index: Annotated[int, Path(ge=0, le=LARGEST)], size: Size | None = None) -> Included:
        """The proof that an entry stands in the log, up to its state now or to the size asked for."""
        note = await self._log.leaves.checkpoint(size) if size else await self._log.checkpoint()
        size = size or checkpoint_of(note, self._log.notary.trusted).size
        try:
            hashes = written(await self._log.inclusion(index, size))
            proof = (await self._log.proof(index, note)).text if note else ""
        except (Wrong, Missing) as error:
            raise HTTPException(404, str(error)) from error
        return Included(index=index, size=size, hashes=hashes, proof=proof)

    async def consistency(self, first: Size, second: Size) -> Grown:
        """The proof that the log of the second size begins with that of the first."""
        try:
            hashes = await self._log.consistency(first, second)
        except (Wrong, Missing) as error:
            raise HTTPException(404, str(error)) from error
        return Grown(first=first, second=second, hashes=written(hashes))


def _named(route: APIRoute) -> str:
    return f"log_{route.name}"
