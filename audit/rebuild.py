"""The read model from the histories: what replay says of a case is what lists and pages show of it."""

from __future__ import annotations

from audit.replay import states
from cases import Cases
from models.errors import Refused
from store.cases import ReadModel

TRIES = 5


async def rebuild(readmodel: ReadModel, cases: Cases, case_id: str) -> None:
    """Write one case's read model anew from the histories of all its runs.

    Raises:
        NotReplayed: a run does not replay; the read model stays as it was.
        Refused: "newer", the read model has gone on each time the histories were replayed, and stays as it is.
    """
    for _ in range(TRIES):
        histories = await cases.histories(case_id)
        _, _, events = histories[-1]
        if await readmodel.rebuild(await states(case_id, histories), events):
            return
    raise Refused("newer", f"the read model of {case_id} is ahead of its histories; it stays as it is", case=case_id)
