"""Reads spans and whole topics back, for the demo, for tests and for the commands that look into topics."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from kafka import TopicPartition

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads, answering
from pipeline.kafka.span import Span, read_span
from transforms.errors import OffsetsUnavailable
from transforms.origin import Origin
from transforms.values import KafkaRecord

_SMALL_FETCH = 1 << 16
"""Bytes asked for where single records are read; the broker sends a whole batch where one is larger."""


def read_topic(options: KafkaOptions, topic: str) -> list[KafkaRecord]:
    """Every record that is in the topic now, partition by partition, in order."""
    return list(read_spans(options, resolve(options, Uploads((topic,)))))


def read_spans(options: KafkaOptions, spans: Sequence[Span], **settings: Any) -> Iterator[KafkaRecord]:
    """The records of the spans, one span after the other, without a group; ``settings`` are the consumer's.

    Raises `OffsetsUnavailable`, `BrokerUnreachable` or `BrokerRefused`.
    """
    if not spans:
        return
    client = consumer(options, **settings)
    try:
        for span in spans:
            yield from read_span(client, span, options)
    finally:
        client.close()


def read_places(options: KafkaOptions, places: Collection[Origin]) -> Iterator[KafkaRecord]:
    """The records at these coordinates, those that are (still) there, by topic, partition and offset.

    Raises `BrokerUnreachable` or `BrokerRefused`.
    """
    if not places:
        return
    client = consumer(options, max_partition_fetch_bytes=_SMALL_FETCH)
    try:
        with answering(options.bootstrap_servers):
            known = {topic: client.partitions_for_topic(topic) or () for topic in {place.topic for place in places}}
            asked = {TopicPartition(place.topic, place.partition) for place in places}
            there = [place for place in asked if place.partition in known[place.topic]]
            first, last = client.beginning_offsets(there), client.end_offsets(there)
        for place in sorted(places, key=lambda one: (one.topic, one.partition, one.offset)):
            partition = TopicPartition(place.topic, place.partition)
            if partition not in first or not first[partition] <= place.offset < last[partition]:
                continue
            try:
                yield from read_span(
                    client, Span(place.topic, place.partition, place.offset, place.offset + 1), options
                )
            except OffsetsUnavailable:  # retention came first
                continue
    finally:
        client.close()
