"""A host of pictures for tests: says exactly the bytes it is told to, and counts who connected.

::

    with WebHost(lambda request: picture(b"bytes")) as host:
        host.url("/a.jpg"), host.accepted, host.requests
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Say = bytes | Iterable[bytes]
"""Bytes, or pieces of them; the connection is closed after what `close` was added to, and kept otherwise."""


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An HTTP answer; ``length`` is a lie about the body's."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def picture(body: bytes = b"picture", *headers: str) -> bytes:
    return answer("200 OK", body, *headers)


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(status, b"", f"Location: {location}")


class WebHost:
    """``talk`` is called with each request's head, and gives what is said; a generator may wait between pieces."""

    def __init__(
        self,
        talk: Callable[[str], Say] = lambda _: picture(),
        address: str = "127.0.0.1",
        port: int = 0,
        context: ssl.SSLContext | None = None,
        before: Callable[[socket.socket], Any] | None = None,
    ) -> None:
        """``before`` is called with each connection, first of all."""
        self._talk, self._context, self._before = talk, context, before
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address == "::":  # everything of this machine, IPv4 too
            self._listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self._listener.bind((address, port))
        self._listener.listen(256)
        self.address, self.port = address, self._listener.getsockname()[1]
        self.accepted = 0
        self.requests: list[str] = []
        self.closing = threading.Event()
        """Set at the end: what waits for it hangs until then."""
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str = "/a.jpg", host: str | None = None) -> str:
        name = host or (f"[{self.address}]" if ":" in self.address else self.address)
        return f"{'https' if self._context else 'http'}://{name}:{self.port}{path}"

    def wait_accepted(self, count: int) -> None:
        """Until so many connected."""
        until = time.monotonic() + 20
        while self.accepted < count:
            assert time.monotonic() < until, f"{self.accepted} of {count} connected"
            time.sleep(0.005)

    def close(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> WebHost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._open.append(made)
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        try:
            if self._before is not None:
                self._before(made)
            if self._context is not None:
                made = self._context.wrap_socket(made, server_side=True)
            while request := _head(made):
                with self._lock:
                    self.requests.append(request)
                said = self._talk(request)
                for piece in [said] if isinstance(said, bytes) else said:
                    made.sendall(piece)
                if not isinstance(said, bytes):
                    break
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()


def _head(made: socket.socket) -> str:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = made.recv(4096)
        if not piece:
            return ""
        head += piece
    return head.decode("latin-1")


def drip(data: bytes, stop: threading.Event, seconds: float = 0.05) -> Iterator[bytes]:
    """One byte after the other, for ever the last one."""
    while not stop.is_set():
        yield data[:1]
        data = data[1:] or data
        stop.wait(seconds)
