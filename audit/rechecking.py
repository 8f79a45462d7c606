"""The whole check of a bundle: what its bytes say, then whether the procedure leads from its histories to its state."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from activities.histories import Exported
from audit.replay import NotReplayed
from audit.timemachine import TimeMachine
from evidence.bundle import HISTORY, STATE
from evidence.checking import checked
from evidence.findings import Code, Findings, Layer, Report
from evidence.notary import Trusted
from evidence.opening import Files
from models.words import PROCEDURE


async def recheck(bundle: bytes, trusted: Trusted, machine: TimeMachine | None) -> Report:
    """Check a bundle with public keys that come from elsewhere; nothing else is asked. Without a machine nothing is replayed."""
    report, files = await asyncio.to_thread(checked, bundle, trusted)
    if files is None or machine is None:
        return report
    findings = Findings()
    if report.procedure > PROCEDURE:
        text = f"the case follows procedure {report.procedure}, this code knows {PROCEDURE}: it was not replayed"
        findings.remark(Layer.REPLAY, Code.NOT_REPLAYED, HISTORY, text)
    else:
        await replay_of(report.case, files, machine, findings)
    return report.model_copy(update={"findings": report.findings + findings.all})


async def replay_of(case: str, files: Files, machine: TimeMachine, findings: Findings) -> None:
    """Replay the histories of a bundle; the state after the last workflow task is the bundle's, byte for byte."""
    try:
        replayed = await machine.of(case, histories_in(files))
    except NotReplayed as error:
        findings.fault(Layer.REPLAY, Code.NOT_REPLAYED, HISTORY, f"the case does not replay: {error}")
        return
    if replayed.moments[-1].state.encode() != files.read(STATE):
        text = "the procedure leads from these histories to another state"
        findings.fault(Layer.REPLAY, Code.REPLAY_DIFFERS, STATE, text)


def histories_in(files: Files) -> Sequence[Exported]:
    """The histories of a bundle, the first first."""
    named = [name.removeprefix(HISTORY).removesuffix(".json").partition("-") for name in files.below(HISTORY)]
    runs = sorted((int(number), run_id) for number, _, run_id in named)
    return [(run_id, files.read(f"{HISTORY}{number:02d}-{run_id}.json"), 0) for number, run_id in runs]
