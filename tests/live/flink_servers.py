"""Real runners for tests: a job server with Flink inside, a Flink cluster, a pool of Python workers, Prism."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local import flink_settings
from pipeline.local.flink import LocalFlink
from pipeline.local.jars import fetch, read_lock
from pipeline.local.java import find_java
from pipeline.local.job_server import LocalJobServer
from pipeline.local.prism import build_prism, find_prism
from pipeline.local.prism_server import LocalPrism
from pipeline.local.worker_pool import WorkerPool
from transforms.errors import JarUnavailable, JavaMissing, PrismMissing

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def flink_jars() -> None:
    """Skips where Flink cannot be had."""
    try:
        find_java()
        fetch(read_lock(flink_settings.LOCK))
    except (JavaMissing, JarUnavailable) as error:
        if "not the pinned" in str(error):
            raise
        pytest.skip(f"no local Flink here: {error}")


@pytest.fixture(scope="session")
def job_server(flink_jars: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalJobServer]:
    """Flink inside the job server; workers by LOOPBACK. Tests that stop one start their own."""
    with LocalJobServer(keep_logs=tmp_path_factory.mktemp("job-server")) as server:
        yield server


@pytest.fixture(scope="session")
def flink_cluster(flink_jars: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFlink]:
    """A cluster with one TaskManager; who kills it starts another."""
    with LocalFlink(keep_logs=tmp_path_factory.mktemp("flink")) as flink:
        yield flink


@pytest.fixture(scope="session")
def worker_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    """Workers that can import what tests can."""
    with WorkerPool([TESTS], keep_logs=tmp_path_factory.mktemp("worker-pool")) as pool:
        yield pool


@pytest.fixture(scope="session")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPrism]:
    """Prism, built where Go is."""
    try:
        executable = find_or_build()
    except PrismMissing as error:
        pytest.skip(f"no Prism here: {error}")
    with LocalPrism(executable, keep_logs=tmp_path_factory.mktemp("prism")) as server:
        yield server


def find_or_build() -> Path:
    try:
        return find_prism()
    except PrismMissing:
        return build_prism()
