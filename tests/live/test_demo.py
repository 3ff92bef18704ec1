"""The demo and the replay command as a user runs them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from live.shop import Shop, product_png

from pipeline.local.kafka import LocalKafka

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.broker


def captionstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240)


@pytest.mark.model
def test_demo_finds_every_event_where_the_script_says(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = captionstream("demo", "--json", "--report", str(report))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["mismatches"] == 0
    assert said["events"] == 240
    assert said["captions"] + sum(said["dead_letters"].values()) + 3 == 240  # three deletions
    assert said["missed_copies"] <= 0.15 * said["near_copies"]  # rendered ones have little detail, and strong colours
    assert said["caption_exact_en"] >= 0.93
    assert said["caption_exact_zh"] >= 0.93
    assert "No mismatches" in report.read_text()
    assert done.stderr == ""


def test_replay_command_says_what_it_read_and_wrote(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> None:
    names = topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1})
    shop = Shop(kafka.bootstrap_servers, names)
    shop.upload({"image_id": "a", "image": product_png(1)}, {"image_id": "b", "image": product_png(2)})
    done = captionstream(
        "replay", "--bootstrap-servers", kafka.bootstrap_servers, "--topic", names["uploads"],
        "--captions-topic", names["captions"], "--dead-letters-topic", names["dead"],
        "--audit-topic", names["audit"], "--captioner", "fake", "--json", "--run-id", "nightly-7",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, row, total = done.stderr.splitlines()
    assert head.split() == ["topic", "partition", "from", "to", "records"]
    assert row.split() == [names["uploads"], "0", "0", "2", "2"]
    assert total == "captionstream: 2 records, run nightly-7"
    assert json.loads(done.stdout)["captions"] == 2
    assert sorted(c["image_id"] for c in shop.captions()) == ["a", "b"]
    for record in (*shop.captions(), *shop.audits()):
        assert record["run_id"] == "nightly-7"
    assert all(c["is_replay"] for c in shop.captions())


def test_replay_command_reads_what_it_is_told_and_only_what_changed(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]]
) -> None:
    names = topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1})
    shop = Shop(kafka.bootstrap_servers, names)
    shop.upload(*({"image_id": f"a{n}", "image": product_png(n)} for n in range(5)))
    arguments = (
        "replay", "--bootstrap-servers", kafka.bootstrap_servers, "--topic-pattern", f"{names['uploads'][:-1]}.",
        "--captions-topic", names["captions"], "--dead-letters-topic", names["dead"],
        "--audit-topic", names["audit"], "--captioner", "fake", "--json", "--only-changed",
        "--partition", f"{names['uploads']}:0", "--from-offset", f"{names['uploads']}:0=1",
    )  # fmt: skip
    done = captionstream(*arguments, "--to-offset", f"{names['uploads']}:0=3")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[1].split()[1:] == ["0", "1", "3", "2"]
    assert sorted(c["image_id"] for c in shop.captions()) == ["a1", "a2"]
    counters = json.loads(captionstream(*arguments).stdout)
    assert (counters["unchanged"], counters["captions"]) == (2, 2)
    assert sorted(c["image_id"] for c in shop.captions()) == ["a1", "a2", "a3", "a4"]
    refused = captionstream(*arguments, "--to-offset", f"{names['uploads']}:0=9")
    assert refused.returncode == 2
    assert f"offset `9` of `{names['uploads']}:0` is outside 0 to 5; mend --to-offset" in refused.stderr


def test_broken_setup_is_one_line_without_a_trace(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> None:
    names = topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1})
    done = captionstream(
        "replay", "--bootstrap-servers", kafka.bootstrap_servers, "--topic", names["uploads"],
        "--captions-topic", names["captions"], "--dead-letters-topic", names["dead"],
        "--audit-topic", "no-such-topic", "--captioner", "fake",
    )  # fmt: skip
    assert done.returncode == 1
    assert "topic_missing: topic `no-such-topic` does not exist" in done.stderr
    assert "Traceback" not in done.stderr
