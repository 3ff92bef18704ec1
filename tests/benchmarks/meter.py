"""Where a job's CPU time goes: seconds by stage, by coder and by state call.

Every part is charged only with its own time, not with that of the parts it calls; what is left is Beam
and the threads of the Kafka clients.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from apache_beam.runners.worker import bundle_processor, sdk_worker, statecache

from pipeline.kafka import replay, sink
from transforms.coders import AvroCoder
from transforms.desk import Desk
from transforms.duplicates import FindDuplicate
from transforms.index.decide import DuplicateIndex
from transforms.stage import Stage

REST = "Beam and Kafka clients"


class Meter(threading.local):
    """Charges the CPU time of a thread to the innermost part it is in."""

    seconds: ClassVar[collections.Counter[str]] = collections.Counter()
    calls: ClassVar[collections.Counter[str]] = collections.Counter()

    def __init__(self) -> None:
        self._parts = [REST]
        self._since = time.thread_time()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Charge what runs inside to ``name``."""
        self._charge()
        self._parts.append(name)
        self.calls[name] += 1
        try:
            yield
        finally:
            self._charge()
            self._parts.pop()

    def wrap(self, owner: Any, attribute: str, name: str | Callable[[Any], str]) -> None:
        """Measure a function or method; ``name`` may be made of its first argument."""
        plain = getattr(owner, attribute)

        @functools.wraps(plain)
        def measured(*arguments: Any, **named: Any) -> Any:
            with self.part(name if isinstance(name, str) else name(arguments[0])):
                return plain(*arguments, **named)

        setattr(owner, attribute, measured)

    def wrap_iterator(self, owner: Any, attribute: str, name: str | Callable[[Any], str]) -> None:
        """Measure a method that returns an iterator; what its elements are used for is not charged to it."""
        plain = getattr(owner, attribute)

        @functools.wraps(plain)
        def measured(this: Any, *arguments: Any, **named: Any) -> Iterator[Any]:
            label = name if isinstance(name, str) else name(this)
            elements = iter(plain(this, *arguments, **named) or ())
            done = object()
            while True:
                with self.part(label):
                    element = next(elements, done)
                if element is done:
                    return
                yield element

        setattr(owner, attribute, measured)

    def _charge(self) -> None:
        now = time.thread_time()
        self.seconds[self._parts[-1]] += now - self._since
        self._since = now

    def report(self, uploads: int, cpu_seconds: float) -> str:
        """One line a part, costliest first, of a job that took so much CPU time in all its threads."""
        spent = {name: seconds for name, seconds in self.seconds.items() if name != REST}
        spent[REST] = cpu_seconds - sum(spent.values())
        lines = [f"{'part':<34}{'CPU s':>8}{'share':>8}{'ms/upload':>11}{'calls/upload':>14}"]
        for name, seconds in sorted(spent.items(), key=lambda pair: -pair[1]):
            each = f"{1000 * seconds / uploads:>11.3f}{self.calls[name] / uploads:>14.2f}"
            lines.append(f"{name:<34}{seconds:>8.2f}{seconds / cpu_seconds:>8.1%}{each}")
        return "\n".join(lines)


def measure() -> Meter:
    """Put a meter on the parts of the job; they stay wrapped until the process ends."""
    meter = Meter()
    meter.wrap_iterator(Stage, "process", lambda stage: stage._name)
    meter.wrap_iterator(FindDuplicate, "process", "Find duplicate")
    meter.wrap(DuplicateIndex, "assign", "Find duplicate: index")
    meter.wrap(Desk, "arrive", "Caption image: arrive")
    meter.wrap(Desk, "poll", "Caption image: poll")
    meter.wrap_iterator(replay, "read_span", "Read uploads")
    for name in ("process", "finish_bundle"):
        meter.wrap_iterator(sink.WriteRecords, name, lambda write: write._stage)
    meter.wrap(AvroCoder, "encode", lambda coder: f"encode {coder.to_type_hint().__name__}")
    meter.wrap(AvroCoder, "decode", lambda coder: f"decode {coder.to_type_hint().__name__}")
    for name in ("clear", "extend", "blocking_get"):
        meter.wrap(sdk_worker.GlobalCachingStateHandler, name, f"state {name}")
    meter.wrap(bundle_processor.FnApiUserStateContext, "commit", "state commit")
    meter.wrap(statecache, "get_deep_size", "state cache: objsize")
    return meter
