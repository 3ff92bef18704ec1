"""Counts by name, of which there may be any number in a topic, in bounded memory."""

from __future__ import annotations

from collections import Counter

OTHERS = "(others)"
_MOST = 10_000


class Tally:
    """A counter that keeps the first ten thousand names apart."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, number: int = 1) -> None:
        """Count under a name."""
        self._counts[name if name in self._counts or len(self._counts) < _MOST else OTHERS] += number

    def __getitem__(self, name: str) -> int:
        """How many have this name."""
        return self._counts[name]

    def total(self) -> int:
        """How many there are."""
        return self._counts.total()

    def largest(self, most: int | None = None) -> list[tuple[str, int]]:
        """Names and counts, the largest first, equal ones by name; beyond ``most`` together as others."""
        ranked = sorted(self._counts.items(), key=lambda pair: (pair[0] == OTHERS, -pair[1], pair[0]))
        if most is None or len(ranked) <= most:
            return ranked
        return [*ranked[:most], (OTHERS, sum(number for _, number in ranked[most:]))]
