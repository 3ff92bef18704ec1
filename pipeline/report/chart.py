"""Bars over time for the page, drawn in a box of 1000 by 100."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.timeline import Step

WIDTH, HEIGHT = 1000.0, 100.0
_GAP = 0.18
"""Between bars, of a step's width."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of one step's bar."""

    kind: str
    x: float
    y: float
    width: float
    height: float


def bars(steps: Sequence[Step], kinds: Sequence[str]) -> list[Bar]:
    """The parts of every step, the first kind at the bottom; what is there at all is at least a hair high."""
    tallest = max((sum(step.counts.values()) for step in steps), default=0)
    drawn: list[Bar] = []
    if not tallest:
        return drawn
    size = WIDTH / len(steps)
    width = min(size * (1 - _GAP), 60.0)
    for place, step in enumerate(steps):
        floor = HEIGHT
        for kind in kinds:
            height = step.counts.get(kind, 0) / tallest * HEIGHT
            if height:
                height = max(height, 0.8)
                floor = max(floor - height, 0.0)
                drawn.append(Bar(kind, place * size + (size - width) / 2, floor, width, height))
    return drawn
