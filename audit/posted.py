"""The mails of a case against the letters that it posted: none is missing, none was put among them, none holds a link."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.message import Message

from evidence.findings import Code, Findings, Layer
from models.case import Case
from store.mails import MailState
from store.standing import Values

SENT = MailState.ACCEPTED
KEPT = "REDACTED"
LINK = re.compile(r"/r/([A-Za-z0-9_=.-]+)")
NAME = re.compile(r"<(?P<case>.+?)\.(?P<number>[0-9]{4,})\.(?P<to>[^.@]+)\.(?P<letter>[a-z0-9_-]+)@[^@>]+>")


def compare_mails(case: Case, rows: Sequence[Values], findings: Findings) -> None:
    """The mails are the letters 1 to the last that the state counts, each once or once for each receiver."""
    numbers = {row["number"] for row in rows if row["number"]}
    for number in sorted(set(range(1, case.posted + 1)) - numbers):
        text = f"letter {number} of {case.posted} was written in the case, and there is no mail of it"
        findings.fault(Layer.MAILS, Code.MAIL_MISSING, f"letter {number}", text)
    for row in rows:
        where, number = f"mail {row['message_id']}", row["number"]
        if number > case.posted or number < 0:
            text = f"it is letter {number}, and the case has written {case.posted}"
            if row["state"] == SENT:  # a task that came to nothing wrote it; whether it was sent the log says
                findings.remark(Layer.MAILS, Code.MAIL_UNKNOWN, where, text)
            else:
                findings.fault(Layer.MAILS, Code.MAIL_UNKNOWN, where, text)
        named = NAME.fullmatch(row["message_id"])
        if number and (named is None or (named["case"], int(named["number"]), named["letter"]) != (case.id, number, row["letter"])):
            text = f"it is filed as letter {number}, {row['letter']}, and its name says otherwise"
            findings.fault(Layer.MAILS, Code.MAIL_UNKNOWN, where, text)


def compare_letters(rows: Sequence[Values], letters: Mapping[str, bytes], findings: Findings) -> None:
    """What is archived of each mail bears its name, and in place of a link that would open a question nothing that does."""
    for row in rows:
        eml = letters.get(row["content"])
        if eml is None:
            continue
        where, message = f"mail {row['message_id']}", message_from_bytes(eml)
        if str(message["Message-ID"]).strip() != row["message_id"]:
            text = "what is archived of it is another message"
            findings.fault(Layer.MAILS, Code.MAIL_UNKNOWN, where, text)
        if any(token != KEPT for text in _texts(message) for token in LINK.findall(text)):
            findings.fault(Layer.MAILS, Code.LINK_KEPT, where, "what is archived of it holds a link that opens a question")


def _texts(message: Message) -> list[str]:
    found = []
    for part in message.walk():
        if part.get_content_maintype() == "text":
            raw = part.get_payload(decode=True)
            found.append(raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else "")
    return found
