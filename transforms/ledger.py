"""The ledger: which uploads this process has read and that are not yet written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from transforms.values import KafkaRecord

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed, and for how long nothing has come out."""

    uploads: int
    oldest: str
    """``topic/partition/offset``."""
    silent_seconds: float


class Ledger:
    """Uploads this process has read and that are not yet written.

    Where all partitions are read and written by one process it is exact. Where a job has several workers, an upload
    read here may be written elsewhere; then whatever comes out anywhere settles all that was read before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._owed: dict[Place, dict[int, float]] = {}
        self._written_at = clock()
        self._has_others = False
        self._ends: int | None = None
        self._lock = threading.Lock()

    def read(self, record: KafkaRecord) -> None:
        """An upload was read."""
        with self._lock:
            self._owed.setdefault((record.topic, record.partition), {})[record.offset] = self._clock()

    def written(self, record: KafkaRecord) -> None:
        """What answers this upload was acknowledged."""
        with self._lock:
            self._written_at = self._clock()
            place = self._owed.get((record.topic, record.partition))
            if place is None:
                self._has_others = True
            else:
                place.pop(record.offset, None)

    def left_out(self, record: KafkaRecord) -> None:
        """Nothing will answer this upload or deletion: a newer one of its image took its place."""
        with self._lock:
            self._owed.get((record.topic, record.partition), {}).pop(record.offset, None)

    def has_others(self) -> bool:
        """Whether other workers read what this one writes."""
        with self._lock:
            return self._has_others

    def outputs_end_at(self, ends: int) -> None:
        """The output topics hold ``ends`` records in all; when that has grown somebody has written."""
        with self._lock:
            if self._ends is not None and ends > self._ends:
                self._written_at = self._clock()
                if self._has_others:
                    for place in self._owed.values():
                        place.clear()
            self._ends = ends

    def overdue(self, limit_seconds: float) -> Owed | None:
        """What is owed when nothing was written for so long; else None."""
        with self._lock:
            owed = [(at, place, offset) for place, offsets in self._owed.items() for offset, at in offsets.items()]
            if not owed:
                return None
            oldest_at, (topic, partition), offset = min(owed)
            silent = self._clock() - max(self._written_at, oldest_at)
            return Owed(len(owed), f"{topic}/{partition}/{offset}", silent) if silent >= limit_seconds else None

    def excuse(self) -> None:
        """Count the silence from now: the job starts again."""
        with self._lock:
            self._written_at = self._clock()


LEDGER = Ledger()
"""This process's."""
