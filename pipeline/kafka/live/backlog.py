"""The backlog: uploads that lie in the topic while the group finishes none."""

from __future__ import annotations

import time
from collections.abc import Callable

REMEDY = "then stop the job with a savepoint and start it from there"


class Backlog:
    """What the broker tells of a job: how far its group is behind, and when that last moved."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()
        self._committed: int | None = None
        self._behind = 0

    def observe(self, uploads: int, committed: int) -> None:
        """``uploads`` lie beyond the group's offsets, whose sum is ``committed``."""
        if committed != self._committed or not uploads:
            self._moved_at = self._clock()
        self._behind, self._committed = uploads, committed

    def overdue(self, limit_seconds: float) -> str | None:
        """What to say when nothing was finished for so long although something is there; else None."""
        silent = self._clock() - self._moved_at
        if not self._behind or silent < limit_seconds:
            return None
        return (
            f"`{self._behind}` uploads lie in the topic and none was finished for {silent:.0f} s: they are not read, "
            f"or no checkpoint completes; look at the runner's checkpoints, {REMEDY}"
        )

    def excuse(self) -> None:
        """Count from now: the job starts again."""
        self._moved_at = self._clock()
