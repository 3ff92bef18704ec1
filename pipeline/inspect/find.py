"""Every record of an image, or of an upload, in the topics that were named.

All partitions are read: which one a key is in depends on who wrote it and on how many partitions there were then. What
the job writes is keyed by the image id; an upload's key may be anything, so an id that occurs in its bytes is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kafka.partitioner import murmur2

from pipeline.inspect.decoded import Entry, Reader
from pipeline.inspect.topics import Kind, Topics
from pipeline.kafka.connection import KafkaOptions, consumer, partitions
from pipeline.kafka.consume import read_spans
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import EARLIEST, LATEST, Moment, Uploads, answering
from pipeline.kafka.span import Span
from pipeline.progress import Progress
from pipeline.redrive.letters import read
from pipeline.report.window import Window
from transforms.origin import Origin, origin_of
from transforms.values import KafkaRecord, Task
from transforms.warm import cache_key

MOST = 1000
"""Entries kept: the newest."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for."""

    image_id: str = ""
    """Empty: only by the upload."""
    source: Origin | None = None
    """An upload, wherever it was redriven to."""

    @property
    def needle(self) -> bytes:
        """The id as it lies in keys and values."""
        return self.image_id.encode(errors="surrogateescape")


@dataclass(slots=True)
class Found:
    """Entries in order of time."""

    entries: list[Entry] = field(default_factory=list)
    left_out: int = 0
    """Older ones beyond `MOST`."""
    records: int = 0
    """That were read."""

    def add(self, entry: Entry) -> None:
        """Keep the newest."""
        self.entries.append(entry)
        if len(self.entries) >= 2 * MOST:
            self.finish()

    def finish(self) -> None:
        """Sort, and drop what is too much."""
        self.entries.sort(key=lambda entry: entry.order)
        self.left_out += max(0, len(self.entries) - MOST)
        del self.entries[:-MOST]


class Finder:
    """Looks into topics; no group, nothing committed."""

    def __init__(self, options: KafkaOptions, topics: Topics, window: Window, by_key: bool = False) -> None:
        """``by_key``: only in the partition where Kafka's default partitioner puts the id today."""
        self._options = options
        self._topics = topics
        self._window = window
        self._by_key = by_key
        self._reader = Reader(topics)

    def find(self, wanted: Wanted, is_verbose: bool = False) -> Found:
        """Read the topics. Raises `TopicMissing`, `BrokerUnreachable`, `BrokerRefused`, `OffsetsUnavailable`."""
        planned = [(kind, self._spans(topic, kind, wanted)) for topic, kind in self._topics.named()]
        total = sum(span.stop - span.start for _, spans in planned for span in spans)
        found, merchants = Found(), {""}
        with Progress("Looking", total, lambda: found.records, "records", lines=is_verbose):
            for kind, spans in planned:
                for record in read_spans(self._options, spans):
                    found.records += 1
                    entry = self._match(kind, record, wanted, merchants)
                    if entry is not None and self._window.holds(entry.time_ms):
                        merchants.add(merchant_of(entry))
                        found.add(entry)
        found.finish()
        return found

    def _match(self, kind: Kind, record: KafkaRecord, wanted: Wanted, merchants: set[str]) -> Entry | None:
        needle, value = wanted.needle, record.value or b""
        if kind is Kind.CACHE:
            if needle and value and needle in value:
                entry = self._reader.read(record)
                return entry if entry.image_id == wanted.image_id else None
            if wanted.image_id and record.value is None and _is_cached_under(record.key, wanted.image_id, merchants):
                return replace(self._reader.read(record), image_id=wanted.image_id)
            return None
        is_told = kind not in (Kind.UPLOADS, Kind.DEAD_LETTERS)
        if not is_told and wanted.source is not None and _source(kind, record) == wanted.source:
            return self._reader.read(record)
        if needle and (record.key == needle or (not is_told and needle in value)):
            entry = self._reader.read(record)
            # Under its key there may lie another image; what cannot be decoded is only known by its key.
            is_its = entry.image_id == wanted.image_id or (not entry.image_id and record.key == needle)
            return entry if is_its else None
        return None

    def _spans(self, topic: str, kind: Kind, wanted: Wanted) -> Sequence[Span]:
        start, stop = self._window.moments
        if kind in (Kind.UPLOADS, Kind.DEAD_LETTERS):  # their times are the producer's, in any order
            stop = Moment(LATEST)
        if kind is Kind.DEAD_LETTERS:  # and those of letters are their uploads', not when they were written
            start = Moment(EARLIEST)
        spans = resolve(self._options, Uploads((topic,)), start, stop)
        if not self._by_key or not wanted.needle or kind is Kind.CACHE:
            return spans
        client = consumer(self._options)
        try:
            with answering(self._options.bootstrap_servers):
                count = len(partitions(client, topic, self._options.bootstrap_servers))
        finally:
            client.close()
        return [span for span in spans if span.partition == partition_of(wanted.needle, count)]


def partition_of(key: bytes, count: int) -> int:
    """Where Kafka's default partitioner puts a key, in a topic of so many partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % count


def merchant_of(entry: Entry) -> str:
    """The merchant that an entry names; empty for none."""
    value = entry.value or {}
    named = value.get("merchant") or (value.get("upload") or {}).get("merchant") or entry.headers.get("merchant")
    return named if isinstance(named, str) else ""


def _source(kind: Kind, record: KafkaRecord) -> Origin | None:
    if kind is Kind.UPLOADS:
        return origin_of(record)
    letter = read(record)
    return None if letter is None else letter.origin


def _is_cached_under(key: bytes | None, image_id: str, merchants: set[str]) -> bool:
    return any(key == cache_key(merchant, image_id, task) for merchant in merchants for task in Task)
