"""Reads the cache topic up to where it ended at launch.

What is read counts as seen at launch: the texts of a group are kept for a time after the last arrival, and a text that
is older than that must not end those of the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.replay import ReadUploads
from pipeline.kafka.span import Span
from transforms.values import Arrival, KafkaRecord, KnownTexts
from transforms.warm import by_key, latest


class ReadCache(beam.PTransform):
    """Spans → `Arrival` of a `KnownTexts` for each key that was not withdrawn."""

    def __init__(self, options: KafkaOptions, spans: Sequence[Span], clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives seconds since the epoch: when the job is launched."""
        super().__init__()
        self._options, self._spans = options, spans
        self._moment = clock()

    def expand(self, pipeline: Any) -> Any:
        """The newest record of a key counts: the broker compacts when it likes."""
        return (
            pipeline
            | "Read" >> ReadUploads(self._options, self._spans, counter="cache_records_read")
            | "By key" >> beam.Map(by_key).with_output_types(tuple[bytes, KafkaRecord])
            | "Gather" >> beam.GroupByKey()
            | "Latest" >> beam.FlatMap(latest).with_output_types(KnownTexts)
            # Gathering put them at the end of time.
            | "At launch" >> beam.Map(_timed, self._moment).with_output_types(Arrival)
        )


def _timed(known: KnownTexts, moment: float) -> TimestampedValue:
    return TimestampedValue(Arrival(known=known), Timestamp.of(moment))
