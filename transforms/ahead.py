"""Working ahead: a stage whose work runs on threads, a few elements at once, and whose results leave in order.

Pillow's and numpy's C code leaves Python's lock free: while one picture is decoded or measured the bundle's thread
reads on. What an element gives leaves before what a later one gives, and a bundle ends when all of its work has.
"""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.windowed_value import WindowedValue

from transforms.stage import Stage

MAX_THREADS = 4
AHEAD_PER_THREAD = 2
"""Elements begun for each thread; each holds its picture."""


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="ahead")


def _threads() -> int:
    return min(MAX_THREADS, os.cpu_count() or 1)


class _Begun(NamedTuple):
    element: Any
    timestamp: Any
    window: Any
    future: Future[Any]


class StageAhead(Stage):
    """`Stage` whose ``work`` is thread-safe and counts nothing: Beam's counters belong to the bundle's thread."""

    def __init__(self, name: str, work: Callable[[Any], Any], tags: Mapping[type, str] | None = None) -> None:
        """As `Stage`; the threads are the process's."""
        super().__init__(name, work, tags)
        self._begun: collections.deque[_Begun] = collections.deque()

    def setup(self) -> None:
        """Start the threads."""
        super().setup()
        self._pool, self._room = _pool(), AHEAD_PER_THREAD * _threads()

    def start_bundle(self) -> None:
        """Forget what a bundle that failed had begun."""
        self._begun.clear()

    def process(
        self, element: Any, timestamp: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam
    ) -> Iterator[Any]:
        """Begin with this element; what is done of those before it goes on, each with its own timestamp."""
        self._begun.append(_Begun(element, timestamp, window, self._pool.submit(self._work, element)))
        while self._begun and (len(self._begun) > self._room or self._begun[0].future.done()):
            first = self._begun.popleft()
            for output in self.outputs(first.element, first.future.result):
                yield wrapped(output, first, timestamped)

    def finish_bundle(self) -> Iterator[Any]:
        """Wait for the rest."""
        while self._begun:
            first = self._begun.popleft()
            for output in self.outputs(first.element, first.future.result):
                yield wrapped(output, first, windowed)


class Placed(Protocol):
    """Where an element was found."""

    @property
    def timestamp(self) -> Any:
        """Its event time."""

    @property
    def window(self) -> Any:
        """One."""


def wrapped(output: Any, begun: Placed, wrap: Callable[[Any, Placed], Any]) -> Any:
    """An output, in the place of its element, and under its tag."""
    if isinstance(output, pvalue.TaggedOutput):
        return pvalue.TaggedOutput(output.tag, wrap(output.value, begun))
    return wrap(output, begun)


def timestamped(value: Any, begun: Placed) -> TimestampedValue:
    """As `process` gives it."""
    return TimestampedValue(value, begun.timestamp)


def windowed(value: Any, begun: Placed) -> WindowedValue:
    """As `finish_bundle` gives it."""
    return WindowedValue(value, begun.timestamp, (begun.window,))
