"""A progress bar on a terminal; elsewhere plain lines, if they are asked for. It watches this process's counters."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from pipeline.terminal import say
from transforms.metrics import tally

_SETTLED = ("captions", "dead_letters", "deletions", "unchanged", "replaced")
LINE_SECONDS = 10.0


class Progress:
    """``with Progress("Captioning", 240):`` counts uploads that became a record, or needed none."""

    def __init__(self, title: str, total: int, lines: bool = False, line_seconds: float = LINE_SECONDS) -> None:
        """``total`` is the number of records to be read; ``lines`` are printed where there is no terminal."""
        self._title = title
        self._total = total
        self._base = _settled()
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
                _Rate(),
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
            done = _settled() - self._base
            if self._bar is not None:
                self._bar.update(self._task, completed=done)
            else:
                say(self._line(done))

    def _line(self, done: int) -> str:
        rate = done / max(time.monotonic() - self._began, 1e-9)
        left = f"{max(self._total - done, 0) / rate:.0f} s left" if rate else "nothing yet"
        return f"{self._title}: {done:,} of {self._total:,}, {rate:.1f} uploads/s, {left}"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Uploads per second of the last minute."""
        return Text("" if task.speed is None else f"{task.speed:.1f} uploads/s")


def _settled() -> int:
    counted = tally()
    return sum(counted.get(name, 0) for name in _SETTLED)
