"""Beam's Prism as a job server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pipeline.local.local_server import LocalServer
from pipeline.local.prism import find_prism


class LocalPrism(LocalServer):
    """``with LocalPrism() as prism:`` for ``--runner=PortableRunner --job_endpoint=`` `endpoint`.

    Workers: ``--environment_type=LOOPBACK``. Nothing of it is kept: a job ends with it, and it takes no
    checkpoints. It serves on all of this machine's addresses; Prism has no option for one.
    """

    name: ClassVar[str] = "Prism"
    ready: ClassVar[str] = "Serving JobManagement"

    def __init__(
        self, executable: Path | None = None, *, keep_logs: Path | None = None, start_timeout: float = 20.0
    ) -> None:
        """``executable``: what `find_prism` finds by default; ``keep_logs``: a folder for the log, which stays."""
        super().__init__(keep_logs, start_timeout)
        self._executable = executable

    def _command(self, home: Path) -> Sequence[str]:
        executable = find_prism() if self._executable is None else self._executable
        return [str(executable.resolve()), f"--job_port={self._port}", "--serve_http=false", "--log_kind=text"]
