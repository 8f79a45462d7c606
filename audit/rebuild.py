"""The read model from the histories: what replay says of a case is what lists and pages show of it."""

from __future__ import annotations

from audit.replay import states
from cases import Cases
from store.cases import ReadModel


async def rebuild(readmodel: ReadModel, cases: Cases, case_id: str) -> None:
    """Write one case's read model anew from the histories of all its runs.

    Raises:
        NotReplayed: a run does not replay; the read model stays as it was.
    """
    ends = await states(case_id, await cases.histories(case_id))
    await readmodel.clear(case_id)
    for case in ends:
        await readmodel.publish(case)
