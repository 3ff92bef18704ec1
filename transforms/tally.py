"""The numbers of this process, for its progress bar and for who scrapes it. Knows no Beam: the captioner adds, too.

Names and labels are low-cardinality: never an image id, an address or a message.
"""

from __future__ import annotations

import bisect
import collections
import math
import threading
import time
from dataclasses import dataclass

Key = tuple[str, ...]
"""A name, and the values of its labels."""

BUCKETS: dict[str, tuple[float, ...]] = {
    "generation_seconds": (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0),
    "fetch_seconds": (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
    "batch_images": (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0),
}
"""Names for `observe`, with the upper bounds of their buckets."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often values fell into each bucket, the last one without a bound, and the sum of all."""

    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a process has counted, taken at one moment."""

    counts: dict[Key, int]
    levels: dict[Key, float]
    distributions: dict[str, Distribution]


_lock = threading.Lock()
_counts: collections.Counter[Key] = collections.Counter()
_levels: dict[Key, tuple[float, float]] = {}
"""Each with the time after which it is not believed any more."""
_seen = {name: [0] * (len(bounds) + 1) for name, bounds in BUCKETS.items()}
_totals = dict.fromkeys(BUCKETS, 0.0)


def add(name: str, by: int = 1, *labels: str) -> None:
    """Count; goes up only, but for what says of itself that it follows a level."""
    with _lock:
        _counts[(name, *labels)] += by


def observe(name: str, value: float) -> None:
    """One more value of a distribution, of the names in `BUCKETS`."""
    place = bisect.bisect_left(BUCKETS[name], value)
    with _lock:
        _seen[name][place] += 1
        _totals[name] += value


def put(name: str, value: float, *labels: str, seconds: float = math.inf) -> None:
    """A level as it is now; told for so many ``seconds``, unless it is put again."""
    with _lock:
        _levels[(name, *labels)] = value, time.monotonic() + seconds


def drop(name: str, *labels: str) -> None:
    """Levels of this name, and of these labels where some are given, are not known any more."""
    with _lock:
        for key in [key for key in _levels if key[: 1 + len(labels)] == (name, *labels)]:
            del _levels[key]


def totals() -> dict[str, int]:
    """What was counted, by name."""
    with _lock:
        counted = dict(_counts)
    summed: collections.Counter[str] = collections.Counter()
    for key, value in counted.items():
        summed[key[0]] += value
    return dict(summed)


def numbers() -> Numbers:
    """Everything."""
    now = time.monotonic()
    with _lock:
        seen = {name: Distribution(tuple(counts), _totals[name]) for name, counts in _seen.items()}
        levels = {key: value for key, (value, until) in _levels.items() if until > now}
        return Numbers(dict(_counts), levels, seen)
