"""What the commands print: one line of news on stderr, tables of counters on stdout."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, TextIO, cast

OURS = ("pipeline", "transforms")


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(f"captionstream: {line}", file=sys.stderr)


def printable(name: str) -> str:
    """A file's name without what would steer a terminal or turn the direction of a line: that is escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def table(counters: dict[str, int]) -> str:
    """Counters, one a line."""
    width = max((len(name) for name in counters), default=0)
    return "\n".join(f"{name:<{width}}  {value:>10,}" for name, value in sorted(counters.items()))


@contextlib.contextmanager
def quiet(is_verbose: bool, shows_logs: bool) -> Iterator[contextlib.ExitStack]:
    """Hold back what libraries log: whole traces for what is said in one line. ``shows_logs`` leaves ours.

    Verbose holds back nothing. Yields what undoes it at the end.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    with contextlib.ExitStack() as undo:
        if is_verbose or shows_logs:
            undo.callback(root.setLevel, root.level)
            undo.callback(root.removeHandler, handler)
            root.addHandler(handler)
            root.setLevel(logging.INFO)
        if not is_verbose:
            undo.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            undo.callback(logging.disable, logging.root.manager.disable)
            undo.callback(setattr, threading, "excepthook", threading.excepthook)
            undo.callback(setattr, sys, "stderr", sys.stderr)
            if shows_logs:
                handler.addFilter(lambda record: record.name.partition(".")[0] in OURS)
            else:
                logging.disable(logging.CRITICAL)
            threading.excepthook = _hang_ups_aside
        yield undo


def threads_aside() -> None:
    """From now on only the main thread prints: Beam's print a trace when a runner goes away before them."""
    if not isinstance(sys.stderr, _MainThreads):
        sys.stderr = cast("TextIO", _MainThreads(sys.stderr))


class _MainThreads:
    """A stream that takes what the main thread writes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        is_main = threading.current_thread() is threading.main_thread()
        return self._stream.write(text) if is_main else len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _hang_ups_aside(raised: threading.ExceptHookArgs) -> None:
    """Beam's threads read from a runner until it hangs up, and end with an error that says no more than that."""
    if not type(raised.exc_value).__module__.startswith("grpc"):
        threading.__excepthook__(raised)
