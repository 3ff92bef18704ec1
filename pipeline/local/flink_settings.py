"""What Flink's processes are started with: their options, their JVMs' options and their ports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from transforms.errors import ConfigInvalid

LOCK = Path(__file__).with_name("flink_jars.lock")

JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

_JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # two fifths off a start; where throughput counts, java_options can take it back
    "-XX:-UsePerfData",  # it would leave a file outside the scratch folder when killed
    "-XX:+ExitOnOutOfMemoryError",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    *(
        f"--add-opens=java.base/java.{package}=ALL-UNNAMED"
        for package in ("lang", "net", "nio", "time", "util", "util.concurrent")
    ),
)
_ARENAS = "MALLOC_ARENA_MAX"
"""RocksDB's threads take and give memory in glibc's eight arenas a core, which keep the gaps: 300 MB after six minutes,
and more every minute. Flink's own images bring another allocator for it."""
_OPTIONS = {
    "classloader.resolve-order": "parent-first",
    "restart-strategy.fixed-delay.attempts": "20",
    "restart-strategy.fixed-delay.delay": "1s",
    "restart-strategy.type": "fixed-delay",
    "state.backend.type": "rocksdb",
    # RocksDB fills it, however small the state: inside a job server Beam would give it 0.4 of what the JVM may take.
    "taskmanager.memory.managed.size": "256m",
}
_CLUSTER_OPTIONS = {
    "heartbeat.interval": "1000",  # two missed calls are a death: a killed TaskManager is noticed after 2 to 3 s
    "heartbeat.timeout": "10000",  # a busy one is not
    # A TaskManager that no script has measured wants to be told every part of its memory.
    "taskmanager.cpu.cores": "2",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.network.max": "128m",
    "taskmanager.memory.network.min": "128m",
    "taskmanager.memory.task.heap.size": "512m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "web.submit.enable": "true",
}


def in_process(rest_ports: Iterable[int], overrides: Mapping[str, str]) -> dict[str, str]:
    """Build the options of `[local]`, where each job is a little cluster of its own.

    The first takes the first port for its REST interface, one that runs beside it the next.
    """
    placed = {
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.bind-port": ",".join(map(str, rest_ports)),
    }
    return _merged(_OPTIONS, overrides, placed)


def cluster(rest: int, rpc: int, blob: int, slots: int, overrides: Mapping[str, str]) -> dict[str, str]:
    """Build the options of a cluster from the JobManager's ports and the slots of each TaskManager."""
    placed = {
        "blob.server.port": str(blob),
        "jobmanager.bind-host": "127.0.0.1",
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": str(rpc),
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.bind-port": str(rest),
        "rest.port": str(rest),
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.host": "127.0.0.1",
        "taskmanager.numberOfTaskSlots": str(slots),
    }
    return _merged({**_OPTIONS, **_CLUSTER_OPTIONS}, overrides, placed)


def _merged(ours: Mapping[str, str], overrides: Mapping[str, str], placed: Mapping[str, str]) -> dict[str, str]:
    if reserved := sorted(overrides.keys() & placed.keys()):
        raise ConfigInvalid(f"the local Flink sets `{reserved[0]}` itself; leave it out of settings")
    return {**ours, **overrides, **placed}


def storage(home: Path) -> dict[str, str]:
    """Say where checkpoints and savepoints go when settings do not."""
    return {
        "state.checkpoints.dir": (home / "checkpoints").as_uri(),
        "state.savepoints.dir": (home / "savepoints").as_uri(),
    }


def write_config(options: Mapping[str, str], home: Path) -> Path:
    """Write the options as Flink's configuration folder, and return that."""
    folder = home / "conf"
    folder.mkdir(exist_ok=True)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}\n" for key, value in options.items()]
    (folder / "config.yaml").write_text("".join(lines), "ascii")
    return folder


def java_command(java: Path, heap_mb: int, home: Path, more: Iterable[str]) -> tuple[str, ...]:
    """Build the command up to the class path; what Java and Flink unpack goes into ``home``.

    ``more`` options win over ours.
    """
    scratch = home / "tmp"
    scratch.mkdir(exist_ok=True)
    started = ("env", f"{_ARENAS}={os.environ.get(_ARENAS, '2')}", str(java))
    return (*started, f"-Xmx{heap_mb}m", *_JVM_OPTIONS, f"-Djava.io.tmpdir={scratch}", *more)


def main_class(jars: Iterable[Path], name: str) -> tuple[str, str, str]:
    """Build the class path and the class."""
    return ("-cp", os.pathsep.join(map(str, jars)), name)
