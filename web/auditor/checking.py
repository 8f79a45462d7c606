"""What an auditor has done about a case: verified where it lives, or its bundle put together."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from audit.exporting import Exporter
from audit.verifying import Verifier
from store.finding import Facts
from web.auditor.gate import Signed
from web.auditor.parts import Parts
from web.pages import disposition

log = structlog.get_logger("auditor")


COUNTED = ("runs", "events", "receipts", "documents", "mails", "entries")
"""What a verification says it went through."""


class CheckingPages:
    """The routes of checking; forms, for the log notes each bundle that was put together."""

    def __init__(self, parts: Parts, exporter: Exporter, verifier: Verifier) -> None:
        self._parts = parts
        self._exporter = exporter
        self._verifier = verifier
        self.router = APIRouter()
        parts.takes(self.router, "/bundle", self.bundle)
        parts.takes(self.router, "/verify", self.verify)

    async def bundle(self, request: Request, signed: Signed, facts: Facts, posted: Mapping[str, str]) -> Response:
        """The evidence of the case, signed, in one file that stands without us; what its own check finds is not held back."""
        bundle, report = await self._exporter.bundle(facts.id)
        log.info("bundle_made", user=signed.session.user, case=facts.id, manifest=bundle.manifest, sound=report.sound)
        return Response(bundle.data, media_type="application/zip", headers=disposition(bundle.name))

    async def verify(self, request: Request, signed: Signed, facts: Facts, posted: Mapping[str, str]) -> Response:
        """Everything that is kept of the case, compared: each difference with what it means."""
        verified = await self._verifier.case(facts.id)
        log.info("case_verified", user=signed.session.user, case=facts.id, findings=len(verified.findings), sound=verified.sound)
        context = {"verified": verified, "counted": COUNTED}
        return self._parts.page(request, signed, facts, "verified", "verified.html", context)
