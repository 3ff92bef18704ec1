"""Picks ports for several servers at once."""

from __future__ import annotations

from pipeline.local import settings


def free_ports(count: int) -> tuple[int, ...]:
    """Pick different ports that nothing uses now, below the ephemeral range for `settings.free_ports`' reason."""
    found: set[int] = set()
    while len(found) < count:
        found.update(settings.free_ports())
    return tuple(found)[:count]
