"""How much a job has written, asked of a real broker."""

from collections.abc import Callable

import pytest

from pipeline.kafka.connection import KafkaOptions, producer
from pipeline.kafka.written import PAUSE_SECONDS, Written
from pipeline.local.kafka import LocalKafka
from pipeline.progress import Progress

pytestmark = pytest.mark.broker


def write(kafka: LocalKafka, topic: str, count: int) -> None:
    client = producer(KafkaOptions(kafka.bootstrap_servers))
    for _ in range(count):
        client.send(topic, key=b"k", value=b"v").get(10)
    client.close()


def test_what_comes_to_the_topics_is_the_progress(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    names = topics({"captions": 3, "dead": 1, "audit": 1})
    now = [0.0]
    options = KafkaOptions(kafka.bootstrap_servers)
    written = Written(options, (names["captions"], names["dead"]), lambda: now[0])
    write(kafka, names["captions"], 2)  # of a job before
    progress = Progress("Captioning", 10, written)
    for topic, count in (("captions", 4), ("dead", 1), ("audit", 7)):
        write(kafka, names[topic], count)
    assert written() == 2  # the broker is not asked all the time
    now[0] += PAUSE_SECONDS
    assert written() == 7
    assert progress._line(written() - progress._base).startswith("Captioning: 5 of 10, ")
    written.close()
    now[0] += PAUSE_SECONDS
    assert written() == 7
    written.close()


def test_a_broker_that_does_not_answer_is_no_progress_and_no_error() -> None:
    now = [0.0]
    with LocalKafka() as own:
        own.create_topics({"captions": 1})
        options = KafkaOptions(own.bootstrap_servers, connect_seconds=0.5)
        write(own, "captions", 3)
        written = Written(options, ("captions", "not-there"), lambda: now[0])
        assert written() == 3
    written.close()
    now[0] += PAUSE_SECONDS
    assert written() == 3
