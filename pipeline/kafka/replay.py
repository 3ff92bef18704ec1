"""Read uploads, bounded: the records between offsets that are resolved once, at launch (`offsets.resolve`).

A partition is cut into ranges, so that one partition can be read by many workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.span import Span, read_span
from pipeline.kafka.timestamps import event_time
from transforms.metrics import count
from transforms.values import KafkaRecord

RANGE_RECORDS = 1000
"""Records per range; small enough to share a partition, large enough that opening it does not show."""

_RANGE = tuple[int, tuple[str, int, int, int]]
"""A number, and the topic, partition and offsets of a range."""


class ReadUploads(beam.PTransform):
    """Spans → `KafkaRecord`, each with its broker timestamp as event time."""

    def __init__(
        self,
        options: KafkaOptions,
        spans: Sequence[Span],
        range_records: int = RANGE_RECORDS,
        counter: str = "uploads_read",
    ) -> None:
        """``spans`` come from `resolve`, so that a retried job reads the same records; they are counted."""
        super().__init__()
        self._options = options
        self._counter = counter
        self._ranges = [
            (number, (span.topic, span.partition, span.start, span.stop))
            for number, span in enumerate(piece for span in spans for piece in span.cut(range_records))
        ]

    def expand(self, pipeline: Any) -> Any:
        """Ranges, spread over workers by number (a random key would make a replay's order differ)."""
        return (
            pipeline
            # Without Beam's own reshuffle, and typed: one shape for any number of ranges, so that a savepoint fits.
            | "List ranges" >> beam.Create(self._ranges, reshuffle=False).with_output_types(_RANGE)
            | "Spread ranges" >> beam.GroupByKey()
            | "Read records" >> beam.ParDo(_ReadRange(self._options, self._counter)).with_output_types(KafkaRecord)
        )


class _ReadRange(beam.DoFn):
    def __init__(self, options: KafkaOptions, counter: str) -> None:
        self._options = options
        self._counter = counter

    def setup(self) -> None:
        self._client: Any = None

    def process(self, element: Any) -> Iterator[Any]:
        """Every record of the range, in order."""
        for topic, partition, start, stop in element[1]:
            if self._client is None:
                self._client = consumer(self._options)
            count("ranges_read")
            for record in read_span(self._client, Span(topic, partition, start, stop), self._options):
                count(self._counter)
                yield TimestampedValue(record, event_time(record.timestamp_ms))

    def teardown(self) -> None:
        if self._client is not None:
            self._client.close()
