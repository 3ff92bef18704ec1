"""Connects through a proxy that the operator named.

Then it is the proxy that looks names up, and nobody here can judge where they lead: what is left is the list of hosts,
each by its name, and that an address that is written out is judged as ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transforms.errors import ConfigInvalid, SourceForbidden
from transforms.fetch.addresses import parse
from transforms.fetch.answers import TryAgain
from transforms.fetch.deadline import Deadline, TimedSocket
from transforms.fetch.dial import Connect, Dial, Resolve, connect, resolve

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_MOST_HEAD = 8192
_FAIR_SECONDS = 2.0
"""A proxy that had less to be reached in may be well; a first packet that is lost is sent again after one."""


class ProxyFailed(OSError):
    """The proxy could not be reached: no host's fault, and no upload's."""


class ProxyDial(Dial):
    """Connects to the proxy, whoever is asked for; thread-safe."""

    is_forwarding = True

    def __init__(
        self,
        proxy: tuple[str, int],
        networks: Sequence[str] = (),
        resolve: Resolve = resolve,
        connect: Connect = connect,
    ) -> None:
        """``proxy`` may have any address; ``networks`` as of `Dial`."""
        super().__init__(networks, resolve, connect)
        self._proxy = proxy

    def __call__(self, host: str, port: int, deadline: Deadline) -> TimedSocket:
        """A socket that takes whole addresses. Raises `SourceForbidden`, `ProxyFailed` or `TimeoutError`."""
        # That it is over, or as good as over, is not the proxy's fault: a host that redirects late could stop the job.
        is_late = deadline.within(_FAIR_SECONDS) < _FAIR_SECONDS
        literal = parse(host)
        if literal is not None:
            self._check(host, [literal])
        name, at = self._proxy
        try:
            own = parse(name)
            found = [own] if own is not None else self._judged(name, at, deadline)
            return self._connected(found, at, deadline)
        except (OSError, SourceForbidden) as error:
            if is_late and isinstance(error, TimeoutError):
                raise
            raise ProxyFailed(f"the proxy could not be reached (`{type(error).__name__}`)") from None

    def tunnel(self, host: str, port: int, deadline: Deadline) -> TimedSocket:
        """A socket behind which the host is. Raises as a call, and `TryAgain` or `ConfigInvalid` for its answer."""
        made = self(host, port, deadline)
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            made.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode("ascii"))
            self._understand(_head(made), place)
        except BaseException:
            made.close()
            raise
        return made

    def _understand(self, head: bytes, place: str) -> None:
        found = _STATUS.match(head)
        status = int(found[1]) if found else 0
        if status == 200:
            return
        if status == 407:
            raise ConfigInvalid("the proxy wants a password (`407`), and none is sent; let this worker in without one")
        if status in (400, 403, 404, 405):
            raise SourceForbidden(f"the proxy refuses `{place}` (`{status}`); allow it there, or mend --fetch-host")
        raise TryAgain(f"the proxy answered `{status or 'no HTTP'}` for `{place}`")


def _head(made: TimedSocket) -> bytes:
    """The head of an answer. After it nothing comes until we speak again."""
    head, buffer = b"", bytearray(1024)
    while not head.endswith(b"\r\n\r\n"):
        size = made.recv_into(buffer)
        head += bytes(buffer[:size])
        if not size or len(head) > _MOST_HEAD:
            raise TryAgain("the proxy broke off")
    return head
