"""Cases replayed for the pages: the same histories once, the last few cases kept, by one machine whose processes stay."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256

from audit.replay import NotReplayed
from audit.timemachine import Replayed, TimeMachine
from cases import Cases
from models.errors import Missing
from store.finding import Facts

KEPT = 4
"""How many replayed cases are kept: one of 500 events takes some tens of megabytes."""


class Replays:
    """Replays cases; a case whose histories are byte for byte as they were is not replayed again."""

    def __init__(self, cases: Cases, machine: TimeMachine) -> None:
        self._cases = cases
        self._machine = machine
        self._kept: OrderedDict[tuple[str, str], asyncio.Task[Replayed]] = OrderedDict()

    async def histories(self, facts: Facts) -> list[tuple[str, bytes, int]]:
        """Every run of a case as exported: id, JSON, number of events; of an ended one the archive alone is asked if it has all.

        Raises:
            NotReplayed: nobody holds them.
            Unreachable: Temporal is to be asked and is away.
        """
        if facts.ended:
            with suppress(Missing):
                kept = await self._cases.histories(facts.id, source="archive")
                if len(kept) >= facts.run:
                    return kept
        try:
            return await self._cases.histories(facts.id)
        except Missing as error:
            raise NotReplayed(f"{facts.id}: {error}") from error

    async def of(self, facts: Facts) -> Replayed:
        """A case, replayed.

        Raises:
            NotReplayed: nobody holds its histories, they are not whole, or the procedure in hand does not lead to them again.
            Unreachable: Temporal is to be asked and is away.
        """
        histories = await self.histories(facts)
        digests = await asyncio.to_thread(lambda: [sha256(history).hexdigest() for _, history, _ in histories])
        key = facts.id, " ".join(digests)
        task = self._kept.get(key)
        if task is None:
            task = self._kept[key] = asyncio.create_task(self._machine.of(facts.id, histories))
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and (task.cancelled() or task.exception()):
                self._kept.pop(key, None)

    async def close(self) -> None:
        """End the processes, and what is being replayed."""
        for task in self._kept.values():
            task.cancel()
        await asyncio.gather(*self._kept.values(), return_exceptions=True)
        self._kept.clear()
        await self._machine.close()
