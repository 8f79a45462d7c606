"""P10: the evidence of a standard case written and checked, and a proof in a log of a million leaves."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from audit.exporting import Exporter
from audit.rechecking import recheck
from audit.timemachine import TimeMachine
from bench.tables import against, heading, middle, note, percentile, rows
from evidence.checking import check
from evidence.checkpoint import Checkpoint, checkpoint_of, signed_note
from evidence.entries import bundle_entry
from evidence.excerpt import check_place
from evidence.log import Log
from rehearsal.player import SENDER, Player, stage, template_database
from rehearsal.scenario import load_scenario
from rehearsal.stage import NOTARY, Collected
from store.archive import Archive
from store.database import Database
from workplace import load_programmes

ROOT = Path(__file__).resolve().parent.parent
STANDARD = ROOT / "tests" / "scenarios" / "standard.toml"
ROUNDS = 7
LEAVES, AT_ONCE, PROOFS = 1_000_000, 4_000, 300
WRITTEN, CHECKED, PROVED_MS = 1.0, 1.0, 10.0


async def measure() -> None:
    """Play the standard case, put its evidence together and check it `ROUNDS` times; fill a log and prove places in it."""
    heading("P10", "evidence of the standard case, and proofs in a long log")
    lines = []
    async with template_database() as template:
        lines += await bundles(template)
        lines += await proofs(template)
    rows(["", "median", "worst", "goal"], lines)
    note("Written: histories read, replayed in two processes that have begun, contents and mails read, packed, signed, checked.")
    note(f"The log's leaves are entries of bundles; SQLite, one file; {PROOFS} proofs at places drawn by chance, each checked.")


async def bundles(template: Path) -> list[list[str]]:
    """The seconds to write and to check a bundle, the check with its replay too."""
    scenario, request = load_scenario(STANDARD)
    times = dict[str, list[float]]()
    async with stage(template, load_programmes(ROOT / "programmes")) as on, TimeMachine() as machine:
        player = Player(on, scenario, on.workplace.postman(Collected(), SENDER).deliver, None)
        case = await player.play(request)
        exporter = Exporter(player.cases, on.workplace.issuing, Archive(on.workplace.database), machine)
        for _ in range(ROUNDS + 1):
            began = time.perf_counter()
            bundle, report = await exporter.bundle(case)
            written = time.perf_counter()
            sound = check(bundle.data, NOTARY.trusted).sound
            checked = time.perf_counter()
            await recheck(bundle.data, NOTARY.trusted, machine)
            times.setdefault("written", []).append(written - began)
            times.setdefault("checked", []).append(checked - written)
            times.setdefault("checked and replayed", []).append(time.perf_counter() - checked)
    note(f"{len(bundle.data)} bytes, {report.mails} mails, {report.entries} entries; sound: {sound}")
    return [line(name, found[1:], WRITTEN if name == "written" else CHECKED, "s") for name, found in times.items()]


async def proofs(template: Path) -> list[list[str]]:
    """The milliseconds for a proof of a place in a log of so many leaves."""
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as folder:
        path = Path(folder) / "log.db"
        shutil.copy(template, path)
        database = Database.open(f"sqlite+aiosqlite:///{path}", durable=False)
        log = Log(database, NOTARY, lambda: datetime(2031, 1, 13, tzinfo=UTC))
        began = time.perf_counter()
        for start in range(0, LEAVES, AT_ONCE):
            entries = [bundle_entry("AMEDIP-2031-0001", f"{number:064x}", 1, log.now()) for number in range(start, start + AT_ONCE)]
            async with database.begin() as connection:
                await log.append(connection, entries)
        appended = time.perf_counter() - began
        signed = signed_note(Checkpoint(NOTARY.name, LEAVES, await log.root(LEAVES)), NOTARY)
        found = []
        for index in random.Random(7).sample(range(LEAVES), PROOFS):
            began = time.perf_counter()
            proof = await log.proof(index, signed)
            found.append(1000 * (time.perf_counter() - began))
            leaf = bundle_entry("AMEDIP-2031-0001", f"{index:064x}", 1, log.now()).leaf
            check_place(leaf, index, proof.text.encode(), signed, checkpoint_of(signed, NOTARY.trusted))
        await database.close()
    note(f"{LEAVES} leaves appended in {appended:.0f} s, {AT_ONCE} at once")
    return [line("a proof (worst: of a hundred the worst but one)", found, PROVED_MS, "ms", percentile(found, 0.99))]


def line(name: str, found: list[float], goal: float, unit: str, worst: float | None = None) -> list[str]:
    """A line of the table."""
    worst = max(found) if worst is None else worst
    return [name, f"{middle(found):.2f} {unit}", f"{worst:.2f} {unit}", against(middle(found), goal)]
