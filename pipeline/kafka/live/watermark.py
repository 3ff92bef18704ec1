"""The watermark of one partition: how far event time has come, by the records read and by the clock when idle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from transforms.errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class WatermarkPolicy:
    """``watermark = newest event time read - disorder``; a partition idle for a while follows the clock."""

    disorder_seconds: float = 60.0
    """How much later than its successors a record may come."""
    idle_seconds: float = 10.0
    """After so long at its end without a record, a partition no longer holds the others back."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.disorder_seconds < 0:
            raise ConfigInvalid(f"disorder `{self.disorder_seconds:g}` s is negative; mend --allowed-disorder")
        if self.idle_seconds <= 0:
            raise ConfigInvalid(f"idle time `{self.idle_seconds:g}` s must be above 0; mend --idle-after")


class Watermark:
    """Milliseconds since the epoch; never goes back."""

    def __init__(
        self,
        policy: WatermarkPolicy,
        start_ms: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``start_ms`` comes from the checkpoint; ``clock`` gives seconds since the epoch."""
        self._policy = policy
        self._clock = clock
        self._value = start_ms
        self._busy_at = clock()

    @property
    def value_ms(self) -> int:
        """Where it is."""
        return self._value

    def read(self, event_ms: int) -> None:
        """A record of this event time was read. One from the future counts as now: clocks of shops are wrong."""
        now = self._clock()
        self._busy_at = now
        self._rise(min(event_ms, int(now * 1000)))

    def nothing_to_read(self) -> None:
        """The partition is at its end."""
        now = self._clock()
        if now - self._busy_at >= self._policy.idle_seconds:
            self._rise(int(now * 1000))

    def behind(self) -> None:
        """Nothing came although the partition is not at its end: a slow broker is not an idle shop."""
        self._busy_at = self._clock()

    def _rise(self, newest_ms: int) -> None:
        self._value = max(self._value, newest_ms - int(self._policy.disorder_seconds * 1000))
