"""`passerelle mail` and `passerelle case letter`: what did not arrive is seen without an address, and sent anew or by post."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import time_machine

from activities.postman import NotSent
from models.words import Kind, State
from rehearsal.stage import NOTARY, VAULT
from store.database import Database
from tests.command_line.conftest import Passerelle
from tests.command_line.conftest import environment as environment
from tests.command_line.conftest import installed as installed
from tests.command_line.conftest import passerelle as passerelle
from tests.mail.situations import OPENED, CaseFile, Sent, amedip
from tests.mail.test_returned import CAME, reply
from workplace import Workplace

CASE = "AMEDIP-2026-0001"
OVERDUE = f"{CASE}.0007.9b87fe.overdue@amedip.example"
OFFICE = "coordination@amedip.example"


@pytest.fixture
def failing(installed: Passerelle, tmp_path: Path) -> Passerelle:
    """Commands on an installation with a case whose chase was refused, and to which somebody replied."""

    async def happen(workplace: Workplace) -> None:
        file = await CaseFile(workplace, "fr").open()
        step = file.case.step(f"{Kind.NOMINATION}-1")
        assert step is not None
        step.state, step.decision = State.OPEN, None
        chase, reminder = await file.mail("overdue"), await file.mail("reminder", number=8)
        await workplace.readmodel.publish(file.case, [chase, reminder])
        await workplace.postman(Sent(NotSent("550 no such mailbox", permanent=True)), OFFICE).deliver()
        await workplace.returned.take(reply(reminder.message_id, Auto_Submitted="auto-replied"), CAME)

    on(tmp_path, happen)
    return installed


def on(folder: Path, work: Callable[[Workplace], Awaitable[None]]) -> None:
    """Do something on the installation that the commands speak to."""

    async def do() -> None:
        database = Database.open(f"sqlite+aiosqlite:///{folder}/var/passerelle.db", durable=False, vault=VAULT)
        options = {"public_url": "https://exchanges.example", "task_queue": "mail", "link_key": b"k" * 32, "notary": NOTARY}
        workplace = Workplace(database, {"amedip": amedip()}, clock=lambda: OPENED, **options)  # type: ignore[arg-type]
        await work(workplace)
        await workplace.close()

    asyncio.run(do())


def test_the_list_says_how_far_each_mail_got_and_what_came_back_without_an_address(failing: Passerelle) -> None:
    listed = json.loads(failing("mail", "list", CASE, "--json").stdout)
    got = [(each["letter"], each["rank"], each["party"], each["state"]) for each in listed["deliveries"]]
    assert got == [
        ("overdue", 0, "SN-POSTE", "failed"),
        ("overdue", 1, "SN-POSTE", "failed"),
        ("reminder", 0, "SN-POSTE", "accepted"),
    ]
    assert [(each["kind"], each["auto"]) for each in listed["replies"]] == [("reply", True)]
    shown = failing("mail", "list", CASE).stdout
    assert "550 no such mailbox" in shown
    assert "@poste-sn.example" not in shown + json.dumps(listed)


def test_only_what_failed_is_listed_of_one_case_or_of_all(failing: Passerelle) -> None:
    for where in ((), (CASE,)):
        listed = json.loads(failing("mail", "list", *where, "--failed", "--json").stdout)
        assert [each["letter"] for each in listed["deliveries"]] == ["overdue", "overdue"]
    assert failing("mail", "list").exit_code == 2
    assert failing("mail", "list", "AMEDIP-2026-0002").exit_code == 1


@pytest.mark.parametrize("named", [(OVERDUE,), (f"<{OVERDUE}>",), ("--case", CASE)])
def test_a_failed_mail_is_sent_anew_by_its_id_or_with_all_of_its_case(failing: Passerelle, named: tuple[str, ...]) -> None:
    done = failing("mail", "requeue", *named)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, OVERDUE)
    assert json.loads(failing("mail", "list", "--failed", "--json").stdout) == {"deliveries": []}
    again = failing("mail", "requeue", *named)
    assert again.exit_code == 1
    assert "failed" in again.stderr


def test_a_mail_to_send_anew_is_named_once(failing: Passerelle) -> None:
    assert failing("mail", "requeue").exit_code == 2
    assert failing("mail", "requeue", OVERDUE, "--case", CASE).exit_code == 2
    assert failing("mail", "requeue", "nobody@amedip.example").exit_code == 1


def test_a_letter_for_the_post_is_written_to_a_file(failing: Passerelle, tmp_path: Path) -> None:
    file = tmp_path / "letter.pdf"
    with time_machine.travel(OPENED):
        written = failing("case", "letter", CASE, "nomination-1", "--out", file)
        nowhere = failing("case", "letter", CASE, "nomination-1", "--out", tmp_path / "none" / "letter.pdf")
        refused = failing("case", "letter", CASE, "host_offer-1", "--out", tmp_path / "other.pdf")
    assert (written.exit_code, written.stdout.strip(), file.read_bytes()[:5]) == (0, str(file), b"%PDF-")
    assert (nowhere.exit_code, "cannot write" in nowhere.stderr) == (1, True)
    assert (refused.exit_code, "asks nothing" in refused.stderr, (tmp_path / "other.pdf").exists()) == (1, True, False)
