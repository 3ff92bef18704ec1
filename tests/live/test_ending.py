"""A job that is to end before its input does ends on Flink too, not only in the job server's answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from live import flink_jobs
from live.flink_servers import flink_cluster, flink_jars, worker_pool
from live.shop import Shop, product_png

from pipeline.local.flink import LocalFlink
from pipeline.local.flink_job import FlinkJob
from pipeline.local.kafka import LocalKafka
from pipeline.local.worker_pool import WorkerPool
from pipeline.runners import ending as ending_of_jobs
from pipeline.runners.ending import Ending
from transforms.errors import RunnerRefused

__all__ = ["flink_cluster", "flink_jars", "worker_pool"]
pytestmark = pytest.mark.flink

ROOT = Path(__file__).parents[2]
LIMIT = 120.0


class Counting:
    """An endless job on the cluster, and its `Ending`."""

    def __init__(self, flink: LocalFlink, pool: WorkerPool, folder: Path) -> None:
        external = ["--environment_type=EXTERNAL", f"--environment_config={pool.endpoint}"]
        self.result = flink_jobs.count(folder / "out", folder.name, flink.endpoint, *external)
        self.job = flink.job(folder.name)
        self.job.wait_for(lambda job: job.checkpoints().completed > 0, 60, "it has a checkpoint")
        self.said: list[str] = []

    def wait_for(self, state: str) -> None:
        """Flink's answers may be some seconds old."""
        self.job.wait_for(lambda job: job.state() == state, 10, f"it is {state}")

    def ending(self, find: Callable[[], FlinkJob] | None, hint: str = "") -> Ending:
        return Ending(self.result, find, self.said.append, hint)


@pytest.fixture
def counting(flink_cluster: LocalFlink, worker_pool: WorkerPool, tmp_path: Path) -> Iterator[Counting]:
    one = Counting(flink_cluster, worker_pool, tmp_path)
    try:
        yield one
    finally:
        if one.job.state() == "RUNNING":
            one.job.cancel()
            one.wait_for("CANCELED")


def test_a_cancelled_job_has_ended_on_flink(counting: Counting) -> None:
    counting.ending(lambda: counting.job).cancel()
    assert counting.result.state == "FAILED"  # the job server's word for it
    counting.wait_for("CANCELED")
    assert counting.said == []


def test_a_job_that_gives_no_savepoint_is_cancelled(counting: Counting, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    counting.ending(lambda: counting.job).stop((tmp_path / "file" / "savepoints").as_uri())
    counting.wait_for("CANCELED")
    first, second = counting.said
    assert first == "stopping the job with a savepoint"
    assert f"the job `{counting.job.name}` was not stopped with a savepoint" in second
    assert second.endswith("; cancelling it instead: its last checkpoint is kept")


def test_a_job_whose_flink_is_not_known_is_left_to_the_job_server(counting: Counting) -> None:
    counting.ending(None, "look at Flink's page").stop("file:///nowhere")
    assert counting.result.state == "CANCELLED"
    assert counting.said == [
        "cancelling the job; what was pending is captioned again after a start with --resume or --rewind",
        "look at Flink's page",
    ]


@pytest.mark.parametrize("savepoints", ["", "file:///nowhere"])
def test_a_job_that_flink_does_not_list_is_looked_for_once_and_said(counting: Counting, savepoints: str) -> None:
    looks = 0

    def find() -> NoReturn:
        nonlocal looks
        looks += 1
        raise RunnerRefused("no job `a` came up in `10` s; check `--job_name`")

    ending = counting.ending(find)
    if savepoints:
        ending.stop(savepoints)
    else:
        ending.cancel()
    assert looks == 1
    assert counting.said[-1] == "no job `a` came up in `10` s; check `--job_name`; unless it has ended, cancel it there"
    assert counting.result.state == "CANCELLED"


def test_a_job_whose_end_nobody_hears_of_is_not_waited_for_for_ever(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending_of_jobs, "LIMIT_SECONDS", 0.5)
    deaf = SimpleNamespace(state="RUNNING")
    Ending(deaf, lambda: counting.job, counting.said.append).cancel()
    counting.wait_for("CANCELED")
    assert counting.said == ["it has not ended within `0.5` s; look at Flink's page"]


@pytest.mark.broker
def test_ctrl_c_stops_a_job_of_a_named_job_server_with_a_savepoint(
    kafka: LocalKafka,
    topics: Callable[..., dict[str, str]],
    flink_cluster: LocalFlink,
    worker_pool: WorkerPool,
    tmp_path: Path,
) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 2, "dead": 1, "audit": 2}))
    shop.upload(*({"image_id": f"i{n}", "image": product_png(n)} for n in range(5)))
    command = [
        *(sys.executable, "-m", "pipeline.cli", "run", "--bootstrap-servers", shop.servers),
        *("--topic", shop.names["uploads"], "--captions-topic", shop.names["captions"]),
        *("--dead-letters-topic", shop.names["dead"], "--audit-topic", shop.names["audit"]),
        *("--group", tmp_path.name, "--job-name", tmp_path.name, "--checkpoint-dir", str(tmp_path / "checkpoints")),
        *("--job-endpoint", flink_cluster.endpoint, "--flink-master", flink_cluster.rest.address),
        *("--environment", f"external:{worker_pool.endpoint}", "--from", "earliest"),
        *("--captioner", "fake", "--model", "fake", "--prompts", "tiny"),
    ]
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + LIMIT
        while len(shop.raw("captions")) < 5:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130, log.read_text()
    finally:
        process.kill()
        process.wait()
    job = flink_cluster.job(tmp_path.name)
    job.wait_for(lambda job: job.state() == "FINISHED", 10, "it is stopped")
    (savepoint,) = (tmp_path / "checkpoints" / "savepoints").glob("*/_metadata")
    assert f"stopped; go on with --resume file:{savepoint.parent}" in log.read_text()
