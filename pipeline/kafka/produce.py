"""Sends a record as it is, where kafka-python's own ``send`` would refuse what Kafka allows."""

from __future__ import annotations

from typing import Any

from kafka.serializer import Serializer

from transforms.values import Outgoing

_NO_KEY = object()


class KeySerializer(Serializer):
    """Of our producers: ``send`` refuses a record with neither key nor value unless a stand-in is given."""

    def serialize(self, topic: str, headers: Any, data: Any) -> bytes | None:
        """The key as it is, or none."""
        return None if data is _NO_KEY else data


def send(client: Any, record: Outgoing) -> Any:
    """Produce a record; returns its future.

    kafka-python cannot write a header without a value: it becomes an empty one.
    """
    return client.send(
        record.topic,
        key=_NO_KEY if record.key is None else record.key,
        value=record.value,
        headers=[(header.name, header.value or b"") for header in record.headers],
        timestamp_ms=record.timestamp_ms if record.timestamp_ms is not None and record.timestamp_ms >= 0 else None,
    )
