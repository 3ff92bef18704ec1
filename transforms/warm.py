"""The cache topic: a compacted topic with every text and its picture's fingerprint, so that a new job starts warm.

It is read at launch up to its end, and never awaited: a copy that comes before its text costs one generation. Texts
pass the review again. A record holds what was generated for one image and task; its key says which, so that a deletion
withdraws it whatever the job still remembers. Its value is a `CachedTexts` of our own state schemas.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from transforms.coders import AvroCoder
from transforms.metrics import count
from transforms.origin import origin_of
from transforms.review import Verdict
from transforms.values import CachedTexts, Caption, KafkaRecord, KnownTexts, Outgoing, Task, Tombstone

_log = logging.getLogger(__name__)
_CODER = AvroCoder(CachedTexts)


def cache_key(merchant: str, image_id: str, task: Task) -> bytes:
    """The key of what an image's uploads for a task were answered."""
    parts = (merchant, image_id, task.value)
    return hashlib.sha256(b"\x00".join(part.encode() for part in parts)).hexdigest().encode()


def cached_texts(caption: Caption, topic: str, timestamp_ms: int) -> Iterator[Outgoing]:
    """The record of what was generated for a caption, if anything was; what it reused lies under its own image."""
    pairs = zip(caption.texts, caption.reused, strict=True)
    # A fallback is about one upload's attributes, and what was redacted is for the audit only.
    texts = tuple(
        replace(text, written="") for text, reused in pairs if not reused and text.verdict != Verdict.FALLBACK.value
    )
    if texts:
        upload, first = caption.upload, origin_of(caption.record)
        place = (first.topic, first.partition, first.offset, caption.record.timestamp_ms)
        value = _CODER.encode(CachedTexts(upload.merchant, upload.image_id, upload.task, *place, texts))
        yield Outgoing(topic, cache_key(upload.merchant, upload.image_id, upload.task), value, (), timestamp_ms)


def forgotten(tombstone: Tombstone, topic: str, timestamp_ms: int) -> Iterator[Outgoing]:
    """The tombstones of an image's texts, one for each task: nobody need know which there were."""
    for task in Task:
        key = cache_key(tombstone.merchant, tombstone.image_id, task)
        yield Outgoing(topic, key, None, (), timestamp_ms)


def by_key(record: KafkaRecord) -> tuple[bytes, KafkaRecord]:
    """The record under its key: a topic is compacted some time later, so older ones are still there."""
    return record.key or b"", record


def latest(keyed: tuple[bytes, Iterable[KafkaRecord]]) -> Iterator[KnownTexts]:
    """What the newest record of a key says; nothing where the image was deleted, or for what cannot be read.

    By time first: when a topic got more partitions, a key moved to another one.
    """
    record = max(keyed[1], key=lambda one: (one.timestamp_ms, one.partition, one.offset))
    if record.value is None:
        return
    try:
        cached: CachedTexts = _CODER.decode(record.value)
    except Exception as error:  # of a later version, or somebody else's
        _log.warning("record `%s` of the cache topic cannot be read (`%s`)", record.coordinates(), type(error).__name__)
        count("cache_unreadable")
        return
    if not cached.texts:
        return
    count("cache_read", len(cached.texts))
    upload = KafkaRecord(cached.topic, cached.partition, cached.offset, cached.timestamp_ms, None, None)
    yield KnownTexts(upload, cached.merchant, cached.image_id, cached.task, cached.texts)
