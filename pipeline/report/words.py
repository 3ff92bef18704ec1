"""Figures in words, the same on a terminal and on the page."""

from __future__ import annotations

import math
from datetime import UTC, datetime

DASH = "–"
_LAST_MS = 253_402_300_799_000
"""Of the year 9999; a producer may say anything."""


def number(value: int) -> str:
    """Thousands apart."""
    return f"{value:,}"


def percent(share: float | None) -> str:
    """A share of 0 to 1; a dash for none."""
    return DASH if share is None else f"{100 * share:.1f} %"


def duration(milliseconds: float | None) -> str:
    """Three digits in the unit that suits them; a dash for none."""
    if milliseconds is None:
        return DASH
    for unit, size in (("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds >= (2 * size if unit != "s" else size):
            return f"{_short(milliseconds / size)} {unit}"
    return f"{milliseconds:.0f} ms"


def step(milliseconds: int) -> str:
    """A whole number of the largest unit that divides it."""
    for unit, size in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)):
        if milliseconds % size == 0:
            times = milliseconds // size
            return f"{times:,} {unit}{'s' if times > 1 else ''}"
    return f"{milliseconds:,} ms"


def money(value: float) -> str:
    """Two digits after the point, more of what is small."""
    if value >= 1 or value == 0:
        return f"{value:,.2f}"
    return f"{value:.{1 - math.floor(math.log10(value))}f}"


def moment(time_ms: int | None) -> str:
    """A time in UTC to the second; a dash for none."""
    if time_ms is None:
        return DASH
    return datetime.fromtimestamp(min(max(time_ms, 0), _LAST_MS) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def named(name: str) -> str:
    """A name from a topic; words for an empty one."""
    return name or "(none)"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
