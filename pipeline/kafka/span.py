"""A span of one partition's offsets, and the records in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.failures import failure
from pipeline.kafka.records import from_client
from transforms.errors import BrokerUnreachable, OffsetsUnavailable
from transforms.values import KafkaRecord


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets ``start`` (included) to ``stop`` (excluded) of one partition."""

    topic: str
    partition: int
    start: int
    stop: int

    def cut(self, records: int) -> Iterator[Span]:
        """The span in pieces of at most ``records``."""
        for start in range(self.start, self.stop, records):
            yield Span(self.topic, self.partition, start, min(start + records, self.stop))


def read_span(client: Any, span: Span, options: KafkaOptions) -> Iterator[KafkaRecord]:
    """The span's records; gaps of compaction and of transactions are stepped over.

    Raises `OffsetsUnavailable` when retention has taken the start away, `BrokerUnreachable` when it stalls or
    fails, `BrokerRefused` when the user may not read the topic.
    """
    place = TopicPartition(span.topic, span.partition)
    client.assign([place])
    client.seek(place, span.start)
    deadline = time.monotonic() + options.timeout_seconds
    position = span.start
    while position < span.stop:
        try:
            polled = client.poll(timeout_ms=500, max_records=500).get(place, [])
        except OffsetOutOfRangeError as error:
            raise OffsetsUnavailable(
                f"offset `{position}` of `{span.topic}` partition {span.partition} is not in the topic "
                "any more; its retention is too short for this replay, start later with --from"
            ) from error
        except KafkaError as error:
            raise failure(
                error,
                options.bootstrap_servers,
                f"read topic `{span.topic}`",
                f"reading `{span.topic}` partition {span.partition} failed at offset `{position}` "
                f"(`{type(error).__name__}`); check the broker at `{options.bootstrap_servers}`",
            ) from error
        for message in polled:
            if message.offset >= span.stop:
                return
            yield from_client(message)
        moved = client.position(place)
        if moved is not None and moved > position:
            position, deadline = moved, time.monotonic() + options.timeout_seconds
        elif time.monotonic() > deadline:
            raise BrokerUnreachable(
                f"reading `{span.topic}` partition {span.partition} stopped at offset `{position}`, "
                f"before {span.stop}; check the broker at `{options.bootstrap_servers}`"
            )
