"""Reads the cache topic up to where it ended at launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.replay import ReadUploads
from pipeline.kafka.span import Span
from transforms.values import Arrival, KafkaRecord, KnownText
from transforms.warm import by_key, latest


class ReadCache(beam.PTransform):
    """Spans → `Arrival` of a `KnownText` for each key that was not withdrawn."""

    def __init__(self, options: KafkaOptions, spans: Sequence[Span]) -> None:
        super().__init__()
        self._options, self._spans = options, spans

    def expand(self, pipeline: Any) -> Any:
        """The newest record of a key counts: the broker compacts when it likes."""
        return (
            pipeline
            | "Read" >> ReadUploads(self._options, self._spans, counter="cache_records_read")
            | "By key" >> beam.Map(by_key).with_output_types(tuple[bytes, KafkaRecord])
            | "Gather" >> beam.GroupByKey()
            | "Latest" >> beam.FlatMap(latest).with_output_types(KnownText)
            | "At its time" >> beam.Map(_timed).with_output_types(Arrival)  # gathering put it at the end of time
        )


def _timed(known: KnownText) -> TimestampedValue:
    return TimestampedValue(Arrival(known=known), Timestamp.of(known.record.timestamp_ms / 1000))
