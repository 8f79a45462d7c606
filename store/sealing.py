"""Contents sealed with the key of the person they are about: AES-256-GCM, each person's key wrapped with the installation's.

A sealed content is `nonce ‖ ciphertext ‖ tag`, bound to the person's id and the sha256 of the plain bytes. A wrapped key is
`number of the data key ‖ nonce ‖ ciphertext ‖ tag`, bound to the person's id. Whoever lacks the wrapped key, or the data key, reads
nothing: an erased person's contents stay unreadable in every copy of the database that was made after the erasure.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.errors import PasserelleError
from store.keyfile import KEY_BYTES, keys_of

SETTING = "PASSERELLE_DATA_KEY_FILE"
NONCE_BYTES = 12
WRAPPING = b"passerelle data key 1: wrapping"
SALTING = b"passerelle data key 1: salting"
KEY_PURPOSE = b"passerelle person key 1\x00"
CONTENT_PURPOSE = b"passerelle content 1\x00"


class Unopened(PasserelleError):
    """Sealed bytes or a wrapped key that do not open with the keys at hand: changed, another's, or the data key is not there."""


class Vault:
    """Makes, wraps and unwraps the keys of persons with the data keys of a keys file; the newest wraps, all of them unwrap.

    `again` gives the file's content anew: before a key is wrapped, and where one was wrapped with a key that is not known.
    """

    def __init__(self, keys: bytes, again: Callable[[], bytes] | None = None) -> None:
        self._keys = keys_of(SETTING, keys)
        self._again = again

    @property
    def newest(self) -> int:
        """The number of the data key that wraps."""
        self._look_again()
        return self._keys[0].id

    def new_key(self, person: str) -> tuple[bytes, bytes]:
        """A new key of a person, and the same wrapped."""
        key = secrets.token_bytes(KEY_BYTES)
        return key, self.wrapped(person, key)

    def wrapped(self, person: str, key: bytes) -> bytes:
        """A person's key, wrapped with the newest data key."""
        number, nonce = self.newest, secrets.token_bytes(NONCE_BYTES)
        head = bytes([number])
        return head + nonce + AESGCM(self._wrapping(number)).encrypt(nonce, key, KEY_PURPOSE + head + person.encode())

    def unwrapped(self, person: str, wrapped: bytes) -> bytes:
        """A person's key.

        Raises:
            Unopened: it was wrapped with a key that is not there, for another person, or is damaged.
        """
        head, nonce, body = wrapped[:1], wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            return AESGCM(self._wrapping(head[0])).decrypt(nonce, body, KEY_PURPOSE + head + person.encode())
        except (InvalidTag, IndexError, ValueError) as error:
            raise Unopened(f"the key of {person} does not open: it is damaged, or was wrapped with another data key") from error

    def salt(self, about: str) -> str:
        """A salt in hex that nobody can compute without the data key; the same each time for the same thing."""
        return hmac.digest(self._keys[0].secret, SALTING + b"\x00" + about.encode(), sha256)[:16].hex()

    def _wrapping(self, number: int) -> bytes:
        if number not in [key.id for key in self._keys]:
            self._look_again()
        found = next((key.secret for key in self._keys if key.id == number), None)
        if found is None:
            raise Unopened(f"{SETTING}: there is no key of the number {number}")
        return hmac.digest(found, WRAPPING, sha256)

    def _look_again(self) -> None:
        if self._again is not None:
            self._keys = keys_of(SETTING, self._again())


def sealed(key: bytes, person: str, digest: str, data: bytes) -> bytes:
    """Bytes sealed with a person's key; `digest` is their sha256 in hex."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound_to(person, digest))


def unsealed(key: bytes, person: str, digest: str, data: bytes) -> bytes:
    """The plain bytes of what was sealed.

    Raises:
        Unopened: it was changed, or is the content of another person or another sha256.
    """
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound_to(person, digest))
    except (InvalidTag, ValueError) as error:
        raise Unopened(f"content {digest} does not open with the key of {person}") from error


def bound_to(person: str, digest: str) -> bytes:
    """What a sealed content is bound to besides its key."""
    return CONTENT_PURPOSE + f"{person}\x00{digest}".encode()
