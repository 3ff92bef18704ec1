"""urllib3's connections with our way of connecting, kept open for the next picture of the same host."""

from __future__ import annotations

import collections
import logging
import ssl
import threading
import time
from pathlib import Path

from urllib3.connection import HTTPConnection, HTTPSConnection

from transforms.errors import ConfigInvalid
from transforms.fetch.deadline import Clock, Deadline, TimedSocket, TimedTlsSocket
from transforms.fetch.dial import Dial
from transforms.fetch.target import Target

IDLE_SECONDS = 15.0
"""Most servers close a connection that nobody uses after a little longer."""

# Its only lines show an address with its query.
logging.getLogger("urllib3.connection").addFilter(lambda _: False)


class Plain(HTTPConnection):
    """Without encryption."""

    dial: Dial
    deadline: Deadline
    is_used = False

    def _new_conn(self) -> TimedSocket:
        return self.dial(self.host, self.port, self.deadline)


class Encrypted(HTTPSConnection):
    """The certificate and its name are checked against the host's name, though an address is connected to."""

    dial: Dial
    deadline: Deadline
    is_used = False

    def _new_conn(self) -> TimedSocket:
        return self.dial.tunnel(self.host, self.port, self.deadline)

    def connect(self) -> None:
        """As of urllib3."""
        super().connect()
        self.sock.deadline = self.deadline  # type: ignore[union-attr]


Connection = Plain | Encrypted


class Connections:
    """Those that are open and idle; thread-safe. No cookies, no credentials, no proxies."""

    def __init__(self, dial: Dial, most: int, ca_file: str | None = None, clock: Clock = time.monotonic) -> None:
        """Keep ``most`` of them. Raises `ConfigInvalid` when the authorities cannot be read."""
        self._dial, self._most, self._clock = dial, most, clock
        self._context = _context(ca_file)
        self._lock = threading.Lock()
        self._idle: collections.deque[tuple[float, Target, Connection]] = collections.deque()

    def take(self, target: Target, deadline: Deadline) -> Connection:
        """One to this place: an idle one, else one that connects with its first request."""
        connection = self._taken(target) or self._made(target)
        connection.deadline = deadline
        if connection.sock is not None:
            connection.sock.deadline = deadline  # type: ignore[union-attr]
        return connection

    def give(self, target: Target, connection: Connection) -> None:
        """Keep one whose answer was read to its end."""
        if connection.sock is None:
            return
        connection.is_used = True
        with self._lock:
            self._idle.append((self._clock(), target, connection))
            excess = [self._idle.popleft()[2]] if len(self._idle) > self._most else []
        for old in excess:
            old.close()

    def drop(self, target: Target) -> None:
        """Close the idle ones to this place: another was found closed, so they may be, too."""
        with self._lock:
            mine = [kept for kept in self._idle if _same_place(kept[1], target)]
            for kept in mine:
                self._idle.remove(kept)
        for _, _, connection in mine:
            connection.close()

    def _taken(self, target: Target) -> Connection | None:
        with self._lock:
            for kept in reversed(self._idle):
                since, of, connection = kept
                if _same_place(of, target):
                    self._idle.remove(kept)
                    break
            else:
                return None
        # What a host sends unasked would be taken for the next answer.
        if self._clock() - since > IDLE_SECONDS or not connection.is_connected:
            connection.close()
            return None
        return connection

    def _made(self, target: Target) -> Connection:
        connection: Connection
        if target.scheme == "https":
            connection = Encrypted(target.host, target.port, ssl_context=self._context)
        else:
            connection = Plain(target.host, target.port)
        connection.dial = self._dial
        return connection


def _same_place(one: Target, other: Target) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslsocket_class = TimedTlsSocket
    if ca_file is not None:
        try:
            context.load_verify_locations(cadata=Path(ca_file).read_text("ascii"))
        except (OSError, ValueError) as error:
            raise ConfigInvalid(
                f"`{ca_file}` cannot be read as certificates (`{type(error).__name__}`); mend --fetch-ca-file"
            ) from error
    return context
