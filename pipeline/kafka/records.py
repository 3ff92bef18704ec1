"""kafka-python's records as ours."""

from __future__ import annotations

from typing import Any

from transforms.values import Header, KafkaRecord


def from_client(message: Any) -> KafkaRecord:
    """A consumed record; bytes untouched."""
    return KafkaRecord(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(Header(name, value) for name, value in message.headers),
    )
