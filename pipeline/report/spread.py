"""How times are spread: percentiles of any number of them, in memory that does not grow."""

from __future__ import annotations

import math
from collections import Counter

_STEP = 1.01
"""Neighbouring buckets differ by 1 %: so exact is a percentile."""


class Spread:
    """Milliseconds, counted in buckets."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.largest = 0
        self._counts: Counter[int] = Counter()
        self._sums: Counter[int] = Counter()

    def add(self, milliseconds: int) -> None:
        """Count one; below 0, where two clocks disagree, it counts as 0."""
        value = max(milliseconds, 0)
        self.count += 1
        self.total += value
        self.largest = max(self.largest, value)
        bucket = math.ceil(math.log(value) / math.log(_STEP)) if value else -1
        self._counts[bucket] += 1
        self._sums[bucket] += value

    def percentile(self, share: float) -> int | None:
        """Milliseconds that this share, 0 to 1, does not exceed, up to 1 %; None of none."""
        if not self.count:
            return None
        wanted, seen = max(1, math.ceil(share * self.count)), 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return round(self._sums[bucket] / self._counts[bucket])
        return self.largest
