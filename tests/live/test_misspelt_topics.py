"""A broker that makes every topic that is asked for, as Kafka does unless told otherwise: ours never ask it to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError, NoOffsetForPartitionError
from live.shop import product_png

from pipeline.cli import main
from pipeline.kafka.connection import KafkaOptions, admin, consumer, producer
from pipeline.local.kafka import LocalKafka

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def creating(kafka: LocalKafka) -> Iterator[LocalKafka]:
    with LocalKafka(settings={"auto.create.topics.enable": "true"}) as broker:
        broker.create_topics({"uploads": 1})
        yield broker


def topics(broker: LocalKafka) -> set[str]:
    client = admin(KafkaOptions(broker.bootstrap_servers))
    try:
        return set(client.list_topics())
    finally:
        client.close()


@pytest.mark.parametrize("command", ["check", "submit", "replay"])
def test_a_command_names_the_topic_and_makes_none(
    creating: LocalKafka,
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.png").write_bytes(product_png(1))
    words = ["--bootstrap-servers", creating.bootstrap_servers, "--topic", "uplaods"]
    monkeypatch.setattr("pipeline.commands.check.SECONDS", 120.0)
    kind = {"check": ["replay"], "submit": [str(tmp_path / "a.png")], "replay": []}[command]
    assert main([command, *kind, *words]) in (1, 2)
    said = capsys.readouterr()
    assert re.search("topic .?uplaods.? +does not exist", said.out + said.err)
    assert topics(creating) == {"uploads"}


def test_a_read_and_a_send_make_none(creating: LocalKafka) -> None:
    options = KafkaOptions(creating.bootstrap_servers, timeout_seconds=3)
    reader, writer = consumer(options), producer(options)
    try:
        reader.assign([TopicPartition("uplaods", 0)])
        with pytest.raises(NoOffsetForPartitionError):
            reader.poll(2000)
        with pytest.raises(KafkaError):
            writer.send("uplaods", b"x").get(3)
    finally:
        reader.close()
        writer.close(timeout=1)
    assert topics(creating) == {"uploads"}
