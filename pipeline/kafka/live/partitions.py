"""The source of the partitions to read: a list that may grow."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from apache_beam.coders import Coder
from apache_beam.utils.timestamp import Timestamp
from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline.kafka.connection import consumer
from pipeline.kafka.live.marks import Known, KnownMark, MarkCoder
from pipeline.kafka.live.options import LiveRead
from pipeline.kafka.live.partition import PartitionSource
from pipeline.kafka.live.unbounded import ContextSource, UnboundedReader
from pipeline.kafka.live.watchdog import watchdog_for
from pipeline.kafka.positions import Position, list_partitions
from transforms.errors import JobError, RunnerRefused

_LOGGER = logging.getLogger(__name__)


class PartitionsSource(ContextSource[LiveRead]):
    """The partitions to read: those resolved at launch, and each that appears later, from its beginning."""

    def __init__(self, starts: tuple[Position, ...] | None) -> None:
        """None: the job goes on from a savepoint, which holds them."""
        self.starts = starts

    def __reduce__(self) -> tuple[Any, ...]:
        if self.starts is None:
            return partitions_source, (None,)
        return partitions_source, (tuple((at.topic, at.partition, at.offset) for at in self.starts),)

    def create_reader(self, options: Any, checkpoint_mark: KnownMark | None) -> PartitionsReader:
        """A reader that knows the mark's partitions. Raises `RunnerRefused` when a savepoint was not taken up."""
        if checkpoint_mark is not None:
            return PartitionsReader(self.context, self.starts or (), checkpoint_mark.place.partitions)
        if self.starts is None:  # every partition would be new, and read from its beginning
            raise RunnerRefused(
                "the runner brought nothing back of the savepoint that the job was to go on from; see in its log "
                "whether it found the savepoint, or start without `--resume` and with --rewind"
            )
        return PartitionsReader(self.context, self.starts, ())

    def get_checkpoint_mark_coder(self) -> Coder:
        """Avro."""
        return MarkCoder(KnownMark)


def partitions_source(starts: tuple[tuple[str, int, int], ...] | None) -> PartitionsSource:
    """What pickles and savepoints call."""
    return PartitionsSource(None if starts is None else tuple(Position(*start) for start in starts))


class PartitionsReader(UnboundedReader):
    """Reads `PartitionSource`s."""

    def __init__(
        self,
        live: LiveRead,
        starts: tuple[Position, ...],
        known: tuple[Position, ...],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._live = live
        self._known = {(position.topic, position.partition): position for position in known}
        self._todo = [start for start in starts if (start.topic, start.partition) not in self._known]
        self._current: Position | None = None
        self._clock = clock
        self._looked_at = clock() if self._todo else 0.0
        self._watchdog = watchdog_for(live.watchdog, live.kafka, live.group, live.uploads, live.outputs)

    def start(self) -> bool:
        """The first partition nobody reads yet."""
        return self.advance()

    def advance(self) -> bool:
        """The next one."""
        if self._watchdog is not None:  # here too: it may be that no partition is read at all
            self._watchdog.raise_fault()
        if not self._todo and self._clock() - self._looked_at >= self._live.pace.discover_seconds:
            self._looked_at = self._clock()
            self._todo = self._discover()
        if not self._todo:
            return False
        self._current = self._todo.pop(0)
        self._known[self._current.topic, self._current.partition] = self._current
        return True

    def get_current(self) -> PartitionSource:
        """The partition."""
        if self._current is None:
            raise ValueError("there is no current partition; `advance()` said so")
        return PartitionSource(self._current)

    def get_current_timestamp(self) -> Timestamp:
        """A partition has none of its own."""
        return Timestamp.of(0)

    def get_watermark(self) -> Timestamp:
        """The clock: partitions hold the watermark back, their list does not."""
        return Timestamp.of(self._clock())

    def get_checkpoint_mark(self) -> KnownMark:
        """What is being read."""
        return KnownMark(Known(tuple(sorted(self._known.values(), key=lambda p: (p.topic, p.partition)))))

    def _discover(self) -> list[Position]:
        live = self._live
        try:
            client = consumer(live.kafka)
            try:
                found = list_partitions(client, live.uploads, live.kafka.bootstrap_servers, live.outputs)
                new = [TopicPartition(*place) for place in found if place not in self._known]
                first = client.beginning_offsets(new) if new else {}
            finally:
                client.close()
        except (JobError, KafkaError) as error:  # the next look may succeed; the readers say more
            _LOGGER.warning("no look for new partitions: `%s`", error)
            return []
        for place in new:
            _LOGGER.info("new partition %d of `%s` is read from its beginning", place.partition, place.topic)
        return [Position(place.topic, place.partition, first[place]) for place in new]
