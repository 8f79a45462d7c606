"""How messages are written into history: JSON without fields that equal their empty default, read back with them.

A long opening is JSON deflated by zlib (RFC 1950), named so in its metadata: any zlib reads it.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
)

from models.orders import Opening

LONG = 8192
"""Bytes of JSON above which an opening is deflated."""

ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


class MessageConverter(EncodingPayloadConverter):
    """Pydantic messages as short JSON; everything else as Pydantic writes it."""

    @property
    def encoding(self) -> str:
        """The encoding named in a payload's metadata."""
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        """The payload of a value."""
        if isinstance(value, BaseModel):
            data = value.__pydantic_serializer__.to_json(value, exclude_defaults=True)
        else:
            data = to_json(value)
        return Payload(metadata={"encoding": b"json/plain"}, data=data)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """The value of a payload, of the type that is expected."""
        if type_hint is None:
            return json.loads(payload.data)
        if type_hint not in ADAPTERS:
            ADAPTERS[type_hint] = TypeAdapter(type_hint)
        return ADAPTERS[type_hint].validate_json(payload.data)


class OpeningConverter(MessageConverter):
    """The opening of a long case's next run, deflated: it carries every step so far and would outgrow a history."""

    @property
    def encoding(self) -> str:
        """The encoding named in a payload's metadata."""
        return "json/zlib"

    def to_payload(self, value: Any) -> Payload | None:
        """The payload of a long opening; None for everything else."""
        if not isinstance(value, Opening):
            return None
        data = value.__pydantic_serializer__.to_json(value, exclude_defaults=True)
        if len(data) <= LONG:
            return None
        return Payload(metadata={"encoding": b"json/zlib"}, data=zlib.compress(data))

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """The value of a payload, of the type that is expected."""
        inflated = Payload(metadata=payload.metadata, data=zlib.decompress(payload.data))
        return super().from_payload(inflated, type_hint)


class MessagePayloadConverter(CompositePayloadConverter):
    """The default converters with ours in place of plain JSON."""

    def __init__(self) -> None:
        given = DefaultPayloadConverter.default_encoding_payload_converters
        kept = [converter for converter in given if not isinstance(converter, JSONPlainPayloadConverter)]
        super().__init__(*kept, OpeningConverter(), MessageConverter())


CONVERTER = dataclasses.replace(DataConverter.default, payload_converter_class=MessagePayloadConverter)
"""What every client, worker and replayer of Passerelle converts with."""
