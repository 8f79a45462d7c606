"""What a check finds: a code, whether it is a fault or a remark, where, a sentence, and what it means."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from models.message import Message

LONGEST_TEXT = 500


class Severity(StrEnum):
    """A fault: the evidence does not hold. A remark: what whoever checks should know."""

    FAULT = "fault"
    REMARK = "remark"


class Layer(StrEnum):
    """What finds something."""

    CONTAINER = "container"
    MANIFEST = "manifest"
    COMPLETENESS = "completeness"
    SIGNATURE = "signature"
    EVENTS = "events"
    CHAIN = "chain"
    STATE = "state"
    RECEIPTS = "receipts"
    CONTENTS = "contents"
    LOG = "log"
    REPLAY = "replay"
    TEMPORAL = "temporal"
    ARCHIVE = "archive"
    ROWS = "rows"
    MAILS = "mails"
    INBOX = "inbox"
    ERASURES = "erasures"
    TREE = "tree"


MEANS = {
    Layer.CONTAINER: "The file is damaged, of another kind, or made to harm who opens it; nothing in it was read further.",
    Layer.MANIFEST: "A file is not as it was when the bundle was put together: it was damaged or changed.",
    Layer.COMPLETENESS: "A file was added to the bundle or taken out of it.",
    Layer.SIGNATURE: "Somebody without the key put the bundle together or changed it, or it was signed with another key.",
    Layer.EVENTS: "Events were changed, added, taken out or put in another order after they were signed.",
    Layer.CHAIN: "The runs do not follow one another: one was exchanged, cut short, taken out or rewritten.",
    Layer.STATE: "The state is not what the histories say: one of them was changed.",
    Layer.RECEIPTS: "A decision is not the one that was acknowledged to whoever took it.",
    Layer.CONTENTS: "A form, paper, proof or mail is not there, or does not belong to the case.",
    Layer.LOG: "What is shown is not what the log says: it was written, changed or left out afterwards.",
    Layer.REPLAY: "The procedure does not lead from these histories to this state.",
    Layer.TEMPORAL: "What Temporal holds is not what was recorded: its data were damaged, restored from a copy, or changed.",
    Layer.ARCHIVE: "The archive is not what was exported when the run closed: a history was changed, exchanged or taken out.",
    Layer.ROWS: "Lists and pages show another state than the histories lead to: a row was changed past the procedure.",
    Layer.MAILS: "A mail is not what was written in the case: it was changed, taken out, or put among the others.",
    Layer.INBOX: "An answer as it came in is not the one that the case took down: one of the two was changed.",
    Layer.ERASURES: "Bytes are gone, and nothing says that they were erased with the data of a person, or the other way round.",
    Layer.TREE: "The log was rewritten, cut short or damaged after its state was signed, or it was restored from a copy.",
}
"""What it means when a layer finds a fault."""


class Code(StrEnum):
    """Every finding; the first part of its line in `docs/bundle-format.md`."""

    NOT_A_ZIP = "not_a_zip"
    TOO_LARGE = "too_large"
    TOO_MANY_FILES = "too_many_files"
    BOMB = "bomb"
    UNSAFE_NAME = "unsafe_name"
    DUPLICATE_NAME = "duplicate_name"
    SPECIAL_FILE = "special_file"
    ENCRYPTED = "encrypted"
    UNSUPPORTED = "unsupported"
    HEADERS_DIFFER = "headers_differ"
    HIDDEN_DATA = "hidden_data"
    DAMAGED = "damaged"
    NOT_A_BUNDLE = "not_a_bundle"
    MANIFEST_UNREADABLE = "manifest_unreadable"
    DIGEST_DIFFERS = "digest_differs"
    FILE_MISSING = "file_missing"
    FILE_UNKNOWN = "file_unknown"
    STATEMENT_UNREADABLE = "statement_unreadable"
    NOT_SIGNED = "not_signed"
    STATEMENT_DIFFERS = "statement_differs"
    HISTORY_UNREADABLE = "history_unreadable"
    EVENTS_DIFFER = "events_differ"
    CHAIN_BROKEN = "chain_broken"
    STATE_UNREADABLE = "state_unreadable"
    STATE_DIFFERS = "state_differs"
    PROGRAMME_DIFFERS = "programme_differs"
    RECEIPT_UNREADABLE = "receipt_unreadable"
    RECEIPT_MISSING = "receipt_missing"
    RECEIPT_DIFFERS = "receipt_differs"
    CONTENT_MISSING = "content_missing"
    CONTENT_ERASED = "content_erased"
    CONTENT_UNREFERENCED = "content_unreferenced"
    LOG_UNREADABLE = "log_unreadable"
    NOT_IN_LOG = "not_in_log"
    ENTRY_MISSING = "entry_missing"
    ENTRY_DIFFERS = "entry_differs"
    ENTRY_UNMATCHED = "entry_unmatched"
    OLDER_THAN_LOG = "older_than_log"
    NOT_SENT = "not_sent"
    NOT_REPLAYED = "not_replayed"
    REPLAY_DIFFERS = "replay_differs"
    TEMPORAL_DIFFERS = "temporal_differs"
    TEMPORAL_REFUSES = "temporal_refuses"
    UNKNOWN_TO_TEMPORAL = "unknown_to_temporal"
    FORGOTTEN = "forgotten"
    NOT_ARCHIVED = "not_archived"
    ARCHIVE_DIFFERS = "archive_differs"
    HISTORY_MISSING = "history_missing"
    ROW_MISSING = "row_missing"
    ROW_DIFFERS = "row_differs"
    ROW_UNKNOWN = "row_unknown"
    ROW_UNREADABLE = "row_unreadable"
    CONTENT_DAMAGED = "content_damaged"
    MEDIA_DIFFERS = "media_differs"
    ERASURE_UNKNOWN = "erasure_unknown"
    ERASURE_DIFFERS = "erasure_differs"
    MAIL_MISSING = "mail_missing"
    MAIL_UNKNOWN = "mail_unknown"
    LINK_KEPT = "link_kept"
    ANSWER_MISSING = "answer_missing"
    ANSWER_DIFFERS = "answer_differs"
    RECEIPT_OWED = "receipt_owed"
    LEAF_MISSING = "leaf_missing"
    LEAF_DIFFERS = "leaf_differs"
    NODE_DIFFERS = "node_differs"
    CHECKPOINT_NOT_SIGNED = "checkpoint_not_signed"
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    LOG_SHORTER = "log_shorter"
    KEY_UNKNOWN = "key_unknown"
    KEY_NOT_IN_LOG = "key_not_in_log"


class Finding(Message):
    """One thing that was found."""

    code: Code
    severity: Severity
    layer: Layer
    where: str
    text: str
    means: str


def are_sound(findings: Iterable[Finding]) -> bool:
    """Whether none of them is a fault."""
    return all(finding.severity is not Severity.FAULT for finding in findings)


class Report(Message):
    """What a check found of a bundle; what it says of itself is only to be relied on when it is sound."""

    name: str = ""
    case: str = ""
    exported: str = ""
    key: str = ""
    log: str = ""
    size: int = 0
    procedure: int = 0
    runs: int = 0
    events: int = 0
    receipts: int = 0
    documents: int = 0
    mails: int = 0
    entries: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return are_sound(self.findings)


class Findings:
    """Collects what a check finds."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    @property
    def all(self) -> tuple[Finding, ...]:
        """What was found, in the order of its finding."""
        return tuple(self._found)

    def fault(self, layer: Layer, code: Code, where: str, text: str) -> None:
        """Note a fault."""
        self._note(Severity.FAULT, layer, code, where, text)

    def remark(self, layer: Layer, code: Code, where: str, text: str) -> None:
        """Note what is no fault."""
        self._note(Severity.REMARK, layer, code, where, text)

    def _note(self, severity: Severity, layer: Layer, code: Code, where: str, text: str) -> None:
        means = MEANS[layer] if severity is Severity.FAULT else ""
        said = {"where": printable(where), "text": printable(text)}
        self._found.append(Finding(code=code, severity=severity, layer=layer, means=means, **said))


def printable(text: str) -> str:
    """A text that comes from outside, fit for a terminal and of a bearable length."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:LONGEST_TEXT])
