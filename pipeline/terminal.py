"""What the commands print: one line of news on stderr, tables of counters on stdout."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(f"captionstream: {line}", file=sys.stderr)


def table(counters: dict[str, int]) -> str:
    """Counters, one a line."""
    width = max((len(name) for name in counters), default=0)
    return "\n".join(f"{name:<{width}}  {value:>10,}" for name, value in sorted(counters.items()))
