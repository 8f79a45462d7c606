"""The keys that sign: made once, renewed in one step, their public halves handed over; what is no key stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evidence.notary import new_key, notary_of, renew, signing_keys_in
from models.errors import WrongSetting


def test_a_keys_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    content = signing_keys_in(path)
    assert signing_keys_in(path) == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(notary_of(content, "log").trusted.ids) == 1


def test_a_renewed_file_signs_with_its_newest_key_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    before = notary_of(signing_keys_in(path), "log")
    newest = renew(path)
    after = notary_of(signing_keys_in(path), "log")
    assert after.trusted.ids == (newest, before.key_id)
    assert after.trusted.check(b"said", before.sign(b"said")) == before.key_id
    assert after.trusted.check(b"said", after.sign(b"said")) == newest
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(b"no key at all")
    with pytest.raises(WrongSetting, match="PASSERELLE_SIGNING_KEY_FILE"):
        renew(path)
    assert path.read_bytes() == b"no key at all"


def test_what_is_no_private_key_of_ed25519_stops_the_start() -> None:
    rsa = generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    broken = new_key().replace(b"MC4", b"AAA")
    for content in (b"", b"k" * 32, rsa, broken, notary_of(new_key(), "log").trusted.pem.encode()):
        with pytest.raises(WrongSetting, match="PASSERELLE_SIGNING_KEY_FILE"):
            notary_of(content, "log")
