"""The command: its words, its exit codes, and brokers that are dead in every way."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import main, parse

ROOT = Path(__file__).parents[3]
QUIET = ("--captioner", "fake", "--prompts", "tiny")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are the same on a machine that has a lot to do; what is too late has tests of its own."""
    monkeypatch.setattr("pipeline.commands.check.SECONDS", 120.0)


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refused() -> Iterator[str]:
    """A port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["silent", "refused"])
def test_a_dead_broker_is_one_failure_and_never_a_wait(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    place = request.getfixturevalue(kind)
    began = time.monotonic()
    assert main(["check", "replay", "--bootstrap-servers", place, "--json", *QUIET]) == 1
    assert time.monotonic() - began < 60  # 5 s, if the machine has nothing else to do
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in said if line["level"] == "fail"] == [
        {
            "level": "fail",
            "what": "brokers",
            "found": f"no broker at `{place}` answered in 4 s (`KafkaTimeoutError`)",
            "remedy": "check --bootstrap-servers and that the broker is running",
        }
    ]
    topics = next(line for line in said if line["what"] == "topics")
    assert (topics["level"], topics["found"]) == ("warn", "not looked at, for no broker answers")
    assert {"versions", "runner", "schema", "prompts tiny", "model", "policy default"} <= {
        line["what"] for line in said
    }


def test_for_a_person_it_is_a_line_each_with_the_remedy_below(refused: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "replay", "--bootstrap-servers", refused, *QUIET]) == 1
    said = capsys.readouterr().out
    assert "\nok   runner: the replay runs in this process\n" in said
    assert (
        f"\nfail brokers: no broker at `{refused}` answered in 4 s (`KafkaTimeoutError`)\n"
        "     → check --bootstrap-servers and that the broker is running\n"
    ) in said
    last = said.splitlines()[-1].split()
    assert last[1::2][:3] == ["ok,", "warn,", "fail"]
    assert int(last[4]) == 1


def test_a_broken_policy_is_a_failure_and_the_rest_is_looked_at(
    refused: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("version = '1'\nmax_attempts = 'many'\n")
    assert main(["check", "replay", "--bootstrap-servers", refused, "--policy", str(path), "--json", *QUIET]) == 1
    first, *others = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["level"], first["what"]) == ("fail", f"policy {path}")
    assert "max_attempts" in first["found"] + first["remedy"]
    assert "brokers" in {line["what"] for line in others}


def test_options_that_the_job_would_refuse_are_refused_as_the_job_does(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--slots", "0"], "slots `0` must be at least 1; mend --slots"),
        (["--topic", "a", "--captions-topic", "a"], "topic `a` is used twice"),
        (["--watchdog", "soon"], "`soon` is no duration; mend --watchdog"),
        (
            ["--from", "yesterday"],
            "`yesterday` is neither committed, earliest, latest nor an ISO 8601 time; mend --from",
        ),
    ):
        assert main(["check", *words]) == 2
        assert said in capsys.readouterr().err


def test_without_a_job_it_is_run_and_both_take_the_options_of_their_job(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text('[run]\ngroup = "g"\n[replay]\nonly-changed = true\n')
    live = parse(["check", "--config", str(path), "--", "--beam=1"], {})
    assert (live.command, live.job, live.group, live.beam) == ("check", "run", "g", ["--beam=1"])
    assert parse(["check", "replay", "--config", str(path)], {}).only_changed
    assert parse(["check"], {"CAPTIONSTREAM_SLOTS": "3"}).slots == 3


def test_ctrl_c_ends_it_at_once_and_the_process_it_started(silent: str) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "check", "replay", "--bootstrap-servers", silent, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["what"] == "policy default"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)  # which waits for every process that has our pipe
    assert process.returncode == 130
    assert said == "captionstream: interrupted\n"
