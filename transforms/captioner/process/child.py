"""A captioner's process as its worker sees it."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from transforms.captioner.api import CaptionerInfo, CaptionerOptions
from transforms.captioner.process.wire import Answer, Cells, Close, Fault, Ready, Start
from transforms.errors import ModelUnavailable

_ROOT = str(Path(__file__).parents[3])
_PATIENCE = 20.0
"""Seconds for a process to end by itself."""


class Child:
    """A process that loads a captioner. One thread reads from it; sending never waits for it."""

    def __init__(self, options: CaptionerOptions, cells: Cells) -> None:
        self._model = options.model
        self.is_ready = False
        ours, theirs = socket.socketpair()
        passed = (theirs.fileno(), cells.descriptor)
        command = [sys.executable, "-m", f"{__package__}.host", *map(str, passed)]
        path = os.pathsep.join(part for part in (_ROOT, *sys.path) if part)  # as this process finds its modules
        environment = {**os.environ, "PYTHONPATH": path}
        self._process = subprocess.Popen(  # noqa: S603
            command, pass_fds=passed, env=environment, stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # One that does not read may fill the socket: whoever sends must not wait with a lock in hand.
        self._sender = threading.Thread(target=self._send, name="process-captioner-sends", daemon=True)
        self._sender.start()
        self.send(Start(options, cells.count))

    def wait_until_ready(self) -> CaptionerInfo:
        """What it loaded. Raises what loading the captioner raised; `ModelUnavailable` when the process ended."""
        try:
            said: Ready | Fault = self._connection.recv()
        except (EOFError, OSError) as error:
            raise ModelUnavailable(
                f"the captioner's process ended with `{self.end()}` while it loaded `{self._model}`; see its last "
                "words above, or run it in the worker's process with --no-own-process"
            ) from error
        if not isinstance(said, Ready):
            raise said.error()
        self.is_ready = True
        return said.info

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def receive(self) -> Answer | None:
        """Its next answer; None when the process is gone."""
        try:
            answer: Answer = self._connection.recv()
        except (EOFError, OSError):
            return None
        return answer

    def send(self, message: Any) -> None:
        """Queue a message; a dead process gets none."""
        self._outbox.put(message)

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
        self._outbox.put(None)
        self._sender.join()
        return code

    def forget(self) -> int:
        """End it and free what it took here; its exit status. Only on the thread that reads from it."""
        code = self.end()
        self._connection.close()
        return code

    def _send(self) -> None:
        while (message := self._outbox.get()) is not None:
            try:
                self._connection.send(message)
            except OSError:  # it is gone: the reader's matter
                return
