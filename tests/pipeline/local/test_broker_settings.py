import socket

import pytest

from pipeline.local import settings
from pipeline.local.broker import relevant_line
from pipeline.local.topics import create_topics
from transforms.errors import ConfigInvalid


def test_overrides_win_over_ours():
    options = settings.options(7, {"log.retention.ms": "1000", "message.max.bytes": "5"})
    assert options["num.partitions"] == "7"
    assert options["log.retention.ms"] == "1000"
    assert options["message.max.bytes"] == "5"


def test_the_size_limit_is_kafkas_own():
    assert "message.max.bytes" not in settings.options(4, {})


def test_addresses_cannot_be_overridden():
    with pytest.raises(ConfigInvalid) as caught:
        settings.options(4, {"listeners": "PLAINTEXT://0.0.0.0:9092"})
    assert caught.value.message == "the local broker sets `listeners` itself; leave it out of settings"


def test_properties_are_escaped_for_java():
    assert settings.properties({"a": "C:\\x", "b": "图😀"}) == "a=C:\\\\x\nb=\\u56fe\\ud83d\\ude00\n"


@pytest.mark.parametrize("count", [1, 2, 9])
def test_free_ports_are_different_and_can_be_bound(count):
    ports = settings.free_ports(count)
    assert len(set(ports)) == count
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            "12:00 [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception\n"
            "org.apache.kafka.common.KafkaException: Socket server failed to bind: Address already in use.\n"
            "\tat kafka.network.Acceptor(SocketServer.scala)\n"
            "Caused by: java.net.BindException: Address already in use\n"
            "12:00 [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception during startup.\n"
            "java.lang.RuntimeException: Received a fatal error while waiting for all of the Acceptors\n"
            "12:01 [main] INFO x - failed with RejectedExecutionException (treated as Timeout): closing\n",
            "org.apache.kafka.common.KafkaException: Socket server failed to bind: Address already in use.",
        ),
        (
            'Exception in thread "main" org.apache.kafka.common.config.ConfigException: Invalid value\n'
            "\tat org.apache.kafka.common.config.ConfigDef.parseType(ConfigDef.java:776)\n",
            "org.apache.kafka.common.config.ConfigException: Invalid value",
        ),
        (
            "Error: Could not find or load main class kafka.Kafka\n",
            "Error: Could not find or load main class kafka.Kafka",
        ),
        ("Error occurred during initialization of VM\nToo small maximum heap\n", "Too small maximum heap"),
        ("", "nothing was logged"),
    ],
)
def test_the_relevant_line_of_a_log(log, line):
    assert relevant_line(log) == line


def test_configs_must_name_topics_that_are_created():
    with pytest.raises(ConfigInvalid) as caught:
        create_topics("127.0.0.1:1", {"uploads": 1}, {"captions": {}})
    assert caught.value.message == "configs name the topic `captions`, which topics do not; add it there"
