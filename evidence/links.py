"""The signed link of one party to one step: a MAC over what it opens, never stored anywhere."""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from models.errors import Refused, WrongSetting
from models.message import Message

PURPOSE = b"passerelle answer link 1\x00"
MAC_BYTES = 20
KEY_BYTES = 32


class Link(Message):
    """What a link opens: the step of a case, for one party (an institution, the office, a nomination)."""

    case: str
    step: str
    party: str


class Links:
    """Makes and reads tokens with a secret key of at least 32 bytes; the MAC has 160 bits."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise WrongSetting(f"PASSERELLE_LINK_KEY_FILE: the key of the links has {len(key)} bytes, needs {KEY_BYTES}")
        self._key = key

    def token(self, link: Link, expires: datetime) -> str:
        """The token that opens `link` until `expires`."""
        facts = [link.case, link.step, link.party, int(expires.timestamp())]
        body = json.dumps(facts, separators=(",", ":"), ensure_ascii=True).encode()
        return _text(self._mac(body) + body)

    def read(self, token: str, now: datetime) -> Link:
        """What a token opens.

        Raises:
            Refused: unknown_link, when it is not ours, was changed, or has expired; all look alike from outside.
        """
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError) as error:
            raise Refused("unknown_link", "this link does not lead to a question") from error
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)) or _text(raw) != token:
            raise Refused("unknown_link", "this link does not lead to a question")
        case, step, party, expires = json.loads(body)
        if now > datetime.fromtimestamp(expires, UTC):
            raise Refused("unknown_link", "this link does not lead to a question")
        return Link(case=case, step=step, party=party)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, PURPOSE + body, sha256)[:MAC_BYTES]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def key_in(path: Path) -> bytes:
    """The key in a file; made with mode 0600 when there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()
