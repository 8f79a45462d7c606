"""A link opens one step for one party until it expires; whatever is changed in it opens nothing."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.links import MAC_BYTES, Link, Links, key_in
from models.errors import Refused, WrongSetting

NOW = datetime(2027, 1, 4, 10, tzinfo=UTC)
EXPIRES = NOW + timedelta(days=30)
LINK = Link(case="AMEDIP-2027-0001", step="host_offer-1", party="MA-POSTE")
LINKS = Links(b"k" * 32)
TOKEN = LINKS.token(LINK, EXPIRES)


def raw(token: str) -> bytes:
    """The bytes of a token."""
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def text(data: bytes) -> str:
    """Bytes as a token."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def is_refused(token: str, now: datetime = NOW, links: Links = LINKS) -> bool:
    """Whether a token opens nothing, told as everything that opens nothing is."""
    try:
        links.read(token, now)
    except Refused as refused:
        return (refused.code, refused.text) == ("unknown_link", "this link does not lead to a question")
    return False


def test_a_link_opens_what_it_was_made_for() -> None:
    assert LINKS.read(TOKEN, NOW) == LINK


def test_every_flipped_bit_is_refused() -> None:
    data = raw(TOKEN)
    flipped = [data[:n] + bytes([data[n] ^ 1 << bit]) + data[n + 1 :] for n in range(len(data)) for bit in range(8)]
    assert [token for token in map(text, flipped) if not is_refused(token)] == []


def test_every_changed_added_or_missing_letter_is_refused() -> None:
    changed = [TOKEN[:n] + letter + TOKEN[n + 1 :] for n in range(len(TOKEN)) for letter in "A_-=. %" if letter != TOKEN[n]]
    cut = [TOKEN[:n] for n in range(len(TOKEN))]
    grown = [TOKEN + more for more in ("=", "A", "==", "\n", " ", "é", "\ud800")]
    assert [token for token in (*changed, *cut, *grown) if not is_refused(token)] == []


def test_a_link_is_refused_after_it_expired() -> None:
    assert LINKS.read(TOKEN, EXPIRES) == LINK
    assert is_refused(TOKEN, EXPIRES + timedelta(seconds=1))


def test_a_link_of_another_key_is_refused() -> None:
    assert is_refused(TOKEN, links=Links(b"K" * 32))


def test_a_mac_of_another_link_does_not_open_this_one() -> None:
    other = LINKS.token(LINK.model_copy(update={"party": "TN-OTE"}), EXPIRES)
    assert is_refused(text(raw(other)[:MAC_BYTES] + raw(TOKEN)[MAC_BYTES:]))


def test_a_link_with_another_expiry_and_the_old_mac_is_refused() -> None:
    data = raw(TOKEN)
    facts = json.loads(data[MAC_BYTES:])
    facts[3] += 1
    assert is_refused(text(data[:MAC_BYTES] + json.dumps(facts, separators=(",", ":")).encode()))


@given(st.text(max_size=200))
def test_anything_else_opens_nothing(token: str) -> None:
    assert is_refused(token)


@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_named_comes_back_as_it_was(case: str, step: str, party: str) -> None:
    link = Link(case=case, step=step, party=party)
    token = LINKS.token(link, EXPIRES)
    assert LINKS.read(token, NOW) == link
    assert token.isascii()
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_short_key_stops_the_start() -> None:
    with pytest.raises(WrongSetting, match="PASSERELLE_LINK_KEY_FILE"):
        Links(b"k" * 31)


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "link.key"
    key = key_in(path)
    assert len(key) >= 32
    assert key_in(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_in(tmp_path / "other.key") != key
