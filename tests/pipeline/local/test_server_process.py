import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from pipeline.local.process import ServerProcess


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path):
    """Starts a shell script that writes `ready` to the log when its traps are set."""
    started = []

    def create(script: str) -> ServerProcess:
        directory, log = tmp_path / "home", tmp_path / "log"
        directory.mkdir()
        process = ServerProcess(["/bin/sh", "-c", script], log, directory)
        started.append(process)
        wait_for(lambda: "ready" in log.read_text())
        return process

    yield create
    for process in started:
        process.kill()


def family(process: ServerProcess) -> list[psutil.Process]:
    watcher = psutil.Process(process._watcher.pid)
    return [watcher, *watcher.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in processes)


def test_stop_lets_the_server_end_in_its_own_way(start, tmp_path):
    process = start("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    processes = family(process)
    assert process.exit_code is None
    assert process.stop(10)
    assert process.exit_code == 3
    assert "bye" in (tmp_path / "log").read_text()
    assert gone(processes)


def test_stop_kills_after_the_limit(start):
    process = start("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    processes = family(process)
    assert not process.stop(0.2)
    wait_for(lambda: gone(processes))
    assert process.exit_code == 128 + signal.SIGKILL


def test_kill_leaves_nothing(start):
    process = start("echo ready; exec sleep 60")
    processes = family(process)
    process.kill()
    assert process.exit_code == 128 + signal.SIGKILL
    assert gone(processes)


def test_the_end_of_the_server_is_seen_with_its_code(start):
    process = start("echo ready; exit 7")
    wait_for(lambda: process.exit_code == 7)
    process.kill()
    assert process.stop(1)


def test_a_killed_watcher_does_not_free_the_server(start):
    process = start("echo ready; exec sleep 60")
    processes = family(process)
    os.kill(processes[0].pid, signal.SIGKILL)
    process.stop(10)
    wait_for(lambda: gone(processes))


def test_it_outlives_the_thread_that_started_it(start):
    made = []
    thread = threading.Thread(target=lambda: made.append(start("echo ready; exec sleep 60")))
    thread.start()
    thread.join()
    with pytest.raises(subprocess.TimeoutExpired):
        made[0]._watcher.wait(0.5)


def test_a_killed_parent_takes_it_along_with_its_directory(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir()
    code = f"""
import sys, time
from pathlib import Path
from pipeline.local.process import ServerProcess
process = ServerProcess(["sleep", "60"], Path({str(tmp_path / "log")!r}), Path({str(directory)!r}))
print(process._watcher.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        watcher = psutil.Process(int(parent.stdout.readline()))
        wait_for(watcher.children)
        processes = [watcher, *watcher.children()]
        parent.kill()
    wait_for(lambda: gone(processes))
    wait_for(lambda: not directory.exists())
