"""Read uploads, bounded: the records of a topic between offsets that are resolved once, at launch.

A partition is cut into ranges, so that one partition can be read by many workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from kafka import TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline.kafka.connection import KafkaOptions, consumer, partitions
from pipeline.kafka.records import from_client
from transforms.errors import BrokerUnreachable, ConfigInvalid, OffsetsUnavailable
from transforms.metrics import count
from transforms.values import KafkaRecord

RANGE_RECORDS = 1000
"""Records per range; small enough to share a partition, large enough that opening it does not show."""
EARLIEST, LATEST = "earliest", "latest"


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


def resolve(options: KafkaOptions, topic: str, start: str = EARLIEST, stop: str = LATEST) -> tuple[Span, ...]:
    """The offsets that ``start`` and ``stop`` mean now, for every partition; empty spans are left out.

    Each is ``earliest``, ``latest`` or an ISO 8601 time with a zone, compared with the records' timestamps.
    """
    client = consumer(options)
    try:
        places = [TopicPartition(topic, number) for number in partitions(client, topic, options.bootstrap_servers)]
        try:
            first, last = client.beginning_offsets(places), client.end_offsets(places)
            starts = _offsets(client, places, start, first, last, "--from")
            stops = _offsets(client, places, stop, first, last, "--to")
        except KafkaError as error:
            raise BrokerUnreachable(
                f"the broker at `{options.bootstrap_servers}` did not say which offsets `{topic}` has "
                f"(`{type(error).__name__}`); check its log"
            ) from error
    finally:
        client.close()
    spans = (Span(topic, place.partition, starts[place], stops[place]) for place in places)
    return tuple(span for span in spans if span.start < span.stop)


def _offsets(client: Any, places: list[Any], moment: str, first: Any, last: Any, option: str) -> Any:
    if moment == EARLIEST:
        return first
    if moment == LATEST:
        return last
    milliseconds = parse_time(moment, option)
    found = client.offsets_for_times(dict.fromkeys(places, milliseconds))
    return {place: found[place].offset if found.get(place) else last[place] for place in places}


def parse_time(moment: str, option: str) -> int:
    """ISO 8601 with a zone → milliseconds since the epoch. Raises `ConfigInvalid` naming the option."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise ConfigInvalid(
            f"`{moment}` is neither earliest, latest nor an ISO 8601 time; mend {option}, "
            "for example 2026-11-23T10:00:00+00:00"
        ) from error
    if parsed.tzinfo is None:
        raise ConfigInvalid(f"time `{moment}` has no zone; mend {option}, for example `{moment}+00:00`")
    return int(parsed.timestamp() * 1000)


class ReadUploads(beam.PTransform):
    """Spans → `KafkaRecord`, each with its broker timestamp as event time."""

    def __init__(self, options: KafkaOptions, spans: Sequence[Span], range_records: int = RANGE_RECORDS) -> None:
        """``spans`` come from `resolve`, so that a retried job reads the same records."""
        super().__init__()
        self._options = options
        self._ranges = [
            (number, (span.topic, span.partition, span.start, span.stop))
            for number, span in enumerate(piece for span in spans for piece in span.cut(range_records))
        ]

    def expand(self, pipeline: Any) -> Any:
        """Ranges, spread over workers by number (a random key would make a replay's order differ)."""
        return (
            pipeline
            | "List ranges" >> beam.Create(self._ranges)
            | "Spread ranges" >> beam.GroupByKey()
            | "Read records" >> beam.ParDo(_ReadRange(self._options)).with_output_types(KafkaRecord)
        )


class _ReadRange(beam.DoFn):
    def __init__(self, options: KafkaOptions) -> None:
        self._options = options

    def setup(self) -> None:
        self._client: Any = None

    def process(self, element: Any) -> Iterator[Any]:
        """Every record of the range, in order."""
        for topic, partition, start, stop in element[1]:
            if self._client is None:
                self._client = consumer(self._options)
            for record in read_span(self._client, Span(topic, partition, start, stop), self._options):
                count("uploads_read")
                yield TimestampedValue(record, Timestamp.of(record.timestamp_ms / 1000))

    def teardown(self) -> None:
        if self._client is not None:
            self._client.close()


def read_span(client: Any, span: Span, options: KafkaOptions) -> Iterator[KafkaRecord]:
    """The span's records; gaps of compaction and of transactions are stepped over.

    Raises `OffsetsUnavailable` when retention has taken the start away, `BrokerUnreachable` when it stalls.
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
