"""Counters: Beam's, which every runner shows, and a tally of this process for progress on a terminal.

Distributions and gauges do not come out on Flink, so every number that matters is a counter.
"""

from __future__ import annotations

import collections
import threading
from functools import cache
from typing import Any

from apache_beam.metrics import Metrics

NAMESPACE = "captionstream"

_lock = threading.Lock()
_tally: collections.Counter[str] = collections.Counter()


def count(name: str, by: int = 1) -> None:
    """Add to a counter. Names are low-cardinality: never an image id."""
    _counter(name).inc(by)
    with _lock:
        _tally[name] += by


@cache
def _counter(name: str) -> Any:
    """Beam's counter of that name; it finds the bundle it counts for by itself."""
    return Metrics.counter(NAMESPACE, name)


def tally() -> dict[str, int]:
    """What this process has counted so far; on the embedded runner that is the whole job."""
    with _lock:
        return dict(_tally)
