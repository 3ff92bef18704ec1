"""``captionstream demo``: scripted uploads on a real broker, the whole job, and a check of every event."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from pipeline.config import Config, Topics
from pipeline.demo.outcome import show, summary
from pipeline.demo.report import write_report
from pipeline.demo.script import WIRE, ScriptedEvent, make_script
from pipeline.demo.verify import Consumed, Coordinates, compare
from pipeline.kafka.connection import KafkaOptions, producer
from pipeline.kafka.consume import read_topic
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.kafka.produce import send
from pipeline.local.kafka import LocalKafka
from pipeline.progress import Progress
from pipeline.runners.embedded import run_embedded
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.prompts import Library
from transforms.fetch import FetchLimits
from transforms.inflight import captioner_for
from transforms.values import Header, Outgoing

CAPTIONER = CaptionerOptions(model="tiny", slots=16)


def run_demo(seed: int, report: str, as_json: bool) -> int:
    """Run it; 0 when every event ended as the script says, else 1 with the differences."""
    console = Console(stderr=True, quiet=as_json)
    started = time.monotonic()
    console.print("Starting Kafka (its jars are fetched the first time) and loading the tiny Qwen3-VL checkpoint")
    loading = _load_captioner()
    with tempfile.TemporaryDirectory(prefix="captionstream-demo-") as folder, LocalKafka() as broker:
        console.print(f"Kafka is up at {broker.bootstrap_servers}")
        kafka, uploads, topics = KafkaOptions(broker.bootstrap_servers), Uploads(), Topics()
        broker.create_topics({uploads.topics[0]: 4, topics.captions: 4, topics.dead_letters: 1, topics.audit: 4})
        script = make_script(seed, Path(folder))
        coordinates = _produce(kafka, uploads.topics[0], script)
        console.print(f"{len(script)} upload events are on topic {uploads.topics[0]}")
        loading.result()
        config = Config(
            kafka=kafka,
            uploads=uploads,
            topics=topics,
            uploads_wire=WIRE,
            fetch=FetchLimits(file_root=folder),
            captioner=CAPTIONER,
            prompts=Library.load("tiny"),
        )
        with Progress("Captioning", len(script)):
            run_embedded(config, resolve(kafka, uploads))
        captions, letters, audits = (
            _consume(kafka, topic) for topic in (topics.captions, topics.dead_letters, topics.audit)
        )
        findings = compare(script, coordinates, captions, letters, audits)
        seconds = time.monotonic() - started
    write_report(Path(report), script, findings, seconds)
    if as_json:
        print(json.dumps(summary(findings, seconds)))
    else:
        show(findings, seconds, Path(report))
    return 1 if findings.mismatches else 0


def _load_captioner() -> Future[object]:
    """Importing torch takes seconds: do it while the broker starts."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(captioner_for, CAPTIONER)
    finally:
        pool.shutdown(wait=False)


def _produce(kafka: KafkaOptions, topic: str, script: Sequence[ScriptedEvent]) -> list[Coordinates]:
    client = producer(kafka)
    try:
        futures = [send(client, _outgoing(topic, event)) for event in script]
        client.flush()
        placed = [future.get(timeout=kafka.timeout_seconds) for future in futures]
    finally:
        client.close()
    return [(metadata.topic, metadata.partition, metadata.offset) for metadata in placed]


def _outgoing(topic: str, event: ScriptedEvent) -> Outgoing:
    headers = tuple(Header(name, value) for name, value in event.headers)
    return Outgoing(topic, event.key, event.value, headers, event.timestamp_ms)


def _consume(kafka: KafkaOptions, topic: str) -> list[Consumed]:
    return [
        Consumed(
            record.key,
            record.value,
            tuple((header.name, header.value) for header in record.headers),
            record.timestamp_ms,
            record.offset,
            record.partition,
        )
        for record in read_topic(kafka, topic)
    ]
