"""The time that a report is about."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.kafka.positions import EARLIEST, LATEST, Moment
from transforms.errors import ConfigInvalid

SLACK_MS = 3_600_000
"""How far the clocks of the workers may be apart: so much later records are looked at, too."""


@dataclass(frozen=True, slots=True)
class Window:
    """A start (included) and a stop (excluded), milliseconds since the epoch; None: no bound."""

    start_ms: int | None = None
    stop_ms: int | None = None

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` when it is empty."""
        if self.start_ms is not None and self.stop_ms is not None and self.start_ms >= self.stop_ms:
            raise ConfigInvalid("the time of --from is not before that of --to; mend one of them")

    @classmethod
    def parse(cls, start: str | None, stop: str | None, since_ms: int | None, now_ms: int) -> Window:
        """``--from``, ``--to`` and the duration of ``--since``. Raises `ConfigInvalid`."""
        if since_ms is not None:
            if start is not None or stop is not None:
                raise ConfigInvalid("`--since` is a window that ends now; give it without --from and --to")
            return cls(max(now_ms - since_ms, 0), now_ms)
        first = Moment.parse(start or EARLIEST, "--from", (EARLIEST,))
        last = Moment.parse(stop or LATEST, "--to", (LATEST,))
        return cls(first.time_ms, last.time_ms)

    def holds(self, time_ms: int) -> bool:
        """Whether a time is inside."""
        return (self.start_ms is None or time_ms >= self.start_ms) and (self.stop_ms is None or time_ms < self.stop_ms)

    @property
    def moments(self) -> tuple[Moment, Moment]:
        """Where to read from and to in topics whose records are nearly in order of time."""
        start = Moment(EARLIEST) if self.start_ms is None else Moment("--from", self.start_ms)
        stop = Moment(LATEST) if self.stop_ms is None else Moment("--to", self.stop_ms + SLACK_MS)
        return start, stop
