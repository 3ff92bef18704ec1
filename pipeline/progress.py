"""A progress bar on a terminal; elsewhere nothing. It watches this process's counters."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from transforms.metrics import tally

_SETTLED = ("captions", "dead_letters", "deletions")


class Progress:
    """``with Progress("Captioning", 240):`` counts uploads that became a record."""

    def __init__(self, title: str, total: int) -> None:
        """``total`` is the number of records to be read."""
        self._base = _settled()
        self._stop = threading.Event()
        self._bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(title, total=total)
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        """Show it."""
        if self._bar is not None:
            self._bar.start()
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
        if self._bar is not None:
            self._thread.join()
            self._bar.stop()

    def _watch(self) -> None:
        while self._bar is not None and not self._stop.wait(0.2):
            self._bar.update(self._task, completed=_settled() - self._base)


def _settled() -> int:
    counted = tally()
    return sum(counted.get(name, 0) for name in _SETTLED)
