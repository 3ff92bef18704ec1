import os
import re
import zipfile
from pathlib import Path

import psutil
import pytest
from live import flink_jobs
from live.flink_servers import flink_cluster, flink_jars, job_server, prism, worker_pool

from pipeline.local import flink_settings
from pipeline.local.flink import LocalFlink
from pipeline.local.jars import fetch, read_lock
from pipeline.local.job_server import LocalJobServer
from pipeline.local.prism_server import LocalPrism
from pipeline.local.worker_pool import WorkerPool
from transforms.errors import RunnerUnreachable

__all__ = ["flink_cluster", "flink_jars", "job_server", "prism", "worker_pool"]

# Beam's LOOPBACK worker leaves threads behind that notice the end of their job by an exception.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

LOOPBACK = "--environment_type=LOOPBACK"


@pytest.mark.flink
def test_a_job_runs_inside_the_job_server(job_server: LocalJobServer, tmp_path: Path):
    flink_jobs.square(tmp_path / "out", job_server.endpoint, LOOPBACK)
    assert sorted(flink_jobs.lines(tmp_path / "out")) == [0, 1, 4, 9]


@pytest.mark.flink
def test_the_memory_of_rocksdb_comes_from_few_arenas(job_server: LocalJobServer):
    mine = psutil.Process().children(recursive=True)
    servers = [one for one in mine if one.name() == "java" and flink_settings.JOB_SERVER in one.cmdline()]
    assert servers  # a cluster of an earlier test has one, too
    assert {one.environ().get("MALLOC_ARENA_MAX") for one in servers} == {os.environ.get("MALLOC_ARENA_MAX", "2")}


@pytest.mark.flink
def test_a_job_inside_the_job_server_takes_checkpoints(job_server: LocalJobServer, tmp_path: Path):
    result = flink_jobs.count(tmp_path / "out", "inside", job_server.endpoint, LOOPBACK)
    job = job_server.job("inside")
    job.wait_for(lambda job: job.checkpoints().completed > 0, 30, "it has a checkpoint")
    assert job.checkpoints().last_bytes > 0
    assert list((job_server.home / "checkpoints").iterdir())
    savepoint = job.stop_with_savepoint(tmp_path)
    assert savepoint.startswith(tmp_path.as_uri().replace("file://", "file:"))
    result.wait_until_finish(20_000)
    assert result.state == "DONE"


@pytest.mark.flink
def test_a_released_job_server_takes_the_place_of_ours(flink_jars: None, tmp_path: Path):
    jars = [jar.as_uri() for jar in fetch(read_lock(flink_settings.LOCK))]
    with zipfile.ZipFile(tmp_path / "released.jar", "w") as released:
        # A manifest's lines are short: a value goes on after a line break and a blank.
        path = "\n ".join(re.findall(".{1,50}", " ".join(jars)))
        released.writestr("META-INF/MANIFEST.MF", f"Main-Class: {flink_settings.JOB_SERVER}\nClass-Path: {path}\n")
    with LocalJobServer(job_server_jar=tmp_path / "released.jar") as server:
        assert server.running


@pytest.mark.flink
def test_a_job_server_that_cannot_start_says_why(flink_jars: None, tmp_path: Path):
    with pytest.raises(RunnerUnreachable) as caught:
        LocalJobServer(java_options=["-XX:+NoSuchOption"], keep_logs=tmp_path).start()
    log = tmp_path / "flink-job-server.log"
    assert "Unrecognized VM option 'NoSuchOption'" in log.read_text()
    assert caught.value.message.startswith("the local Flink job server stopped with code `1` while starting: `")
    assert f"its log is at `{log}`" in caught.value.message


@pytest.mark.flink
def test_a_killed_task_manager_and_a_killed_worker(flink_cluster: LocalFlink, worker_pool: WorkerPool, tmp_path: Path):
    out = tmp_path / "out"
    external = ["--environment_type=EXTERNAL", f"--environment_config={worker_pool.endpoint}"]
    flink_jobs.count(out, "counts", flink_cluster.endpoint, *external)
    job = flink_cluster.job("counts")
    job.wait_for(lambda job: job.checkpoints().completed > 0 and len(flink_jobs.lines(out)) > 10, 60, "it counts")

    flink_cluster.kill_task_manager()
    flink_cluster.start_task_manager()
    job.wait_for(lambda job: job.checkpoints().restored >= 1 and job.state() == "RUNNING", 60, "it is restored")
    before = len(flink_jobs.lines(out))
    job.wait_for(lambda job: len(flink_jobs.lines(out)) > before + 5, 60, "it counts on")

    restored = job.checkpoints().restored
    assert worker_pool.kill_workers() >= 1
    job.wait_for(
        lambda job: job.checkpoints().restored > restored and job.state() == "RUNNING", 60, "it is restored again"
    )
    before = len(flink_jobs.lines(out))
    job.wait_for(lambda job: len(flink_jobs.lines(out)) > before + 5, 60, "it counts on")
    assert len(job.failures()) >= 2
    assert worker_pool.workers()

    savepoint = job.stop_with_savepoint(tmp_path / "savepoints")
    job.wait_for(lambda job: job.state() == "FINISHED", 20, "it is finished")
    assert set(flink_jobs.lines(out)) == set(range(1, flink_jobs.lines(out)[-1] + 1))
    assert Path(savepoint.removeprefix("file:"), "_metadata").exists()


def test_prism_runs_a_job(prism: LocalPrism, tmp_path: Path):
    flink_jobs.square(tmp_path / "out", prism.endpoint, LOOPBACK)
    assert sorted(flink_jobs.lines(tmp_path / "out")) == [0, 1, 4, 9]
