"""Connects to a host: looks its name up, judges every address found, and connects to one of exactly these."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from transforms.errors import SourceForbidden
from transforms.fetch.addresses import Address, may_connect, parse
from transforms.fetch.deadline import Deadline, TimedSocket

CONNECT_SECONDS = 5.0
LOOKUP_SECONDS = 5.0
ADDRESSES = 4
"""Of a name, tried one after the other."""

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float], TimedSocket]


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name. Raises `socket.gaierror`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def connect(address: str, port: int, seconds: float) -> TimedSocket:
    """Connect to an address, never to a name. Raises `OSError`."""
    made = TimedSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect((address, port))
    except BaseException:
        made.close()
        raise
    return made


class Dial:
    """Connects within a deadline; thread-safe."""

    is_forwarding = False
    """Whether somebody else connects for us, who wants to hear whole addresses."""

    def __init__(self, networks: Sequence[str] = (), resolve: Resolve = resolve, connect: Connect = connect) -> None:
        """``networks`` may be connected to besides public addresses."""
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self._resolve, self._connect = resolve, connect

    def __call__(self, host: str, port: int, deadline: Deadline) -> TimedSocket:
        """A connected socket. Raises `SourceForbidden`, or `OSError` and `TimeoutError` for what failed."""
        literal = parse(host)
        found = [literal] if literal is not None else self._judged(host, port, deadline)
        self._check(host, found)
        return self._connected(found, port, deadline)

    def tunnel(self, host: str, port: int, deadline: Deadline) -> TimedSocket:
        """The same for what will be encrypted."""
        return self(host, port, deadline)

    def _connected(self, found: Sequence[Address], port: int, deadline: Deadline) -> TimedSocket:
        failure: OSError = OSError("the name has no address")
        for address in found[:ADDRESSES]:
            try:
                made = self._connect(str(address), port, deadline.within(CONNECT_SECONDS))
            except OSError as error:
                failure = error
                continue
            made.deadline = deadline
            made.settimeout(deadline.within(CONNECT_SECONDS))  # for a TLS handshake
            return made
        raise failure

    def _judged(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        found = []
        for text in dict.fromkeys(self._looked_up(host, port, deadline)):
            address = parse(text)
            if address is None:
                raise SourceForbidden(f"host `{host}` has the address `{text[:60]}`, which is none of a public machine")
            found.append(address)
        return found

    def _check(self, host: str, found: Sequence[Address]) -> None:
        """One bad address condemns the name: an honest one has none."""
        for address in found:
            if not may_connect(address, self._networks):
                what = (
                    f"host `{host}` has the address `{address}`, which is" if str(address) != host else f"`{host}` is"
                )
                raise SourceForbidden(
                    f"{what} not public; if pictures lie there, name its network with --fetch-network"
                )

    def _looked_up(self, host: str, port: int, deadline: Deadline) -> list[str]:
        """On a thread of its own: nothing ends a look-up that hangs but the system's own limits."""
        future: Future[list[str]] = Future()

        def work() -> None:
            try:
                future.set_result(self._resolve(host, port))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, name="lookup", daemon=True).start()
        return future.result(deadline.within(LOOKUP_SECONDS))
