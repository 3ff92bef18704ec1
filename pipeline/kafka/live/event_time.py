"""The time an upload itself names, as the event time of its record."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from schemas.codec import Decoder, WireFormat
from transforms.decode import milliseconds
from transforms.errors import InputError
from transforms.values import KafkaRecord


@dataclass(frozen=True)
class UploadTime:
    """`KafkaRecord` → its ``uploaded_at`` in milliseconds since the epoch.

    A deletion, and what does not decode, has the record's own timestamp; Decode event says why it does not.
    """

    wire: WireFormat = field(default_factory=WireFormat)

    def __call__(self, record: KafkaRecord) -> int:
        """The event time of one record."""
        if record.value is None:
            return record.timestamp_ms
        try:
            return milliseconds(self._decoder.decode(record.value)["uploaded_at"])
        except InputError:
            return record.timestamp_ms

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder("image_upload", self.wire)

    def __getstate__(self) -> dict[str, Any]:
        return {"wire": self.wire}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
