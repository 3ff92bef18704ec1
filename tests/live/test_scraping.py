"""A running job is scraped over HTTP, and what it says is what was sent."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from data.ports import HERE, free_range
from data.web_host import WebHost, answer, picture
from deploy.queries import names, queries
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from live.flink_servers import flink_jars, job_server, worker_pool
from live.refusing import REFUSED
from live.shop import FAKE, Shop, near_copy, product_png
from prometheus_client.parser import text_string_to_metric_families

from pipeline.kafka.connection import consumer
from pipeline.kafka.live.ends import behind
from pipeline.local.job_server import LocalJobServer
from pipeline.local.kafka import LocalKafka
from pipeline.local.worker_pool import WorkerPool
from pipeline.metrics.endpoint import close_endpoints, serve
from pipeline.metrics.options import PORTS, MetricsOptions
from transforms import inflight, tally
from transforms.captioner.fake import FakeCaptioner
from transforms.errors import RunnerRefused
from transforms.inflight import Inflight

__all__ = ["flink_jars", "job_server", "worker_pool"]
pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 1, "dead": 1, "audit": 1}))


@pytest.fixture
def port() -> Iterator[int]:
    yield free_range(PORTS)
    close_endpoints()


def scrape(port: int) -> Samples:
    """What one process says; nothing where none listens."""
    try:
        with urllib.request.urlopen(f"http://{HERE}:{port}/metrics", timeout=10) as said:
            text = said.read().decode()
    except OSError:
        return {}
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def together(*scrapes: Samples) -> Samples:
    """What Prometheus' `sum` over processes gives."""
    summed: Samples = defaultdict(float)
    for one in scrapes:
        for key, value in one.items():
            summed[key] += value
    return summed


def by(samples: Samples, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """One metric's values that are not 0, by these labels."""
    found = {tuple(dict(own)[label] for label in labels): value for (one, own), value in samples.items() if one == name}
    return {key: value for key, value in found.items() if value}


def test_a_replay_is_scraped_while_it_runs(shop: Shop, port: int) -> None:
    """In this process: what it counted before is taken off."""
    seen: list[Samples] = []

    def script(*_: object) -> None:
        if not seen:  # it is asked for its first caption
            seen.append(scrape(port))

    metrics = MetricsOptions(port, HERE)
    endpoint = serve(metrics)
    assert endpoint is not None
    assert endpoint.ready(LIMIT) == port
    inflight.close_all()
    inflight.preload(FAKE, Inflight(FakeCaptioner(4, script=script)))
    try:
        shop.upload(*({"image_id": f"i{n}", "image": product_png(n)} for n in range(6)), (b"x", b"\xff"))
        before = scrape(port)
        shop.run(metrics=metrics)
        after = scrape(port)
    finally:
        inflight.close_all()
    (during,) = seen
    assert during["caption_slots", ()] == 4
    assert 1 <= during["caption_inflight_requests", ()] <= 8
    rose = {key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)}
    assert rose["caption_uploads_read_total", ()] == 7
    assert by(rose, "caption_images_total", "outcome") == {("generated",): 6, ("dead_letter",): 1}
    assert rose["caption_generations_total", ()] == rose["caption_generation_seconds_count", ()] == 6
    assert rose["caption_batch_images_count", ()] == 6
    assert by(rose, "caption_records_written_total", "topic") == {
        (shop.names["captions"],): 6, (shop.names["audit"],): 12, (shop.names["dead"],): 1,
    }  # fmt: skip


def test_the_lag_is_the_groups(shop: Shop) -> None:
    shop.upload(*((b"key", b"value") for _ in range(5)))
    topic, group = shop.names["uploads"], shop.names["captions"]
    found = behind(shop.kafka, group, shop.uploads, ())
    lags = {key[2]: value for key, value in tally.numbers().levels.items() if key[:2] == ("consumer_lag", topic)}
    assert found == (5, 0)
    assert sorted(lags.values()) == [0, 5]
    busy = next(int(partition) for partition, lag in lags.items() if lag)
    client = consumer(shop.kafka, group_id=group)
    client.commit({TopicPartition(topic, busy): OffsetAndMetadata(3, "", -1)})
    client.close()
    assert behind(shop.kafka, group, shop.uploads, ()) == (2, 3)
    assert tally.numbers().levels["consumer_lag", topic, str(busy)] == 2
    assert behind(shop.kafka, group, type(shop.uploads)(("not-there",)), ()) is None
    assert not [key for key in tally.numbers().levels if key[0] == "consumer_lag"]


@pytest.mark.flink
def test_a_job_on_flink_tells_all_that_alerts_and_dashboard_ask_for(
    shop: Shop, port: int, job_server: LocalJobServer, worker_pool: WorkerPool, tmp_path: Path
) -> None:
    """The launcher, a worker of the pool and the captioner's own process: two of the three are scraped."""
    pictures = {f"/{n}.png": product_png(40 + n) for n in range(2)}
    said = {path: picture(body) for path, body in pictures.items()} | {"/gone": answer("410 Gone")}
    copies = 3
    with WebHost(lambda head: iter([said[head.split()[1]]])) as host:
        shop.upload(
            *({"image_id": f"i{n}", "image": product_png(n)} for n in range(12)),
            *({"image_id": f"copy{n}", "image": near_copy(product_png(n))} for n in range(copies)),
            *({"image_id": path, "uri": host.url(path)} for path in said),
            {"image_id": "no", "merchant": REFUSED, "image": product_png(30)},
            (b"x", b"\xff"),
            (b"ghost", None),
        )
        job = Job(shop, port, host.port, job_server, worker_pool, tmp_path)
        try:
            job.wait(lambda found: sum(by(found, "caption_images_total", "outcome").values()) == 21, "all is done")
            job.wait(lambda found: not by(found, "caption_uploads_owed"), "all is written")
            job.wait(lambda found: ("caption_consumer_lag", lag_of(shop, 1)) in found, "the launcher knows the lag")
            job.wait(lambda found: not by(found, "caption_consumer_lag", "topic", "partition"), "all is committed")
            found, parts = job.scraped(), [scrape(port), scrape(port + 1)]
            job.end_the_captioner()
            job.wait(lambda found: found["caption_captioner_restarts_total", ()] == 1, "its end is counted")
        finally:
            job.stop()

    assert found["caption_uploads_read_total", ()] == 21
    assert by(found, "caption_images_total", "outcome") == {
        ("generated",): 14, ("reused",): copies, ("dead_letter",): 3, ("deleted",): 1,
    }  # fmt: skip
    assert found["caption_reused_total", ()] == copies
    assert by(found, "caption_dead_letters_total", "stage", "code") == {
        ("Decode event", "event_undecodable"): 1,
        ("Fetch image", "image_missing"): 1,
        ("Caption image", "caption_rejected"): 1,
    }
    attempts = 3
    assert found["caption_retries_total", ()] == attempts - 1
    blocked = by(found, "caption_guard_blocks_total", "rule", "lang")
    assert blocked["one_character", "en"] == blocked["one_character", "zh-Hans"] == attempts
    assert found["caption_generations_total", ()] == 14 + attempts
    assert found["caption_batch_images_count", ()] == found["caption_generation_seconds_count", ()] == 14 + attempts
    assert found["caption_fetch_seconds_count", ()] == 3
    assert found["caption_fetch_bytes_total", ()] == sum(map(len, pictures.values()))
    assert by(found, "caption_records_written_total", "topic") == {
        (shop.names["captions"],): 14 + copies + 1,
        (shop.names["audit"],): (14 + copies + attempts) * 2,
        (shop.names["dead"],): 3,
    }
    answers = {audit["audit_id"]: audit for audit in shop.audits() if audit["origin"] == "GENERATED"}
    assert by(found, "caption_tokens_total", "type") == {
        ("input",): sum(audit["input_tokens"] for audit in answers.values()),
        ("output",): sum(audit["output_tokens"] for audit in answers.values()),
    }
    assert by(found, "caption_model_info", "model", "revision") == {("fake", "1"): 1}
    assert by(found, "caption_slots") == {(): 4}
    assert {lag_of(shop, 0), lag_of(shop, 1)} <= {labels for name, labels in found if name == "caption_read_lag"}

    asked = {name for _, query in queries() for name in names(query)} - {"up"}
    assert asked - {name for name, _ in found} == set()
    readers = [part["caption_uploads_read_total", ()] for part in parts]
    assert sorted(readers) == [0, 21], "the launcher reads nothing, and the worker is another process"
    everything = "".join(f"{name}{labels}" for name, labels in found)
    assert not [image for image in ("i0", "copy0", "ghost", "/0.png", HERE) if f"'{image}'" in everything]


def lag_of(shop: Shop, partition: int) -> tuple[tuple[str, str], ...]:
    return (("partition", str(partition)), ("topic", shop.names["uploads"]))


class Job:
    """``captionstream run`` with workers of the pool, and what its two processes say together."""

    def __init__(
        self, shop: Shop, port: int, host: int, server: LocalJobServer, pool: WorkerPool, folder: Path
    ) -> None:
        command = [
            *(sys.executable, "-m", "pipeline.cli", "run", "--bootstrap-servers", shop.servers),
            *("--topic", shop.names["uploads"], "--captions-topic", shop.names["captions"]),
            *("--dead-letters-topic", shop.names["dead"], "--audit-topic", shop.names["audit"]),
            *("--group", shop.names["captions"], "--job-name", f"metrics-{folder.name}"),
            *("--job-endpoint", server.endpoint, "--environment", f"external:{pool.endpoint}"),
            *("--checkpoint-dir", str(folder / "checkpoints"), "--watchdog", "16s"),
            *("--captioner", "live.refusing:create", "--own-process", "--slots", "4", "--prompts", "tiny"),
            *("--fetch-host", HERE, "--fetch-plain-http", "--fetch-port", str(host), "--fetch-network", "127.0.0.1/32"),
            *("--metrics-port", str(port), "--metrics-address", HERE, "--", "--checkpointing_interval=2000"),
        ]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        self._port, self._pool, self._log = port, pool, folder / "log"
        self._server, self._name = server, f"metrics-{folder.name}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def scraped(self) -> Samples:
        return together(scrape(self._port), scrape(self._port + 1))

    def wait(self, condition: Callable[[Samples], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT
        while not condition(found := self.scraped()):
            assert self._process.poll() is None, self._log.read_text()
            if time.monotonic() > deadline:
                shown = "\n".join(f"{key} {value}" for key, value in found.items() if "_bucket" not in key[0])
                raise AssertionError(f"not in {LIMIT:g} s: {what}\n{shown}\n{self._log.read_text()}")
            time.sleep(0.2)

    def end_the_captioner(self) -> None:
        """As a crash of it would."""
        workers = [psutil.Process(pid) for pid in self._pool.workers()]
        processes = [child for worker in workers for child in worker.children(recursive=True)]
        (captioner,) = [one for one in processes if "transforms.captioner.process.host" in " ".join(one.cmdline())]
        captioner.kill()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(LIMIT)
        finally:
            self._process.kill()
            self._process.wait()
            # Beam's job server says that it cancels a job of a Flink inside it, and lets it run.
            with contextlib.suppress(RunnerRefused):
                self._server.job(self._name, 1).cancel()
