"""What is sent between the parts of a case and kept in its history."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def without_controls(value: Any) -> Any:
    """A value whose texts hold no control characters but line ends and tabs, and no half of a pair; the rest is left as it is."""
    if isinstance(value, str):
        return CONTROLS.sub("", value.replace("\r\n", "\n"))
    if isinstance(value, dict):
        return {key: without_controls(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_controls(item) for item in value]
    return value


class Printable(BaseModel):
    """What people fill in: its texts hold nothing that cannot be printed."""

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, data: Any) -> Any:
        return without_controls(data)


class Message(BaseModel):
    """A frozen value that grows only by fields whose defaults are empty: history drops fields that equal their default."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Record(BaseModel):
    """A part of the case's state, changed in place by its one writer; the same rule of empty defaults holds."""

    model_config = ConfigDict(extra="ignore", validate_assignment=False)


def to_the_second(moment: datetime) -> datetime:
    """The instant in UTC, cut to the second: the precision of every instant a case keeps."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return moment.astimezone(UTC).replace(microsecond=0)


Instant = Annotated[datetime, AfterValidator(to_the_second)]


def in_utc(moment: datetime) -> datetime:
    """The instant in UTC, as exact as it is."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return moment.astimezone(UTC)


Receipt = Annotated[datetime, AfterValidator(in_utc)]
"""When something came in: kept exact, for it is compared with a closing instant."""
