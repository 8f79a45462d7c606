"""Files of secret keys: lines `number hex`, the newest first, or one raw key; made at first use, rotated in one step."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from models.errors import WrongSetting

KEY_BYTES = 32
KEY_LINE = re.compile(rb"(\d{1,3}) ([0-9a-f]{64,})")


class Key(NamedTuple):
    """A secret key with its number, 0–255."""

    id: int
    secret: bytes


def keys_of(setting: str, content: bytes) -> tuple[Key, ...]:
    """The keys in a keys file, the newest first: lines `number hex`, or one raw key, which has the number 0.

    `setting` is the variable that names the file.

    Raises:
        WrongSetting: a key is too short, or two have the same number.
    """
    lines = [KEY_LINE.fullmatch(line) for line in content.split(b"\n") if line]
    keys = [Key(int(line[1]), bytes.fromhex(line[2].decode())) for line in lines if line] if all(lines) else []
    keys = keys or [Key(0, content)]
    numbers = [key.id for key in keys]
    if len(set(numbers)) != len(numbers) or max(numbers) > 255:
        raise WrongSetting(f"{setting}: the numbers of the keys must differ and lie between 0 and 255")
    if len(shortest := min((key.secret for key in keys), key=len)) < KEY_BYTES:
        raise WrongSetting(f"{setting}: a key has {len(shortest)} bytes, needs {KEY_BYTES}")
    return tuple(keys)


def with_new_key(setting: str, content: bytes) -> bytes:
    """The content of a keys file with a new key before those it holds, which go on opening what was made with them.

    Raises:
        WrongSetting: every number is taken; the oldest keys can be taken out of the file.
    """
    keys = keys_of(setting, content)
    free = (number % 256 for number in range(keys[0].id + 1, keys[0].id + 256))
    number = next((number for number in free if number not in [key.id for key in keys]), None)
    if number is None:
        raise WrongSetting(f"{setting}: there are 256 keys; take the oldest out of the file")
    lines = [Key(number, secrets.token_bytes(KEY_BYTES)), *keys]
    return "".join(f"{key.id} {key.secret.hex()}\n" for key in lines).encode()


def rotate(setting: str, path: Path) -> int:
    """Put a new key before those of a keys file, in one step and readable by its owner only; gives the new key's number.

    Raises:
        WrongSetting: the file cannot be replaced, or every number is taken.
    """
    content = with_new_key(setting, key_in(path))
    replace(setting, path, content)
    return keys_of(setting, content)[0].id


def replace(setting: str, path: Path, content: bytes) -> None:
    """Give a keys file another content, in one step and readable by its owner only.

    Raises:
        WrongSetting: the file cannot be replaced.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        beside.touch(mode=0o600)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise WrongSetting(f"{setting}: {path} cannot be replaced: {error.strerror}") from error


def raw_key() -> bytes:
    """A new key as bytes."""
    return secrets.token_bytes(KEY_BYTES)


def key_in(path: Path, new: Callable[[], bytes] = raw_key) -> bytes:
    """What a keys file holds; made with one new key and mode 0600 when there is none yet, by whichever process comes first."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        beside.touch(mode=0o600)
        beside.write_bytes(new())
        with suppress(FileExistsError):
            os.link(beside, path)
        beside.unlink()
    return path.read_bytes()
