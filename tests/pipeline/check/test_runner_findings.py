"""The runner, its options, where it is and where its checkpoints go; and this machine."""

import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from data.check_plan import lines, plan
from data.redis_server import RedisServer

from pipeline.check import machine
from pipeline.check.runner import runner_findings
from transforms.errors import JavaMissing

CLUSTER = ("--environment", "external:localhost:50000", "--checkpoint-dir", "s3://b/c")
GOOD = "ok runner: flink, parallelism 1: its options lose nothing"


def said(*words: str, job: str = "run") -> list[str]:
    return lines(runner_findings(plan(*words, job=job)))


@pytest.fixture
def answer() -> dict[str, object]:
    return {"slots-available": 2, "taskmanagers": 1, "flink-version": "1.19.0"}


@pytest.fixture
def flink(answer: dict[str, object]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/overview"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_replay_in_this_process() -> None:
    assert said(job="replay") == ["ok runner: the replay runs in this process"]


def test_each_fault_of_the_options_is_a_line(tmp_path: Path) -> None:
    assert said() == [
        "fail runner: checkpoint storage is `memory`: over 5 MB of state a checkpoint in memory fails and the job "
        "starts again and again -> name a directory with --checkpoint-dir"
    ]
    folder = ("--checkpoint-dir", str(tmp_path))
    assert said(*folder) == [GOOD, f"ok checkpoints: `{tmp_path}` can be written"]
    assert (
        said("--checkpoint-dir", str(tmp_path / "a" / "b"))[1]
        == f"ok checkpoints: `{tmp_path / 'a' / 'b'}` can be made"
    )
    faults = said(*folder, "--", "--streaming=false", "--checkpointing_interval=-1")
    assert [line.partition(":")[0] for line in faults[:2]] == ["fail runner", "fail runner"]
    assert "set --checkpointing_interval=10000 after --" in faults[1]
    assert said(*folder, "--environment", "moon")[0].startswith("fail runner: environment `moon` is none of loopback")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert said("--checkpoint-dir", str(tmp_path / "file" / "below"))[1] == (
        f"fail checkpoints: `{tmp_path / 'file'}` cannot be written -> mend its permissions or --checkpoint-dir"
    )
    assert not os.path.exists(tmp_path / "file" / "below")
    assert (
        said("--checkpoint-dir", "s3://b/c")[1] == "ok checkpoints: go to `s3://b/c`, which is not looked at from here"
    )


def test_a_cluster_that_answers(flink: str, answer: dict[str, object], tmp_path: Path) -> None:
    words = ("--flink-master", flink, *CLUSTER)
    assert said(*words)[1] == f"ok Flink: 1.19.0 at `{flink}`: 1 TaskManagers, 2 free slots"
    assert said(*words, "--parallelism", "4")[1] == (
        f"warn Flink: 1.19.0 at `{flink}`: 1 TaskManagers, 2 free slots for --parallelism 4 -> free some: the job "
        "would wait for them"
    )
    here = said("--flink-master", flink, *CLUSTER[:2], "--checkpoint-dir", str(tmp_path))
    assert here[2].startswith(f"warn checkpoints: `{tmp_path}` can be written here, and every TaskManager must see")
    answer["slots-available"] = answer["taskmanagers"] = 0
    assert said(*words)[1].startswith(f"warn Flink: 1.19.0 at `{flink}`: 0 TaskManagers, 0 free slots -> it must start")
    answer.clear()
    assert said(*words)[1] == f"fail Flink: what answers at `{flink}` is no JobManager -> mend --flink-master"


def test_places_where_nothing_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{free.getsockname()[1]}"
        assert said("--flink-master", closed, *CLUSTER)[1] == (
            f"fail Flink: `{closed}` does not answer (`Connection refused`) -> start it, or mend --flink-master"
        )
        assert said("--job-endpoint", closed, *CLUSTER)[1] == (
            f"fail job server: `{closed}` does not answer (`Connection refused`) -> start it, or mend --job-endpoint"
        )
        free.listen()
        assert said("--job-endpoint", closed, *CLUSTER)[1] == f"ok job server: `{closed}` takes connections"


def test_a_job_server_that_is_no_file() -> None:
    assert "fail job server: `none.jar` is no file -> mend --job-server" in said("--job-server", "none.jar", *CLUSTER)


def test_prism(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prism = tmp_path / "prism"
    prism.touch(0o755)
    monkeypatch.setenv("CAPTIONSTREAM_PRISM", str(prism))
    assert said("--runner", "prism")[1] == f"ok Prism: `{prism}`"
    prism.chmod(0o644)
    assert said("--runner", "prism")[1].startswith(
        f"fail Prism: `CAPTIONSTREAM_PRISM` names `{prism}`, which cannot be"
    )
    monkeypatch.delenv("CAPTIONSTREAM_PRISM")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert said("--runner", "prism")[1] == (
        "warn Prism: is not here, and Beam fetches it at the start -> let this machine reach GitHub"
    )


def test_java_is_looked_for_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise JavaMissing("the local broker needs Java 17 or newer and found none; install Java 17")

    monkeypatch.setattr(machine, "find_java", missing)
    assert list(machine.java_findings(plan())) == []
    assert list(machine.java_findings(plan("--job-endpoint", "a:1", *CLUSTER, job="run"))) == []
    with pytest.raises(JavaMissing):
        list(machine.java_findings(plan(*CLUSTER, job="run")))


def test_memory_and_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "free_memory", lambda _: 8 << 30)
    assert lines(machine.memory_findings(plan())) == [
        "ok memory: 8.0 GiB free; index, pictures and worker may take 4.0 beside the model"
    ]
    assert lines(machine.memory_findings(plan("--index-memory", "8192"))) == [
        "warn memory: 8.0 GiB free; index, pictures and worker may take 11.0 beside the model -> lower --index-memory "
        "or --fetch-memory, or take a larger machine"
    ]
    words = ("--file-root", str(tmp_path / "none"), "--fetch-host", "a.example", "--fetch-ca-file", str(tmp_path))
    assert lines(machine.file_findings(plan(*words))) == [
        f"fail file root: `{tmp_path / 'none'}` is no directory here -> mend --file-root",
        f"fail authorities: `{tmp_path}` is no file here -> mend --fetch-ca-file",
    ]
    elsewhere = ("--flink-master", "j:8081", *CLUSTER)
    assert lines(machine.file_findings(plan(*words, *elsewhere, job="run"))) == []
    assert lines(machine.memory_findings(plan(*elsewhere, job="run"))) == []


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = lines(machine.version_findings())
    assert line.startswith("ok versions: captionstream 0.1.0, Python 3.")
    monkeypatch.setattr(machine.importlib, "metadata", SimpleNamespace(version=lambda _: "2.70.0"))
    assert lines(machine.version_findings())[1] == (
        "warn versions: Beam 2.70.0 is not the one this was tested with -> install apache-beam 2.77"
    )


def test_the_cache_is_asked_for_a_sign_of_life(tmp_path: Path) -> None:
    assert lines(machine.cache_findings(plan())) == []
    with RedisServer(tmp_path) as server:
        assert lines(machine.cache_findings(plan("--cache", server.url))) == ["ok cache: the Redis answers"]
    assert lines(machine.cache_findings(plan("--cache", server.url))) == [
        "warn cache: does not answer (`ConnectionError`): every text is generated -> start it, or mend --cache and "
        "--cache-password"
    ]
