import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipeline.local import settings
from pipeline.local.kafka import LocalKafka
from transforms.errors import BrokerUnreachable

pytestmark = pytest.mark.broker

STARTS_ONE = """
import sys
from pipeline.local.kafka import LocalKafka
kafka = LocalKafka()
kafka.start()
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def scratch(kafka, tmp_path, monkeypatch):
    """What a broker of this test leaves behind is found in tmp_path; skips like `kafka` does."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def brokers_in(folder: Path) -> list[psutil.Process]:
    """Every live process that runs with this folder: the broker and its watcher."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or [])
    ]


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("captionstream-kafka-*"))


def test_an_exception_in_the_body_leaves_nothing(scratch, capfd):
    kafka = LocalKafka()

    def body():
        with kafka:
            assert len(brokers_in(scratch)) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    assert brokers_in(scratch) == []
    assert leftovers(scratch) == []
    assert capfd.readouterr() == ("", "")
    with pytest.raises(BrokerUnreachable, match=r"not started; call `start"):
        _ = kafka.bootstrap_servers


def test_a_failed_start_names_its_reason_and_its_log(scratch):
    with pytest.raises(BrokerUnreachable) as caught:
        LocalKafka(settings={"num.partitions": "many"}).start()
    [home] = leftovers(scratch)
    log = home / "kafka.log"
    assert caught.value.message == (
        "the local broker stopped with code `1` while starting: "
        "`org.apache.kafka.common.config.ConfigException: "
        "Invalid value many for configuration num.partitions: Not a number of type INT`; "
        f"its log is at `{log}`, mend what it names and start again"
    )
    assert "num.partitions" in log.read_text()
    assert not (home / "data").exists()
    assert brokers_in(scratch) == []


def test_a_failure_after_the_format_is_seen_at_once(scratch):
    log = scratch / "kept.log"
    began = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=r"`.*no\.such\.Reporter.*`; its log is at `.*kept\.log`"):
        LocalKafka(keep_log=log, settings={"metric.reporters": "no.such.Reporter"}).start()
    assert time.monotonic() - began < 30
    assert log.exists()
    assert leftovers(scratch) == []
    assert brokers_in(scratch) == []


def test_a_start_that_takes_too_long_is_given_up(scratch):
    with pytest.raises(BrokerUnreachable, match=r"was not ready after `0\.9` s"):
        LocalKafka(start_timeout=0.9).start()
    assert brokers_in(scratch) == []


@pytest.mark.parametrize("taken", [0, 1], ids=["clients", "controller"])
def test_taken_ports_are_replaced(scratch, monkeypatch, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        first = list(settings.free_ports())
        first[taken] = other.getsockname()[1]
        offers = iter([tuple(first), settings.free_ports()])
        monkeypatch.setattr(settings, "free_ports", lambda count: next(offers))
        with LocalKafka() as kafka:
            assert kafka.bootstrap_servers != f"127.0.0.1:{first[0]}"
            kafka.create_topics({"uploads": 1})
    assert leftovers(scratch) == []


def test_a_broker_that_dies_on_its_own_leaves_its_log(scratch, caplog):
    with LocalKafka() as kafka:
        log = kafka.log_path
        [server] = [process for process in brokers_in(scratch) if "java" in process.name()]
        server.kill()
        wait_for(lambda: not kafka.running)
    assert [record.getMessage() for record in caplog.records if record.name == "pipeline.local.kafka"] == [
        f"the local broker had stopped on its own; its log is at `{log}`"
    ]
    assert log.exists()


def test_it_outlives_the_thread_that_started_it(scratch):
    kafka = LocalKafka()
    thread = threading.Thread(target=kafka.start)
    thread.start()
    thread.join()
    kafka.create_topics({"uploads": 1})
    assert kafka.running
    kafka.close()


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_it_ends_with_the_process_that_started_it(scratch, end):
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout.readline() == "ready\n"
        assert len(brokers_in(scratch)) == 2
        if end == "kill":
            parent.kill()
    wait_for(lambda: not brokers_in(scratch))
    wait_for(lambda: not leftovers(scratch))
