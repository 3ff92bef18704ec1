"""A captioner's process as its worker sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from transforms.captioner.api import CaptionerInfo, CaptionerOptions
from transforms.captioner.process.wire import Cells, Close, Fault, Ready, Start
from transforms.errors import ModelUnavailable

_ROOT = str(Path(__file__).parents[3])
_PATIENCE = 20.0
"""Seconds for a process to end by itself."""


class Child:
    """Started with a captioner that is loaded. Not thread-safe for sending."""

    def __init__(self, options: CaptionerOptions, cells: Cells) -> None:
        """Raises what loading the captioner raises; `ModelUnavailable` when the process ends meanwhile."""
        ours, theirs = socket.socketpair()
        passed = (theirs.fileno(), cells.descriptor)
        command = [sys.executable, "-m", f"{__package__}.host", *map(str, passed)]
        path = os.pathsep.join(part for part in (_ROOT, *sys.path) if part)  # as this process finds its modules
        environment = {**os.environ, "PYTHONPATH": path}
        self._process = subprocess.Popen(  # noqa: S603
            command, pass_fds=passed, env=environment, stdin=subprocess.DEVNULL
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        try:
            self.connection.send(Start(options, cells.count))
            said: Ready | Fault = self.connection.recv()
        except (EOFError, OSError) as error:
            code = self.end()
            raise ModelUnavailable(
                f"the captioner's process ended with `{code}` while it loaded `{options.model}`; see its last words "
                "above, or run it in the worker's process with --no-own-process"
            ) from error
        except BaseException:
            self.end()
            raise
        if not isinstance(said, Ready):
            self.end()
            raise said.error()
        self.info: CaptionerInfo = said.info

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, message: Any) -> bool:
        """Whether it could be sent: the process may be gone."""
        try:
            self.connection.send(message)
        except OSError:
            return False
        return True

    def ask_to_close(self) -> None:
        """It cancels what it has, and ends."""
        self.send(Close())

    def end(self, patience: float = 0.0) -> int:
        """Wait for it, then kill it; its exit status."""
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait(_PATIENCE)
        self.connection.close()
        return code
