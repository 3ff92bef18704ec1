"""Counters: Beam's, which every runner shows, and the tally of this process, for a terminal and for Prometheus.

Distributions and gauges do not come out on Flink, so every number that matters is a counter.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from transforms import tally as process

NAMESPACE = "captionstream"


def count(name: str, by: int = 1, *labels: str) -> None:
    """Add to a counter. Names are low-cardinality: never an image id. Labels are the tally's only.

    A zero is the tally's only, too: most answers break no rule, and Beam's counters are dear.
    """
    if by:
        _counter(name).inc(by)
    process.add(name, by, *labels)


@cache
def _counter(name: str) -> Any:
    """Beam's counter of that name; it finds the bundle it counts for by itself."""
    from apache_beam.metrics import Metrics  # here, for this module is imported by commands that start no job

    return Metrics.counter(NAMESPACE, name)


def tally() -> dict[str, int]:
    """What this process has counted so far; on the embedded runner that is the whole job."""
    return process.totals()
