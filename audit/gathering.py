"""What the installation holds of a case, gathered as it would be for a bundle, and checked by the check of bundles.

Nothing is written: neither is what is missing made up for, nor is a state of the log published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from activities.histories import Exported
from audit.exporting import named, said_of
from evidence import merkle
from evidence.anchoring import check_anchors
from evidence.bundle import Mail, Material, payload_of, predicate_of, tags_of
from evidence.checkpoint import Checkpoint, Proof, signed_note
from evidence.entries import digest, written
from evidence.events import Event, events_of, lines_of
from evidence.findings import Code, Findings, Layer
from evidence.following import Runs, check_runs
from evidence.issuing import receipt_of
from evidence.log import Log
from evidence.merkle import HASH_BYTES
from evidence.notary import NotSigned
from evidence.opening import Files
from evidence.receipts import Receipt, checked
from evidence.statement import Predicate
from models.case import Case
from models.errors import Missing
from store.contents import Contents, Corrupt
from store.mails import MailRow
from store.standing import Kept, Standing

MAIL = "message/rfc822"


@dataclass(frozen=True)
class InMemory(Files):
    """The files of a bundle that was never written."""

    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return self.data[name]


@dataclass(frozen=True)
class Held:
    """Contents that were looked for: those that are there, with the bytes of those to keep; what is erased, what is missing."""

    there: set[str]
    kept: dict[str, bytes]
    erased: dict[str, Kept]
    missing: list[str]


class Gathering:
    """Gathers a case without writing anything."""

    def __init__(self, log: Log, contents: Contents, standing: Standing) -> None:
        self._log = log
        self._contents = contents
        self._standing = standing

    async def held(self, wanted: Iterable[str], findings: Findings, *, keep: bool = False, media: str = "") -> Held:
        """Look for contents; one whose bytes or media type are not what they were is a fault."""
        names = sorted(set(wanted))
        rows, found = await self._standing.contents(names), Held(set(), {}, {}, [])
        for sha256 in names:
            row = rows.get(sha256)
            if row is None:
                found.missing.append(sha256)
                continue
            if row.erased is not None:
                found.erased[sha256] = row
                continue
            if media and row.media != media:
                text = f"the content {sha256} is kept as {row.media}, not as {media}"
                findings.fault(Layer.CONTENTS, Code.MEDIA_DIFFERS, sha256, text)
            try:
                data = await self._contents.get(sha256)
            except Missing:
                found.missing.append(sha256)
                continue
            except (Corrupt, TypeError, ValueError) as error:
                findings.fault(Layer.CONTENTS, Code.CONTENT_DAMAGED, sha256, f"the bytes are not those that were kept: {error}")
            else:
                found.kept.update({sha256: data} if keep else {})
            found.there.add(sha256)
        return found

    async def material(
        self,
        case_id: str,
        histories: Sequence[Exported],
        state: bytes,
        papers: Held,
        letters: Held,
        mails: Sequence[MailRow],
        findings: Findings,
    ) -> Material:
        """What a bundle of the case would be made of, without the bytes of papers and mails, and receipts that nobody signed."""
        rows = [*await self._log.leaves.between(0, 1), *await self._log.entries_of(case_id)]
        note, size = await self._note()
        receipts = [receipt_of(row) for row in await self._log.leaves.receipts_of(case_id)]
        return Material(
            case=case_id,
            exported=written(self._log.now()),
            histories=[(run_id, history) for run_id, history, _ in histories],
            state=state,
            procedure=Case.model_validate_json(state).procedure,
            receipts=[receipt for receipt in receipts if self._is_signed(receipt, findings)],
            documents=dict.fromkeys(sorted(papers.there), (b"", "bin")),
            mails=[Mail(said_of(mail), b"") for mail in mails],
            erased=sorted({*papers.erased, *letters.erased}),
            missing=sorted({*papers.missing, *letters.missing}),
            leaves={row.index: row.leaf.encode() for row in rows},
            proofs=await self._proofs([row.index for row in rows], size, note),
            checkpoint=note,
            verify=b"",
        )

    def _is_signed(self, receipt: Receipt, findings: Findings) -> bool:
        try:
            checked(receipt, self._log.notary.trusted)
        except NotSigned as error:
            findings.fault(Layer.RECEIPTS, Code.RECEIPT_UNREADABLE, "receipts", f"a receipt was not signed as it is: {error}")
            return False
        return True

    async def _note(self) -> tuple[str, int]:
        """The state of the log now, by the hashes that are kept, signed for ourselves alone."""
        size = await self._log.leaves.size()
        try:
            root = await self._log.root(size)
        except Missing:
            root = bytes(HASH_BYTES)
        return signed_note(Checkpoint(self._log.notary.name, size, root), self._log.notary), size

    async def _proofs(self, indexes: Sequence[int], size: int, note: str) -> dict[int, Proof]:
        """The proofs of entries; one that cannot be made has no hashes, which the check finds."""
        spans = {index: merkle.inclusion(index, size) if index < size else [] for index in indexes}
        wanted = {node for own in spans.values() for span in own for node in merkle.nodes_of(span)}
        nodes = await self._log.leaves.nodes(wanted)
        made = dict[int, Proof]()
        for index, own in spans.items():
            whole = all(node in nodes for span in own for node in merkle.nodes_of(span))
            hashes = [merkle.hash_of(span, nodes.__getitem__) for span in own] if whole else []
            made[index] = Proof(index, tuple(hashes), note)
        return made

    def checked(self, material: Material, findings: Findings) -> tuple[Predicate, Runs, int]:
        """What the check of bundles finds of it; gives what it would state, the runs as read, and how many entries there are.

        Raises:
            ValueError: a history cannot be read.
        """
        lines = [lines_of(history) for _, history in material.histories]
        payload = dict(payload_of(material, lines))
        tags = dict(tags_of(material, 0, 0))
        predicate = predicate_of(material, lines, payload, tags, self._log.notary)
        data = payload | tags
        digests = {name: digest(content) for name, content in data.items()}
        files = InMemory(material.case, digests, {name: len(content) for name, content in data.items()}, {}, b"", data)
        runs = check_runs(files, predicate, findings)
        return predicate, runs, check_anchors(files, predicate, runs, self._log.notary.trusted, findings)


def named_by(histories: Sequence[Exported]) -> set[str]:
    """The contents that the answers and acts of a case refer to."""
    return set().union(*(named(read(history)) for _, history, _ in histories))


def read(history: bytes) -> list[Event]:
    """The events of a history; none of one that cannot be read."""
    try:
        return events_of(history)
    except ValueError:
        return []
