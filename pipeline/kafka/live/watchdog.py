"""The watchdog: says so when nothing comes out although something is owed.

A job can be RUNNING, complete its checkpoints and commit its offsets while its output is held back or its readers
starve. Only a comparison of uploads read with records written shows it, so each process keeps a ledger of both.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline.kafka.connection import KafkaOptions, consumer
from transforms.errors import CaptionstreamError, ConfigInvalid, OutputStalled
from transforms.metrics import count
from transforms.values import KafkaRecord

_LOGGER = logging.getLogger(__name__)

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class WatchdogOptions:
    """When to bark, and whether to bite."""

    limit_seconds: float = 300.0
    """Nothing written for so long although something is owed; longer than the model takes to load. 0: off."""
    fails: bool = False
    """Fail the job, so that the runner starts it again from its checkpoint; else only say so."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.limit_seconds < 0:
            raise ConfigInvalid(f"watchdog limit `{self.limit_seconds:g}` s is negative; mend --watchdog")
        if self.fails and not self.limit_seconds:
            raise ConfigInvalid("the watchdog is off (`0` s) and cannot fail the job; mend --watchdog")


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

    def forget(self, topics: tuple[str, ...]) -> None:
        """Nothing of these topics is owed any more: their job is over."""
        with self._lock:
            for place in [place for place in self._owed if place[0] in topics]:
                del self._owed[place]


LEDGER = Ledger()
"""This process's."""


class Watchdog:
    """Looks at a ledger, says what is overdue once an episode, and remembers it for the readers to raise."""

    def __init__(
        self, options: WatchdogOptions, ledger: Ledger = LEDGER, outputs_end: Callable[[], int | None] = lambda: None
    ) -> None:
        """``outputs_end`` asks the broker; it is only called where there are several workers."""
        self._options = options
        self._ledger = ledger
        self._outputs_end = outputs_end
        self._barked = False
        self._fault: OutputStalled | None = None

    def look(self) -> None:
        """Judge once."""
        if self._ledger.has_others() and (ends := self._outputs_end()) is not None:
            self._ledger.outputs_end_at(ends)
        owed = self._ledger.overdue(self._options.limit_seconds)
        if owed is None:
            if self._barked:
                _LOGGER.warning("records come out again")
            self._barked, self._fault = False, None
        elif not self._barked:
            self._barked = True
            count("watchdog_alarms")
            message = (
                f"nothing has been written for `{owed.silent_seconds:.0f}` s although {owed.uploads} uploads are owed, "
                f"the oldest is `{owed.oldest}`; look at the captioner's log and at the runner's checkpoints, then "
                "stop the job with a savepoint and start it from there"
            )
            _LOGGER.error(message)
            if self._options.fails:
                self._fault = OutputStalled(message)

    def raise_fault(self) -> None:
        """Raise `OutputStalled`, once, when the job is to fail."""
        fault, self._fault = self._fault, None
        if fault is not None:
            self._ledger.excuse()
            self._barked = False
            raise fault


def outputs_end(options: KafkaOptions, topics: tuple[str, ...]) -> int | None:
    """Sum of the end offsets of topics; None when the broker does not say."""
    try:
        client = consumer(options)
        try:
            places = [
                TopicPartition(topic, number) for topic in topics for number in client.partitions_for_topic(topic) or ()
            ]
            return sum(client.end_offsets(places).values())
        finally:
            client.close()
    except (KafkaError, CaptionstreamError) as error:
        _LOGGER.warning("the watchdog cannot see the output topics: `%s`", error)
        return None


_lock = threading.Lock()
_started: dict[tuple[WatchdogOptions, KafkaOptions, tuple[str, ...]], Watchdog] = {}


def watchdog_for(options: WatchdogOptions, kafka: KafkaOptions, outputs: tuple[str, ...]) -> Watchdog | None:
    """The process's watchdog, looking several times per limit; None when it is off."""
    if not options.limit_seconds:
        return None
    with _lock:
        key = options, kafka, outputs
        if key not in _started:
            _started[key] = watchdog = Watchdog(options, LEDGER, functools.partial(outputs_end, kafka, outputs))
            pause = max(options.limit_seconds / 8, 0.2)
            threading.Thread(target=_patrol, args=(watchdog, pause), name="watchdog", daemon=True).start()
        return _started[key]


def _patrol(watchdog: Watchdog, pause: float) -> None:
    while True:
        time.sleep(pause)
        watchdog.look()
