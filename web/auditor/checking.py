"""What an auditor has done about a case: its bundle put together."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from audit.exporting import Exporter
from store.finding import Facts
from web.auditor.gate import Signed
from web.auditor.parts import Parts
from web.pages import disposition

log = structlog.get_logger("auditor")


class CheckingPages:
    """The routes of checking; forms, for the log notes each bundle that was put together."""

    def __init__(self, parts: Parts, exporter: Exporter) -> None:
        self._parts = parts
        self._exporter = exporter
        self.router = APIRouter()
        parts.takes(self.router, "/bundle", self.bundle)

    async def bundle(self, request: Request, signed: Signed, facts: Facts, posted: Mapping[str, str]) -> Response:
        """The evidence of the case, signed, in one file that stands without us; what its own check finds is not held back."""
        bundle, report = await self._exporter.bundle(facts.id)
        log.info("bundle_made", user=signed.session.user, case=facts.id, manifest=bundle.manifest, sound=report.sound)
        return Response(bundle.data, media_type="application/zip", headers=disposition(bundle.name))
