"""What a server of one process and one port has in common with the others: how it starts, stops and is found."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pipeline.local.servers import Server, ServerGroup
from pipeline.local.settings import free_ports
from transforms.errors import RunnerUnreachable


class LocalServer(ABC):
    """It serves this machine, and ends at the latest when this process does, even by SIGKILL.

    Its scratch folder is deleted at the end; the log stays when it failed.
    """

    name: ClassVar[str]
    """As people call it, for messages and the log's name."""
    ready: ClassVar[str]
    """What it logs when it serves."""

    def __init__(self, keep_logs: Path | None, start_timeout: float) -> None:
        """``keep_logs``: a folder for the log, which then stays; the time-out is seconds."""
        [self._port] = free_ports(1)
        self._keep_logs = keep_logs
        self._start_timeout = start_timeout
        self._group: ServerGroup | None = None
        self._server: Server | None = None

    @abstractmethod
    def _command(self, home: Path) -> Sequence[str]:
        """Prepare the scratch folder and say what to run."""

    @property
    def endpoint(self) -> str:
        """``host:port`` for clients, the same after a restart."""
        return f"127.0.0.1:{self._port}"

    @property
    def home(self) -> Path:
        """The scratch folder."""
        return self._started().home

    @property
    def log_path(self) -> Path:
        """Where it writes its log."""
        return self._started().log_path(self.name)

    @property
    def running(self) -> bool:
        """False before the start, after a stop, and when it stopped on its own."""
        return self._server is not None and self._server.running

    def start(self) -> None:
        """Start it, also again after `stop` and `kill`; it is ready on return.

        Raises `RunnerUnreachable` with the reason and the log's path, or what keeps it from being run at all.
        """
        if self.running:
            return
        if self._group is None:
            self._group = ServerGroup(self.name, self._keep_logs)
        try:
            command = self._command(self._group.home)
            deadline = time.monotonic() + self._start_timeout
            self._server = self._group.launch(self.name, command)
            self._server.wait_until_logged(self.ready, deadline)
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """Stop it orderly; its port and scratch folder stay for another `start()`."""
        if self._server is not None and self.running:
            self._server.stop()

    def kill(self) -> None:
        """Stop it as a power cut would; its port and scratch folder stay for another `start()`."""
        if self._server is not None and self.running:
            self._server.kill()

    def close(self) -> None:
        """Stop it and delete its scratch folder."""
        if self._group is not None:
            self._group.close()
        self._group = self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self) -> ServerGroup:
        if self._group is None:
            raise RunnerUnreachable(f"the local {self.name} is not started; call `start()` or use it in a `with`")
        return self._group
