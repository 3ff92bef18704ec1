"""Ctrl-C while a job runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self


@contextlib.contextmanager
def interrupts_stay_ours() -> Iterator[None]:
    """Beam lets Ctrl-C end the Prism that it starts, and with it the job that is still to be cancelled."""
    if threading.current_thread() is not threading.main_thread():  # handlers are the main thread's
        yield
        return
    ours = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, ours)


class Interrupts:
    """Notes Ctrl-C, for `check` to raise it. The second one is raised at once.

    Raised wherever the program happens to be, it may be taken for a failure of a library's own, and be lost: clients
    of Kafka and gRPC run callbacks that let nothing out.
    """

    def __init__(self) -> None:
        self._has_come = False
        self._before: Any = None

    def __enter__(self) -> Self:
        """Take over, but where Ctrl-C is ignored or is not ours to take."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Give back."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if Ctrl-C has come."""
        if self._has_come:
            self._before(signal.SIGINT, None)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._has_come:
            self._before(number, frame)
        self._has_come = True
