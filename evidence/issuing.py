"""Receipts are issued where an answer is known to be recorded, with their entry in the log, in one transaction."""

from __future__ import annotations

from uuid import uuid4

import structlog

from evidence.entries import act_entry, restore_entry
from evidence.log import Log
from evidence.receipts import Receipt, claims_of, receipt_entry, signed_receipt
from models.acts import Act, Acted
from models.case import Case
from models.errors import Missing, Unreachable
from store.cases import ReadModel
from store.database import Database, Then, Transaction
from store.leaves import ReceiptRow

BATCH = 100

log = structlog.get_logger("receipts")


class Issuing:
    """Issues receipts, each once."""

    def __init__(self, database: Database, the_log: Log) -> None:
        self._database = database
        self._readmodel = ReadModel(database)
        self.log = the_log

    async def issue(self, connection: Transaction, case: Case, step_id: str, response: str) -> Receipt:
        """The receipt of a recorded answer, made now or before.

        Raises:
            ValueError: the step was not decided by this answer.
        """
        if (known := await self.log.leaves.receipt(response, connection)) is not None:
            return receipt_of(known)
        step = case.step(step_id)
        if step is None or step.decision is None or step.decision.response != response:
            raise ValueError(f"{step_id} was not decided by {response}")
        [index] = await self.log.append(connection, [receipt_entry(case.id, step)])
        receipt = signed_receipt(claims_of(case.id, step), index, self.log.notary)
        row = ReceiptRow(
            response=response,
            case_id=case.id,
            step=step_id,
            index=index,
            body=receipt.body.decode(),
            signature=receipt.signature,
        )
        await self.log.leaves.keep_receipt(connection, row)
        return receipt

    def with_receipt(self, case: Case, step_id: str, response: str) -> Then:
        """What is written together with the note that an answer was recorded."""

        async def then(connection: Transaction) -> None:
            await self.issue(connection, case, step_id, response)

        return then

    async def act(self, case_id: str, act: Act, acted: Acted) -> None:
        """Put an act that was carried out into the log; one that another act of the same name stands for is not."""
        if acted.do is not act.do:
            return
        try:
            async with self._database.begin() as connection:
                await self.log.append(connection, [act_entry(case_id, act)])
        except Unreachable as error:  # the act is done: its history is looked through later
            log.warning("act_not_logged", case=case_id, act=act.act, error=str(error))

    async def restored(self, cases: int, by: str) -> None:
        """Put into the log that the read model of so many cases was written anew."""
        async with self._database.begin() as connection:
            await self.log.append(connection, [restore_entry(uuid4().hex, cases, by, self.log.now())])

    async def of_step(self, case_id: str, step_id: str) -> Receipt | None:
        """The receipt of the answer to a step, if there is one."""
        found = await self.log.leaves.receipts_of(case_id, step_id)
        return receipt_of(found[-1]) if found else None

    async def catch_up(self) -> int:
        """Issue what is owed for answers recorded before there were receipts; gives how many."""
        count = 0
        for case_id, step_id, response in await self.log.leaves.without_receipt(BATCH):
            try:
                case = await self._readmodel.case(case_id)
                async with self._database.begin() as connection:
                    await self.issue(connection, case, step_id, response)
            except (Missing, ValueError) as error:
                log.error("no_receipt", case=case_id, step=step_id, response=response, error=str(error))
                continue
            count += 1
        return count


def receipt_of(row: ReceiptRow) -> Receipt:
    """A kept receipt as it is handed out."""
    return Receipt(row.body.encode(), row.signature)
