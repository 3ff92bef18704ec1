"""Who may have killed a process, and who is asked next to find out. No processes here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from transforms.captioner.api import CaptionRequest
from transforms.captioner.promise import Promise

SUSPECT = 2
"""Crashes that a request took part in, after which it is asked with fewer others."""


@dataclass(slots=True, eq=False)
class Asked:
    """A request that is not settled."""

    number: int
    request: CaptionRequest
    future: Promise
    crashes: int = 0
    together: int = 0
    """Most requests it is asked with while it is a suspect, itself included."""
    is_sent: bool = False
    cell: int | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether it may be what kills the process."""
        return self.crashes >= SUSPECT


def may_go(asked: Collection[Asked]) -> list[Asked]:
    """Requests to send now, of all that are not settled, oldest first.

    All that are not sent; but while there are suspects a group of them when nothing is under way. Those go first that
    took part in fewest crashes: they prove that the process works, and that the others hold the guilty one.
    """
    suspects = [one for one in asked if one.is_suspect]
    if not suspects:
        return [one for one in asked if not one.is_sent]
    if any(one.is_sent for one in asked):
        return []
    least = min(one.crashes for one in suspects)
    group = [one for one in suspects if one.crashes == least]
    return group[: min(one.together for one in group)]


def crashed(under_way: Collection[Asked]) -> Asked | None:
    """Note that the process died of one of these; the guilty one, once that is certain.

    A group that killed it is asked again in halves, so that a hundred suspects cost a few crashes and not a hundred.
    """
    guilty = next(iter(under_way)) if len(under_way) == 1 else None
    if guilty is not None and not guilty.is_suspect:
        guilty = None
    for one in under_way:
        one.crashes += 1
        one.is_sent = False
        one.together = max(1, len(under_way) // 2)
    return guilty
