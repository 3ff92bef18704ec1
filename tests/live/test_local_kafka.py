import time

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.local.kafka import LocalKafka
from transforms.errors import ConfigInvalid

pytestmark = pytest.mark.broker

NOON = 1_700_000_000_000


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def produce(kafka: LocalKafka, topic: str, count: int, partition: int = 0) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all")
    sent = [producer.send(topic, b"%d" % i, partition=partition, timestamp_ms=NOON + 1000 * i) for i in range(count)]
    for future in sent:
        future.get(30)
    producer.close()


def consumer(kafka: LocalKafka, *partitions: TopicPartition) -> KafkaConsumer:
    made = KafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    made.assign(list(partitions))
    return made


def read_all(kafka: LocalKafka, partition: TopicPartition) -> list[bytes]:
    reader = consumer(kafka, partition)
    end = reader.end_offsets([partition])[partition]
    values: list[bytes] = []

    def complete():
        for records in reader.poll(100).values():
            values.extend(record.value for record in records)
        return reader.position(partition) >= end

    wait_for(complete)
    reader.close()
    return values


def test_what_is_produced_is_consumed(kafka, topics):
    uploads = TopicPartition(topics({"uploads": 2})["uploads"], 1)
    produce(kafka, uploads.topic, 100, partition=1)
    assert read_all(kafka, uploads) == [b"%d" % i for i in range(100)]


def test_offsets_by_end_and_by_time(kafka, topics):
    topic = topics({"uploads": 2})["uploads"]
    full, empty = TopicPartition(topic, 0), TopicPartition(topic, 1)
    produce(kafka, topic, 10)
    reader = consumer(kafka, full, empty)
    assert reader.end_offsets([full, empty]) == {full: 10, empty: 0}
    assert reader.beginning_offsets([full]) == {full: 0}
    found = reader.offsets_for_times({full: NOON + 4500})[full]
    assert (found.offset, found.timestamp) == (5, NOON + 5000)
    assert reader.offsets_for_times({full: NOON + 60_000, empty: NOON}) == {full: None, empty: None}
    reader.close()


def test_topics_have_the_partitions_and_configs_asked_for(kafka, topics):
    names = topics({"uploads": 3, "cache": 1}, {"cache": {"cleanup.policy": "compact"}})
    reader = consumer(kafka)
    assert reader.partitions_for_topic(names["uploads"]) == {0, 1, 2}
    assert reader.partitions_for_topic(names["cache"]) == {0}
    reader.close()
    with pytest.raises(ConfigInvalid, match=rf"refused the topic `{names['cache']}`: `.*already exists"):
        kafka.create_topics({names["cache"]: 1})
    with pytest.raises(ConfigInvalid, match=r"refused the topic `x`: `.*cleanup"):
        kafka.create_topics({"x": 1}, {"x": {"cleanup.policy": "shred"}})


def test_a_stopped_and_a_killed_broker_come_back_with_their_data(kafka):
    uploads = TopicPartition("uploads", 0)
    with LocalKafka() as own:
        address = own.bootstrap_servers
        own.create_topics({"uploads": 1})
        produce(own, "uploads", 5)
        own.stop()
        assert not own.running
        own.start()
        assert own.bootstrap_servers == address
        assert len(read_all(own, uploads)) == 5
        produce(own, "uploads", 5)
        own.kill()
        assert not own.running
        own.start()
        assert len(read_all(own, uploads)) == 10
