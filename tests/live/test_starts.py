"""Partitions, offsets and commits as a real broker tells them."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from pipeline.kafka.connection import KafkaOptions, consumer, producer
from pipeline.kafka.offsets import resolve, resolve_starts
from pipeline.kafka.positions import COMMITTED, EARLIEST, LATEST, Moment, Position, Uploads, list_partitions
from pipeline.kafka.span import Span
from pipeline.local.kafka import LocalKafka
from transforms.errors import TopicMissing

pytestmark = pytest.mark.broker

HOUR = 3_600_000
BEGAN = 1_767_225_600_000
"""2026-01-01T00:00:00Z: record n is n hours later."""


@pytest.fixture
def options(kafka: LocalKafka) -> KafkaOptions:
    return KafkaOptions(kafka.bootstrap_servers)


@pytest.fixture
def topic(options: KafkaOptions, topics: Callable[..., dict[str, str]]) -> str:
    """Two partitions; the first has ten records, an hour apart."""
    name = topics({"uploads": 2})["uploads"]
    client = producer(options)
    for n in range(10):
        client.send(name, partition=0, key=b"k", value=b"v", timestamp_ms=BEGAN + n * HOUR)
    client.flush()
    client.close()
    return name


@pytest.fixture
def group(options: KafkaOptions) -> Iterator[Any]:
    """A client of a group of its own."""
    client = consumer(options, group_id=f"g-{uuid.uuid4().hex}")
    yield client
    client.close()


def starts(options: KafkaOptions, topic: str, group: Any, rewind_ms: int | None = None) -> list[int]:
    found = resolve_starts(options, Uploads((topic,)), Moment(COMMITTED), (), group.config["group_id"], rewind_ms)
    assert [(p.topic, p.partition) for p in found.positions] == [(topic, 0), (topic, 1)]
    return [position.offset for position in found.positions] + [len(found.committed)]


def test_a_live_start_is_what_the_group_committed(options: KafkaOptions, topic: str, group: Any) -> None:
    assert starts(options, topic, group) == [0, 0, 0]
    assert starts(options, topic, group, 2 * HOUR) == [0, 0, 0]
    group.commit({TopicPartition(topic, 0): OffsetAndMetadata(6, "", -1)})
    assert starts(options, topic, group) == [6, 0, 1]
    assert starts(options, topic, group, 2 * HOUR) == [4, 0, 1]
    assert starts(options, topic, group, 100 * HOUR) == [0, 0, 1]
    group.commit({TopicPartition(topic, 0): OffsetAndMetadata(10, "", -1)})
    assert starts(options, topic, group, 2 * HOUR) == [10, 0, 1]  # two hours before now, long after the last record


def test_places_by_word_time_and_offset(options: KafkaOptions, topic: str) -> None:
    uploads = Uploads((topic,))
    third = Moment.parse("2026-01-01T03:00:00+01:00", "--from")  # 02:00Z: record 2
    assert resolve(options, uploads, third) == (Span(topic, 0, 2, 10),)
    assert resolve(options, uploads, stop=third) == (Span(topic, 0, 0, 2),)
    assert resolve(options, uploads, third, third) == ()
    assert resolve(options, uploads, Moment(LATEST), Moment(EARLIEST)) == ()
    only = resolve(options, uploads, third, third, (Position(topic, 0, 4),), (Position(topic, 0, 5),))
    assert only == (Span(topic, 0, 4, 5),)


def test_a_pattern_finds_topics_but_never_kafkas_own_or_ours(
    options: KafkaOptions, group: Any, topics: Callable[..., dict[str, str]]
) -> None:
    names = topics({"up": 2, "out": 1})
    group.commit({TopicPartition(names["up"], 0): OffsetAndMetadata(0, "", -1)})
    client = consumer(options)
    try:
        found = list_partitions(client, Uploads((), ".*"), options.bootstrap_servers, (names["out"],))
        assert {(names["up"], 0), (names["up"], 1)} <= set(found)
        assert not {names["out"], "__consumer_offsets"} & {topic for topic, _ in found}
        with pytest.raises(TopicMissing, match="no topic on"):
            list_partitions(client, Uploads((), names["up"][:-1]), options.bootstrap_servers)
    finally:
        client.close()
