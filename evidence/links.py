"""The signed link of one party to one step: a MAC over what it opens, never stored anywhere.

A token is `02 ‖ key id ‖ MAC ‖ facts` in base64url without padding; the facts are the JSON list
`["answer", case, step, party, epoch, expiry]`, the expiry in seconds since 1970. The MAC is HMAC-SHA256 cut to 160 bits, over the
two leading bytes and the facts. Tokens of the format before (`MAC ‖ [case, step, party, expiry]`) are read as links of epoch 0.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from models.errors import Refused
from models.message import Message
from store import keyfile
from store.keyfile import Key
from store.keyfile import key_in as key_in

ANSWER = "answer"
FORMAT = 2
PURPOSE = b"passerelle answer link 2\x00"
FORMER_PURPOSE = b"passerelle answer link 1\x00"
CODE_PURPOSE = b"passerelle code 1\x00"
CODE_DIGITS = 8
MAC_BYTES = 20
UNREADABLE = "this link does not lead to a question"
SETTING = "PASSERELLE_LINK_KEY_FILE"

keys_of = partial(keyfile.keys_of, SETTING)
with_new_key = partial(keyfile.with_new_key, SETTING)
rotate = partial(keyfile.rotate, SETTING)


class Link(Message):
    """What a link opens: the step of a case, for one party (an institution, the office, a nomination, a colleague).

    `epoch` is the step's when the link was made; one of an earlier epoch no longer answers.
    """

    case: str
    step: str
    party: str
    epoch: int = 0


class Opened(NamedTuple):
    """A link whose MAC is right, and until when it opens anything."""

    link: Link
    expires: datetime


class Links:
    """Makes and reads tokens with the keys of a keys file; the newest signs, all of them read.

    `again` gives the file's content anew when a token names a key that is not known: another process may have taken up a newer one.
    """

    def __init__(self, keys: bytes, again: Callable[[], bytes] | None = None) -> None:
        self._keys = keys_of(keys)
        self._again = again

    def token(self, link: Link, expires: datetime) -> str:
        """The token that opens `link` until `expires`."""
        key = self._keys[0]
        head = bytes([FORMAT, key.id])
        facts = [ANSWER, link.case, link.step, link.party, link.epoch, int(expires.timestamp())]
        body = json.dumps(facts, separators=(",", ":"), ensure_ascii=True).encode()
        return _text(head + _mac(key, PURPOSE + head + body) + body)

    def read(self, token: str, now: datetime) -> Link:
        """What a token opens now.

        Raises:
            Refused: malformed, mac, purpose, or expired; told apart for the log, all alike outside.
        """
        link, expires = self.opened(token)
        if now > expires:
            raise Refused("expired", UNREADABLE)
        return link

    def opened(self, token: str) -> Opened:
        """What a token was made to open, expired or not.

        Raises:
            Refused: malformed, mac or purpose.
        """
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError) as error:
            raise Refused("malformed", UNREADABLE) from error
        if _text(raw) != token or len(raw) <= MAC_BYTES + 2:
            raise Refused("malformed", UNREADABLE)
        facts = self._facts(raw)
        if facts is None:
            facts = self._former_facts(raw)
        if facts is None:
            raise Refused("mac", UNREADABLE)
        purpose, case, step, party, epoch, expires = facts
        if purpose != ANSWER:
            raise Refused("purpose", UNREADABLE)
        return Opened(Link(case=case, step=step, party=party, epoch=epoch), datetime.fromtimestamp(expires, UTC))

    def nonce(self) -> str:
        """What a new code is computed from, with the number of the key that makes it; no secret by itself."""
        return f"{self._keys[0].id}.{secrets.token_hex(16)}"

    def code(self, nonce: str, *about: str) -> str:
        """The eight digits that belong to a nonce and what it was made for; kept nowhere.

        Raises:
            Refused: malformed, no key of ours made the nonce.
        """
        number, _, _ = nonce.partition(".")
        key = self._key(int(number)) if number.isdecimal() else None
        if key is None:
            raise Refused("malformed", "no code was made of this")
        message = CODE_PURPOSE + "\n".join((nonce, *about)).encode()
        return f"{int.from_bytes(hmac.digest(key.secret, message, sha256)) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    def _facts(self, raw: bytes) -> list[Any] | None:
        """The facts of a token of today's format, if its MAC is right."""
        head, mac, body = raw[:2], raw[2 : 2 + MAC_BYTES], raw[2 + MAC_BYTES :]
        key = self._key(head[1]) if head[0] == FORMAT else None
        if key is None or not hmac.compare_digest(mac, _mac(key, PURPOSE + head + body)):
            return None
        facts: list[Any] = json.loads(body)
        return facts

    def _former_facts(self, raw: bytes) -> list[Any] | None:
        """The facts of a token of the format before, whichever key made it, if its MAC is right."""
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(key, FORMER_PURPOSE + body)) for key in self._keys):
            return None
        case, step, party, expires = json.loads(body)
        return [ANSWER, case, step, party, 0, expires]

    def _key(self, number: int) -> Key | None:
        """The key of a number; one that is not known is looked for in the file once more."""
        if self._again is not None and number not in [key.id for key in self._keys]:
            self._keys = keys_of(self._again())
        return next((key for key in self._keys if key.id == number), None)


def _mac(key: Key, message: bytes) -> bytes:
    return hmac.digest(key.secret, message, sha256)[:MAC_BYTES]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
