"""A progress bar on a terminal; elsewhere plain lines, if they are asked for."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from pipeline.terminal import say

_SETTLED = ("captions", "dead_letters", "deletions", "unchanged", "replaced")
LINE_SECONDS = 10.0


def settled() -> int:
    """Uploads of this process that became a record, or needed none."""
    from transforms.metrics import tally

    counted = tally()
    return sum(counted.get(name, 0) for name in _SETTLED)


class Progress:
    """``with Progress("Captioning", 240):`` shows how many of 240 are done."""

    def __init__(
        self,
        title: str,
        total: int,
        done: Callable[[], int] = settled,
        unit: str = "uploads",
        lines: bool = False,
        line_seconds: float = LINE_SECONDS,
    ) -> None:
        """``done`` only grows, and is asked from another thread; ``lines`` are printed where there is no terminal."""
        self._title = title
        self._total = total
        self._done = done
        self._unit = unit
        self._base = done()
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._bar: Bar | None = None
        self._pause = line_seconds
        if sys.stderr.isatty():
            self._pause = 0.2
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(unit),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60)
            self._task = self._bar.add_task(title, total=total)
        self._is_shown = lines or self._bar is not None
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        """Show it."""
        if self._bar is not None:
            self._bar.start()
        if self._is_shown:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove it."""
        self._stop.set()
        if self._is_shown:
            self._thread.join()
        if self._bar is not None:
            self._bar.stop()

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            done = self._done() - self._base
            if self._bar is not None:
                self._bar.update(self._task, completed=done)
            else:
                say(self._line(done))

    def _line(self, done: int) -> str:
        rate = done / max(time.monotonic() - self._began, 1e-9)
        left = f"{max(self._total - done, 0) / rate:.0f} s left" if rate else "nothing yet"
        return f"{self._title}: {done:,} of {self._total:,}, {rate:.1f} {self._unit}/s, {left}"


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """So many a second in the last minute."""
        return Text("" if task.speed is None else f"{task.speed:.1f} {self._unit}/s")
