"""One consumer per partition and process, which outlives the readers that use it.

A runner rebuilds readers: a bundle that waits for its checkpoint keeps its own, and the next one gets another. A
consumer of its own for each would begin with an empty poll every time, and nothing would ever be read.
"""

from __future__ import annotations

import atexit
import collections
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.failures import failure
from pipeline.kafka.records import from_client
from transforms import tally
from transforms.errors import OffsetsUnavailable
from transforms.metrics import count
from transforms.values import KafkaRecord

_LOGGER = logging.getLogger(__name__)

POLL_RECORDS = 100
AFTER_SEEK_SECONDS = 5.0
"""A first fetch connects, asks for metadata and opens a session; a later one finds its answer in the buffer."""
UNUSED_SECONDS = 300.0
"""A feed nobody asks is closed: its partition is read elsewhere."""


class Feed:
    """The records of one partition, in order, from any offset. One reader at a time: it holds ``lock``.

    It connects with its first read, so that partitions connect beside each other.
    """

    def __init__(
        self,
        options: KafkaOptions,
        topic: str,
        partition: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._place = TopicPartition(topic, partition)
        self._clock = clock
        self._client: Any = None
        self._buffer: collections.deque[Any] = collections.deque()
        self._next: int | None = None
        self._is_cold = True
        self._told_first = False
        self._told_lag = 0
        self.used_at = clock()
        self.seeks = 0
        self.is_closed = False
        self.lock = threading.RLock()

    def read(self, offset: int, wait_seconds: float) -> KafkaRecord | None:
        """The first record at or after ``offset``; None when none comes in time.

        Raises `OffsetsUnavailable` when retention or a truncation has taken it away.
        """
        self.used_at = self._clock()
        if self._client is None:
            self._client = consumer(self._options, fetch_max_wait_ms=250)
            self._client.assign([self._place])
        if self._next != offset:
            self._client.seek(self._place, offset)
            self._buffer.clear()
            self._next, self._is_cold = offset, True
            self.seeks += 1
        if not self._buffer:
            self._fill(wait_seconds)
        if not self._buffer:
            return None
        message = self._buffer.popleft()
        self._next = message.offset + 1
        if not self._told_first:
            self._told_first = True
            _LOGGER.info(
                "first record of `%s` partition %d: offset %d", message.topic, message.partition, message.offset
            )
        return from_client(message)

    def position(self) -> int | None:
        """The offset to go on from, with gaps of compaction and of transactions stepped over."""
        if not self._buffer and self._next is not None:
            reached = self._client.position(self._place, timeout_ms=0)
            if reached is not None and reached > self._next:
                self._next = reached
        return self._next

    def lag(self) -> int | None:
        """Offsets between the position and the partition's end; None before the broker has said where that is."""
        if self._client is None or self._next is None:
            return None
        end = self._client.highwater(self._place)
        return None if end is None else max(end - self._next, 0)

    def report_lag(self) -> None:
        """Move the counter ``lag_<topic>_<partition>`` to the lag: counters are what every runner shows."""
        lag = self.lag()
        if lag is not None and lag != self._told_lag:
            count(f"lag_{self._place.topic}_{self._place.partition}", lag - self._told_lag)
            self._told_lag = lag
        if lag is not None:
            # No longer than the feed is kept: another worker may read the partition by then.
            tally.put("read_lag", lag, self._place.topic, str(self._place.partition), seconds=UNUSED_SECONDS)

    def close(self) -> None:
        """Disconnect, for good."""
        self.is_closed = True
        tally.drop("read_lag", self._place.topic, str(self._place.partition))
        if self._client is not None:
            self._client.close()

    def _fill(self, wait_seconds: float) -> None:
        deadline = self._clock() + (AFTER_SEEK_SECONDS if self._is_cold else wait_seconds)
        while True:
            left = max(deadline - self._clock(), 0.0)
            try:
                polled = self._client.poll(int(min(left, 0.1) * 1000), max_records=POLL_RECORDS)
            except (OffsetOutOfRangeError, LogTruncationError) as error:
                raise OffsetsUnavailable(
                    f"offset `{self._next}` of `{self._place.topic}` partition {self._place.partition} is not in the "
                    "topic any more: its retention is shorter than the job's lag, or a broker lost it; what is gone "
                    "was not captioned. Start again with --from earliest and keep records longer"
                ) from error
            except KafkaError as error:
                raise failure(
                    error,
                    self._options.bootstrap_servers,
                    f"read topic `{self._place.topic}`",
                    f"reading `{self._place.topic}` partition {self._place.partition} failed "
                    f"(`{type(error).__name__}`); check the broker at `{self._options.bootstrap_servers}`",
                ) from error
            self._buffer.extend(polled.get(self._place, ()))
            # Once the partition's end is known the fetch was answered: it is empty, not cold.
            if self._buffer or (self._is_cold and self.lag() == 0):
                self._is_cold = False
                return
            if left <= 0.1:
                return


_lock = threading.Lock()
_feeds: dict[tuple[KafkaOptions, str, int], Feed] = {}


def feed_for(options: KafkaOptions, topic: str, partition: int) -> Feed:
    """The process's feed of a partition; others that nobody has used for long are closed."""
    with _lock:
        key = options, topic, partition
        feed = _feeds.get(key)
        if feed is None:
            feed = _feeds[key] = Feed(options, topic, partition)
        oldest = time.monotonic() - UNUSED_SECONDS
        unused = [key for key, held in _feeds.items() if held is not feed and held.used_at < oldest]
        closing = [_feeds.pop(key) for key in unused]
    for idle in closing:
        with idle.lock:
            idle.close()
    return feed


def close_feeds(options: KafkaOptions | None = None) -> None:
    """Close the process's feeds, of one cluster or all."""
    with _lock:
        keys = [key for key in _feeds if options in (None, key[0])]
        closing = [_feeds.pop(key) for key in keys]
    for feed in closing:
        with feed.lock:
            feed.close()


atexit.register(close_feeds)
