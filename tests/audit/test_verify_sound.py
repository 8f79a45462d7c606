"""What was played through the real procedure and left alone is found sound, without a fault and without a remark."""

from __future__ import annotations

from tests.audit.installed import PLAYED_ONCE, Tampered

pytestmark = PLAYED_ONCE


async def test_an_untouched_case_is_sound(tampered: Tampered) -> None:
    place = tampered.workplace()
    verifier = tampered.verifier(place)
    assert await verifier.numbers() == [tampered.case]
    found, log = await verifier.case(tampered.case), await verifier.log()
    await place.close()
    assert (found.findings, log.findings) == ((), ())
    assert (found.runs, found.events) == (3, sum(count for _, _, count in tampered.base.runs))
    assert min(found.receipts, found.documents, found.mails, found.entries, log.published) > 0
    assert log.size >= found.entries
