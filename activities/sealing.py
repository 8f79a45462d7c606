"""Signs mails with DKIM (RFC 6376), so that a receiver's server knows they are from the domain they say."""

from __future__ import annotations

import dkim
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

HEADERS = (
    b"from",
    b"to",
    b"cc",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"auto-submitted",
    b"content-language",
    b"mime-version",
    b"content-type",
)
SHORTEST_BITS = 1024


class Dkim:
    """Signs with an RSA key in PEM as `selector._domainkey.domain`, whose DNS record holds the public key."""

    def __init__(self, domain: str, selector: str, key: bytes) -> None:
        try:
            bits = parse_pem_private_key(key)["modulus"].bit_length()
        except (UnparsableKeyError, ValueError, KeyError, IndexError) as error:
            raise ValueError("not an RSA key in PEM") from error
        if bits < SHORTEST_BITS:
            raise ValueError(f"the key has {bits} bits, needs {SHORTEST_BITS} at least, better 2048")
        self._domain = domain.encode()
        self._selector = selector.encode()
        self._key = key

    def signed(self, message: bytes) -> bytes:
        """The message with its signature before it; header fields that are not there are signed as absent where they matter."""
        there = {line.partition(b":")[0].lower() for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")}
        fields = [field for field in HEADERS if field in there]
        signature: bytes = dkim.sign(
            message,
            self._selector,
            self._domain,
            self._key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*fields, b"from", b"subject", b"to"],
        )
        return signature + message
