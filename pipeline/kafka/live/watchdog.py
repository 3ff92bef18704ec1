"""The watchdog: says so when nothing comes out although something is owed.

A job can be RUNNING, complete its checkpoints and commit its offsets while its output is held back or its readers
starve. Only comparisons show it: of uploads read with records written (`Ledger`), and of what lies in the topic with
what the group has finished (`Backlog`).
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.live.backlog import REMEDY, Backlog
from pipeline.kafka.live.ends import behind, outputs_end
from pipeline.kafka.positions import Uploads
from transforms.errors import ConfigInvalid, OutputStalled
from transforms.ledger import LEDGER, Ledger
from transforms.metrics import count

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchdogOptions:
    """When to bark, and whether to bite."""

    limit_seconds: float = 300.0
    """Nothing written for so long although something is owed; longer than the model takes to load. 0: off."""
    fails: bool = False
    """Fail the job, so that the runner starts it again from its checkpoint; else only say so."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.limit_seconds < 0:
            raise ConfigInvalid(f"watchdog limit `{self.limit_seconds:g}` s is negative; mend --watchdog")
        if self.fails and not self.limit_seconds:
            raise ConfigInvalid("the watchdog is off (`0` s) and cannot fail the job; mend --watchdog")

    @property
    def pause_seconds(self) -> float:
        """Between two looks: several in each limit."""
        return max(self.limit_seconds / 8, 0.2)


@dataclass(frozen=True, slots=True)
class Senses:
    """How a watchdog asks the broker; either gives None when it does not answer."""

    outputs_end: Callable[[], int | None] = lambda: None
    """Records in the output topics; asked only where there are several workers."""
    behind: Callable[[], tuple[int, int] | None] = lambda: None
    """Uploads beyond the group's offsets, and the sum of these."""


class Watchdog:
    """Looks, says what is overdue once an episode, and remembers it for the readers to raise."""

    def __init__(
        self,
        options: WatchdogOptions,
        ledger: Ledger = LEDGER,
        senses: Senses = Senses(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._ledger = ledger
        self._backlog = Backlog(clock)
        self._senses = senses
        self._barked = False
        self._fault: OutputStalled | None = None

    def look(self) -> None:
        """Judge once."""
        message = self._judge()
        if message is None:
            if self._barked:
                _LOGGER.warning("the job moves again")
            self._barked, self._fault = False, None
        elif not self._barked:
            self._barked = True
            count("watchdog_alarms")
            _LOGGER.error(message)
            if self._options.fails:
                self._fault = OutputStalled(message)

    def raise_fault(self) -> None:
        """Raise `OutputStalled`, once, when the job is to fail."""
        fault, self._fault = self._fault, None
        if fault is not None:
            self._ledger.excuse()
            self._backlog.excuse()
            self._barked = False
            raise fault

    def _judge(self) -> str | None:
        if self._ledger.has_others() and (ends := self._senses.outputs_end()) is not None:
            self._ledger.outputs_end_at(ends)
        if (found := self._senses.behind()) is not None:
            self._backlog.observe(*found)
        if (owed := self._ledger.overdue(self._options.limit_seconds)) is not None:
            return (
                f"nothing has been written for `{owed.silent_seconds:.0f}` s although {owed.uploads} uploads are owed, "
                f"the oldest is `{owed.oldest}`; look at the captioner's log and at the runner's checkpoints, {REMEDY}"
            )
        return self._backlog.overdue(self._options.limit_seconds)


_lock = threading.Lock()
_started: dict[tuple[WatchdogOptions, KafkaOptions, str, Uploads], Watchdog] = {}


def watchdog_for(
    options: WatchdogOptions, kafka: KafkaOptions, group: str, uploads: Uploads, outputs: tuple[str, ...]
) -> Watchdog | None:
    """The process's watchdog, looking several times per limit; None when it is off."""
    if not options.limit_seconds:
        return None
    with _lock:
        key = options, kafka, group, uploads
        if key not in _started:
            senses = Senses(functools.partial(outputs_end, kafka, outputs))
            if group:
                senses = Senses(senses.outputs_end, functools.partial(behind, kafka, group, uploads, outputs))
            _started[key] = watchdog = Watchdog(options, LEDGER, senses)
            threading.Thread(
                target=_patrol, args=(watchdog, options.pause_seconds), name="watchdog", daemon=True
            ).start()
        return _started[key]


def _patrol(watchdog: Watchdog, pause: float) -> None:
    while True:
        time.sleep(pause)
        watchdog.look()
