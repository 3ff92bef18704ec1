"""A time by which a picture must be here, and sockets that keep it however slowly bytes drip."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

SILENCE_SECONDS = 10.0
"""A host that sends nothing for so long is given up."""

Clock = Callable[[], float]


class Deadline:
    """Counts down from when it is made."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    def left(self) -> float:
        """Seconds, not below 0."""
        return max(0.0, self._end - self._clock())

    def within(self, seconds: float) -> float:
        """So many seconds, or what is left. Raises `TimeoutError` when nothing is."""
        left = self.left()
        if left <= 0:
            raise TimeoutError("the deadline is over")
        return min(seconds, left)


class TimedSocket(socket.socket):
    """Looks at the deadline before every read: a time-out of its own would start anew with each byte."""

    deadline: Deadline

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        """As of `socket.socket`."""
        self.settimeout(self.deadline.within(SILENCE_SECONDS))
        return super().recv_into(*arguments, **named)


class TimedTlsSocket(ssl.SSLSocket):
    """The same, encrypted. Python bounds the whole handshake by the time-out of the socket it wraps."""

    deadline: Deadline

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        """As of `ssl.SSLSocket`."""
        self.settimeout(self.deadline.within(SILENCE_SECONDS))
        return super().recv_into(*arguments, **named)
