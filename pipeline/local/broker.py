"""One broker at one place: formats its storage, starts its process, waits until it serves."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from pipeline.local import settings
from pipeline.local.process import ServerProcess
from transforms.errors import BrokerUnreachable

PORT_TAKEN = "Address already in use"

_STARTED = "Kafka Server started"
_POLL_SECONDS = 0.02


class Broker:
    """Can be started, stopped and started again on its ports and data."""

    def __init__(
        self,
        java: tuple[str, ...],
        home: Path,
        log: Path,
        ports: Sequence[int],
        options: Mapping[str, str],
        listeners: Mapping[str, str],
        start_timeout: float,
    ) -> None:
        """``java`` is the command up to the main class; ``home`` holds data and settings; seconds.

        ``ports`` and ``listeners`` as of `settings.placement`.
        """
        self.address = f"127.0.0.1:{ports[0]}"
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(listeners, ports[2:], strict=True)}
        self._java = java
        self._home = home
        self._log = log
        self._log_start = 0
        self._options = {**options, **settings.placement(ports, home, listeners)}
        self._start_timeout = start_timeout
        self._process: ServerProcess | None = None

    @property
    def exit_code(self) -> int | None:
        """None while it runs and when it was never started."""
        return self._process.exit_code if self._process is not None else None

    def start(self) -> None:
        """Return once it serves. Raises `BrokerUnreachable` with the reason; nothing runs then."""
        deadline = time.monotonic() + self._start_timeout
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        properties = self._home / "server.properties"
        properties.write_text(settings.properties(self._options), "ascii")
        if not (self._home / "data" / "meta.properties").exists():
            self._format(properties)
        process = ServerProcess([*self._java, *settings.SERVE, str(properties)], self._log, self._home)
        try:
            self._wait_until_ready(process, deadline)
        except BaseException:
            process.kill()
            raise
        self._process = process

    def stop(self, limit_seconds: float) -> bool:
        """End it orderly; False when it did not within the limit and was killed."""
        return self._process is None or self._process.stop(limit_seconds)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()

    def _format(self, properties: Path) -> None:
        # A hand-written meta.properties saves 0.6 s, but leaves transaction and group versions at 0.
        command = [*self._java, *settings.FORMAT, str(properties)]
        with self._log.open("ab") as output:
            try:
                done = subprocess.run(  # noqa: S603
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=self._start_timeout,
                )
            except subprocess.TimeoutExpired:
                raise self._too_slow() from None
        if done.returncode:
            raise self._failure(f"stopped with code `{done.returncode}` while starting")

    def _wait_until_ready(self, process: ServerProcess, deadline: float) -> None:
        # The log first: its port is open long before metadata names a broker, and to ask in between makes
        # kafka-python warn on the terminal and wait up to 30 s before it asks again.
        while not (_STARTED in self._new_log() and self._answers()):
            if process.exit_code is not None:
                raise self._failure(f"stopped with code `{process.exit_code}` while starting")
            if time.monotonic() > deadline:
                raise self._too_slow()
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        """Whether it gives kafka-python metadata that names a broker."""
        try:
            KafkaAdminClient(bootstrap_servers=self.address, bootstrap_timeout_ms=2000).close()
        except KafkaError:
            return False
        return True

    def _new_log(self) -> str:
        """Read what was logged since the last start."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def _too_slow(self) -> BrokerUnreachable:
        return self._failure(f"was not ready after `{self._start_timeout:g}` s")

    def _failure(self, what: str) -> BrokerUnreachable:
        return BrokerUnreachable(
            f"the local broker {what}: `{relevant_line(self._new_log())}`; "
            f"its log is at `{self._log}`, mend what it names and start again"
        )


def relevant_line(log: str) -> str:
    """Find the first exception, of which the later ones are consequences; else what was written last."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line[0].isspace()]
    for line in lines:
        if match := re.match(r'(?:Exception in thread "\S+" )?([\w.$]*(?:Exception|Error): .+)', line):
            return match[1]
    return lines[-1] if lines else "nothing was logged"
