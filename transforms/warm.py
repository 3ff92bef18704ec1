"""The cache topic: a compacted topic with every text and its picture's fingerprint, so that a new job starts warm.

It is read at launch up to its end, and never awaited: a copy that comes before its text costs one generation. Texts
pass the review again. A record's key says whose picture and which question it is, its value is a `CachedText` of our
own state schemas, and null once the image was deleted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from transforms.coders import AvroCoder
from transforms.metrics import count
from transforms.values import CachedText, Caption, KafkaRecord, KnownText, Outgoing, Text, Tombstone

_log = logging.getLogger(__name__)
_CODER = AvroCoder(CachedText)


def cache_key(merchant: str, text: Text) -> str:
    """The key of a text: its merchant, picture, veto attributes and question."""
    parts = (merchant.encode(), text.sha256, text.veto.encode(), text.reuse_key.encode())
    return hashlib.sha256(b"\x00".join(parts)).hexdigest()


def cached_texts(caption: Caption, topic: str, timestamp_ms: int) -> Iterator[Outgoing]:
    """The records of what was generated for a caption; what it reused lies there already."""
    for text, reused in zip(caption.texts, caption.reused, strict=True):
        if not reused:
            value = _CODER.encode(CachedText(caption.upload.merchant, text))
            key = cache_key(caption.upload.merchant, text).encode()
            yield Outgoing(topic, key, value, (), timestamp_ms, caption.record)


def forgotten(tombstone: Tombstone, topic: str, timestamp_ms: int) -> Iterator[Outgoing]:
    """The tombstones of an image's texts."""
    for key in tombstone.cached:
        yield Outgoing(topic, key.encode(), None, (), timestamp_ms, tombstone.record)


def by_key(record: KafkaRecord) -> tuple[bytes, KafkaRecord]:
    """The record under its key: a topic is compacted some time later, so older ones are still there."""
    return record.key or b"", record


def latest(keyed: tuple[bytes, Iterable[KafkaRecord]]) -> Iterator[KnownText]:
    """What the newest record of a key says; nothing where the image was deleted, or for what cannot be read."""
    record = max(keyed[1], key=lambda one: (one.partition, one.offset))
    if record.value is None:
        return
    try:
        cached: CachedText = _CODER.decode(record.value)
    except Exception as error:  # of a later version, or somebody else's
        _log.warning("record `%s` of the cache topic cannot be read (`%s`)", record.coordinates(), type(error).__name__)
        count("cache_unreadable")
        return
    count("cache_read")
    yield KnownText(replace(record, value=None), cached.merchant, cached.text)
