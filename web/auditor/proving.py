"""What proves a case: its receipts, its entries in the log with their proofs; and what all this proves and what it does not."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from evidence.checkpoint import verifier_key
from evidence.issuing import receipt_of
from evidence.log import Log
from evidence.notary import NotSigned
from evidence.receipts import Receipt, checked
from models.errors import Missing
from store.finding import Facts
from web.auditor.gate import HOME, Gate, Signed
from web.auditor.parts import Parts
from web.pages import disposition

RESPONSE = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
INDEX = re.compile(r"0|[1-9][0-9]{0,15}")
RECEIPT = {"receipt.json": "application/json", "receipt.json.sig": "application/octet-stream"}
LAYERS = ("manifest", "completeness", "signature", "root", "receipts", "log", "replay")
"""What each layer finds, `audit.layer_…`."""


class ProvingPages:
    """The routes of receipts and of the log."""

    def __init__(self, parts: Parts, gate: Gate, log: Log) -> None:
        self._parts = parts
        self._log = log
        self.router = APIRouter()
        parts.shows(self.router, "/proof", self.proof)
        parts.shows(self.router, "/receipts/{response}/{name}", self.receipt)
        parts.shows(self.router, "/log/{index}.tlog-proof", self.place)
        gate.shows(self.router, HOME + "/proof", self.covers)

    async def proof(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """The receipts of a case, its entries in the log, and the log as it is now."""
        receipts = await self._log.leaves.receipts_of(facts.id)
        context = {
            "receipts": [(row, self._is_sound(receipt_of(row), facts.id)) for row in receipts],
            "entries": await self._log.entries_of(facts.id),
            "checkpoint": await self._log.checkpoint(),
        }
        return self._parts.page(request, signed, facts, "proof", "proof.html", context)

    def _is_sound(self, receipt: Receipt, number: str) -> bool:
        """Whether one of our keys signed a receipt, and it is of that case."""
        try:
            return bool(checked(receipt, self._log.notary.trusted)["case"] == number)
        except NotSigned:
            return False

    async def receipt(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """A receipt or its signature, as it was handed out."""
        response, name = str(request.path_params["response"]), str(request.path_params["name"])
        row = await self._log.leaves.receipt(response) if RESPONSE.fullmatch(response) and name in RECEIPT else None
        if row is None or row.case_id != facts.id:
            raise Missing("no such receipt")
        receipt = receipt_of(row)
        data = receipt.body if name == "receipt.json" else receipt.signature
        return Response(data, media_type=RECEIPT[name], headers=disposition(f"{facts.id}-{row.step}-{name}"))

    async def place(self, request: Request, signed: Signed, facts: Facts) -> Response:
        """That an entry of the case stands in the log as it is now (C2SP tlog-proof)."""
        index = str(request.path_params["index"])
        if not INDEX.fullmatch(index) or int(index) not in {row.index for row in await self._log.entries_of(facts.id)}:
            raise Missing("no such entry")
        proof = await self._log.proof(int(index))
        return PlainTextResponse(proof.text, headers=disposition(f"{facts.id}-{index}.tlog-proof"))

    async def covers(self, request: Request, signed: Signed) -> Response:
        """What the proof covers, what it does not, and the keys to check it with."""
        notary = self._log.notary
        keys = [(one, notary.trusted.pem_of(one), verifier_key(notary.name, notary.trusted.raw(one))) for one in notary.trusted.ids]
        context = {"layers": LAYERS, "keys": keys, "section": "proof"}
        return self._parts.frame.page(request, signed, "covers.html", context)
