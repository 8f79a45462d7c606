"""A mail that failed, mails that wait and answers that wait are there for the doctor to see."""

from __future__ import annotations

from typing import cast

from temporalio.client import Client

from activities.postman import NotSent
from cli.processes import left_over
from models.case import Answer
from store.inbox import Inbox
from tests.mail.conftest import Filing
from tests.mail.situations import OPENED, Sent
from workplace import Workplace

OFFICE = "coordination@amedip.example"


async def test_the_doctor_names_failed_mails_with_their_case_and_counts_what_waits(filing: Filing, workplace: Workplace) -> None:
    cases = workplace.cases(cast(Client, None))
    nothing = {"failed_mails": "0", "waiting_mails": "0, of which tried 0", "waiting_answers": "0"}
    assert await left_over(workplace, cases) == nothing
    file = await filing("fr")
    await workplace.readmodel.publish(file.case, [await file.mail("reminder", number=n) for n in (1, 2)])
    noes = [NotSent("550 no such mailbox", permanent=True), NotSent("451 not now", permanent=False)]
    await workplace.postman(Sent(*noes), OFFICE).deliver()
    await workplace.readmodel.publish(file.case, [await file.mail("reminder", number=3)])
    answer = Answer(response="R-0000-0002", step="decision-1", option="approve", by="OFFICE", received=OPENED)
    await Inbox(workplace.database).receive(file.case.id, answer)
    assert await left_over(workplace, cases) == {
        "failed_mails": "1: AMEDIP-2026-0001",
        "waiting_mails": "2, of which tried 1",
        "waiting_answers": "1",
    }
