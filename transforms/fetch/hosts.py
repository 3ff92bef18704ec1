"""How hosts are treated: a few connections to each at once, and peace for one that does not answer or is very slow.

Without that peace a host that hangs would hold up every bundle that names it for as long as each of its pictures waits,
and a bundle that is held up for longer than a checkpoint may take ends the job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from transforms.errors import ImageUnreadable
from transforms.fetch.deadline import Clock, Deadline

FAILURES = 5
"""Requests in a row without an answer after which a host is left alone."""
PEACE_SECONDS = 30.0
"""Then one request tries it again."""
FAIR_SECONDS, PATIENCE_SECONDS = 5.0, 80.0
"""What requests take beyond the first is added up, what they stay below it taken off; over the second a host is left
alone, too: it hangs or drips so often that answers in between do not make up for it."""
_MOST = 10_000
"""Hosts that are remembered."""


@dataclass(slots=True)
class _Host:
    users: int = 0
    """Requests that run or wait."""
    running: int = 0
    failures: int = 0
    excess: float = 0.0
    """Seconds that its requests took beyond what is fair."""
    peace_until: float = 0.0
    why: str = ""


class Hosts:
    """By place (``host:port``); thread-safe."""

    def __init__(self, connections: int, clock: Clock = time.monotonic) -> None:
        """``connections`` to one host at once."""
        self._connections, self._clock = connections, clock
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}

    @contextmanager
    def slot(self, place: str, deadline: Deadline) -> Iterator[None]:
        """Hold one of the host's connections. Raises `ImageUnreadable` when none frees in time, or it has its peace."""
        with self._changed:
            host = self._hosts.setdefault(place, _Host())
            host.users += 1
            try:
                self._enter(place, host, deadline)
            except BaseException:
                self._forget(place, host)
                raise
        try:
            yield
        finally:
            with self._changed:
                host.running -= 1
                self._changed.notify_all()
                self._forget(place, host)

    def answered(self, place: str) -> None:
        """It sent a whole answer, whatever that says."""
        with self._changed:
            host = self._hosts.get(place)
            if host is not None:
                if host.failures >= FAILURES:
                    host.peace_until = 0.0
                host.failures = 0

    def failed(self, place: str) -> None:
        """It could not be reached, or fell silent."""
        with self._changed:
            host = self._hosts.setdefault(place, _Host())
            host.failures += 1
            if host.failures >= FAILURES:
                self._leave_alone(host, f"did not answer `{host.failures}` requests in a row")

    def took(self, place: str, seconds: float) -> None:
        """A request to it ended, one way or another."""
        with self._changed:
            host = self._hosts.setdefault(place, _Host())
            host.excess = max(0.0, host.excess + seconds - FAIR_SECONDS)
            if host.excess > PATIENCE_SECONDS:
                host.excess = 0.0
                self._leave_alone(host, f"often takes much more than `{FAIR_SECONDS:g}` s for a picture")

    def _leave_alone(self, host: _Host, why: str) -> None:
        host.peace_until, host.why = self._clock() + PEACE_SECONDS, why
        self._changed.notify_all()

    def _enter(self, place: str, host: _Host, deadline: Deadline) -> None:
        self._changed.wait_for(lambda: host.running < self._connections or self._has_peace(host), deadline.left())
        if self._has_peace(host):
            raise ImageUnreadable(
                f"`{place}` {host.why} and is left alone for `{PEACE_SECONDS:g}` s; see to it and redrive"
            )
        if host.running >= self._connections:
            raise ImageUnreadable(
                f"none of the `{self._connections}` connections to `{place}` became free in time; redrive, or raise "
                "--fetch-connections-per-host"
            )
        if host.failures >= FAILURES:
            host.peace_until = self._clock() + PEACE_SECONDS  # this one tries; the others keep away meanwhile
        host.running += 1

    def _has_peace(self, host: _Host) -> bool:
        return self._clock() < host.peace_until

    def _forget(self, place: str, host: _Host) -> None:
        host.users -= 1
        is_clean = not (host.failures or host.excess or self._has_peace(host))
        if not host.users and (is_clean or len(self._hosts) > _MOST):
            self._hosts.pop(place, None)
