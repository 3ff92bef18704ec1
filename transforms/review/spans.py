"""Places in a text, and cutting them out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Where a rule hit, in characters of the text as written."""

    rule: str
    start: int
    end: int

    @property
    def length(self) -> int:
        """Characters."""
        return self.end - self.start


def merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Start and end of what any span covers, in order."""
    covered: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for span in spans):
        if covered and start <= covered[-1][1]:
            covered[-1] = (covered[-1][0], max(end, covered[-1][1]))
        else:
            covered.append((start, end))
    return covered


def redact(text: str, spans: Iterable[Span], mark: str) -> str:
    """The text with ``mark`` in place of each stretch that spans cover, and nothing else changed."""
    pieces, last = [], 0
    for start, end in merged(spans):
        pieces += [text[last:start], mark]
        last = end
    return "".join((*pieces, text[last:]))
