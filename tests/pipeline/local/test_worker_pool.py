import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc
import psutil
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from pipeline.local.worker_pool import WorkerPool

STARTS_ONE = """
import sys
sys.path.insert(0, sys.argv[1])
from test_worker_pool import ask_for_worker
from pipeline.local.worker_pool import WorkerPool
pool = WorkerPool()
pool.start()
ask_for_worker(pool)
print(pool.workers()[0], flush=True)
sys.stdin.readline()
"""


def wait_for(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def ask_for_worker(pool: WorkerPool, name: str = "1-1") -> None:
    """Like a runner does; the worker looks for a runner that is not there."""
    before = len(pool.workers())
    with grpc.insecure_channel(pool.endpoint) as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        request = beam_fn_api_pb2.StartWorkerRequest(worker_id=name)
        request.control_endpoint.url = "127.0.0.1:1"
        assert stub.StartWorker(request).error == ""
    wait_for(lambda: len(pool.workers()) > before)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def pool(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with WorkerPool([tmp_path], {"COLOUR": "red blue"}) as started:
        yield started


def test_workers_are_known_killed_and_end_with_the_pool(pool, tmp_path):
    assert pool.workers() == ()
    ask_for_worker(pool)
    ask_for_worker(pool, "2-1")
    assert len(pool.workers()) == 2
    first = psutil.Process(pool.workers()[0])
    wait_for(lambda: first.cmdline()[:2] == [sys.executable, "-c"])
    assert first.environ()["COLOUR"] == "red blue"
    project = str(Path(__file__).resolve().parents[3])
    assert first.environ()["PYTHONPATH"].split(os.pathsep)[:2] == [project, str(tmp_path)]

    assert pool.kill_workers() == 2
    wait_for(lambda: pool.workers() == ())
    ask_for_worker(pool, "3-1")
    [third] = pool.workers()
    pool.kill()
    assert gone(third)
    pool.start()
    ask_for_worker(pool)
    [fourth] = pool.workers()
    pool.close()
    assert gone(fourth)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes of one pid apart by /proc")
def test_a_process_that_was_given_a_worker_s_pid_is_none_of_ours(pool):
    ask_for_worker(pool)
    [worker] = pool.workers()
    note = pool.home / "workers" / str(worker)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        # As a worker before it left it. The clock of /proc ticks every 10 ms: both may have started in one tick.
        earlier = int(note.read_text()) - 1
        (note.parent / str(stranger.pid)).write_text(str(earlier))
        assert pool.workers() == (worker,)
        assert pool.kill_workers() == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_workers_end_with_the_process_that_started_the_pool(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(Path(__file__).parent)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        worker = int(parent.stdout.readline())
        assert not gone(worker)
        parent.kill()
    wait_for(lambda: gone(worker))
    wait_for(lambda: list(tmp_path.iterdir()) == [])
