"""What the commands print: one line of news on stderr, tables of counters on stdout."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

OURS = ("pipeline", "transforms")


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(f"captionstream: {line}", file=sys.stderr)


def table(counters: dict[str, int]) -> str:
    """Counters, one a line."""
    width = max((len(name) for name in counters), default=0)
    return "\n".join(f"{name:<{width}}  {value:>10,}" for name, value in sorted(counters.items()))


@contextlib.contextmanager
def quiet(is_verbose: bool, shows_logs: bool) -> Iterator[None]:
    """Hold back what libraries log: whole traces for what is said in one line. ``shows_logs`` leaves ours.

    Verbose holds back nothing.
    """
    before, root, level = logging.root.manager.disable, logging.getLogger(), logging.root.level
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    with warnings.catch_warnings():
        if is_verbose or shows_logs:
            root.addHandler(handler)
            root.setLevel(logging.INFO)
        if not is_verbose:
            warnings.simplefilter("ignore")
            if shows_logs:
                handler.addFilter(lambda record: record.name.partition(".")[0] in OURS)
            else:
                logging.disable(logging.CRITICAL)
            threading.excepthook = _hang_ups_aside
        try:
            yield
        finally:
            threading.excepthook = threading.__excepthook__
            logging.disable(before)
            root.removeHandler(handler)
            root.setLevel(level)


def hush() -> None:
    """Log nothing more: the process ends."""
    logging.disable(logging.CRITICAL)
    threading.excepthook = _hang_ups_aside


def _hang_ups_aside(raised: threading.ExceptHookArgs) -> None:
    """Beam's threads read from a runner until it hangs up, and end with an error that says no more than that."""
    if not type(raised.exc_value).__module__.startswith("grpc"):
        threading.__excepthook__(raised)
