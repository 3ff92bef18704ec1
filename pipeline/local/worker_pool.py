"""The Python side of a portable job: Beam's worker pool, which starts SDK workers when a runner asks for them."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pipeline.local import process
from pipeline.local.local_server import LocalServer

_PROJECT = Path(__file__).resolve().parents[2]
_GONE_SECONDS = 5.0
_POLL_SECONDS = 0.02

# The pool starts its workers as `python` and forgets them: they outlive it, and their pids are its own business.
# This `python` notes the pid of each worker and when it started, as pids are given out again, and, as its watcher,
# ends it with the pool.
_PYTHON = """\
#!/bin/sh
exec {python} -I -S {watcher} "$PPID" {nothing} \\
  /bin/sh -c 'cut -d" " -f22 /proc/$$/stat >"$1/$$" 2>/dev/null; shift; exec "$@"' sh {notes} {python} "$@"
"""


class WorkerPool(LocalServer):
    """``with WorkerPool() as pool:`` for ``--environment_type=EXTERNAL --environment_config=`` `endpoint`.

    Workers run this Python with this project on their path. What they log goes into the pool's log. All of
    them end with the pool.
    """

    name: ClassVar[str] = "worker pool"
    ready: ClassVar[str] = "Started worker pool servicer at port"

    def __init__(
        self,
        python_path: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        *,
        keep_logs: Path | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        """``python_path``: more folders to import from; ``environment``: more variables for the workers.

        ``keep_logs``: a folder for the log, which then stays; the time-out is seconds.
        """
        super().__init__(keep_logs, start_timeout)
        self._python_path = tuple(path.resolve() for path in python_path)
        self._environment = dict(environment or {})

    def workers(self) -> tuple[int, ...]:
        """Return the process ids of the SDK workers that run now, the oldest first."""
        notes = sorted(_pids(self.home).iterdir(), key=lambda note: note.stat().st_mtime_ns)
        return tuple(int(note.name) for note in notes if _lives(int(note.name), note.read_text().strip()))

    def kill_workers(self) -> int:
        """End the SDK workers with SIGKILL and say how many; the runner asks for new ones."""
        killed = self.workers()
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(killed)

    def stop(self) -> None:
        """Stop it and its workers; its port stays for another `start()`."""
        super().stop()
        self._wait_for_workers()

    def kill(self) -> None:
        """Stop it and its workers as a power cut would."""
        super().kill()
        self._wait_for_workers()

    def close(self) -> None:
        """Stop it and its workers and delete its scratch folder."""
        self.stop()
        super().close()

    def _command(self, home: Path) -> Sequence[str]:
        folder = home / "bin"
        folder.mkdir(exist_ok=True)
        _pids(home).mkdir(exist_ok=True)
        python = folder / "python"
        python.write_text(_python(home), "utf-8")
        python.chmod(0o755)
        imports = [str(_PROJECT), *map(str, self._python_path), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = {
            **self._environment,
            "PATH": os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PYTHONPATH": os.pathsep.join(imports),
        }
        pool = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={self._port}"]
        return ["env", *(f"{name}={value}" for name, value in variables.items()), *pool]

    def _wait_for_workers(self) -> None:
        deadline = time.monotonic() + _GONE_SECONDS
        while self._group is not None and self.workers() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _pids(home: Path) -> Path:
    return home / "workers"


def _python(home: Path) -> str:
    # The watcher deletes a folder when its parent is gone; here there is none to delete.
    nothing = home / "no-such-folder"
    paths = {"notes": _pids(home), "python": sys.executable, "watcher": process.__file__, "nothing": nothing}
    return _PYTHON.format(**{name: shlex.quote(str(path)) for name, path in paths.items()})


def _lives(pid: int, started: str) -> bool:
    """Whether the process of this pid runs, and is the one that started then; without /proc nobody can tell."""
    try:
        os.kill(pid, 0)
        return _started(pid) == started
    except (ProcessLookupError, PermissionError, FileNotFoundError):
        return False


def _started(pid: int) -> str:
    """Clock ticks between boot and the start of a process, from /proc/[pid]/stat; empty without /proc."""
    if not Path("/proc/self/stat").exists():
        return ""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
