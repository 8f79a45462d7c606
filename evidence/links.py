"""The signed link of one party to one step: a MAC over what it opens, never stored anywhere.

A token is `02 ‖ key id ‖ MAC ‖ facts` in base64url without padding; the facts are the JSON list
`["answer", case, step, party, epoch, expiry]`, the expiry in seconds since 1970. The MAC is HMAC-SHA256 cut to 160 bits, over the
two leading bytes and the facts. Tokens of the format before (`MAC ‖ [case, step, party, expiry]`) are read as links of epoch 0.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from models.errors import Refused, WrongSetting
from models.message import Message

ANSWER = "answer"
FORMAT = 2
PURPOSE = b"passerelle answer link 2\x00"
FORMER_PURPOSE = b"passerelle answer link 1\x00"
CODE_PURPOSE = b"passerelle code 1\x00"
CODE_DIGITS = 8
MAC_BYTES = 20
KEY_BYTES = 32
KEY_LINE = re.compile(rb"(\d{1,3}) ([0-9a-f]{64,})")
UNREADABLE = "this link does not lead to a question"


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


class Key(NamedTuple):
    """A secret key with its number, 0–255."""

    id: int
    secret: bytes


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


def keys_of(content: bytes) -> tuple[Key, ...]:
    """The keys in a keys file, the newest first: lines `number hex`, or one raw key, which has the number 0.

    Raises:
        WrongSetting: a key is too short, or two have the same number.
    """
    lines = [KEY_LINE.fullmatch(line) for line in content.split(b"\n") if line]
    keys = [Key(int(line[1]), bytes.fromhex(line[2].decode())) for line in lines if line] if all(lines) else []
    keys = keys or [Key(0, content)]
    numbers = [key.id for key in keys]
    if len(set(numbers)) != len(numbers) or max(numbers) > 255:
        raise WrongSetting("PASSERELLE_LINK_KEY_FILE: the numbers of the keys must differ and lie between 0 and 255")
    if len(shortest := min((key.secret for key in keys), key=len)) < KEY_BYTES:
        raise WrongSetting(f"PASSERELLE_LINK_KEY_FILE: a key of the links has {len(shortest)} bytes, needs {KEY_BYTES}")
    return tuple(keys)


def with_new_key(content: bytes) -> bytes:
    """The content of a keys file with a new key before those it holds; links made with any of them go on opening.

    Raises:
        WrongSetting: every number is taken; the oldest keys can be taken out of the file.
    """
    keys = keys_of(content)
    free = (number % 256 for number in range(keys[0].id + 1, keys[0].id + 256))
    number = next((number for number in free if number not in [key.id for key in keys]), None)
    if number is None:
        raise WrongSetting("PASSERELLE_LINK_KEY_FILE: there are 256 keys; take the oldest out of the file")
    lines = [Key(number, secrets.token_bytes(KEY_BYTES)), *keys]
    return "".join(f"{key.id} {key.secret.hex()}\n" for key in lines).encode()


def rotate(path: Path) -> int:
    """Put a new key before those of a keys file, in one step and readable by its owner only; gives the new key's number.

    Raises:
        WrongSetting: the file cannot be replaced, or every number is taken.
    """
    content = with_new_key(key_in(path))
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        beside.touch(mode=0o600)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise WrongSetting(f"PASSERELLE_LINK_KEY_FILE: {path} cannot be replaced: {error.strerror}") from error
    return keys_of(content)[0].id


def key_in(path: Path) -> bytes:
    """What a keys file holds; made with one raw key and mode 0600 when there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()
