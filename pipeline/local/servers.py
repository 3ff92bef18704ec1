"""Server processes that share one scratch folder, end together and leave nothing behind."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.local.broker import relevant_line
from pipeline.local.process import ServerProcess
from transforms.errors import RunnerUnreachable

_LOGGER = logging.getLogger(__name__)
_POLL_SECONDS = 0.02
_STOP_SECONDS = 10.0


class Server:
    """One started process with its log."""

    def __init__(self, name: str, command: Sequence[str], log: Path, home: Path) -> None:
        """``name``: as people call it, for messages."""
        self.failed = False
        """It was not ready in time, ended without being told to, or had to be killed."""
        self._name = name
        self._log_path = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._process = ServerProcess(command, log, home)
        self._told_to_end = False

    @property
    def running(self) -> bool:
        """False as soon as it has ended, in whatever way."""
        return self._process.exit_code is None

    def wait_until_logged(self, text: str, deadline: float) -> None:
        """Return once its log has the text; ``deadline`` is in `time.monotonic`.

        Raises `RunnerUnreachable` with the reason when it ends before, or is too slow; it does not run then.
        """
        while text not in self._log():
            if not self.running:
                raise self._failure(f"stopped with code `{self._process.exit_code}` while starting")
            if time.monotonic() > deadline:
                raise self._failure("was not ready in time")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it orderly, or kill it after 10 s; warns of that, and when it had ended before."""
        if self._told_to_end:
            return
        if not self.running:
            self._warn("had stopped on its own")
        elif not self._process.stop(_STOP_SECONDS):
            self._warn(f"did not stop in `{_STOP_SECONDS:g}` s and was killed")
        self._told_to_end = True

    def kill(self) -> None:
        """End it as a power cut would."""
        self._told_to_end = True
        self._process.kill()

    def _log(self) -> str:
        """Read what this process logged; an earlier one may have written to the same file."""
        with self._log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def _failure(self, what: str) -> RunnerUnreachable:
        self.failed = True
        self.kill()
        return RunnerUnreachable(
            f"the local {self._name} {what}: `{relevant_line(self._log())}`; "
            f"its log is at `{self._log_path}`, mend what it names and start again"
        )

    def _warn(self, what: str) -> None:
        self.failed = True
        _LOGGER.warning("the local %s %s; its log is at `%s`", self._name, what, self._log_path)


class ServerGroup:
    """A scratch folder with the servers that run in it; both are gone after `close`, and at interpreter exit.

    When a server failed, the logs stay.
    """

    def __init__(self, name: str, keep_logs: Path | None = None) -> None:
        """``keep_logs``: a folder where logs are written, and stay."""
        self.home = Path(tempfile.mkdtemp(prefix=f"captionstream-{_file_name(name)}-"))
        self._keeps_logs = keep_logs is not None
        self._logs = self.home if keep_logs is None else keep_logs.resolve()
        self._logs.mkdir(parents=True, exist_ok=True)
        self._owner = os.getpid()
        self._servers: list[Server] = []
        atexit.register(self.close)

    def log_path(self, name: str) -> Path:
        """Where the server of this name logs."""
        return self._logs / f"{_file_name(name)}.log"

    def launch(self, name: str, command: Sequence[str]) -> Server:
        """Start a process; `Server.wait_until_logged` says when it is ready."""
        server = Server(name, command, self.log_path(name), self.home)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """Stop the servers, the latest first, and delete the folder."""
        if os.getpid() != self._owner:
            return  # a forked child that inherited what is its parent's
        for server in reversed(self._servers):
            server.stop()
        if any(server.failed for server in self._servers) and not self._keeps_logs:
            for path in self.home.iterdir():
                if path.suffix != ".log":
                    _remove(path)
        else:
            shutil.rmtree(self.home, ignore_errors=True)
        self._servers.clear()
        atexit.unregister(self.close)


def _file_name(name: str) -> str:
    return name.lower().replace(" ", "-")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
