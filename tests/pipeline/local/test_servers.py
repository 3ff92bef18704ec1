import logging
import os
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from pipeline.local import servers
from pipeline.local.local_server import LocalServer
from pipeline.local.servers import ServerGroup
from transforms.errors import RunnerUnreachable

SERVES = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done"


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def group():
    made = ServerGroup("Some thing")
    yield made
    made.close()


def launch(group: ServerGroup, script: str, name: str = "Server A"):
    return group.launch(name, ["/bin/sh", "-c", script])


def soon() -> float:
    return time.monotonic() + 10


def leftovers(scratch: Path) -> list[str]:
    return sorted(path.name for home in scratch.glob("captionstream-some-thing-*") for path in home.iterdir())


def test_all_end_and_nothing_is_left(group, scratch, caplog):
    both = [launch(group, SERVES, name) for name in ("Server A", "Server B")]
    for server in both:
        server.wait_until_logged("ready", soon())
    assert leftovers(scratch) == ["server-a.log", "server-b.log"]
    group.close()
    assert not any(server.running for server in both)
    assert list(scratch.iterdir()) == []
    assert caplog.records == []


def test_one_that_ends_while_starting_says_why(group, scratch):
    server = launch(group, "echo no.such.Thing; exit 3")
    (group.home / "data").mkdir()
    with pytest.raises(RunnerUnreachable) as caught:
        server.wait_until_logged("ready", soon())
    log = group.log_path("Server A")
    assert caught.value.message == (
        "the local Server A stopped with code `3` while starting: `no.such.Thing`; "
        f"its log is at `{log}`, mend what it names and start again"
    )
    group.close()
    assert leftovers(scratch) == ["server-a.log"]


def test_one_that_is_too_slow_is_ended(group):
    server = launch(group, "echo loading; exec sleep 60")
    with pytest.raises(RunnerUnreachable, match="was not ready in time"):
        server.wait_until_logged("ready", time.monotonic() + 0.1)
    assert not server.running


def test_one_that_dies_on_its_own_leaves_its_log(group, scratch, caplog):
    server = launch(group, "echo ready; exit 1")
    server.wait_until_logged("ready", soon())
    while server.running:
        time.sleep(0.01)
    log = group.log_path("Server A")
    group.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"the local Server A had stopped on its own; its log is at `{log}`"
    ]
    assert leftovers(scratch) == ["server-a.log"]


def test_one_that_was_killed_on_purpose_leaves_nothing(group, scratch, caplog):
    server = launch(group, SERVES)
    server.wait_until_logged("ready", soon())
    server.kill()
    group.close()
    assert list(scratch.iterdir()) == []
    assert caplog.records == []


def test_one_that_does_not_stop_is_killed(group, monkeypatch, caplog):
    monkeypatch.setattr(servers, "_STOP_SECONDS", 0.1)
    server = launch(group, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    server.wait_until_logged("ready", soon())
    group.close()
    assert not server.running
    assert "did not stop in `0.1` s and was killed" in caplog.text


def test_logs_that_are_kept(scratch):
    group = ServerGroup("Some thing", keep_logs=scratch / "logs")
    launch(group, SERVES).wait_until_logged("ready", soon())
    group.close()
    assert leftovers(scratch) == []
    assert (scratch / "logs" / "server-a.log").read_text() == "ready\n"


def test_a_fork_leaves_its_parents_servers_alone(group):
    server = launch(group, SERVES)
    server.wait_until_logged("ready", soon())
    child = os.fork()
    if child == 0:
        group.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert server.running
    assert group.home.exists()


class Sample(LocalServer):
    name = "sample server"
    ready = "ready"

    def __init__(self, script: str = SERVES, keep_logs: Path | None = None) -> None:
        super().__init__(keep_logs, 10.0)
        self.script = script

    def _command(self, home: Path) -> list[str]:
        (home / "data").touch()
        return ["/bin/sh", "-c", self.script]


def test_a_server_starts_again_in_its_place(scratch, caplog):
    with Sample() as server:
        endpoint, home = server.endpoint, server.home
        server.stop()
        assert not server.running
        server.start()
        server.kill()
        server.start()
        server.start()
        assert server.running
        assert (server.endpoint, server.home) == (endpoint, home)
        assert server.log_path.read_text().count("ready") == 3
    assert list(scratch.iterdir()) == []
    assert caplog.records == []


def test_a_server_that_does_not_start_keeps_only_its_log(scratch):
    with pytest.raises(RunnerUnreachable, match="the local sample server stopped with code `1`"):
        Sample("exit 1").start()
    [home] = scratch.iterdir()
    assert [path.name for path in home.iterdir()] == ["sample-server.log"]


def test_before_its_start_a_server_has_no_log():
    server = Sample()
    server.stop()
    server.kill()
    server.close()
    with pytest.raises(RunnerUnreachable) as caught:
        _ = server.log_path
    assert caught.value.message == "the local sample server is not started; call `start()` or use it in a `with`"


def test_a_server_that_was_killed_from_outside_is_noticed(scratch, caplog):
    with Sample("echo ready; exec sleep 60") as server:
        [process] = [one for one in psutil.Process().children(recursive=True) if one.name() in ("sleep", "sh")]
        process.send_signal(signal.SIGKILL)
        while server.running:
            time.sleep(0.01)
    assert "the local sample server had stopped on its own" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING
