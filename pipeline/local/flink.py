"""A real Flink cluster on this machine: a JobManager, TaskManagers that can be killed, and a job server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from pipeline.local import flink_settings, job_server
from pipeline.local.flink_job import FlinkJob, find_job
from pipeline.local.flink_rest import FlinkRest
from pipeline.local.jars import Progress, fetch, read_lock
from pipeline.local.java import find_java
from pipeline.local.servers import Server, ServerGroup
from pipeline.local.settings import free_ports
from pipeline.local.staging import without_staging
from transforms.errors import RunnerUnreachable

_MANAGER_READY = "Web frontend listening at"
_REGISTERED = "Successful registration at resource manager"


class LocalFlink:
    """``with LocalFlink() as flink:`` a cluster whose processes end, and whose files go, at the end.

    Give ``flink.endpoint`` to Beam as ``--job_endpoint``, and the endpoint of a `WorkerPool` as
    ``--environment_config``. It serves 127.0.0.1 only, and also ends when this process does. Logs are deleted
    with the rest, unless a process failed.
    """

    def __init__(
        self,
        task_managers: int = 1,
        slots: int = 4,
        *,
        settings: Mapping[str, str] | None = None,
        java_options: Sequence[str] = (),
        keep_logs: Path | None = None,
        start_timeout: float = 60.0,
        progress: Progress | None = None,
    ) -> None:
        """``slots``: of each TaskManager; ``settings``: Flink's options on top of ours.

        ``java_options``: on top of ours, for each process; ``keep_logs``: a folder for the logs, which then stay;
        the time-out is seconds; ``progress`` follows the fetching of the jars. Raises `ConfigInvalid`.
        """
        rest, rpc, blob, self._job_port = free_ports(4)
        self.rest = FlinkRest(f"127.0.0.1:{rest}")
        """Asks the JobManager."""
        self.endpoint = f"127.0.0.1:{self._job_port}"
        """``host:port`` of the job server."""
        self._options = flink_settings.cluster(rest, rpc, blob, slots, settings or {})
        self._wanted = task_managers
        self._java_options = tuple(java_options)
        self._keep_logs = keep_logs
        self._start_timeout = start_timeout
        self._progress = progress
        self._group: ServerGroup | None = None
        self._task_manager: tuple[str, ...] = ()
        self._task_managers: list[Server] = []
        self._launched = 0

    @property
    def home(self) -> Path:
        """The scratch folder; checkpoints and savepoints go below it unless settings name another place."""
        return self._started().home

    def job(self, name: str, limit_seconds: float = 30.0) -> FlinkJob:
        """Wait for the job with this ``--job_name``. Raises `RunnerRefused` when none comes up."""
        return find_job([self.rest], name, limit_seconds)

    def start(self) -> None:
        """Start all processes at once; they are ready on return.

        Raises `JavaMissing`, `JarUnavailable`, or `RunnerUnreachable` with the reason and the log's path.
        """
        if self._group is not None:
            return
        java, jars = find_java(), fetch(read_lock(flink_settings.LOCK), self._progress)
        self._group = ServerGroup("Flink", self._keep_logs)
        try:
            self._start(self._group, java, jars)
        except BaseException:
            self.close()
            raise

    def kill_task_manager(self) -> None:
        """End the oldest running TaskManager with SIGKILL; Flink notices after 2 to 3 s."""
        self._started()
        running = [server for server in self._task_managers if server.running]
        if not running:
            raise RunnerUnreachable("no local TaskManager is running; call `start_task_manager()` first")
        running[0].kill()

    def start_task_manager(self) -> None:
        """Start one more; the JobManager knows it on return."""
        deadline = time.monotonic() + self._start_timeout
        self._launch_task_manager(self._started()).wait_until_logged(_REGISTERED, deadline)

    def close(self) -> None:
        """Stop all processes and delete their files."""
        if self._group is not None:
            self._group.close()
        self._group = None
        self._task_managers.clear()

    def __enter__(self) -> LocalFlink:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, group: ServerGroup, java: Path, jars: tuple[Path, ...]) -> None:
        deadline = time.monotonic() + self._start_timeout
        home = group.home
        config = flink_settings.write_config({**flink_settings.storage(home), **self._options}, home)

        def command(heap_mb: int, path: tuple[Path, ...], name: str, *arguments: str) -> tuple[str, ...]:
            start = flink_settings.java_command(java, heap_mb, home, self._java_options)
            return (*start, *flink_settings.main_class(path, name), *arguments)

        config_dir = ("--configDir", str(config))
        manager = group.launch("JobManager", command(512, jars, flink_settings.JOB_MANAGER, *config_dir))
        self._task_manager = command(768, jars, flink_settings.TASK_MANAGER, *config_dir)
        workers = [self._launch_task_manager(group) for _ in range(self._wanted)]
        arguments = job_server.job_server_arguments(self.rest.address, self._job_port, config)
        unstaged = without_staging(jars, home)
        server = group.launch(job_server.NAME, command(512, unstaged, flink_settings.JOB_SERVER, *arguments))
        manager.wait_until_logged(_MANAGER_READY, deadline)
        for worker in workers:
            worker.wait_until_logged(_REGISTERED, deadline)
        server.wait_until_logged(job_server.READY, deadline)

    def _launch_task_manager(self, group: ServerGroup) -> Server:
        self._launched += 1
        server = group.launch(f"TaskManager {self._launched}", self._task_manager)
        self._task_managers.append(server)
        return server

    def _started(self) -> ServerGroup:
        if self._group is None:
            raise RunnerUnreachable("the local Flink is not started; call `start()` or use it in a `with`")
        return self._group
