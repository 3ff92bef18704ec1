"""A server process that does not outlive this one, not even when this one is killed with SIGKILL.

Between the two stands a small Python process, this file run as a script, which watches its parent. Linux has
PR_SET_PDEATHSIG for that, but it fires when the *thread* that started the server ends, and setting it takes a
`preexec_fn`, which may deadlock in a process with threads; macOS has nothing like it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_WATCH_SECONDS = 0.2
_KILL_SECONDS = 5.0


class ServerProcess:
    """One run of a command, its output appended to a log, in a session of its own: Ctrl-C is not for it."""

    def __init__(self, command: Sequence[str], log: Path, directory: Path) -> None:
        """Start it in ``directory``, which is deleted if this Python process dies first."""
        watched = [str(Path(__file__).resolve()), str(os.getpid()), str(directory), *command]
        with log.open("ab") as output:
            self._watcher = subprocess.Popen(  # noqa: S603
                # -I -S: the watcher needs the standard library only, and starts in half the time.
                [sys.executable, "-I", "-S", *watched],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + n after signal n, as in a shell."""
        return self._watcher.poll()

    def stop(self, limit_seconds: float) -> bool:
        """End it with SIGTERM, after the limit with SIGKILL; False when it took the latter."""
        if self._end(signal.SIGTERM, limit_seconds):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """End it with SIGKILL, and returns when it is gone and its files and ports are free."""
        if not self._end(signal.SIGUSR1, _KILL_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._watcher.pid, signal.SIGKILL)
            self._watcher.wait()

    def _end(self, number: signal.Signals, limit_seconds: float) -> bool:
        self._watcher.send_signal(number)
        try:
            code = self._watcher.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return False
        if code < 0:
            # Somebody killed the watcher, so nobody watches the server any more.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._watcher.pid, signal.SIGKILL)
        return True


def _watch(parent: int, directory: str, command: Sequence[str]) -> int:
    """Run the command until it ends or the parent is gone; SIGTERM is passed on, SIGUSR1 means SIGKILL."""
    passed_on = {signal.SIGTERM: signal.SIGTERM, signal.SIGUSR1: signal.SIGKILL}
    early: list[signal.Signals] = []
    server: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: object) -> None:
        wanted = passed_on[signal.Signals(number)]
        early.append(wanted)
        if server is not None:
            server.send_signal(wanted)

    for number in passed_on:
        signal.signal(number, pass_on)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603
    for wanted in early:
        server.send_signal(wanted)

    def follow_parent() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        server.kill()

    threading.Thread(target=follow_parent, daemon=True).start()
    code = server.wait()
    if os.getppid() != parent:
        shutil.rmtree(directory, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_watch(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
