"""The endpoint of one process: ``http://HOST:PORT/metrics``. Whatever goes wrong with it, the job goes on.

The port is the one that was given. If another process has it, perhaps a worker that is just ending, it is waited for
a little; then the next free one is taken.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from pipeline.metrics.options import PORTS, MetricsOptions

_LOGGER = logging.getLogger(__name__)

WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.5


class Endpoint:
    """Opens in a thread of its own: nobody waits for a port."""

    def __init__(
        self,
        options: MetricsOptions,
        wait_seconds: float = WAIT_SECONDS,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.port = 0
        """The one it listens at; 0 while it does not."""
        self._options = options
        self._wait = wait_seconds
        self._pause = pause
        self._server: Any = None
        self._closed = False
        self._lock = threading.Lock()
        self._opening = threading.Thread(target=self._open, name="metrics", daemon=True)
        self._opening.start()

    def ready(self, timeout: float | None = None) -> int:
        """Wait until it is known whether there is one; its port, or 0."""
        self._opening.join(timeout)
        return self.port

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._closed = True
            server, self._server, self.port = self._server, None, 0
        if server is not None:
            server.shutdown()
            server.server_close()

    def _open(self) -> None:
        first = self._options.port
        try:
            for _ in range(int(self._wait / PAUSE_SECONDS)):
                if self._listens(first):
                    return
                self._pause(PAUSE_SECONDS)
            if any(self._listens(port) for port in range(first, first + PORTS)):
                return
            _LOGGER.warning(
                "no port of %d to %d is free: this process shows no metrics; mend --metrics-port",
                *(first, first + PORTS - 1),
            )
        except Exception as error:  # the job is worth more than its numbers
            _LOGGER.warning("this process shows no metrics: `%s: %s`", type(error).__name__, error)

    def _listens(self, port: int) -> bool:
        """Whether there is nothing left to try: it listens here, or need not any more."""
        import errno

        from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

        from pipeline.metrics.collector import TallyCollector

        registry = CollectorRegistry()
        registry.register(TallyCollector())
        ProcessCollector(registry=registry)
        with self._lock:
            if self._closed:
                return True
            try:
                self._server, _ = start_http_server(port, self._options.address, registry)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return False
            self.port = port
        _LOGGER.info("metrics of process %d: port %d", os.getpid(), port)
        return True


_lock = threading.Lock()
_endpoints: dict[tuple[int, MetricsOptions], Endpoint] = {}


def serve(options: MetricsOptions) -> Endpoint | None:
    """The process's endpoint, opened by the first who asks; None where none is wanted."""
    if not options.port:
        return None
    with _lock:
        key = os.getpid(), options
        if key not in _endpoints:
            _endpoints[key] = Endpoint(options)
        return _endpoints[key]


def close_endpoints() -> None:
    """Stop listening at all of them."""
    with _lock:
        closing = [endpoint for (pid, _), endpoint in _endpoints.items() if pid == os.getpid()]
        _endpoints.clear()
    for endpoint in closing:
        endpoint.close()
