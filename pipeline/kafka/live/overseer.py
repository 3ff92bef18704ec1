"""The launcher's watchdog: a job may be stuck before any worker has a reader, and with it a watchdog."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.live.backlog import Backlog
from pipeline.kafka.live.ends import behind
from pipeline.kafka.live.watchdog import WatchdogOptions
from pipeline.kafka.positions import Uploads
from transforms.errors import OutputStalled

_LOGGER = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Between two looks at the most: what it sees of the group's lag is scraped as often."""
PATIENCE = 2
"""Limits until the launcher ends the job. The workers, who act after one, let the runner start it again first."""


class Overseer:
    """Says so when the group finishes nothing; where the watchdog is to fail the job, ends it when that lasts."""

    def __init__(
        self,
        options: WatchdogOptions,
        behind: Callable[[], tuple[int, int] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``behind`` gives uploads beyond the group's offsets and the sum of these; None when nobody answers."""
        self._options = options
        self._behind = behind
        self._clock = clock
        self._backlog = Backlog(clock)
        self._due = clock()
        self._barked = False

    def __call__(self) -> None:
        """Look when it is time; raises `OutputStalled` when the job is to end."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + min(self._options.pause_seconds, LOOK_SECONDS)
        if (found := self._behind()) is not None:
            self._backlog.observe(*found)
        message = self._backlog.overdue(self._options.limit_seconds)
        if message is not None and not self._barked:
            _LOGGER.error(message)
        self._barked = message is not None
        last = self._backlog.overdue(PATIENCE * self._options.limit_seconds)
        if self._options.fails and last is not None:
            raise OutputStalled(last)


def overseer_for(
    options: WatchdogOptions, kafka: KafkaOptions, group: str, uploads: Uploads, outputs: tuple[str, ...]
) -> Callable[[], None]:
    """The launcher's; one that never looks when it is off or there is no group to ask about."""
    if not options.limit_seconds or not group:
        return lambda: None
    return Overseer(options, functools.partial(behind, kafka, group, uploads, outputs))
