"""One real Kafka broker on this machine: KRaft mode, one process, gone without a trace afterwards."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from pipeline.local import settings as broker_settings
from pipeline.local import topics
from pipeline.local.broker import PORT_TAKEN, Broker
from pipeline.local.jars import Progress, fetch, read_lock
from pipeline.local.java import find_java
from transforms.errors import BrokerUnreachable

_LOGGER = logging.getLogger(__name__)
_PORT_ATTEMPTS = 5


class LocalKafka:
    """``with LocalKafka() as kafka:`` a started, empty broker that is stopped and deleted at the end.

    It serves 127.0.0.1 only, and also ends at interpreter exit and when this process is killed. Its log is
    deleted with its data, unless the broker failed to start or stopped on its own.
    """

    def __init__(
        self,
        default_partitions: int = 4,
        keep_log: Path | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        start_timeout: float = 60.0,
        stop_timeout: float = 20.0,
        progress: Progress | None = None,
    ) -> None:
        """``keep_log``: a file to append the log to and leave; ``settings``: broker options on top of ours.

        ``listeners``: further ones for clients, name: security protocol; see `address_of`. Time-outs are
        seconds; ``progress`` follows the fetching of the jars. Raises `ConfigInvalid`.
        """
        self._options = broker_settings.options(default_partitions, settings or {})
        self._listeners = dict(listeners or {})
        self._keep_log = keep_log.resolve() if keep_log is not None else None
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._progress = progress
        self._home: Path | None = None
        self._owner = 0
        self._broker: Broker | None = None
        self._running = False
        self._failed = False

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for clients, the same after a restart."""
        if self._broker is None:
            raise BrokerUnreachable("the local broker is not started; call `start()` or use it in a `with`")
        return self._broker.address

    def address_of(self, listener: str) -> str:
        """``host:port`` of one of ``listeners``."""
        if self._broker is None:
            raise BrokerUnreachable("the local broker is not started; call `start()` or use it in a `with`")
        return self._broker.addresses[listener]

    @property
    def log_path(self) -> Path:
        """Where the broker writes its log."""
        if self._keep_log is not None:
            return self._keep_log
        if self._home is None:
            raise BrokerUnreachable("the local broker has no log before its start; call `start()`")
        return self._home / "kafka.log"

    @property
    def running(self) -> bool:
        """False before the start, after a stop, and when the broker stopped on its own."""
        return self._running and self._broker is not None and self._broker.exit_code is None

    def start(self) -> None:
        """Start it: the first time on free ports, again on the same ports and data; it is ready on return.

        Raises `JavaMissing`, `JarUnavailable`, or `BrokerUnreachable` with the reason and the log's path.
        """
        if self.running:
            return
        if self._broker is not None:
            self._start(self._broker)
            return
        java, jars = find_java(), fetch(read_lock(), self._progress)
        self._home = Path(tempfile.mkdtemp(prefix="captionstream-kafka-"))
        self._owner = os.getpid()
        atexit.register(self.close)
        try:
            self._start_on_free_ports(broker_settings.java_command(java, jars, self._home), self._home)
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """Stop it orderly; its ports and data stay for another `start()`."""
        if self._broker is None or not self._running:
            return
        if not self.running:
            self._failed = True
            _LOGGER.warning("the local broker had stopped on its own; its log is at `%s`", self.log_path)
        elif not self._broker.stop(self._stop_timeout):
            self._failed = True
            _LOGGER.warning(
                "the local broker did not stop in `%g` s and was killed; its log is at `%s`",
                self._stop_timeout,
                self.log_path,
            )
        self._running = False

    def kill(self) -> None:
        """Stop it as a power cut would; its ports and data stay for another `start()`."""
        if self._broker is not None:
            self._broker.kill()
        self._running = False

    def close(self) -> None:
        """Stop it and delete its data; its log as well, unless it failed or was to be kept."""
        if self._home is None or os.getpid() != self._owner:
            return  # nothing to do, or a forked child that inherited what is its parent's
        self.stop()
        if self._failed and self._keep_log is None:
            for path in self._home.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
        else:
            shutil.rmtree(self._home, ignore_errors=True)
        atexit.unregister(self.close)
        self._home = self._broker = None
        self._failed = False

    def create_topics(
        self, partitions: Mapping[str, int], configs: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Create topics (name: partitions) with their configs (by topic); see `topics.create_topics`."""
        topics.create_topics(self.bootstrap_servers, partitions, configs or {})

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_on_free_ports(self, java: tuple[str, ...], home: Path) -> None:
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            ports = broker_settings.free_ports(2 + len(self._listeners))
            broker = Broker(java, home, self.log_path, ports, self._options, self._listeners, self._start_timeout)
            try:
                self._start(broker)
            except BrokerUnreachable as error:
                if PORT_TAKEN not in error.message or attempt == _PORT_ATTEMPTS:
                    raise
                shutil.rmtree(home / "data")  # it may know a broker at the old ports by now
            else:
                self._broker = broker
                return

    def _start(self, broker: Broker) -> None:
        try:
            broker.start()
        except BrokerUnreachable:
            self._failed = True
            raise
        self._failed, self._running = False, True
