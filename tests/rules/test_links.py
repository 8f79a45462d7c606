"""A link opens one step for one party until it expires; whatever is changed in it opens nothing."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.links import FORMER_PURPOSE, MAC_BYTES, PURPOSE, Link, Links, key_in, keys_of, rotate, with_new_key
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


def why(token: str, now: datetime = NOW, links: Links = LINKS) -> str:
    """Why a token opens nothing; whatever the reason, what is said outside is the same."""
    with pytest.raises(Refused, match=r"^this link does not lead to a question$") as refused:
        links.read(token, now)
    return refused.value.code


def signed(facts: list[object], key: bytes = b"k" * 32, head: bytes = b"\x02\x00") -> str:
    """A token with any facts and the right MAC."""
    body = json.dumps(facts, separators=(",", ":")).encode()
    return text(head + hmac.digest(key, PURPOSE + head + body, sha256)[:MAC_BYTES] + body)


def former(link: Link, key: bytes = b"k" * 32) -> str:
    """A token as it was made before links had epochs."""
    body = json.dumps([link.case, link.step, link.party, int(EXPIRES.timestamp())], separators=(",", ":")).encode()
    return text(hmac.digest(key, FORMER_PURPOSE + body, sha256)[:MAC_BYTES] + body)


def test_a_link_opens_what_it_was_made_for() -> None:
    assert LINKS.read(TOKEN, NOW) == LINK


def test_every_flipped_bit_is_refused() -> None:
    data = raw(TOKEN)
    flipped = [data[:n] + bytes([data[n] ^ 1 << bit]) + data[n + 1 :] for n in range(len(data)) for bit in range(8)]
    assert {why(text(token)) for token in flipped} == {"mac"}


def test_every_flipped_bit_of_a_former_link_is_refused() -> None:
    data = raw(former(LINK))
    flipped = [data[:n] + bytes([data[n] ^ 1 << bit]) + data[n + 1 :] for n in range(len(data)) for bit in range(8)]
    assert {why(text(token)) for token in flipped} == {"mac"}


def test_every_changed_added_or_missing_letter_is_refused() -> None:
    changed = [TOKEN[:n] + letter + TOKEN[n + 1 :] for n in range(len(TOKEN)) for letter in "A_-=. %" if letter != TOKEN[n]]
    cut = [TOKEN[:n] for n in range(len(TOKEN))]
    grown = [TOKEN + more for more in ("=", "A", "==", "\n", " ", "é", "\ud800")]
    assert {why(token) for token in (*changed, *cut, *grown)} == {"mac", "malformed"}


def test_a_link_is_refused_after_it_expired() -> None:
    assert LINKS.read(TOKEN, EXPIRES) == LINK
    assert why(TOKEN, EXPIRES + timedelta(seconds=1)) == "expired"
    assert LINKS.opened(TOKEN) == (LINK, EXPIRES)


def test_a_link_of_another_key_is_refused() -> None:
    assert why(TOKEN, links=Links(b"K" * 32)) == "mac"


def test_a_link_for_another_purpose_is_refused() -> None:
    facts = [LINK.case, LINK.step, LINK.party, LINK.epoch, int(EXPIRES.timestamp())]
    assert LINKS.read(signed(["answer", *facts]), NOW) == LINK
    assert why(signed(["login", *facts])) == "purpose"


def test_a_mac_of_another_link_does_not_open_this_one() -> None:
    for change in ({"party": "TN-OTE"}, {"epoch": 1}, {"step": "host_offer-2"}, {"case": "AMEDIP-2027-0002"}):
        other = LINKS.token(LINK.model_copy(update=change), EXPIRES)
        assert why(text(raw(other)[: MAC_BYTES + 2] + raw(TOKEN)[MAC_BYTES + 2 :])) == "mac"


def test_a_link_with_another_expiry_or_epoch_and_the_old_mac_is_refused() -> None:
    data = raw(TOKEN)
    for place in (4, 5):
        facts = json.loads(data[MAC_BYTES + 2 :])
        facts[place] += 1
        assert why(text(data[: MAC_BYTES + 2] + json.dumps(facts, separators=(",", ":")).encode())) == "mac"


def test_a_link_sent_before_links_had_epochs_still_opens() -> None:
    assert LINKS.read(former(LINK), NOW) == LINK
    assert why(former(LINK, b"K" * 32)) == "mac"


def test_a_mac_of_a_former_link_is_none_of_today_s() -> None:
    body = raw(TOKEN)[MAC_BYTES + 2 :]
    mac = hmac.digest(b"k" * 32, FORMER_PURPOSE + b"\x02\x00" + body, sha256)[:MAC_BYTES]
    assert why(text(b"\x02\x00" + mac + body)) == "mac"


@given(st.text(max_size=200))
def test_anything_else_opens_nothing(token: str) -> None:
    assert why(token) in ("mac", "malformed")


@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.text(max_size=30), st.integers(0, 9999))
def test_whatever_is_named_comes_back_as_it_was(case: str, step: str, party: str, epoch: int) -> None:
    link = Link(case=case, step=step, party=party, epoch=epoch)
    token = LINKS.token(link, EXPIRES)
    assert LINKS.read(token, NOW) == link
    assert token.isascii()
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_links_made_with_an_older_key_go_on_opening() -> None:
    content, tokens = b"k" * 32, [TOKEN, former(LINK)]
    for _ in range(3):
        content = with_new_key(content)
        tokens.append(Links(content).token(LINK, EXPIRES))
    assert [Links(content).read(token, NOW) for token in tokens] == [LINK] * 5
    assert [raw(token)[1] for token in tokens[2:]] == [1, 2, 3]
    retired = b"\n".join(content.splitlines()[:2])
    assert [why(token, links=Links(retired)) for token in tokens[:3]] == ["mac"] * 3
    assert Links(retired).read(tokens[4], NOW) == LINK


def test_a_key_another_process_took_up_is_looked_for_once() -> None:
    newer = with_new_key(b"k" * 32)
    asked = []

    def again() -> bytes:
        asked.append(1)
        return newer

    links = Links(b"k" * 32, again)
    assert links.read(TOKEN, NOW) == LINK
    assert asked == []
    assert links.read(Links(newer).token(LINK, EXPIRES), NOW) == LINK
    assert links.read(TOKEN, NOW) == LINK
    assert asked == [1]


def test_a_keys_file_is_rotated_in_place_and_stays_its_owner_s(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    token = Links(key_in(path)).token(LINK, EXPIRES)
    assert [rotate(path), rotate(path)] == [1, 2]
    assert Links(key_in(path)).read(token, NOW) == LINK
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["link.key"]


def test_every_key_has_its_number_until_they_run_out() -> None:
    content = b"k" * 32
    for _ in range(255):
        content = with_new_key(content)
    assert sorted(key.id for key in keys_of(content)) == list(range(256))
    with pytest.raises(WrongSetting, match="PASSERELLE_LINK_KEY_FILE"):
        with_new_key(content)


def test_a_key_written_as_text_without_a_number_is_one_raw_key() -> None:
    text_key = b"ab" * 32 + b"\n"
    assert keys_of(text_key) == ((0, text_key),)


@pytest.mark.parametrize("content", [b"1 " + b"ab" * 32 + b"\n1 " + b"cd" * 32, b"256 " + b"ab" * 32, b"", b"k" * 31])
def test_a_wrong_keys_file_stops_the_start(content: bytes) -> None:
    with pytest.raises(WrongSetting, match="PASSERELLE_LINK_KEY_FILE"):
        Links(content)


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "link.key"
    key = key_in(path)
    assert len(key) >= 32
    assert key_in(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_in(tmp_path / "other.key") != key
