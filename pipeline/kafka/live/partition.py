"""The source of one partition."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from apache_beam.coders import Coder
from apache_beam.utils.timestamp import Timestamp

from pipeline.kafka.live.commits import committer_for
from pipeline.kafka.live.feed import Feed, feed_for
from pipeline.kafka.live.marks import Mark, MarkCoder, Place
from pipeline.kafka.live.options import LiveRead
from pipeline.kafka.live.unbounded import ContextSource, UnboundedReader
from pipeline.kafka.live.watchdog import watchdog_for
from pipeline.kafka.live.watermark import Watermark
from pipeline.kafka.positions import Position
from pipeline.kafka.timestamps import event_time
from pipeline.metrics.endpoint import serve
from transforms.ledger import LEDGER
from transforms.metrics import count
from transforms.values import KafkaRecord


class PartitionSource(ContextSource[LiveRead]):
    """One partition, from an offset on."""

    def __init__(self, start: Position) -> None:
        self.start = start

    def __reduce__(self) -> tuple[Any, ...]:
        return partition_source, (self.start.topic, self.start.partition, self.start.offset)

    def create_reader(self, options: Any, checkpoint_mark: Mark | None) -> PartitionReader:
        """A reader that goes on after the mark, or begins."""
        start = self.start
        place = checkpoint_mark.place if checkpoint_mark else Place(start.topic, start.partition, start.offset, 0)
        return PartitionReader(self.context, place)

    def get_checkpoint_mark_coder(self) -> Coder:
        """Avro."""
        return MarkCoder(Mark)


def partition_source(topic: str, partition: int, offset: int) -> PartitionSource:
    """What pickles and savepoints call."""
    return PartitionSource(Position(topic, partition, offset))


class PartitionReader(UnboundedReader):
    """Holds a position only; the records come from the process's feed of the partition."""

    def __init__(self, live: LiveRead, place: Place, clock: Callable[[], float] = time.time) -> None:
        self._live = live
        self._topic, self._partition, self._offset = place.topic, place.partition, place.offset
        self._clock = clock
        self._watermark = Watermark(live.watermark, place.watermark_ms, clock)
        self._current: KafkaRecord | None = None
        self._event_ms = 0
        self._has_waited = False
        self._held: Feed | None = None
        self._watchdog = watchdog_for(live.watchdog, live.kafka, live.group, live.uploads, live.outputs)
        serve(live.metrics)  # before the model is loaded
        if live.group:
            committer_for(live.kafka, live.group).starts_at(place.topic, place.partition, place.offset)

    def start(self) -> bool:
        """The first record, if there is one."""
        return self.advance()

    def advance(self) -> bool:
        """The next record, if it is there. Waits a little, once a bundle."""
        if self._watchdog is not None:
            self._watchdog.raise_fault()
        with self._locked_feed() as feed:
            record = feed.read(self._offset, 0.0 if self._has_waited else self._live.pace.wait_seconds)
            self._has_waited = True
            if record is None:
                self._offset = feed.position() or self._offset
                self._watermark.nothing_to_read() if feed.lag() == 0 else self._watermark.behind()
                return False
        self._current, self._offset = record, record.offset + 1
        told = self._live.event_time
        event_ms = record.timestamp_ms if told is None else told(record)
        # The future counts as now, as it does to the watermark: what is kept for a time would be kept for ever.
        self._event_ms = min(event_ms, int(self._clock() * 1000))
        self._watermark.read(self._event_ms)
        LEDGER.read(record)
        count("uploads_read")
        count("bytes_read", len(record.value or b"") + len(record.key or b""))
        return True

    def get_current(self) -> KafkaRecord:
        """The record."""
        if self._current is None:
            raise ValueError("there is no current record; `advance()` said so")
        return self._current

    def get_current_timestamp(self) -> Timestamp:
        """Its event time."""
        return event_time(self._event_ms)

    def get_watermark(self) -> Timestamp:
        """Where event time has come in this partition."""
        return Timestamp(micros=self._watermark.value_ms * 1000)

    def get_checkpoint_mark(self) -> Mark:
        """The position; the next bundle may wait again."""
        self._has_waited = False
        with self._locked_feed() as feed:
            feed.report_lag()
        return Mark(Place(self._topic, self._partition, self._offset, self._watermark.value_ms), self._live)

    @contextlib.contextmanager
    def _locked_feed(self) -> Iterator[Feed]:
        while True:
            feed = self._held or feed_for(self._live.kafka, self._topic, self._partition)
            with feed.lock:
                if not feed.is_closed:  # as one that nobody used for long
                    self._held = feed
                    yield feed
                    return
            self._held = None
