"""Commits finished offsets to the consumer group: for lag tools, and as a start together with a checkpoint.

A runner finalizes one mark a bundle, dozens at each checkpoint and in any order; those that come while a request is
under way go together in the next. None waits longer: a job that is stopped ends its workers a tenth of a second after
the marks of its last savepoint, and what is not sent by then the group never hears of.
"""

from __future__ import annotations

import atexit
import logging
import threading
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from pipeline.kafka.connection import KafkaOptions, consumer
from transforms.errors import CaptionstreamError

_LOGGER = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class Committer:
    """One per process, cluster and group. Absolute offsets: to commit one again changes nothing."""

    def __init__(self, options: KafkaOptions, group: str) -> None:
        self._options = options
        self._group = group
        self._client: Any = None
        self._waiting: dict[TopicPartition, int] = {}
        self._highest: dict[TopicPartition, int] = {}
        self._condition = threading.Condition()
        self._sending = threading.Lock()
        self._closed = False
        self._warned = False
        threading.Thread(target=self._work, name=f"commit-{group}", daemon=True).start()

    def starts_at(self, topic: str, partition: int, offset: int) -> None:
        """A reader begins here. Below what was committed it means that the job went back, and so will the group."""
        place = TopicPartition(topic, partition)
        with self._condition:
            if offset < self._highest.get(place, 0):
                self._highest[place] = offset

    def commit(self, topic: str, partition: int, offset: int) -> None:
        """Commit soon; returns at once. An offset below one that came before is late, and not committed."""
        place = TopicPartition(topic, partition)
        with self._condition:
            if offset >= self._highest.get(place, 0):
                self._highest[place] = self._waiting[place] = offset
                self._condition.notify()

    def flush(self) -> bool:
        """Commit now; whether all that waited is committed."""
        with self._sending:
            with self._condition:
                offsets, self._waiting = self._waiting, {}
            try:
                if self._client is None:
                    self._client = consumer(self._options, group_id=self._group)
                if offsets:
                    self._client.commit({place: OffsetAndMetadata(at, "", -1) for place, at in offsets.items()})
            except (KafkaError, CaptionstreamError) as error:
                with self._condition:
                    self._waiting = offsets | self._waiting
                if not self._warned:  # it does not harm the job: the checkpoint has the position
                    self._warned = True
                    _LOGGER.warning("offsets of group `%s` are not committed: `%s`", self._group, error)
                return False
            self._warned = False
            return True

    def close(self) -> None:
        """Commit what waits and disconnect."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._waiting:
            self.flush()
        with self._sending:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _work(self) -> None:
        done = self.flush()  # connects: the first marks need not wait for it
        while True:
            with self._condition:
                if done:
                    self._condition.wait_for(lambda: self._closed or self._waiting)
                else:
                    self._condition.wait_for(lambda: self._closed, timeout=RETRY_SECONDS)
                if self._closed:
                    return
            done = self.flush()


_lock = threading.Lock()
_committers: dict[tuple[KafkaOptions, str], Committer] = {}


def committer_for(options: KafkaOptions, group: str) -> Committer:
    """The process's committer of a group."""
    with _lock:
        key = options, group
        if key not in _committers:
            _committers[key] = Committer(options, group)
        return _committers[key]


def close_committers() -> None:
    """Commit what waits and disconnect."""
    with _lock:
        closing = list(_committers.values())
        _committers.clear()
    for committer in closing:
        committer.close()


atexit.register(close_committers)
