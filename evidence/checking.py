"""The check of a bundle, by the bytes it has and the public keys of whoever checks: nothing else is asked, nothing is written.

First whether it is what was signed: opened, whole, signed. Only then is it read further: the histories and how they follow one
another, the state, and in `evidence.anchoring` what the log attests. A bundle that is not what was signed is read no further.
"""

from __future__ import annotations

import re
from collections import Counter

from evidence import anchoring, excerpt
from evidence.bag import BAGIT, DECLARATION, ENDING, INFO, MANIFEST, PAYLOAD, TAGMANIFEST, info_of, manifest_in
from evidence.bundle import (
    CHECKPOINT,
    DOCUMENTS,
    EVENTS,
    HISTORY,
    LOG,
    MAILS,
    PROGRAMME,
    RECEIPTS,
    STATE,
    STATEMENT,
    VERIFY,
    history_file,
    mail_file,
)
from evidence.findings import Code, Findings, Layer, Report
from evidence.following import check_runs
from evidence.notary import NotSigned, Trusted
from evidence.opening import Files, NotOpened, opened
from evidence.statement import Predicate, check_signature, payload_in, predicate_in

ALWAYS = (
    *(BAGIT, INFO, MANIFEST, TAGMANIFEST, STATEMENT, CHECKPOINT, VERIFY),
    *(EVENTS, RECEIPTS, STATE, PROGRAMME, LOG),
)
KNOWN = re.compile(
    rf"{HISTORY}[0-9]{{2,4}}-[A-Za-z0-9-]+\.json|{DOCUMENTS}[0-9a-f]{{64}}\.[a-z0-9]{{1,8}}|{MAILS}[0-9a-f]{{64}}\.eml"
    rf"|{excerpt.PROOFS}(0|[1-9][0-9]*)\{excerpt.PROOF_ENDING}"
)
OUTSIDE = {MANIFEST, TAGMANIFEST, STATEMENT}
"""The files beside the payload that the statement does not name: the manifest is its subject."""


def check(bundle: bytes, trusted: Trusted) -> Report:
    """Check a bundle with public keys that come from elsewhere."""
    return checked(bundle, trusted)[0]


def checked(bundle: bytes, trusted: Trusted) -> tuple[Report, Files | None]:
    """What a check finds of a bundle, and its files if they are those that were signed."""
    findings = Findings()
    try:
        files = opened(bundle)
    except NotOpened as error:
        findings.fault(Layer.CONTAINER, error.code, error.where, str(error))
        return Report(findings=findings.all), None
    check_files(files, findings)
    signed = check_statement(files, trusted, findings)
    report = Report(name=files.folder, findings=findings.all)
    if signed is None or not report.sound:
        return report, None
    predicate, key = signed
    runs = check_runs(files, predicate, findings)
    entries = anchoring.check_anchors(files, predicate, runs, trusted, findings)
    report = Report(
        name=files.folder,
        case=predicate.case,
        exported=predicate.exported,
        key=key,
        log=predicate.log.name,
        size=predicate.log.size,
        procedure=predicate.procedure,
        runs=len(predicate.runs),
        events=sum(run.events for run in predicate.runs),
        receipts=len(predicate.receipts),
        documents=len(predicate.documents),
        mails=len(predicate.mails),
        entries=entries,
        findings=findings.all,
    )
    return report, files


def check_files(files: Files, findings: Findings) -> None:
    """Every file that must be there is, none is that is not known, and each is what the manifests say."""
    for name in ALWAYS:
        if name not in files.digests:
            findings.fault(Layer.COMPLETENESS, Code.FILE_MISSING, name, f"{name} is not there")
    for name in files.digests:
        if name not in ALWAYS and not KNOWN.fullmatch(name):
            findings.fault(Layer.COMPLETENESS, Code.FILE_UNKNOWN, name, f"{name} does not belong in a bundle")
    payload = {name for name in files.digests if name.startswith(PAYLOAD)}
    _check_manifest(files, MANIFEST, payload, findings)
    _check_manifest(files, TAGMANIFEST, files.digests.keys() - payload - {TAGMANIFEST}, findings)


def _check_manifest(files: Files, manifest: str, meant: set[str], findings: Findings) -> None:
    if manifest not in files.digests:
        return
    try:
        listed = manifest_in(files.read(manifest))
    except ValueError as error:
        findings.fault(Layer.MANIFEST, Code.MANIFEST_UNREADABLE, manifest, f"{manifest} cannot be read: {error}")
        return
    for name in sorted(meant - listed.keys()):
        findings.fault(Layer.COMPLETENESS, Code.FILE_UNKNOWN, name, f"{name} is not in {manifest}")
    for name in sorted(listed.keys() - meant):
        findings.fault(Layer.COMPLETENESS, Code.FILE_MISSING, name, f"{name} stands in {manifest} and is not there")
    for name in sorted(meant & listed.keys()):
        if files.digests[name] != listed[name]:
            text = f"{name} has the sha256 {files.digests[name]}, {manifest} says {listed[name]}"
            findings.fault(Layer.MANIFEST, Code.DIGEST_DIFFERS, name, text)


def check_statement(files: Files, trusted: Trusted, findings: Findings) -> tuple[Predicate, str] | None:
    """What the statement says, and the key that signed it, if one of those trusted did and it is about these files."""
    if not {STATEMENT, MANIFEST} <= files.digests.keys():
        return None
    try:
        payload, signature, key = payload_in(files.read(STATEMENT))
        check_signature(payload, signature, key, trusted)
        predicate, manifest = predicate_in(payload)
    except NotSigned as error:
        findings.fault(Layer.SIGNATURE, Code.NOT_SIGNED, STATEMENT, str(error))
        return None
    except ValueError as error:
        findings.fault(Layer.SIGNATURE, Code.STATEMENT_UNREADABLE, STATEMENT, f"the statement cannot be read: {error}")
        return None
    for text in _differences(files, predicate, manifest):
        findings.fault(Layer.SIGNATURE, Code.STATEMENT_DIFFERS, STATEMENT, text)
    return predicate, key


def _differences(files: Files, said: Predicate, manifest: str) -> list[str]:
    """What the statement says of the files that they are not, in sentences."""
    payload = files.below(PAYLOAD)
    tags = {name: digest for name, digest in files.digests.items() if name not in {*OUTSIDE, *payload}}
    gone = {*(named.sha256 for named in (*said.erased, *said.missing))}
    sent = Counter(mail_file(mail.sha256) for mail in said.mails if mail.sha256 not in gone)
    texts = {
        "the statement is about another manifest": manifest == files.digests[MANIFEST],
        "the statement is about another case": files.folder == said.case + ENDING,
        "the statement names other files beside data/": tags == said.tags,
        "the statement names other histories": _histories(said) == files.below(HISTORY),
        "the statement is about another state": said.state == files.digests.get(STATE),
        "the statement names other documents": [one.file for one in said.documents] == files.below(DOCUMENTS)
        and all(files.digests.get(one.file) == one.sha256 and one.sha256 in one.file for one in said.documents),
        "the statement names other mails": sorted(sent) == files.below(MAILS)
        and all(files.digests[name] in name for name in files.below(MAILS)),
        f"{BAGIT} is not that of a bag": BAGIT in files.digests and files.read(BAGIT) == DECLARATION,
        f"{INFO} says other things than the statement": INFO in files.digests
        and files.read(INFO) == info_of(said.case, said.exported, len(payload), sum(files.sizes[name] for name in payload)),
    }
    return [text for text, holds in texts.items() if not holds]


def _histories(said: Predicate) -> list[str]:
    return sorted(history_file(run.run, run.run_id) for run in said.runs)
