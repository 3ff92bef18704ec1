"""What happened when, in a bounded number of steps that grow with the time they cover."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000
WIDTHS = (
    _SECOND,
    5 * _SECOND,
    15 * _SECOND,
    _MINUTE,
    5 * _MINUTE,
    15 * _MINUTE,
    30 * _MINUTE,
    _HOUR,
    3 * _HOUR,
    6 * _HOUR,
    12 * _HOUR,
    24 * _HOUR,
    7 * 24 * _HOUR,
    28 * 24 * _HOUR,
)
"""Milliseconds of a step; each divides the next."""
MOST_STEPS = 48
_MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Step:
    """What fell into one step."""

    start_ms: int
    stop_ms: int
    counts: dict[str, int]


class Timeline:
    """Counts by kind and time."""

    def __init__(self) -> None:
        self._width = 0
        self._counts: dict[int, Counter[str]] = {}

    def add(self, kind: str, time_ms: int) -> None:
        """Count one of a kind."""
        place = time_ms // WIDTHS[self._width]
        if place not in self._counts:
            self._counts[place] = Counter()
        self._counts[place][kind] += 1
        while len(self._counts) > _MOST_KEPT and self._width + 1 < len(WIDTHS):
            self._counts = _coarser(self._counts, WIDTHS[self._width], WIDTHS[self._width + 1])
            self._width += 1

    def steps(self) -> tuple[Step, ...]:
        """At most `MOST_STEPS` of equal width, without gaps; of more than that the last ones."""
        counts, width = self._counts, self._width
        while counts and max(counts) - min(counts) >= MOST_STEPS and width + 1 < len(WIDTHS):
            counts = _coarser(counts, WIDTHS[width], WIDTHS[width + 1])
            width += 1
        if not counts:
            return ()
        size = WIDTHS[width]
        first = max(min(counts), max(counts) - MOST_STEPS + 1)
        return tuple(
            Step(place * size, (place + 1) * size, dict(counts.get(place, {})))
            for place in range(first, max(counts) + 1)
        )


def _coarser(counts: dict[int, Counter[str]], width: int, wider: int) -> dict[int, Counter[str]]:
    made: dict[int, Counter[str]] = {}
    for place, counted in counts.items():
        made.setdefault(place * width // wider, Counter()).update(counted)
    return made
