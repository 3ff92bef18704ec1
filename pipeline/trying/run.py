"""Starts a broker, submits the pictures, runs the job over them and reads back what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pipeline.config import Config, Topics
from pipeline.inspect.said import words_of
from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.consume import read_topic
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.local.kafka import LocalKafka
from pipeline.progress import Progress
from pipeline.runners.embedded import run_embedded
from pipeline.submit.events import Asked
from pipeline.submit.pictures import Source
from pipeline.submit.send import Submission
from schemas.codec import Decoder, WireFormat
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.prompts import Library
from transforms.inflight import captioner_for
from transforms.inspect import InspectLimits
from transforms.values import KafkaRecord

TINY = (
    "the bundled tiny model knows ten kinds of rendered products and no photos: it will guess wrongly at yours. "
    "This shows the way of a picture through the job; for real captions name a Qwen3-VL checkpoint with --model"
)
"""Said wherever that model's captions are shown."""
_ROOM = 1 << 20
"""Bytes of an event beside its picture."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one picture."""

    source: Source
    texts: Mapping[str, str] = field(default_factory=dict)
    """By language, with the alternative text of prompts that ask for one; empty where there is no caption."""
    copy_of: str = ""
    """Image id of the picture whose text it has."""
    code: str = ""
    """Of the dead letter, where there is one."""
    message: str = ""


def try_pictures(
    sources: Sequence[Source], captioner: CaptionerOptions, prompts: Library, say: Callable[[str], None]
) -> list[Result]:
    """Caption them; one result a picture, in their order. Raises `JobError` when the job stops."""
    say("starting Kafka (its jars are fetched the first time) and loading the model")
    loading = _load(captioner)
    limits = InspectLimits()
    with LocalKafka() as broker:
        kafka, uploads, topics = KafkaOptions(broker.bootstrap_servers), Uploads(), Topics()
        (read,) = uploads.topics
        room = {"max.message.bytes": str(limits.max_bytes + _ROOM)}
        names = {read: 1, topics.captions: 1, topics.dead_letters: 1, topics.audit: 1}
        broker.create_topics(names, {read: room, topics.dead_letters: room})
        submission = Submission(kafka, read, Asked(), WireFormat(), limits.max_bytes, time.time)
        written = list(submission.send(sources))
        sent = sum(one.error is None for one in written)
        say(f"{sent:,} {'upload is' if sent == 1 else 'uploads are'} on topic {read} at {broker.bootstrap_servers}")
        loading.result()
        config = Config(kafka=kafka, uploads=uploads, topics=topics, captioner=captioner, prompts=prompts)
        with Progress("Captioning", len(sources)):
            run_embedded(config, resolve(kafka, uploads))
        captions, letters = read_topic(kafka, topics.captions), read_topic(kafka, topics.dead_letters)
    results = {one.source.image_id: Result(one.source) for one in written}
    for one in written:
        if one.error is not None:
            results[one.source.image_id] = Result(one.source, code=one.error.code, message=one.error.message)
    for record in captions:
        result = _caption(Decoder("caption").decode(record.value or b""), results)
        results[result.source.image_id] = result
    for record in letters:
        result = _letter(record, results)
        results[result.source.image_id] = result
    return list(results.values())


def _load(captioner: CaptionerOptions) -> Future[object]:
    """To import torch takes seconds: meanwhile the broker starts."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(captioner_for, captioner)
    finally:
        pool.shutdown(wait=False)


def _caption(value: Mapping[str, Any], results: Mapping[str, Result]) -> Result:
    texts = {text["language"]: words_of(text) for text in value["texts"]}
    return Result(results[value["image_id"]].source, texts, value["duplicate_of"] or "")


def _letter(record: KafkaRecord, results: Mapping[str, Result]) -> Result:
    told = {header.name: (header.value or b"").decode() for header in record.headers}
    source = results[(record.key or b"").decode()].source
    return Result(source, code=told["caption.error.code"], message=told["__connect.errors.exception.message"])
