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
    assert said["missed_copies"] <= 0.12 * said["near_copies"]
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
        "--audit-topic", names["audit"], "--captioner", "fake", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{names['uploads']} partition 0: offsets 0 to 2" in done.stderr
    assert json.loads(done.stdout)["captions"] == 2
    assert sorted(c["image_id"] for c in shop.captions()) == ["a", "b"]
    assert all(c["is_replay"] for c in shop.captions())


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
