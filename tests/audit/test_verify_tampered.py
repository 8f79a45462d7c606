"""Whatever was changed past the procedure is found, and said to be what it is."""

from __future__ import annotations

import pytest

from evidence.findings import Finding, Severity
from tests.audit.installed import PLAYED_ONCE, Tampered
from tests.audit.rewriting import TAMPERINGS

pytestmark = PLAYED_ONCE


async def found_in(tampered: Tampered) -> list[Finding]:
    """What verifying the case and the log finds."""
    place = tampered.workplace()
    verifier = tampered.verifier(place)
    try:
        return [*(await verifier.case(tampered.case)).findings, *(await verifier.log()).findings]
    finally:
        await place.close()


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_what_was_tampered_with_is_found(name: str, tampered: Tampered) -> None:
    tamper, codes = TAMPERINGS[name]
    tamper(tampered)
    faults = [finding for finding in await found_in(tampered) if finding.severity is Severity.FAULT]
    assert {finding.code for finding in faults} == codes, "\n".join(f"{one.code} {one.where}: {one.text}" for one in faults)
    assert all(finding.means for finding in faults)
