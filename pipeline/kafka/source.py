"""Read uploads, live: every partition is a source of its own, and so is the list of partitions, which may grow.

What a savepoint keeps of it: topic, partition, next offset, watermark; and the partitions that are known. How to
reach the brokers, and which group is told, is the running job's (`LiveRead`).
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from pipeline.kafka.live.options import LiveRead
from pipeline.kafka.live.partition import PartitionSource
from pipeline.kafka.live.partitions import PartitionsSource
from pipeline.kafka.live.unbounded import ReadSources
from pipeline.kafka.positions import Position
from transforms.values import KafkaRecord


class ReadLive(beam.PTransform):
    """The uploads of a live read, from ``starts`` on."""

    def __init__(self, live: LiveRead, starts: tuple[Position, ...] | None) -> None:
        """``starts`` are resolved at launch: a job that restarts without a checkpoint begins there again.

        None: the job goes on from a savepoint, and fails when the runner does not take it up.
        """
        super().__init__()
        self._live = live
        self._starts = starts

    def expand(self, pipeline: Any) -> Any:
        """Partitions, then their records."""
        live, pace = self._live, self._live.pace
        list_them = ReadSources(live, pace.discover_seconds, 1000, 10.0, PartitionSource)
        read_them = ReadSources(live, pace.idle_poll_seconds, pace.max_records, pace.max_seconds, KafkaRecord)
        return (
            pipeline
            | "List" >> beam.Create([PartitionsSource(self._starts)])
            | "Partitions" >> list_them
            | "Records" >> read_them
        )
