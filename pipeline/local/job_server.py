"""Beam's job server for Flink: takes portable jobs and runs each on a Flink inside its process, or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pipeline.local import flink_settings
from pipeline.local.flink_job import FlinkJob, find_job
from pipeline.local.flink_rest import FlinkRest
from pipeline.local.jars import Progress, fetch, read_lock
from pipeline.local.java import find_java
from pipeline.local.local_server import LocalServer
from pipeline.local.settings import free_ports

IN_PROCESS = "[local]"
NAME = "Flink job server"
READY = "JobService started on"

_HEAP_MB = 1024
_JOBS_AT_ONCE = 8


class LocalJobServer(LocalServer):
    """``with LocalJobServer() as server:`` runs each job on a Flink of its own, inside one process.

    Give ``server.endpoint`` to Beam as ``--job_endpoint``. Checkpoints and savepoints go below ``server.home``,
    which is deleted at the end, unless settings name another place. Its jobs end with it.
    """

    name: ClassVar[str] = NAME
    ready: ClassVar[str] = READY

    def __init__(
        self,
        master: str = IN_PROCESS,
        *,
        settings: Mapping[str, str] | None = None,
        job_server_jar: Path | None = None,
        java_options: Sequence[str] = (),
        keep_logs: Path | None = None,
        start_timeout: float = 60.0,
        progress: Progress | None = None,
    ) -> None:
        """``master``: ``host:port`` of a JobManager's REST interface, to run the jobs there instead.

        ``settings``: Flink's options on top of ours, for `[local]`; alone for another master, which has its own.
        ``job_server_jar``: a released job server in place of the pinned jars; ``java_options``: on top of ours.
        ``keep_logs``: a folder for the log, which then stays; the time-out is seconds; ``progress`` follows the
        fetching of the jars. Raises `ConfigInvalid`.
        """
        super().__init__(keep_logs, start_timeout)
        self._master = master
        self._rest_ports = free_ports(_JOBS_AT_ONCE)
        self._options = flink_settings.in_process(self._rest_ports, settings or {})
        if master != IN_PROCESS:
            self._options = dict(settings or {})
        self._jar = job_server_jar
        self._java_options = tuple(java_options)
        self._progress = progress

    def job(self, name: str, limit_seconds: float = 30.0) -> FlinkJob:
        """Wait for the job with this ``--job_name``. Raises `RunnerRefused` when none comes up.

        In `[local]` nobody answers for a job soon after its end: wait for that with Beam's result.
        """
        in_process = [f"127.0.0.1:{port}" for port in self._rest_ports]
        addresses = in_process if self._master == IN_PROCESS else [self._master]
        return find_job([FlinkRest(address) for address in addresses], name, limit_seconds)

    def _command(self, home: Path) -> Sequence[str]:
        java = flink_settings.java_command(find_java(), _HEAP_MB, home, self._java_options)
        places = flink_settings.storage(home) if self._master == IN_PROCESS else {}
        config = flink_settings.write_config({**places, **self._options}, home)
        arguments = job_server_arguments(self._master, self._port, config)
        if self._jar is not None:
            return (*java, "-jar", str(self._jar.resolve()), *arguments)
        jars = fetch(read_lock(flink_settings.LOCK), self._progress)
        return (*java, *flink_settings.main_class(jars, flink_settings.JOB_SERVER), *arguments)


def job_server_arguments(master: str, port: int, config: Path) -> tuple[str, ...]:
    """Build what follows the main class; the ports for artifacts and expansion are the system's choice."""
    return (
        f"--flink-master={master}",
        f"--flink-conf-dir={config}",
        "--job-host=127.0.0.1",
        f"--job-port={port}",
        "--artifact-port=0",
        "--expansion-port=0",
    )
