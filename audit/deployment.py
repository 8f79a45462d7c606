"""Before a deployment: whether the code in hand can go on with the cases that are open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from audit.apart import Apart
from audit.fitting import Asked, Fit, Outcome
from cases import Cases
from models.errors import Missing

PAGE = 500

Run = tuple[Asked, bytes, int]
"""A run that is asked for, its exported history, and its number of events."""


async def open_cases(cases: Cases) -> list[str]:
    """The numbers of the cases that have not ended, in order, those included that nobody has worked on yet."""
    ended: set[str] = set()
    offset = 0
    while rows := await cases.listing(limit=PAGE, offset=offset):
        ended |= {row.id for row in rows if row.ended is not None}
        offset += len(rows)
    return [number for number in await cases.numbers() if number not in ended]


class Deployment:
    """Replays cases against the code in hand: the current run of each, or every run it ever had."""

    def __init__(self, cases: Cases, apart: Apart | None = None) -> None:
        self._cases = cases
        self._apart = apart or Apart()
        self._lost: list[Fit] = []

    async def fits(self, numbers: Sequence[str], *, closed: bool = False) -> AsyncIterator[Fit]:
        """Of each case whether its current run fits, with `closed` whether each of its runs does; first to last.

        Raises:
            Unreachable: Temporal cannot be asked now.
        """
        async for fit in self._apart.fits(self._runs(numbers, closed)):
            for lost in self._left():
                yield lost
            yield fit
        for lost in self._left():
            yield lost

    async def _runs(self, numbers: Sequence[str], closed: bool) -> AsyncIterator[Run]:
        for number in numbers:
            try:
                histories = await self._cases.histories(number)
            except Missing as error:
                self._lost.append(Fit(case=number, outcome=Outcome.MISSING, says=str(error)))
                continue
            for at, (run_id, history, events) in enumerate(histories, start=1):
                if closed or at == len(histories):
                    yield Asked(case=number, run_id=run_id, closed=at < len(histories)), history, events

    def _left(self) -> list[Fit]:
        """The cases without a history met since the last time."""
        lost, self._lost = self._lost, []
        return lost
