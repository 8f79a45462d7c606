"""The evidence of a played case: put together while it is open, after its end, once Temporal forgot it; and checked anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from temporalio.client import RPCError
from temporalio.service import RPCStatusCode

from activities.histories import Exported, Histories
from audit.exporting import TRIES, Exporter
from audit.rechecking import recheck
from audit.replay import NotReplayed, Recording, moments_of, runs_of
from audit.timemachine import Replayed, TimeMachine
from cases import Cases
from evidence.bundle import STATE, Bundle, Material, bundle_of
from evidence.checking import check
from evidence.entries import EntryKind, entry_of
from evidence.findings import Report, Severity
from evidence.notary import trusted_of
from evidence.opening import opened
from models.errors import Missing
from rehearsal.player import SENDER, Player
from rehearsal.scenario import load_scenario
from rehearsal.stage import NOTARY, Collected, Stage, stage, template_database
from store.archive import Archive
from store.tables import contents
from tests.command_line.conftest import Passerelle, environment, passerelle
from tests.evidence.tampering import resigned, unzipped
from tests.procedure.scenarios import PROGRAMMES, SCENARIOS

__all__ = ["environment", "passerelle"]

SCENARIO = "nomination-recalled"


class Here(TimeMachine):
    """Replays in this process."""

    async def of(self, case_id: str, histories: Sequence[Exported]) -> Replayed:
        """Every moment of a case."""
        runs, moments = runs_of(case_id, histories), []
        async with Recording() as recording:
            for run in runs:
                states: list[Any] = []
                if fault := await recording.replay(case_id, run.events, states.append):
                    raise NotReplayed(f"{case_id}: {fault}")
                moments += moments_of(run, states)
        return Replayed(case_id, runs, moments)


@dataclass
class Made:
    """What was put together of one case, and the log's entries afterwards."""

    open: list[tuple[Bundle, Report]] = field(default_factory=list)
    closed: tuple[Bundle, Report] | None = None
    forgotten: tuple[Bundle, Report] | None = None
    damaged: tuple[Bundle, Report] | None = None
    erased: tuple[Bundle, Report] | None = None
    again: bool = False
    waited: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    missing: str = ""


@pytest.fixture(scope="module")
def made() -> Made:
    """A case played, and its evidence put together on its way and after its end."""
    return asyncio.run(played())


async def played() -> Made:
    """Play a case and put its evidence together."""
    scenario, request = load_scenario(SCENARIOS / f"{SCENARIO}.toml")
    found = Made()
    async with template_database() as template, stage(template, PROGRAMMES) as on:

        async def watch(cases: Cases, case_id: str) -> None:
            case = await cases.case(case_id)
            if case.ended is None and case.run == len(found.open) + 1:
                found.open.append(await exporter(on, cases).bundle(case_id))

        player = Player(on, scenario, on.workplace.postman(Collected(), SENDER).deliver, watch)
        case_id = await player.play(request)
        await export_ended(found, on, player.cases, case_id)
    return found


def exporter(on: Stage, cases: Cases) -> Exporter:
    """Who puts bundles together on a stage."""
    return Exporter(cases, on.workplace.issuing, Archive(on.workplace.database), Here())


async def export_ended(found: Made, on: Stage, cases: Cases, case_id: str) -> None:
    """The evidence of a case that has ended: as it is, once Temporal has forgotten it, and with a content lost."""
    own = exporter(on, cases)
    found.closed = await own.bundle(case_id)
    found.kinds = [entry_of(row.leaf.encode()).kind for row in await on.workplace.log.entries_of(case_id)]
    material = await own.material(case_id)
    found.again = bundle_of(material, NOTARY) == bundle_of(material, NOTARY)

    async def gone(*_: object, **__: object) -> Any:
        raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
        yield

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Histories, "_back", gone)
        found.forgotten = await own.bundle(case_id)
    found.waited = await outrun(own, case_id, material)
    found.erased = await erased(own, on, cases, case_id)
    found.missing = (await cases.case(case_id)).asked.request
    async with on.workplace.database.begin() as connection:
        renamed = update(contents).where(contents.c.sha256 == found.missing).values(sha256="0" * 64)
        await connection.execute(renamed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("audit.exporting.TRIES", 1)
        found.damaged = await own.bundle(case_id)
    with pytest.raises(Missing):
        await own.bundle("AMEDIP-2031-9999")


async def erased(own: Exporter, on: Stage, cases: Cases, case_id: str) -> tuple[Bundle, Report]:
    """The evidence of a case of which a person was erased."""
    case, place = await cases.case(case_id), on.workplace
    who, why = case.nominations[0].id, "at their own wish"
    await place.erasures.erase(case, who, by="OFFICE", reason=why, at=place.clock(), then=place.log_erasure)
    return await own.bundle(case_id)


async def outrun(own: Exporter, case_id: str, material: Material) -> list[float]:
    """How long is waited, and how often, when a case is ahead of what was gathered of it."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    async def behind(case: str) -> Material:
        return material if waited else replace(material, receipts=material.receipts[1:])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(own, "material", behind)
        patched.setattr(own, "_wait", wait)
        _, report = await own.bundle(case_id)
    assert report.sound
    return waited


def of(pair: tuple[Bundle, Report] | None) -> tuple[Bundle, Report]:
    """A bundle that was made, and what a check finds of it."""
    assert pair is not None
    return pair


def test_the_evidence_of_an_ended_case_is_sound(made: Made) -> None:
    bundle, report = of(made.closed)
    assert (report.sound, report.findings, report.runs) == (True, (), 3)
    assert bundle.name == f"{report.case}-evidence.zip"
    assert min(report.receipts, report.documents, report.mails) > 5
    assert made.again


def test_the_evidence_of_an_open_case_is_sound_in_each_of_its_runs(made: Made) -> None:
    assert [report.runs for _, report in made.open] == [1, 2, 3]
    faults = [one for _, report in made.open for one in report.findings if one.severity is Severity.FAULT]
    assert faults == []


def test_every_bundle_has_its_entry_in_the_log_and_the_next_one_shows_it(made: Made) -> None:
    assert made.kinds.count(EntryKind.BUNDLE) == 4
    assert {EntryKind.RECEIPT, EntryKind.DOCUMENT, EntryKind.MAIL, EntryKind.RUN, EntryKind.INTERVENTION} <= set(made.kinds)
    assert made.kinds.count(EntryKind.RUN) == 3


def test_a_case_that_temporal_has_forgotten_has_the_same_evidence(made: Made) -> None:
    (closed, before), (forgotten, after) = of(made.closed), of(made.forgotten)
    assert after.sound
    assert (after.entries, after.receipts) == (before.entries + 1, before.receipts)
    one, other = (opened(bundle.data).digests for bundle in (closed, forgotten))
    changed = {name for name in one if one[name] != other.get(name)}
    assert {name for name in changed if name.startswith("data/")} == {"data/log.jsonl"}


def test_what_a_case_was_just_being_told_is_waited_for(made: Made) -> None:
    assert made.waited == [0.5]
    assert TRIES == 3


def test_what_was_erased_is_remarked_and_bundles_of_before_still_hold(made: Made) -> None:
    _, report = of(made.erased)
    assert report.sound
    assert {(one.severity, one.code) for one in report.findings} == {(Severity.REMARK, "content_erased")}
    assert check(of(made.closed)[0].data, NOTARY.trusted).findings == ()


def test_a_content_that_was_lost_is_named_and_the_evidence_is_not_sound(made: Made) -> None:
    bundle, report = of(made.damaged)
    assert [(one.code, one.where) for one in report.findings if one.means] == [("content_missing", made.missing)]
    assert made.missing in opened(bundle.data).read("statement.dsse.json").decode() or not report.sound


# Checked anew, with a replay


def resigned_with(
    made: Made, change: Callable[[dict[str, bytes]], object], said: Callable[[dict[str, Any]], object] | None = None
) -> bytes:
    """The evidence of the ended case, changed and signed anew."""
    files = unzipped(of(made.closed)[0].data)
    change(files)
    return resigned(files, said, NOTARY)


async def test_the_state_is_the_one_that_the_histories_lead_to_byte_for_byte(made: Made) -> None:
    bundle, _ = of(made.closed)
    assert (await recheck(bundle.data, NOTARY.trusted, Here())).findings == ()

    def spaced(files: dict[str, bytes]) -> None:
        files[STATE] = json.dumps(json.loads(files[STATE])).encode()

    report = await recheck(resigned_with(made, spaced), NOTARY.trusted, Here())
    assert [(one.layer, one.code) for one in report.findings] == [("replay", "replay_differs")]
    assert (await recheck(resigned_with(made, spaced), NOTARY.trusted, None)).sound


async def test_a_history_that_does_not_replay_is_found(made: Made) -> None:
    def turned(files: dict[str, bytes]) -> None:
        name = min(name for name in files if name.startswith("data/history/"))
        assert b'"name": "documents.issue"' in files[name]
        files[name] = files[name].replace(b'"name": "documents.issue"', b'"name": "documents.tissue"')

    report = await recheck(resigned_with(made, turned), NOTARY.trusted, Here())
    assert ("replay", "not_replayed") in [(one.layer, one.code) for one in report.findings]


async def test_a_case_of_a_newer_procedure_is_not_replayed_and_that_is_remarked(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.rechecking.PROCEDURE", 0)
    report = await recheck(of(made.closed)[0].data, NOTARY.trusted, Here())
    assert [(one.severity, one.code) for one in report.findings] == [(Severity.REMARK, "not_replayed")]


async def test_what_is_not_signed_is_not_replayed(made: Made) -> None:
    class Never(TimeMachine):
        async def of(self, case_id: str, histories: Sequence[Exported]) -> Replayed:
            raise AssertionError("replayed")

    strangers = trusted_of(
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
    )
    assert not (await recheck(of(made.closed)[0].data, strangers, Never())).sound


def test_a_bundle_is_checked_and_replayed_offline(
    made: Made, passerelle: Passerelle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSERELLE_DATABASE_URL", "nowhere://")
    bundle, key = tmp_path / "case.zip", tmp_path / "key.pem"
    bundle.write_bytes(of(made.closed)[0].data)
    key.write_text(NOTARY.trusted.pem)
    told = passerelle("audit", "check", bundle, "--key", key)
    assert told.exit_code == 0, told.output
    assert told.stdout.endswith("sound\n")
    assert not (tmp_path / "var").exists()
