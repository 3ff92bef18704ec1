"""A replay on a cluster: streaming over the bounded source, so that the captioner sees batches."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from live.flink_servers import flink_jars, job_server
from live.shop import Shop, product_png

from pipeline.local.job_server import LocalJobServer
from pipeline.local.kafka import LocalKafka

__all__ = ["flink_jars", "job_server"]
pytestmark = [pytest.mark.broker, pytest.mark.flink]

ROOT = Path(__file__).parents[2]
SLOTS = 16


def replay(shop: Shop, server: LocalJobServer, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [
        *(sys.executable, "-m", "pipeline.cli", "replay", "--bootstrap-servers", shop.servers),
        *("--topic", shop.names["uploads"], "--captions-topic", shop.names["captions"]),
        *("--dead-letters-topic", shop.names["dead"], "--audit-topic", shop.names["audit"]),
        *("--runner", "flink", "--job-endpoint", server.endpoint, "--checkpoint-dir", str(folder / "ck")),
        *("--captioner", "live.noting:create", "--model", str(folder / "batches"), "--prompts", "tiny"),
        *("--slots", str(SLOTS), "--job-name", f"replay-{folder.name}", *more),
    ]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)


def test_batches_are_full_and_everything_comes_out_once(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], job_server: LocalJobServer, tmp_path: Path
) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 4, "captions": 4, "dead": 1, "audit": 4}))
    shop.upload(*({"image_id": f"i{n}", "image": product_png(n)} for n in range(200)), (b"x", b"\xff"))
    done = replay(shop, job_server, tmp_path, "--json", "--run-id", "yearly")
    assert done.returncode == 0, done.stderr
    captions = shop.captions()
    assert sorted(value["image_id"] for value in captions) == sorted(f"i{n}" for n in range(200))
    assert {(value["is_replay"], value["run_id"]) for value in captions} == {(True, "yearly")}
    assert len(shop.raw("dead")) == 1
    batches = [int(line) for line in (tmp_path / "batches").read_text().split()]
    mean = sum(batches) / len(batches)
    print(f"mean batch {mean:.1f} of {SLOTS} slots, {len(batches)} batches, counters {json.loads(done.stdout)}")
    assert mean > SLOTS / 4


def test_batch_mode_is_refused(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], job_server: LocalJobServer, tmp_path: Path
) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}))
    done = replay(shop, job_server, tmp_path, "--", "--streaming=false")
    assert done.returncode == 2
    assert "streaming is off: in batch the caption stage gets one picture at a time" in done.stderr
