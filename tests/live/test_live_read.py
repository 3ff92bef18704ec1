"""The live read's parts on a real broker: feeds, readers, marks, commits, new partitions."""

import logging
import pickle
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaProducer, TopicPartition
from live.slow_broker import stop_for

from pipeline.kafka.connection import KafkaOptions, admin, consumer, producer
from pipeline.kafka.live.commits import Committer, close_committers
from pipeline.kafka.live.feed import Feed, close_feeds
from pipeline.kafka.live.marks import Mark, Place
from pipeline.kafka.live.options import LiveRead
from pipeline.kafka.live.partition import PartitionReader, PartitionSource
from pipeline.kafka.live.partitions import PartitionsReader, PartitionsSource
from pipeline.kafka.live.watchdog import WatchdogOptions
from pipeline.kafka.live.watermark import WatermarkPolicy
from pipeline.kafka.positions import Position, Uploads
from pipeline.local.kafka import LocalKafka
from transforms.errors import OffsetsUnavailable
from transforms.metrics import tally

pytestmark = pytest.mark.broker

NOW = 1_700_000_000.0
OFF = WatchdogOptions(0)


@pytest.fixture
def options(kafka: LocalKafka) -> Iterator[KafkaOptions]:
    made = KafkaOptions(kafka.bootstrap_servers)
    yield made
    close_feeds(made)
    close_committers()


@pytest.fixture
def topic(topics: Callable[..., dict[str, str]]) -> str:
    return topics({"uploads": 2})["uploads"]


def put(options: KafkaOptions, topic: str, *values: str, partition: int = 0, at: float = NOW) -> None:
    client = producer(options)
    for value in values:
        client.send(topic, value=value.encode(), key=b"k", partition=partition, timestamp_ms=int(at * 1000)).get(10)
    client.close()


def drain(feed: Feed, offset: int) -> list[tuple[int, str]]:
    found = []
    while (record := feed.read(offset, 0.5)) is not None:
        found.append((record.offset, (record.value or b"").decode()))
        offset = record.offset + 1
    return found


def test_a_feed_goes_on_and_goes_back(options: KafkaOptions, topic: str) -> None:
    put(options, topic, "a", "b", "c")
    feed = Feed(options, topic, 0)
    assert drain(feed, 0) == [(0, "a"), (1, "b"), (2, "c")]
    assert (feed.seeks, feed.lag()) == (1, 0)
    put(options, topic, "d")
    assert drain(feed, 3) == [(3, "d")]
    assert feed.seeks == 1
    assert drain(feed, 1) == [(1, "b"), (2, "c"), (3, "d")]
    assert feed.seeks == 2
    feed.close()


def test_aborted_and_marker_offsets_are_stepped_over(options: KafkaOptions, topic: str) -> None:
    client = KafkaProducer(bootstrap_servers=options.bootstrap_servers, transactional_id=f"t-{topic}")
    client.init_transactions()
    for value, commits in ((b"no", False), (b"yes", True)):
        client.begin_transaction()
        client.send(topic, value=value, key=b"k", partition=0).get(10)
        client.commit_transaction() if commits else client.abort_transaction()
    client.close()
    feed = Feed(options, topic, 0)
    assert drain(feed, 0) == [(2, "yes")]
    assert feed.position() == 4
    assert feed.lag() == 0
    feed.close()


def test_an_offset_that_retention_took_stops_the_job(options: KafkaOptions, topic: str) -> None:
    put(options, topic, "a", "b", "c")
    client = admin(options)
    client.delete_records({TopicPartition(topic, 0): 2})
    client.close()
    feed = Feed(options, topic, 0)
    with pytest.raises(OffsetsUnavailable, match=f"offset `0` of `{topic}` partition 0 is not in the topic any more"):
        feed.read(0, 0.1)
    feed.close()


def test_a_cold_feed_waits_for_a_slow_first_answer() -> None:
    with LocalKafka() as own:
        own.create_topics({"uploads": 1})
        options = KafkaOptions(own.bootstrap_servers)
        put(options, "uploads", "a")
        feed = Feed(options, "uploads", 0)
        stop_for(own, 1.5)
        record = feed.read(0, 0.02)
        assert record is not None
        assert record.value == b"a"
        feed.close()


def test_the_first_record_of_a_partition_is_told_once(
    options: KafkaOptions, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(options, topic, "a", "b")
    feed = Feed(options, topic, 0)
    with caplog.at_level(logging.INFO, "pipeline"):
        drain(feed, 1)
        drain(feed, 0)
    assert [r.message for r in caplog.records if "first" in r.message] == [
        f"first record of `{topic}` partition 0: offset 1"
    ]
    feed.close()


def live(options: KafkaOptions, *names: str, pattern: str = "", group: str = "") -> LiveRead:
    return LiveRead(options, Uploads(names, pattern), group, watermark=WatermarkPolicy(60, 10), watchdog=OFF)


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def test_a_reader_goes_on_from_the_mark_of_another(options: KafkaOptions, topic: str) -> None:
    put(options, topic, "a", "b", "c", at=NOW - 100)
    read = live(options, topic)
    first = PartitionReader(read, Place(topic, 0, 0, 0), Clock())
    assert first.start()
    assert first.get_current().value == b"a"
    assert first.get_current_timestamp().seconds() == NOW - 100
    assert first.get_watermark().seconds() == NOW - 160
    source = pickle.loads(pickle.dumps(PartitionSource(Position(topic, 0, 0))))  # noqa: S301 - our own
    coder = source.get_checkpoint_mark_coder()
    mark = coder.decode(coder.encode(first.get_checkpoint_mark()))
    assert mark.place == Place(topic, 0, 1, int((NOW - 160) * 1000))
    source.context = read
    second = source.create_reader(None, mark)
    assert [second.get_current().value for _ in iter(second.advance, False)] == [b"b", b"c"]
    assert second.get_checkpoint_mark().place.offset == 3


def test_an_idle_reader_lets_the_watermark_pass(options: KafkaOptions, topic: str) -> None:
    put(options, topic, "a", at=NOW - 1000)
    clock = Clock()
    reader = PartitionReader(live(options, topic), Place(topic, 0, 0, 0), clock)
    assert reader.start()
    clock.now += 11
    assert not reader.advance()
    assert reader.get_watermark().seconds() == NOW + 11 - 60


def test_lag_is_a_counter_that_goes_up_and_down(options: KafkaOptions, topic: str) -> None:
    put(options, topic, *"abcd")
    reader = PartitionReader(live(options, topic), Place(topic, 0, 0, 0), Clock())
    name = f"lag_{topic}_0"
    reader.start()
    reader.get_checkpoint_mark()
    assert tally()[name] == 3
    while reader.advance():
        pass
    reader.get_checkpoint_mark()
    assert tally()[name] == 0


def test_a_finalized_mark_is_committed_a_decoded_one_is_not(options: KafkaOptions, topic: str) -> None:
    group = f"g-{topic}"
    read = live(options, topic, group=group)
    Mark(Place(topic, 0, 7, 0)).finalize_checkpoint()
    Mark(Place(topic, 0, 5, 0), read).finalize_checkpoint()
    Mark(Place(topic, 1, 3, 0), read).finalize_checkpoint()
    close_committers()
    client = consumer(options, group_id=group)
    assert [client.committed(TopicPartition(topic, number)) for number in (0, 1)] == [5, 3]
    client.close()


def test_commits_are_absolute_and_may_go_back(options: KafkaOptions, topic: str) -> None:
    group, place = f"g-{topic}", TopicPartition(topic, 0)
    committer, client = Committer(options, group), consumer(options, group_id=f"g-{topic}")
    for offset in (5, 9, 7):  # one checkpoint's, out of order
        committer.commit(topic, 0, offset)
        assert committer.flush()
    assert client.committed(place) == 9
    committer.starts_at(topic, 0, 4)  # the job went back to an older checkpoint
    committer.commit(topic, 0, 4)
    committer.close()
    assert client.committed(place) == 4
    client.close()


def test_new_partitions_are_read_from_their_beginning(options: KafkaOptions, topic: str) -> None:
    clock = Clock()
    read = live(options, topic)
    source = PartitionsSource((Position(topic, 0, 5), Position(topic, 1, 6)))
    source.context = read
    reader = PartitionsReader(read, source.starts, (), clock)
    found = [reader.get_current().start for _ in iter(reader.advance, False)]
    assert found == [Position(topic, 0, 5), Position(topic, 1, 6)]
    client = admin(options)
    client.create_partitions({topic: 3})
    client.wait_for_topics([topic])
    client.close()
    assert not reader.advance()  # it is not time yet
    clock.now += read.pace.discover_seconds
    assert [reader.get_current().start for _ in iter(reader.advance, False)] == [Position(topic, 2, 0)]
    coder = source.get_checkpoint_mark_coder()
    mark = coder.decode(coder.encode(reader.get_checkpoint_mark()))
    later = PartitionsReader(read, source.starts, mark.place.partitions, clock)
    clock.now += read.pace.discover_seconds
    assert not later.advance()


def test_new_topics_of_a_pattern_are_found(
    options: KafkaOptions, topics: Callable[..., dict[str, str]], topic: str
) -> None:
    prefix = topic + "-more"
    clock = Clock()
    read = live(options, pattern=f"{topic}.*")
    reader = PartitionsReader(read, (), tuple(Position(topic, n, 0) for n in (0, 1)), clock)
    assert not reader.advance()
    client = admin(options)
    client.create_topics({prefix: {"num_partitions": 1, "replication_factor": 1}})
    client.wait_for_topics([prefix])
    client.close()
    clock.now += read.pace.discover_seconds
    assert [reader.get_current().start for _ in iter(reader.advance, False)] == [Position(prefix, 0, 0)]
