"""The notary: signs receipts, checkpoints and statements with Ed25519, and checks what it signed (source: RFC 8032, RFC 8410).

A keys file holds private keys in PEM, the newest first: it signs, and each of them stands for what was signed with it. A file
of public keys in PEM is what others check with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from models.errors import PasserelleError, WrongSetting
from store.keyfile import key_in, replace

SETTING = "PASSERELLE_SIGNING_KEY_FILE"
SIGNATURE_BYTES = 64
BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)
LARGEST_KEYS = 1 << 20


class NotSigned(PasserelleError):
    """A signature that none of the keys made over these bytes."""


class Trusted:
    """Public keys, by their ids: whose signatures count."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {id_of(key): key for key in keys}

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys."""
        return tuple(self._keys)

    @property
    def pem(self) -> str:
        """The keys in PEM, one below the other."""
        return "".join(self.pem_of(one) for one in self._keys)

    def pem_of(self, key_id: str) -> str:
        """A key in PEM."""
        return pem_of(self._keys[key_id]).decode()

    def raw(self, key_id: str) -> bytes:
        """The 32 bytes of a key."""
        return raw_of(self._keys[key_id])

    def check(self, data: bytes, signature: bytes, key_id: str = "") -> str:
        """Check a signature over bytes; gives the id of the key that made it.

        Raises:
            NotSigned: none of the keys did, or not the one named.
        """
        for name, key in self._keys.items():
            if key_id in ("", name) and len(signature) == SIGNATURE_BYTES:
                try:
                    key.verify(signature, data)
                except InvalidSignature:
                    continue
                return name
        raise NotSigned(f"no signature of key {key_id}" if key_id else "no signature of any of the keys")


class Notary:
    """Signs with the newest of its keys."""

    def __init__(self, keys: Iterable[Ed25519PrivateKey], name: str) -> None:
        self._keys = tuple(keys)
        self.name = name
        self.trusted = Trusted(key.public_key() for key in self._keys)

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return self.trusted.ids[0]

    def sign(self, data: bytes) -> bytes:
        """The signature over bytes, 64 of them."""
        return self._keys[0].sign(data)


def id_of(key: Ed25519PublicKey) -> str:
    """The id of a key: the first sixteen digits of the sha256 of its 32 bytes."""
    return sha256(raw_of(key)).hexdigest()[:16]


def raw_of(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def pem_of(key: Ed25519PublicKey) -> bytes:
    """A public key in PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trusted_of(content: bytes) -> Trusted:
    """The public keys in a PEM file.

    Raises:
        NotSigned: it holds none, one that is not Ed25519, or a private key.
    """
    if len(content) > LARGEST_KEYS:
        raise NotSigned("the file of the keys is too large to be one")
    found = []
    for block in BLOCK.finditer(content):
        if block[1] != b"PUBLIC KEY":
            raise NotSigned(f"the file holds a {block[1].decode().lower()}; only public keys are checked with")
        try:
            key = load_pem_public_key(block[0])
        except (ValueError, UnsupportedAlgorithm) as error:
            raise NotSigned("the file holds a public key that cannot be read") from error
        if not isinstance(key, Ed25519PublicKey):
            raise NotSigned("the file holds a key that is not of Ed25519")
        found.append(key)
    if not found:
        raise NotSigned("the file holds no public key in PEM")
    return Trusted(found)


def notary_of(content: bytes, name: str) -> Notary:
    """The notary with the private keys in PEM, under its name in the log's notes.

    Raises:
        WrongSetting: the content holds none, or one that is not Ed25519.
    """
    keys = []
    for block in BLOCK.finditer(content):
        try:
            key = load_pem_private_key(block[0], None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise WrongSetting(f"{SETTING}: it holds a private key that cannot be read") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise WrongSetting(f"{SETTING}: it holds a key that is not of Ed25519")
        keys.append(key)
    if not keys:
        raise WrongSetting(f"{SETTING}: it holds no private key in PEM")
    return Notary(keys, name)


def new_key() -> bytes:
    """A new private key in PEM."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signing_keys_in(path: Path) -> bytes:
    """What the keys file of the notary holds; made with one key when there is none yet."""
    return key_in(path, new_key)


def renew(path: Path) -> str:
    """Put a new key before those of a keys file; gives the new key's id.

    Raises:
        WrongSetting: the file is none, or cannot be replaced.
    """
    before = signing_keys_in(path)
    notary_of(before, "renewed")
    content = new_key() + before
    replace(SETTING, path, content)
    return notary_of(content, "renewed").key_id
