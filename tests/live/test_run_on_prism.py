"""``captionstream run --runner prism``: with the Prism that is found, until Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from live.flink_servers import find_or_build
from live.shop import Shop, product_png

from pipeline.local.kafka import LocalKafka
from transforms.errors import PrismMissing

pytestmark = [pytest.mark.broker, pytest.mark.flink]
ROOT = Path(__file__).parents[2]
LIMIT = 90


@pytest.fixture
def prism() -> Path:
    try:
        return find_or_build()
    except PrismMissing as error:
        pytest.skip(f"no Prism here: {error}")


def command(shop: Shop, group: str) -> list[str]:
    return [
        *(sys.executable, "-m", "pipeline.cli", "run", "--bootstrap-servers", shop.servers),
        *("--topic", shop.names["uploads"], "--captions-topic", shop.names["captions"]),
        *("--dead-letters-topic", shop.names["dead"], "--audit-topic", shop.names["audit"]),
        *("--group", group, "--captioner", "fake", "--model", "fake", "--prompts", "tiny", "--runner", "prism"),
    ]


def test_uploads_are_captioned_until_it_is_interrupted(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], prism: Path, tmp_path: Path
) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 2, "dead": 1, "audit": 2}))
    shop.upload(*({"image_id": f"i{n}", "image": product_png(n)} for n in range(10)), (b"x", b"\xff"))
    log = tmp_path / "log"
    environment = {**os.environ, "CAPTIONSTREAM_PRISM": str(prism)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command(shop, tmp_path.name), cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + LIMIT
        while len(shop.raw("captions")) < 10 or not shop.raw("dead"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        assert sorted(value["image_id"] for value in shop.captions()) == sorted(f"i{n}" for n in range(10))
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130, log.read_text()
    finally:
        process.kill()
        process.wait()
    said = log.read_text()
    assert "cancelling the job" in said
    assert said.endswith("captionstream: interrupted\n"), said
    assert "Traceback" not in said


def test_a_prism_that_cannot_be_run_is_named(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}))
    done = subprocess.run(
        command(shop, tmp_path.name),
        cwd=ROOT,
        env={**os.environ, "CAPTIONSTREAM_PRISM": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 1
    assert f"`CAPTIONSTREAM_PRISM` names `{tmp_path}`, which cannot be run; correct it or unset it" in done.stderr
